// The state of a layer's lock: input hashes, version, time (docs/formats/lock.md: pylock.<layer>.meta.json).
// Pure: the files' bytes come in, verdicts and bytes go out.
#pragma once

#include "python/pylock.h"
#include "stack/spec.h"

struct lm_lock_meta {
	char requirements_hash[80];   // "sha256:..." of the locked packages (the pylock without comments)
	char lock_input_hash[80];     // of the declared requirements
	char other_inputs_hash[80];   // of the runtime, targets, index settings, [tool.uv], lower layers' requirements_hash
	char version_inputs_hash[80]; // of what raises the version besides (launch module content; versioned layers below)
	uint64_t lock_version;        // >= 1
	char locked_at[32];           // RFC 3339 UTC
};

struct lm_lock_inputs { // of the current spec
	char lock_input_hash[80], other_inputs_hash[80], version_inputs_hash[80];
};

struct lm_layer_lock {
	bool present;          // a lock and its meta file were read and parse
	bool valid;            // and their hashes fit the inputs, and all lower layers are valid
	const char *reason;    // why it is not valid: "is missing", "requirements changed", "a lower layer changed", "lock file was edited", ...
	struct lm_lock_meta meta;
	struct lm_pylock pylock;
	struct lm_lock_inputs inputs;
	char *install_target;  // "framework-scipy@1"; unversioned: the build name; versioned without lock: "framework-scipy@?"
};

// Parse and format the meta file. LM_E_SPEC.
[[nodiscard]] int lm_lock_meta_parse(struct lm_str text, struct lm_lock_meta *out, struct lm_err *err);
void lm_lock_meta_format(const struct lm_lock_meta *meta, struct lm_buf *out);
// "sha256:..." of a lock file's bytes.
void lm_lock_file_hash(struct lm_str pylock_text, char out[80]);
// Compute the inputs of layer `index`, given the locks of all layers below (in spec order) and module_hash, the content hash of
// its launch and support modules ("" when none).
void lm_lock_inputs_compute(const struct lm_spec *spec, size_t index, const struct lm_layer_lock *locks,
	const char *module_hash, struct lm_lock_inputs *out);
// Decide present/valid/reason/install_target of layer `index` from its files' bytes (null: no such file). *err with LM_E_SPEC and
// place in the text when a file that is there does not parse (the layer is then not present).
void lm_layer_lock_judge(const struct lm_spec *spec, size_t index, struct lm_layer_lock *locks, const char *pylock_text,
	const char *meta_text, const char *module_hash, struct lm_diags *diags, const char *pylock_path, const char *meta_path);
void lm_layer_lock_release(struct lm_layer_lock *lock);
