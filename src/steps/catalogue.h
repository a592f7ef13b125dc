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
// what is there already stays as it is (so that a run makes good what a killed one could not record any more).
[[nodiscard]] int lm_catalogue_record(
	const struct lm_project *project, const struct lm_artifact *artifacts, size_t count, struct lm_err *err);
