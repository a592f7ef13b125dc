// One lm_archive_write while it runs: what its threads share. For the writers of tar and zip in src/archive.
#pragma once

#include "archive/codec.h"
#include "archive/content.h"
#include "archive/pipeline.h"
#include "archive/plan.h"
#include "archive/writer.h"
#include "os/file.h"

#include <pthread.h>

// What a thread needs for a piece and keeps for the next one.
struct lm_worker {
	struct lm_content_reader reader;
	struct lm_codec codec;
	struct lm_buf raw;
	size_t extra; // bytes that its segment has beyond what one should
	struct lm_worker *next;
};

// A large member: its parts are read in order, by whichever threads make them.
struct lm_large {
	struct lm_content_reader reader;
	struct lm_buf whole; // all of the content where that was read at once, else empty
	struct lm_sha256 hash;
	size_t turn;   // the next part that may read
	uint64_t read; // bytes of the content so far; 0: not begun
	enum lm_machine machine;
	// With lm_run.mutex: parts for the cache are settled when the digest of the whole is known to be right.
	bool checked;
	void **puts;
	size_t put_count, put_cap;
};

struct lm_zip_record {
	uint64_t offset; // of the local header; in its piece until that is written
	uint64_t stored_size;
	uint32_t crc32;
	bool deflated, descriptor; // descriptor: a large member, whose sizes follow its data
};

struct lm_run {
	const struct lm_archive_options *options;
	struct lm_crew *crew; // of the options, or its own
	int level;
	char compressor[96];
	pthread_mutex_t mutex;
	size_t reused_count; // with the mutex
	struct lm_plan plan;
	struct lm_large *large;        // plan.large_count
	struct lm_zip_record *records; // zip: plan.member_count
	struct lm_outfile file;
	struct lm_sha256 hash; // of the archive
	struct lm_segment *segments; // plan.part_count, from lm_run_survey on with their digests
	bool *kept;                  // of each part: the cache may have it
	size_t *long_parts;          // those that have to be made, long_count
	size_t long_count;
	uint64_t progress_ms; // when the last event was sent
};

// The bytes of a member that is no large one; also checks them.
[[nodiscard]] int lm_run_read(struct lm_worker *worker, const struct lm_member *member, void *out, struct lm_err *err);
// `len` bytes at `from` of the content of a large member for piece `index`, after the pieces before had their turn.
[[nodiscard]] int lm_run_read_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, uint64_t from, void *out,
	size_t len, enum lm_machine *machine, struct lm_err *err);
// The same for a piece that needs no bytes.
[[nodiscard]] int lm_run_skip_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_err *err);
// Safe at any time, also twice.
void lm_run_release_large(struct lm_run *run, struct lm_large *large);

// Digests of all segments, and which of them the cache has.
[[nodiscard]] int lm_run_survey(struct lm_run *run, unsigned jobs, struct lm_err *err);
// Take a piece from the cache. Returns 1 when it is made, 0 when it has to be.
[[nodiscard]] int lm_run_reuse(
	struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece, struct lm_err *err);
// Give a piece that was made to the cache.
void lm_run_keep(struct lm_run *run, size_t index, struct lm_piece *piece);
// Parts of a large member that wait for its end, with the mutex held.
void lm_run_settle(struct lm_run *run, struct lm_large *large, bool keep);
// To the archive: append and hash.
[[nodiscard]] int lm_run_write(struct lm_run *run, const void *bytes, size_t len, struct lm_err *err);

[[nodiscard]] int lm_run_make_tar(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index,
	struct lm_piece *piece, struct lm_err *err);
[[nodiscard]] int lm_run_make_zip(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index,
	struct lm_piece *piece, struct lm_err *err);
// What a kept piece needs beside its bytes: appended to them, and taken off again. False: it does not fit.
void lm_run_pack_zip(const struct lm_run *run, size_t index, struct lm_piece *piece);
[[nodiscard]] bool lm_run_unpack_zip(struct lm_run *run, size_t index, struct lm_piece *piece);
// In order, before a piece is written: fixes what depends on the pieces before, and may append to it.
void lm_run_place_zip(struct lm_run *run, size_t index, struct lm_piece *piece);
// After the last piece: the central directory.
[[nodiscard]] int lm_run_end_zip(struct lm_run *run, struct lm_err *err);
