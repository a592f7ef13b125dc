// The metadata of published layers (docs/formats/manifest.md).
#pragma once

#include "archive/writer.h"
#include "stack/lock_state.h"
#include "stack/spec.h"
#include "text/json.h"

// What a layer's metadata says before its archive is known: everything but archive_* and content_*.
struct lm_module_info {
	const char *name; // "scipy_import"
	char hash[80];    // "sha256:..." (docs/formats/manifest.md says of what)
};

struct lm_layer_facts {
	const struct lm_spec *spec;
	size_t layer;         // index into spec->layers
	const struct lm_layer_lock *locks;  // one per layer of the spec
	enum lm_platform platform;
	struct lm_module_info launch;       // name null when none
	const struct lm_module_info *support;
	size_t support_count;
};

struct lm_archive_facts {
	uint64_t archive_build;
	const char *archive_name;
	uint64_t archive_size;
	struct lm_digest archive_digest;
	struct lm_digest content_hash;
	uint64_t content_size, entry_count;
	const char *compressor;
};

// The JSON object of one layer; archive null: as in a local export. Yours to json_decref.
json_t *lm_manifest_layer(const struct lm_layer_facts *layer, const struct lm_archive_facts *archive);
// {"layers": {"applications": [...], "frameworks": [...], "runtimes": [...]}} from objects in spec order (borrowed).
json_t *lm_manifest_stack(const struct lm_spec *spec, json_t *const *layers, const size_t *layer_indexes, size_t count);
// "app-x.tar.zst", or with tags "app-x-linux_x86_64-3.tar.zst". Yours to lm_free.
char *lm_manifest_archive_name(
	const char *install_target, enum lm_platform platform, uint64_t archive_build, bool tagged, enum lm_format format);
// The segments file of one archive.
json_t *lm_manifest_segments(const struct lm_archive_result *result);

// The status document of `lamina show --json`.
enum lm_operation {
	LM_OP_LOCK = 1,
	LM_OP_LOCK_IF_NEEDED = 2,
	LM_OP_BUILD = 4,
	LM_OP_PUBLISH = 8,
	LM_OP_RESET_LOCK = 16,
	LM_OP_EXPORT = 32
};
//   operations  per layer, a set of lm_operation; 0: not selected (null in JSON); the array may be null (all not selected)
//   shown       per layer, whether it is in the document; null: all
json_t *lm_status_json(
	const struct lm_spec *spec, const struct lm_layer_lock *locks, const unsigned *operations, const bool *shown);
// The tree as text for people.
void lm_status_text(const struct lm_spec *spec, const struct lm_layer_lock *locks, const unsigned *operations,
	const bool *shown, struct lm_buf *out);
