// The answers of a batch: files of lines, or a list inside of a document, made in one pass over its requests.
#pragma once

#include "fake/state.h"

// Make them. The batch's outcomes, counts and paths are set; state->lock is not needed, as long as batch->making is set.
struct lm_fake_made {
	char *output, *errors; // paths, yours to lm_free; null when nothing came of it
	uint64_t output_bytes, error_bytes;
};

[[nodiscard]] int lm_fake_complete(
	struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_fake_made *made, struct lm_err *err);
