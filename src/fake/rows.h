// The requests of a batch, one after the other, as the client sent them.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "fake/answer.h"
#include "os/file.h"
#include "text/json_scan.h"

// Where they are: a file of lines (OpenAI, Gemini), or a list inside of a file with one document (Anthropic, Gemini inline).
struct lm_fake_source {
	enum lm_fake_api api;
	const char *path; // borrowed
	bool list;
	uint64_t start, end; // of the list, brackets included; it was checked
};

struct lm_fake_row {
	uint64_t number, line; // from 1; line: blank lines counted too
	struct lm_str id;       // custom_id or key, without quotes, as written; empty: it has none (Gemini inline)
	bool list;              // an element of a list
	struct lm_str metadata; // Gemini inline: an object, or empty
	struct lm_json_value body; // checked JSON: an object
	struct lm_str method, url, model; // OpenAI; empty when missing
};

struct lm_fake_rows {
	struct lm_fake_source source;
	struct lm_map map;
	const char *at, *end;
	struct lm_json_scan scan;
	struct lm_json_value list;
	size_t in_list;
	uint64_t number, line;
};

[[nodiscard]] int lm_fake_rows_open(struct lm_fake_rows *rows, const struct lm_fake_source *source, struct lm_err *err);
// 1: a row, 0: no more, -1: LM_E_SYNTAX with a sentence. The row's line is set in every case.
//   checked  all were read before, without a fault
[[nodiscard]] int lm_fake_rows_next(struct lm_fake_rows *rows, bool checked, struct lm_fake_row *row, struct lm_err *err);
void lm_fake_rows_close(struct lm_fake_rows *rows); // fits LM_AUTO
