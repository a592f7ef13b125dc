// TOML 1.0 (toml.io/en/v1.0.0), read into a tree where every value knows its place. No I/O.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum lm_toml_type {
	LM_TOML_STRING,
	LM_TOML_INTEGER,
	LM_TOML_FLOAT,
	LM_TOML_BOOL,
	LM_TOML_DATETIME,       // offset date-time
	LM_TOML_DATETIME_LOCAL,
	LM_TOML_DATE_LOCAL,
	LM_TOML_TIME_LOCAL,
	LM_TOML_ARRAY,
	LM_TOML_TABLE,
};

struct lm_toml_place {
	uint32_t line, column; // 1-based; column counts Unicode code points
};

struct lm_toml {
	enum lm_toml_type type;
	struct lm_toml_place place; // where the value begins (a table: its header or brace)
	union {
		struct lm_str string; // UTF-8, may hold NUL; also NUL-terminated
		int64_t integer;
		double number;
		bool boolean;
		struct lm_str time; // the four time types: normalised RFC 3339 text ("T" between date and time, upper case "Z")
		struct {
			const struct lm_toml *items;
			size_t count;
		} array;
		struct {
			const struct lm_toml_pair *pairs; // in order of appearance
			size_t count;
		} table;
	};
};

struct lm_toml_pair {
	struct lm_str key; // NUL-terminated
	struct lm_toml_place place; // of the key
	struct lm_toml value;
};

struct lm_toml_doc; // owns the tree

enum {
	LM_TOML_MAX_BYTES = 16 * 1024 * 1024,
	LM_TOML_MAX_DEPTH = 128, // tables and arrays within each other, and parts of a key
	LM_TOML_MAX_VALUES = 2'000'000, // values and tables of a document
};

// Parse a document.
//   place  on failure where the fault is; may be null
// On failure LM_E_SYNTAX (text without place, e.g. "duplicate key 'a', first set at line 2") or LM_E_LIMIT.
[[nodiscard]] int lm_toml_parse(struct lm_str text, struct lm_toml_doc **out, struct lm_toml_place *place, struct lm_err *err);
const struct lm_toml *lm_toml_root(const struct lm_toml_doc *doc);
void lm_toml_free(struct lm_toml_doc *doc); // null is fine
void lm_toml_free_ptr(struct lm_toml_doc **doc); // for LM_AUTO

// The value of a key, or null (also when `table` is null or no table).
const struct lm_toml *lm_toml_get(const struct lm_toml *table, const char *key);
const struct lm_toml_pair *lm_toml_get_pair(const struct lm_toml *table, const char *key);
const char *lm_toml_type_name(enum lm_toml_type type); // "string", "integer", "array", ...

// Writing: append a value as TOML that reads back equal. Strings as basic strings, keys bare where possible.
void lm_toml_write_string(struct lm_buf *out, struct lm_str text);
void lm_toml_write_key(struct lm_buf *out, struct lm_str key);
// Any value, tables and arrays inline.
void lm_toml_write_value(struct lm_buf *out, const struct lm_toml *value);
