// A project: a spec on disk with its locks, its modules, and the settings of this run. Every step takes one.
#pragma once

#include "base/diag.h"
#include "base/event.h"
#include "layer/module.h"
#include "stack/lock_state.h"
#include "stack/manifest.h"
#include "stack/spec.h"
#include "store/store.h"

// Everything that comes from outside the spec: options and environment, gathered by the program.
struct lm_settings {
	const char *store_root;     // required
	const char *state_folder;   // of the catalogue; required
	const char *uv;             // path or name of the resolver; null: "uv"
	const char *git;            // null: "git"
	const char *runtime_mirror; // folder or URL, or null
	const char *ca_file;        // PEM file of certificates to trust (SSL_CERT_FILE); null: the system's
	const char *const *local_wheels; // folders, already absolute
	size_t local_wheel_count;
	const char *const *find_links;   // folders that only builds look in (PIP_FIND_LINKS), absolute
	size_t find_link_count;
	bool no_index;
	unsigned jobs;              // 0: lm_cpu_count()
	bool has_source_date;
	int64_t source_date_s;      // SOURCE_DATE_EPOCH
	struct lm_sink sink;
};

struct lm_layer_modules { // of an application; empty for others
	struct lm_module *modules; // launch module first when there is one, then support modules
	size_t count;
	bool has_launch;
	struct lm_module *executables;
	size_t executable_count;
	char hash[80]; // "sha256:..." over names and hashes of all, "" for other layers
};

struct lm_project {
	struct lm_settings settings;
	struct lm_spec spec;
	struct lm_layer_lock *locks;      // one per layer
	struct lm_layer_modules *modules; // one per layer
	struct lm_store *store;           // opened on first use: lm_project_store
	struct lm_diags diags;
};

// Read spec, modules and locks. On an invalid spec or lock: -1 with LM_E_SPEC and all findings in project->diags (release it all
// the same). Warnings are in diags after success.
[[nodiscard]] int lm_project_load(
	struct lm_project *project, const char *spec_path, const struct lm_settings *settings, struct lm_err *err);
void lm_project_release(struct lm_project *project);
[[nodiscard]] int lm_project_store(struct lm_project *project, struct lm_store **store, struct lm_err *err);
// Judge all locks again from the files (after locking).
[[nodiscard]] int lm_project_reload_locks(struct lm_project *project, struct lm_err *err);
// LM_E_SPEC for findings about lock files that are in diags.
int lm_project_damaged(struct lm_err *err);
// The bytes of a layer's lock and meta file; null where there is no such file. Yours to lm_free.
[[nodiscard]] int lm_project_read_lock_files(
	const struct lm_project *project, size_t layer, char **pylock_text, char **meta_text, struct lm_err *err);
// "requirements/<build name>/<file>": yours to lm_free. kind: "pylock", "meta", "packages", "requirements"
[[nodiscard]] char *lm_project_lock_path(const struct lm_project *project, size_t layer, const char *kind);

// Which layers an operation works on.
struct lm_selection {
	const char *const *include; // globs over layer names and build names; null or empty: all
	size_t include_count;
	bool allow_missing; // a glob that matches nothing is no error
	bool with_dependencies, with_derived;
};
// operations[i] |= operation for each selected layer. LM_E_USAGE with "did you mean" when a glob matches nothing.
[[nodiscard]] int lm_project_select(const struct lm_project *project, const struct lm_selection *selection,
	enum lm_operation operation, unsigned *operations, struct lm_err *err);
