// CSV (RFC 4180, as Python's csv module with its default dialect reads it; used for RECORD).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct lm_csv_reader {
	struct lm_str rest;
	uint32_t line;      // 1-based, where the row last read begins
	uint32_t next_line; // where `rest` begins
	struct lm_buf storage;
	struct lm_str *fields; // each also NUL-terminated
	size_t count, cap;
};

void lm_csv_init(struct lm_csv_reader *reader, struct lm_str text); // text is borrowed
// 1: a row is in fields[0..count), valid until the next call; an empty line is a row without fields.
// 0: the end. -1: LM_E_SYNTAX, "line N: ..." (a quoted field that is not closed, a NUL byte).
[[nodiscard]] int lm_csv_next(struct lm_csv_reader *reader, struct lm_err *err);
void lm_csv_release(struct lm_csv_reader *reader);
// Append one field, quoted only where needed (comma, quote, CR, LF).
void lm_csv_write_field(struct lm_buf *out, struct lm_str field);
