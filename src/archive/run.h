// One lm_archive_write while it runs: what its threads share. For the writers of tar and zip in src/archive.
#pragma once

#include "archive/codec.h"
#include "archive/content.h"
#include "archive/pipeline.h"
#include "archive/plan.h"
#include "archive/writer.h"
#include "os/file.h"

// What a thread needs for a piece and keeps for the next one.
struct lm_worker {
	struct lm_content_reader reader;
	struct lm_codec codec;
	struct lm_buf raw;
	struct lm_worker *next;
};

// A large member: its parts are read in order, by whichever threads make them.
struct lm_large {
	struct lm_content_reader reader;
	struct lm_sha256 hash;
	size_t turn; // the next part that may read
	enum lm_machine machine;
};

struct lm_zip_record {
	uint64_t offset; // of the local header; in its piece until that is written
	uint64_t stored_size;
	uint32_t crc32;
	bool deflated, descriptor; // descriptor: a large member, whose sizes follow its data
};

struct lm_run {
	const struct lm_archive_options *options;
	int level;
	struct lm_plan plan;
	struct lm_large *large;        // plan.large_count
	struct lm_zip_record *records; // zip: plan.member_count
	struct lm_outfile file;
	struct lm_sha256 hash; // of the archive
	struct lm_segment *segments;
	uint64_t progress_ms; // when the last event was sent
};

// The bytes of a member that is no large one; also checks them.
[[nodiscard]] int lm_run_read(struct lm_worker *worker, const struct lm_member *member, void *out, struct lm_err *err);
// `len` bytes of the content of a large member for piece `index`, after the pieces before have read theirs.
[[nodiscard]] int lm_run_read_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, void *out, size_t len,
	enum lm_machine *machine, struct lm_err *err);
// To the archive: append and hash.
[[nodiscard]] int lm_run_write(struct lm_run *run, const void *bytes, size_t len, struct lm_err *err);

[[nodiscard]] int lm_run_make_tar(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index,
	struct lm_piece *piece, struct lm_err *err);
[[nodiscard]] int lm_run_make_zip(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index,
	struct lm_piece *piece, struct lm_err *err);
// In order, before a piece is written: fixes what depends on the pieces before, and may append to it.
void lm_run_place_zip(struct lm_run *run, size_t index, struct lm_piece *piece);
// After the last piece: the central directory.
[[nodiscard]] int lm_run_end_zip(struct lm_run *run, struct lm_err *err);
