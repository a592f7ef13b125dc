// The parts that assembly is made of. Private to src/layer: include assemble.h from elsewhere.
#pragma once

#include "layer/assemble.h"

enum { LM_LAYER_DIR_MAX = 128 };

// A layer being assembled.
struct lm_assembly {
	const struct lm_layer_plan *plan;
	const struct lm_layer_spec *layer;
	struct lm_entries *out;
	bool windows;
	char site[LM_LAYER_DIR_MAX];   // "lib/python3.11/site-packages"
	char python[LM_LAYER_DIR_MAX]; // "bin/python"
	const char *bin;               // "bin" or "Scripts": where programs go
	struct lm_kept {
		const char *text, *copy;
	} file, origin; // of the entry that was placed last: the next one most often has the same
};

// Name under which our own files appear in messages.
#define LM_LAYER_ORIGIN "lamina"
// Where links to shared libraries are published; on Windows the folder that wheels put DLLs in by their data scheme.
#define LM_LAYER_DYNLIB "share/venv/dynlib"
#define LM_LAYER_DYNLIB_WINDOWS "Library/bin"

// A copy of `from` at another path, with all its strings in the list's arena; bytes in memory stay where they are.
void lm_assembly_place(struct lm_assembly *assembly, const struct lm_entry *from, const char *path);
// The file that an entry is, or that it leads to as a link; null when there is none, or a folder.
const struct lm_entry *lm_entry_target(const struct lm_entries *entries, const struct lm_entry *entry);

// Entries of the runtime archive, without pip, setuptools, wheel and compiled files, and the aliases of its Python.
// LM_E_SYNTAX: the archive has no Python where it should be.
[[nodiscard]] int lm_runtime_place(struct lm_assembly *assembly, struct lm_err *err);

// Install one wheel (packaging.python.org/.../binary-distribution-format): .data folders placed, scripts and entry
// points left out, INSTALLER and RECORD written. LM_E_SYNTAX, LM_E_UNSUPPORTED, naming the wheel.
[[nodiscard]] int lm_wheel_install(struct lm_assembly *assembly, const struct lm_layer_wheel *wheel, struct lm_err *err);

// Is this the file name of a shared library that is no extension module? ("libz.so.1", "libomp.dylib"; not
// "_core.abi3.so", not "module.so")
bool lm_dynlib_is_library(const char *name);
// Does the end of `path` match the glob, segment by segment? "**" stands for any number of segments.
bool lm_dynlib_excluded(const char *path, const char *glob);
// Publish the libraries of site-packages as links. `out` must be finished. LM_E_CONFLICT names two files of one name.
[[nodiscard]] int lm_dynlib_link(struct lm_assembly *assembly, bool *published, struct lm_err *err);

// The Python of a framework or application layer: links, or with `wrapped` the wrapper; Windows: the launchers.
[[nodiscard]] int lm_interpreter_place(struct lm_assembly *assembly, bool wrapped, bool publishes, struct lm_err *err);
// The wrapper's text.
void lm_interpreter_wrapper(const struct lm_assembly *assembly, bool publishes, struct lm_buf *out);

// share/venv/metadata/venvstacks_layer.json and postinstall.py.
void lm_config_place(struct lm_assembly *assembly, bool publishes);
