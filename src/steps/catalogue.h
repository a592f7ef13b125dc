// The catalogue: every artifact ever published from this machine, in <state folder>/catalogue.sqlite.
#pragma once

#include "steps/project.h"

struct lm_artifact {
	const char *layer, *install_target, *platform, *place; // place: absolute path of the archive
	struct lm_digest archive_digest;
	const char *content_hash, *inputs_hash; // "sha256:..."
	uint64_t size_bytes, archive_build, lock_version;
};

// Record artifacts in one transaction. The same archive at the same place is one row, with the time it was last published;
// what is there already stays as it is (so that a run makes good what a killed one could not record any more), unless another archive was
// published at its place since.
[[nodiscard]] int lm_catalogue_record(
	const struct lm_project *project, const struct lm_artifact *artifacts, size_t count, struct lm_err *err);

enum lm_artifact_state {
	LM_ARTIFACT_PUBLISHED, // a file of its size is at its place. It is not read: `lamina check` does that
	LM_ARTIFACT_REPLACED, // another archive was published at its place since
	LM_ARTIFACT_GONE, // its place has no such file any more, or cannot be looked at
};

struct lm_catalogued {
	struct lm_artifact artifact;
	const char *published_at; // RFC 3339, UTC
	enum lm_artifact_state state;
};

struct lm_catalogue {
	struct lm_catalogued *items; // by layer, platform, what was recorded last first
	size_t count, cap;
	struct lm_arena arena; // owns the texts
};

// Read it all. A catalogue that is not there is empty, and is not made. LM_E_INTEGRITY for one that is damaged or was changed by others,
// LM_E_INTERRUPTED.
[[nodiscard]] int lm_catalogue_read(const char *state_folder, struct lm_catalogue *out, struct lm_err *err);
void lm_catalogue_release(struct lm_catalogue *catalogue);
