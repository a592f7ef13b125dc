// One line of answers, as each API writes it.
#pragma once

#include "fake/answer.h"
#include "fake/faults.h"
#include "fake/rows.h"

struct lm_fake_answer_line {
	enum lm_fake_api api;
	const char *endpoint; // OpenAI
	const struct lm_fake_row *row;
	struct lm_str id;     // instead of the row's
	struct lm_str text;   // the inside of a JSON string
	enum lm_fake_act act; // LM_FAKE_NOTHING, _NULL, _INCOMPLETE, _REFUSAL
	uint64_t input_tokens, output_tokens;
};

struct lm_fake_error_line {
	enum lm_fake_api api;
	const struct lm_fake_row *row;
	unsigned status; // of the row's response
	const char *type, *code, *message; // type: Anthropic's result type ("errored", "expired", "canceled")
	bool whole; // OpenAI: the request was not executed at all: no response, only an error
};

// Without a newline.
void lm_fake_shape_answer(struct lm_buf *out, const struct lm_fake_answer_line *line);
void lm_fake_shape_error(struct lm_buf *out, const struct lm_fake_error_line *line);
// Append text as a JSON string with its quotes.
void lm_fake_quote(struct lm_buf *out, const char *text); // null: the word null
