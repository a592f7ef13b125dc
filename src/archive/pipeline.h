// Many threads make pieces, one at a time writes them in order. Only a few are made and not yet written, so memory is
// bounded. For the modules of src/archive.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// What one call of `make` hands to `write`. Its buffer is used again for a later piece.
struct lm_piece {
	struct lm_buf bytes; // for the archive
	uint32_t crc32;      // zip, part of a large member: of the uncompressed bytes
	size_t head_bytes;   // zip, part of a large member: what is in front of the deflated bytes
};

struct lm_pipeline;

struct lm_pipeline_work {
	// Any thread; claimed in order of index, but that long ones go before others.
	int (*make)(void *context, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece, struct lm_err *err);
	// One thread at a time, in order of index.
	int (*write)(void *context, size_t index, struct lm_piece *piece, struct lm_err *err);
	void *context;
	// Those that take long, in order of index: begun before their turn as far as there is room, so that no thread has to wait
	// for one at the end. Null: none is known to.
	const size_t *long_pieces;
	size_t long_count;
};

// Make and write pieces 0 to count - 1 on `jobs` threads. The first failure in order of index is reported;
// LM_E_INTERRUPTED when lm_cancel is requested.
[[nodiscard]] int lm_pipeline_run(unsigned jobs, size_t count, const struct lm_pipeline_work *work, struct lm_err *err);

// In `make`: work that must be done in order of index. Waits until *turn is `want`; those before must have lower indexes, and be long
// pieces where this one is. -1 when an earlier piece failed.
[[nodiscard]] int lm_pipeline_wait_turn(
	struct lm_pipeline *pipeline, size_t index, const size_t *turn, size_t want, struct lm_err *err);
// The next one's turn.
void lm_pipeline_pass_turn(struct lm_pipeline *pipeline, size_t *turn);
