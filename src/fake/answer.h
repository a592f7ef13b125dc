// What the provider says to a request: a text that depends on nothing but the request's body.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "text/json_scan.h"

enum lm_fake_api { LM_FAKE_NO_API, LM_FAKE_OPENAI, LM_FAKE_ANTHROPIC, LM_FAKE_GEMINI };

// The answer to the last schema is kept: the items of a batch mostly have the same. Zero-initialised is ready.
struct lm_fake_answerer {
	struct lm_buf schema, instance; // instance: escaped for a string
	struct lm_buf prompt;
	struct lm_buf text; // the answer: the inside of a JSON string, as written
	struct lm_err refusal; // why there is none for this schema; code LM_OK: there is one
};

// A member of an object; kind null without a text when it is not there.
struct lm_json_value lm_fake_get(struct lm_json_value object, const char *key);
// A member of a member: lm_fake_path(body, "text", "format", nullptr).
struct lm_json_value lm_fake_path(struct lm_json_value object, ...);
// What is between the quotes of a string, escapes as they are; empty when it is none.
struct lm_str lm_fake_inside(struct lm_json_value string);

// Make answerer->text for the body of a request, which was checked to be JSON (lm_json_scan): the text of the last message of the
// user, or, when the request asks for JSON with a schema, an instance of it. LM_E_UNSUPPORTED.
[[nodiscard]] int lm_fake_answer(
	struct lm_fake_answerer *answerer, enum lm_fake_api api, struct lm_json_value body, struct lm_err *err);
void lm_fake_answerer_release(struct lm_fake_answerer *answerer);
// The usual estimate: a token is four bytes.
uint64_t lm_fake_tokens(size_t bytes);
// A number of 64 bits for bytes; the same everywhere.
uint64_t lm_fake_hash(struct lm_str bytes, uint64_t seed);
