// What publish and export have in common: an output folder, the metadata in it, and locks against each other.
#pragma once

#include "os/lock.h"
#include "steps/plan.h"

// Metadata of a layer as it was written last into an output folder.
struct lm_prior {
	json_t *metadata;       // env_metadata/<build name>.json, else what the manifest has; null when neither can be read
	bool vouched; // it is from the file of its own: what it says of the archive holds (the manifest may be older)
	uint64_t archive_build; // of the last publication under this install target and lock version; 0: none
};
//   manifest  of the folder, as lm_output_check found it; may be null
[[nodiscard]] int lm_prior_load(const struct lm_project *project, const char *folder, json_t *manifest,
	const struct lm_work *work, struct lm_prior *out, struct lm_err *err);
void lm_prior_release(struct lm_prior *prior);

// A folder holds the archives of one platform, or exported trees: LM_E_CONFLICT when its manifest says otherwise.
//   archives  whether they are what is to be written there
//   manifest  what it is, null where there is none; yours to json_decref. May be null
[[nodiscard]] int lm_output_check(
	const char *folder, enum lm_platform platform, bool archives, json_t **manifest, struct lm_err *err);

char *lm_metadata_path(const struct lm_project *project, const char *folder, size_t layer); // yours to lm_free
// Fill the facts of one layer; support_count module infos are allocated: lm_free(facts->support).
void lm_layer_facts_fill(const struct lm_project *project, const struct lm_work *work, struct lm_layer_facts *facts);
[[nodiscard]] int lm_json_write(const char *path, const json_t *value, struct lm_err *err); // only when it differs

#define LM_MANIFEST_PATH "__venvstacks__/venvstacks.json" // in an output folder
// The manifest of one platform's folder from the metadata files in it.
//   fresh     new metadata by layer of the spec, null where the file has it; or null
//   manifest  yours to json_decref
[[nodiscard]] int lm_manifest_make(const struct lm_project *project, const char *folder, enum lm_platform platform,
	json_t *const *fresh, json_t **manifest, struct lm_err *err);

// One step at a time for a spec, and for an output folder: others wait, and say for what. After waiting, the locks are judged
// again: whoever was first may have locked.
struct lm_hold {
	struct lm_lock spec, folder; // lock files in the store, which say who holds them
	struct lm_lock place;        // the output folder itself, or that of the spec: also against those with another store
};
//   folder  an output folder, or null: the folder of the spec. One that does not exist (--dry-run) is not held
[[nodiscard]] int lm_project_hold(
	struct lm_project *project, const char *what, const char *folder, struct lm_hold *hold, struct lm_err *err);
void lm_hold_release(struct lm_hold *hold); // safe on a zeroed one; fits LM_AUTO
