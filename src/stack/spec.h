// The stack spec (docs/formats/stack-spec.md): TOML in, a checked value out. No I/O: what needs the file system
// (do launch modules exist?) is checked in steps/load.
#pragma once

#include "archive/writer.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/mem.h"
#include "python/platform.h"
#include "python/requirement.h"
#include "text/toml.h"

enum lm_layer_kind { LM_RUNTIME, LM_FRAMEWORK, LM_APPLICATION };
const char *lm_layer_kind_plural(enum lm_layer_kind kind); // "runtimes", "frameworks", "applications"

struct lm_name_pair {
	char *from, *to;
	struct lm_toml_place place;
	size_t layer; // that wrote it (index into lm_spec.layers); SIZE_MAX: [tool.uv.sources]
};

enum { LM_SPEC_MAX_LAYERS = 4096 };

struct lm_placed_text {
	char *text;
	struct lm_toml_place place;
};

struct lm_layer_spec {
	enum lm_layer_kind kind;
	char *name;      // as in the spec: "scipy"
	char *build_name;  // "framework-scipy", "app-scipy-import", runtimes: the name itself
	struct lm_toml_place place; // of the name
	struct lm_placed_text *requirements; // as written
	struct lm_requirement *parsed_requirements; // same length
	size_t requirement_count;
	bool versioned;
	lm_platform_set platforms; // narrowed to what is declared; all when not
	unsigned glibc_major, glibc_minor, macos_major, macos_minor; // declared, inherited from lower layers, or default
	char **dynlib_exclude;
	size_t dynlib_exclude_count;
	struct lm_name_pair
		*package_indexes; // package (normalised, sorted) -> index name; lower layers' and [tool.uv.sources] merged in
	size_t package_index_count;
	struct lm_name_pair *index_overrides;  // lower layer's index name -> ours
	size_t index_override_count;
	char **priority_indexes;
	size_t priority_index_count;

	// runtimes
	char *python_implementation; // "cpython@3.11.11"; for other layers: their runtime's
	char *py_version;            // "3.11.11"
	unsigned py_major, py_minor;

	// frameworks and applications; indexes into lm_spec.layers
	size_t runtime;        // own index for a runtime
	size_t *depends;       // declared frameworks, in order; empty when it names a runtime
	size_t depend_count;
	size_t *lower;         // all layers below in import order (C3): frameworks first, the runtime last
	size_t lower_count;

	// applications
	struct lm_placed_text launch_module;   // relative to the spec's folder; text null when only executables
	struct lm_placed_text *support_modules;
	size_t support_module_count;
	struct lm_placed_text *executables;
	size_t executable_count;
};

// One [[tool.uv.index]].
struct lm_package_index {
	char *name;     // null when it has none
	char *url;      // as written: a URL, or a path relative to the spec's folder
	bool is_explicit;
	char *settings; // the other keys, as in an inline table: `default = true, format = "flat"`; "" when none
	struct lm_toml_place place;
};

struct lm_runtime_archive {
	char *implementation; // "cpython@3.11.11"
	enum lm_platform platform;
	struct lm_digest digest;
	char *path; // relative to the spec's folder, or null
	char *url;  // or null
	struct lm_toml_place place;
};

struct lm_spec {
	char *path;   // as given
	char *folder; // that relative paths start from
	char *name;   // file name of the spec: "venvstacks.toml"
	struct lm_layer_spec *layers; // runtimes, then frameworks, then applications, each in order of declaration
	size_t layer_count;
	// [tool.uv]; what a generated project gets of it is written by lm_spec_uv_config
	char *uv_config;     // its keys as TOML lines, without those that have a field of their own below ("" when none)
	char *exclude_newer; // RFC 3339 with "T" and offset, or null; also in uv_config
	bool no_index;       // `no-index = true`; not in uv_config
	struct lm_package_index *indexes; // in order
	size_t index_count;
	char **index_names;  // the names among them, in order
	size_t index_name_count;
	char **find_links;   // folders relative to the spec's folder, or URLs; not in uv_config
	size_t find_link_count;
	char **constraints;  // constraint-dependencies (PEP 508); not in uv_config
	size_t constraint_count;
	bool has_archive_format;
	enum lm_format archive_format;
	bool lock_urls;
	struct lm_runtime_archive *runtime_archives;
	size_t runtime_archive_count;
	struct lm_arena arena; // owns all of it
};

// Parse and check. Every finding goes to diags (errors and warnings) with its place and layer; the spec is usable only when
// diags->errors is 0 afterwards; release it in any case.
void lm_spec_parse(const char *path, struct lm_str text, struct lm_spec *out, struct lm_diags *diags);
void lm_spec_release(struct lm_spec *spec);

// SIZE_MAX when there is no such layer. build_name as in "framework-scipy".
size_t lm_spec_find(const struct lm_spec *spec, const char *build_name);
// Append what [tool.uv] of the layer's generated project holds, as TOML lines to put under that header: uv_config, then
// `index` (priority_indexes first, no longer explicit) and `sources` (from package_indexes). Not written, because they are
// set together with what a run brings: find-links, no-index, constraint-dependencies, and the keys that the spec may not
// set (docs/formats/stack-spec.md).
//   base  absolute folder that relative paths of indexes are joined with; null: they are left as written, and URLs are without
//         user name and password, as input of a hash
void lm_spec_uv_config(const struct lm_spec *spec, size_t layer, const char *base, struct lm_buf *out);
// What the layer is built for on one platform.
struct lm_target lm_layer_target(const struct lm_layer_spec *layer, enum lm_platform platform);
