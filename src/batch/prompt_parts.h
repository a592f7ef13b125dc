// Inside of prompts; only prompt*.c include it.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/json_scan.h"

enum {
	LM_PROMPT_COLUMNS_MAX = 256,
	LM_PROMPT_MAX_BYTES = 256 << 20, // of one text
	LM_FORMAT_WIDTH_MAX = 1'000'000,
	LM_FORMAT_PRECISION_MAX = 100'000,
	LM_INTEGER_DIGITS_MAX = 4300, // Python's own limit for text to int
};

// ---- templates (prompt_template.c)

// "[0]" or "[name]" behind a field's name.
struct lm_template_step {
	bool is_index;
	uint64_t index;
	struct lm_str name;
};

// What stands between braces.
struct lm_template_field {
	struct lm_str text; // "a[b][0]", for messages
	size_t column;      // into the columns
	struct lm_template_step *steps;
	size_t step_count;
	char conversion; // 'r', 's', 'a'; 0: none
	struct lm_str spec; // as it is
	struct lm_template *nested; // when the spec holds fields itself
};

// Text, then a field (or none: the last part).
struct lm_template_part {
	struct lm_str text;
	struct lm_template_field *field; // null: none
};

struct lm_template {
	struct lm_template_part *parts;
	size_t count;
};

struct lm_columns {
	const char **names; // null-terminated
	size_t count;
};

// Into an arena. LM_E_USAGE: "column C: ...".
[[nodiscard]] int lm_template_parse(
	struct lm_arena *arena, struct lm_str text, struct lm_columns *columns, struct lm_template **out, struct lm_err *err);
// The column's position; -1 with LM_E_LIMIT.
[[nodiscard]] int lm_columns_add(
	struct lm_arena *arena, struct lm_columns *columns, struct lm_str name, size_t *at, struct lm_err *err);

// ---- values as Python has them (prompt_value.c)

// str() and repr() (ascii(): what is not ASCII is escaped).
[[nodiscard]] int lm_value_str(struct lm_json_value value, struct lm_buf *out, struct lm_err *err);
[[nodiscard]] int lm_value_repr(struct lm_json_value value, bool ascii, struct lm_buf *out, struct lm_err *err);
void lm_text_repr(struct lm_str text, bool ascii, struct lm_buf *out);
bool lm_number_is_float(struct lm_str raw);

// ---- format specifications (prompt_format.c)

struct lm_format_spec {
	struct lm_str fill; // one character
	char align; // '<', '>', '^', '='
	char sign; // '+', '-', ' '; 0: none given
	bool no_negative_zero, alternate;
	int64_t width, precision; // -1: none
	char grouping; // ',', '_'; 0: none
	char type;
};
enum lm_format_kind { LM_FORMAT_TEXT, LM_FORMAT_INTEGER, LM_FORMAT_FLOAT };
// All of them: LM_E_SYNTAX with what is wrong with it.
[[nodiscard]] int lm_format_parse(struct lm_str text, enum lm_format_kind kind, struct lm_format_spec *out, struct lm_err *err);
[[nodiscard]] int lm_format_text(struct lm_str spec, struct lm_str text, struct lm_buf *out, struct lm_err *err);
[[nodiscard]] int lm_format_number(struct lm_str spec, struct lm_str raw, struct lm_buf *out, struct lm_err *err);
[[nodiscard]] int lm_format_bool(struct lm_str spec, bool value, struct lm_buf *out, struct lm_err *err);

// As much of a specification as a message shows.
struct lm_str lm_format_shown(struct lm_str text);

// Parts of a formatted number; only prompt_format.c and prompt_number.c.
struct lm_format_pieces {
	bool negative;
	const char *prefix; // "0x"
	struct lm_str digits; // those that are grouped
	struct lm_str rest; // what follows: point, fraction, exponent, '%'
};
void lm_format_put(const struct lm_format_spec *spec, const struct lm_format_pieces *pieces, struct lm_buf *out);
// Characters of UTF-8 text.
size_t lm_text_count(struct lm_str text);
