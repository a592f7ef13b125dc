// How each API words its errors.
#pragma once

#include "base/base.h"
#include "base/str.h"
#include "fake/answer.h"

struct lm_fake_refusal {
	unsigned status;
	const char *type, *code, *message; // type: OpenAI and Anthropic; code: OpenAI (may be null), Gemini's status
};

// An error by its name in a document of faults ("rate_limit"), or, where that is null, by its HTTP status.
struct lm_fake_refusal lm_fake_refusal_of(enum lm_fake_api api, const char *name, unsigned status);
// Append the body of an answer.
void lm_fake_refusal_body(struct lm_buf *out, enum lm_fake_api api, const struct lm_fake_refusal *refusal);
