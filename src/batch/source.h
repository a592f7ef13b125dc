// Where items come from: rows of JSONL, CSV and Parquet files as a stream that can go on at a recorded place.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "batch/config.h"
#include "digest/sha256.h"

enum {
	LM_ROW_MAX_BYTES = 64 << 20, // one row
	LM_ITEM_ID_MAX_BYTES = 1024,
};

// A row, valid until the next call.
struct lm_row {
	struct lm_str id;   // as text (a number keeps its spelling)
	struct lm_str json; // the row as a JSON object on one line, numbers in their own spelling, no LF at the end
	uint64_t line;      // where it begins in the file, 1-based; Parquet: the row number
};

struct lm_source; // one input file, being read

// What a source may need besides its file.
struct lm_source_env {
	const char *python; // for Parquet: an interpreter with pyarrow; null: "python3" of PATH
	const char *const *columns; // null-terminated: the fields that id, prompt and templates name (Parquet reads only these)
};

// Open, at the beginning or at a checkpoint. Reads nothing before the checkpoint.
//   checkpoint  as lm_source_checkpoint gave it; null: the beginning
[[nodiscard]] int lm_source_open(struct lm_source **out, const struct lm_batch_input *input, const char *id_field,
	const struct lm_source_env *env, const char *checkpoint, struct lm_err *err);
void lm_source_close(struct lm_source *source);
void lm_source_close_ptr(struct lm_source **source);
// 1: a row; 0: the end; -1: "<path>:<line>: ..." (LM_E_SYNTAX: not an object, bad UTF-8, NaN, duplicate key, no id; LM_E_LIMIT).
// Rows end at LF or CRLF only; a BOM at the beginning and empty lines are passed over.
// After LM_E_SYNTAX of one row the next call goes on with the next row, so that all faults can be told.
[[nodiscard]] int lm_source_next(struct lm_source *source, struct lm_row *row, struct lm_err *err);
// Append where to go on after the last row given: one line of text, opaque outside of the source.
void lm_source_checkpoint(const struct lm_source *source, struct lm_buf *out);
// The bytes read since the last call of this function (or since opening) and their digest: what a slice of the source was.
// Files that are read by others (Parquet) give offsets of rows and the digest of those rows as JSON lines.
void lm_source_slice(struct lm_source *source, uint64_t *begin, uint64_t *end, struct lm_digest *digest);
// Does a slice of the file still have this digest? Reads just that slice. 1 yes, 0 no, -1 failed.
[[nodiscard]] int lm_source_slice_same(const struct lm_batch_input *input, const struct lm_source_env *env,
	const char *id_field, uint64_t begin, uint64_t end, const struct lm_digest *digest, struct lm_err *err);
