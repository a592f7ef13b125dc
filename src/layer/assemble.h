// Assembly: from wheels, runtime and modules to the entries of one layer, for every platform on any host. Reads nothing
// but the file WHEEL of each wheel, and runs nothing. docs/formats/layer.md shows the layout.
#pragma once

#include "archive/entry.h"
#include "layer/module.h"
#include "stack/spec.h"

struct lm_layer_wheel {
	const char *file_name;             // for messages
	const char *origin;                // "numpy 2.4.6"
	const struct lm_entries *entries;  // finished, paths as in the archive: from lm_store_wheel_entries
};

struct lm_lower_layer {
	const char *install_target;
	bool publishes_libraries; // as lm_layer_assemble said for that layer
};

struct lm_layer_plan {
	const struct lm_spec *spec;
	size_t layer;               // index into spec->layers
	enum lm_platform platform;
	const char *install_target; // of this layer
	// finished, of the runtime archive: for runtime layers, and on Windows for all (they get its venv launchers); else null is fine
	const struct lm_entries *runtime;
	const struct lm_layer_wheel *wheels; // sorted by package name
	size_t wheel_count;
	const struct lm_lower_layer *lower; // in import order, the runtime last; none for a runtime
	size_t lower_count;
	const struct lm_module *modules; // launch module first, then support modules; may be null
	size_t module_count;
	const struct lm_module *executables;
	size_t executable_count;
	const char *launch_module; // import name, or null
};

// *publishes_libraries: whether share/venv/dynlib has links (Windows: whether Library/bin has files).
// `out` must be empty; it is finished on success. Of the plan it borrows only the contents of modules, which are in memory: the
// entries of wheels and runtime may go before it.
// Errors name layer, platform, wheel and entry: LM_E_CONFLICT (two wheels write one path with different bytes; ambiguous
// library links; a module collides; a file that postinstall.py writes), LM_E_SYNTAX (a wheel or the runtime archive breaks
// its format), LM_E_UNSUPPORTED (a wheel format of the future; links to folders on Windows), LM_E_INTEGRITY.
[[nodiscard]] int lm_layer_assemble(
	const struct lm_layer_plan *plan, struct lm_entries *out, bool *publishes_libraries, struct lm_err *err);

// Paths inside a layer, relative: "lib/python3.11/site-packages" or "Lib/site-packages"; "bin/python" or "python.exe" ("Scripts/python.exe"
// for layered Windows environments). Written into `out` (>= 128 bytes).
void lm_layer_site_dir(const struct lm_layer_spec *layer, enum lm_platform platform, char out[128]);
void lm_layer_python(const struct lm_layer_spec *layer, enum lm_platform platform, char out[128]);
