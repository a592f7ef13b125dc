// Inside of sources; only source*.c include it.
#pragma once

#include "base/mem.h"
#include "batch/source.h"
#include "text/json_scan.h"

// A part of a file that moves forward. Memory: the longest row, at least 1 MiB.
struct lm_source_window {
	int fd;
	bool open;
	char *bytes;
	size_t cap, len;
	size_t at;       // where the next row begins
	uint64_t offset; // of bytes[0] in the file
	bool at_end;     // there is nothing behind it
	size_t hashed;   // up to where the digest of the slice has it
	struct lm_sha256 hash;
	uint64_t slice_begin;
};

struct lm_source_kind {
	int (*next)(struct lm_source *source, struct lm_row *row, struct lm_err *err);
	void (*checkpoint)(const struct lm_source *source, struct lm_buf *out);
	void (*slice)(struct lm_source *source, uint64_t *begin, uint64_t *end, struct lm_digest *digest);
	void (*close)(struct lm_source *source);
};

struct lm_source_column {
	char *name;
	struct lm_buf prefix; // `{"name":` or `,"name":`
};

struct lm_parquet;

struct lm_source {
	const struct lm_source_kind *kind;
	char *path, *id_field;
	uint64_t line; // of the next row
	struct lm_source_window window;
	struct lm_json_scan scan;
	struct lm_buf json, id; // of the row last given
	// CSV
	struct lm_source_column *columns;
	size_t column_count, id_column;
	struct lm_buf cells;
	struct lm_str *fields;
	size_t field_count, field_cap;
	struct lm_parquet *parquet;
};

// source_window.c
[[nodiscard]] int lm_window_open(struct lm_source_window *window, const char *path, uint64_t offset, struct lm_err *err);
void lm_window_close(struct lm_source_window *window);
// Read on, keeping what lies from `at` on. 1: there is more; 0: the file's end; LM_E_LIMIT when a row is too long.
[[nodiscard]] int lm_window_more(struct lm_source_window *window, const char *path, struct lm_err *err);
void lm_window_slice(struct lm_source_window *window, uint64_t *begin, uint64_t *end, struct lm_digest *digest);
static inline uint64_t
lm_window_offset(const struct lm_source_window *window)
{
	return window->offset + window->at;
}

// source.c
// -1: "<path>:<line>: " in front of what is set.
int lm_source_fail(const struct lm_source *source, uint64_t line, struct lm_err *err);
int lm_source_fault(const struct lm_source *source, uint64_t line, struct lm_err *err, const char *what);
// The row is `text`, JSON that nobody looked at yet: check it, find its id.
[[nodiscard]] int lm_source_take_json(
	struct lm_source *source, struct lm_str text, uint64_t line, struct lm_row *row, struct lm_err *err);
[[nodiscard]] int lm_source_check_id(const struct lm_source *source, struct lm_str id, uint64_t line, struct lm_err *err);
// A number of a checkpoint. LM_E_SYNTAX when it is not there.
[[nodiscard]] int lm_checkpoint_number(struct lm_str checkpoint, const char *key, uint64_t *out, struct lm_err *err);

[[nodiscard]] int lm_source_open_jsonl(struct lm_source *source, const char *checkpoint, struct lm_err *err);
[[nodiscard]] int lm_source_open_csv(struct lm_source *source, const char *checkpoint, struct lm_err *err);
[[nodiscard]] int lm_source_open_parquet(
	struct lm_source *source, const struct lm_source_env *env, const char *checkpoint, struct lm_err *err);
// From row `begin` on, wherever that is.
[[nodiscard]] int lm_parquet_rows_same(const struct lm_batch_input *input, const struct lm_source_env *env,
	const char *id_field, uint64_t begin, uint64_t end, const struct lm_digest *digest, struct lm_err *err);
