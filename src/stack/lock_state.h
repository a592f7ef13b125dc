// The state of a layer's lock: input hashes, version, time (docs/formats/lock.md: pylock.<layer>.meta.json).
// Pure: the files' bytes come in, verdicts and bytes go out.
#pragma once

#include "python/pylock.h"
#include "stack/spec.h"

struct lm_lock_meta {
	char requirements_hash[80];   // "sha256:..." of the lock file's bytes
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
	bool needs_resolve; // not valid, and only a new resolution can make it so; false while !valid: the version inputs of a
		// versioned layer changed and nothing else, so lm_lock_meta_next alone makes it valid
	const char
		*reason; // why it is not valid (a static text, null when valid): "has no lock", "its requirements changed", ...
	struct lm_lock_meta meta;
	struct lm_pylock pylock;
	struct lm_lock_inputs inputs;
	char *install_target; // "framework-scipy@1"; unversioned: the build name; versioned without valid lock: "framework-scipy@?"
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
// Decide present/valid/reason/install_target of layer `index` from its files' bytes (null: no such file); all layers below
// are judged already. A file that is there and does not parse is an error in diags with its place, and the layer is then
// not present. Reasons, the first that holds: "has no lock", "its meta file is missing", "its lock file cannot be read", "its
// lock file was edited", "its requirements changed", "a lower layer has no valid lock", "its platforms, indexes or lower
// layers changed", "its modules or the version of a lower layer changed" (versioned layers only; needs_resolve is false).
void lm_layer_lock_judge(const struct lm_spec *spec, size_t index, struct lm_layer_lock *locks, const char *pylock_text,
	const char *meta_text, const char *module_hash, struct lm_diags *diags, const char *pylock_path, const char *meta_path);
void lm_layer_lock_release(struct lm_layer_lock *lock);

// The meta data of a lock file just resolved (or kept, when only the version inputs changed).
//   old       of the lock before it, null when there was none
//   now       RFC 3339 UTC: the time for `locked_at` if the lock is not the old one
// lock_version: 1 without old or when the layer is not versioned; the old one when neither the lock file nor the version
// inputs changed; else one more. locked_at: the old one while requirements_hash is the old one.
void lm_lock_meta_next(const struct lm_layer_spec *layer, const struct lm_lock_meta *old, const struct lm_lock_inputs *inputs,
	struct lm_str pylock_text, const char *now, struct lm_lock_meta *out);
