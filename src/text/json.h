// JSON (RFC 8259) through jansson, with our limits and one way to write it.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

enum { LM_JSON_MAX_BYTES = 256 * 1024 * 1024 };

// Parse a whole document; duplicate keys are refused. *out is yours to json_decref.
// LM_E_SYNTAX with "line L, column C: ...", or LM_E_LIMIT.
[[nodiscard]] int lm_json_parse(struct lm_str text, json_t **out, struct lm_err *err);
// Append in our one form: keys sorted by byte, two-space indent, UTF-8, newline at the end.
void lm_json_format(const json_t *value, struct lm_buf *out);
void lm_json_decref_ptr(json_t **value); // for LM_AUTO

// Typed look-ups for reading metadata: null / -1 when absent or of another type.
const char *lm_json_string(const json_t *object, const char *key);
bool lm_json_u64(const json_t *object, const char *key, uint64_t *out);
