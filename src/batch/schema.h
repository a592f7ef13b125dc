// JSON Schema as providers use it for structured output: draft 2020-12, the keywords that closed objects need.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

struct lm_schema;
// LM_E_USAGE: the root is not an object, a keyword that is not understood ("unknown keyword 'if' at /properties/a").
[[nodiscard]] int lm_schema_new(struct lm_schema **out, struct lm_str json, struct lm_err *err);
void lm_schema_free(struct lm_schema *schema);
void lm_schema_free_ptr(struct lm_schema **schema);
// The schema with `additionalProperties: false` where objects say nothing, as one line: what is sent to providers.
void lm_schema_closed(const struct lm_schema *schema, struct lm_buf *out);
// LM_E_SYNTAX: "at /a/0: is a string, not a number".
[[nodiscard]] int lm_schema_check(const struct lm_schema *schema, const json_t *value, struct lm_err *err);
// An answer's text as JSON: a ``` fence around it (json in any case) is taken off. LM_E_SYNTAX. *out is yours to json_decref.
[[nodiscard]] int lm_schema_read_answer(struct lm_str text, json_t **out, struct lm_err *err);
// The part of an answer's text that is the JSON: without white space around it and without a ``` fence (json in any case).
struct lm_str lm_schema_answer_json(struct lm_str text);
