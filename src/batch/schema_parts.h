// Inside of JSON Schema; only schema*.c include it.
#pragma once

#include "batch/pattern.h"
#include "batch/schema.h"

enum {
	LM_SCHEMA_MAX_BYTES = 1 << 20,
	LM_SCHEMA_NODES_MAX = 20'000,
	LM_SCHEMA_DEPTH_MAX = 128,
	LM_SCHEMA_PATTERNS_MAX = 500,
};

struct lm_schema_pattern {
	const json_t *value; // of the keyword
	struct lm_pattern *pattern;
};

struct lm_schema {
	json_t *root;
	const json_t **nodes; // all schemas in it, sorted by address
	size_t node_count, node_cap;
	struct lm_schema_pattern *patterns; // sorted by address
	size_t pattern_count, pattern_cap;
};

// What a keyword's value is.
enum lm_keyword_kind {
	LM_KEYWORD_NOTE, // says nothing about values
	LM_KEYWORD_SCHEMA,
	LM_KEYWORD_SCHEMAS, // a list of them
	LM_KEYWORD_SCHEMA_MAP, // by name
	LM_KEYWORD_TYPE,
	LM_KEYWORD_COUNT, // a whole number from 0
	LM_KEYWORD_NUMBER,
	LM_KEYWORD_POSITIVE,
	LM_KEYWORD_YES,
	LM_KEYWORD_NAMES, // a list of texts
	LM_KEYWORD_VALUES, // a list that is not empty
	LM_KEYWORD_VALUE,
	LM_KEYWORD_REF,
	LM_KEYWORD_PATTERN,
};
struct lm_keyword {
	const char *name;
	enum lm_keyword_kind kind;
	bool in_place; // its schemas are about the same value
};
// Null: not known.
const struct lm_keyword *lm_schema_keyword(const char *name);

// Call `visit` for each schema right below this one.
typedef int lm_schema_visit(
	void *context, const struct lm_keyword *keyword, const char *name, json_t *below, struct lm_err *err);
[[nodiscard]] int lm_schema_each(json_t *schema, lm_schema_visit *visit, void *context, struct lm_err *err);
// What a "$ref" points to, or null.
json_t *lm_schema_resolve(json_t *root, const char *ref);
// The compiled form of a "pattern", by the keyword's value, which may be null; or null.
const struct lm_pattern *lm_schema_pattern(const struct lm_schema *schema, const json_t *value);
// "object" and the like; false when it is no type's name.
bool lm_schema_type_named(const char *name);
bool lm_schema_names_object(const json_t *schema);
