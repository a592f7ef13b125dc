// An instance that satisfies a JSON Schema, with the prompt in its free texts.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum {
	LM_JSON_INSTANCE_MAX_BYTES = 1 << 20,
	LM_JSON_INSTANCE_MAX_DEPTH = 24,   // a schema that goes deeper than this before it ends is refused
	LM_JSON_INSTANCE_MAX_NODES = 20000,
};

// Where the prompt goes in the text of an instance: a byte that JSON text does not have.
#define LM_JSON_INSTANCE_PROMPT '\x01'

// Append the text of an instance. The schema's keywords that it honours: $ref into the document, const, enum, anyOf, oneOf, allOf,
// type, properties, required, items, prefixItems, minItems, maxItems, minLength, maxLength, format, and the bounds of numbers.
// LM_E_SYNTAX when it is no JSON, LM_E_UNSUPPORTED with a sentence when no instance is found (pattern, not, ...).
[[nodiscard]] int lm_json_instance(struct lm_str schema, struct lm_buf *out, struct lm_err *err);
// Append such an instance with the prompt put where it goes. Both are JSON text, or both that text escaped once more.
void lm_json_instance_fill(struct lm_str instance, struct lm_str prompt, struct lm_buf *out);
