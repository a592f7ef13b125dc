// Inside of the TOML reader; only toml*.c include it.
#pragma once

#include "base/mem.h"
#include "text/toml.h"

struct lm_toml_part {
	struct lm_str text;
	struct lm_toml_place place;
};

struct lm_toml_parser {
	const char *at, *end;
	uint32_t line;         // of `at`
	const char *mark;      // a position in this line, not after `at` ...
	uint32_t mark_column;  // ... and its column, so that columns are counted once
	struct lm_arena *arena; // of the document
	struct lm_arena scratch; // what only parsing needs
	struct lm_buf text;      // a string with escapes while it is read, or a name for a message
	struct lm_toml_part parts[LM_TOML_MAX_DEPTH]; // the key last read
	size_t part_count;
	struct lm_toml *stack; // elements of arrays that are not closed yet
	size_t stack_count, stack_cap;
	size_t values;
	struct lm_toml_place fault;
	struct lm_err *err;
};

// How a table came to be decides what may be added to it.
enum lm_toml_table_kind {
	LM_TOML_TABLE_IMPLICIT, // named on the way in a header: may be defined later, once
	LM_TOML_TABLE_HEADER,   // by a header of its own, or the root
	LM_TOML_TABLE_DOTTED,   // by a dotted key
};

struct lm_toml_entry;

// A table that may still grow.
struct lm_toml_table {
	enum lm_toml_table_kind kind;
	struct lm_toml_place place;
	uint32_t depth; // the root is 0
	struct lm_toml_entry *entries;
	size_t count, cap;
	uint32_t tree; // root of the crit-bit tree over the keys
};

// toml_lex.c: places, faults, white space
struct lm_toml_place lm_toml_here(struct lm_toml_parser *p);
// Both return -1 with err and fault set.
int lm_toml_fail(struct lm_toml_parser *p, const char *format, ...) LM_PRINTF(2, 3);
int lm_toml_fail_at(struct lm_toml_parser *p, struct lm_toml_place place, const char *format, ...) LM_PRINTF(3, 4);
int lm_toml_fail_limit(struct lm_toml_parser *p, const char *what, size_t limit);
struct lm_toml_found {
	char text[48];
};
// What stands at the current position, for "expected ..., found %s".
struct lm_toml_found lm_toml_found(const struct lm_toml_parser *p);
bool lm_toml_is_control(char c); // no tab
[[nodiscard]] int lm_toml_check_utf8(struct lm_toml_parser *p);
bool lm_toml_next_is(const struct lm_toml_parser *p, char c);
bool lm_toml_at_newline(const struct lm_toml_parser *p);
bool lm_toml_newline(struct lm_toml_parser *p); // over a line end, if there is one
void lm_toml_spaces(struct lm_toml_parser *p);
[[nodiscard]] int lm_toml_comment(struct lm_toml_parser *p); // over a comment, if there is one
// Over white space, comments and line ends.
[[nodiscard]] int lm_toml_blank(struct lm_toml_parser *p);

// toml_string.c: strings and keys
[[nodiscard]] int lm_toml_string(struct lm_toml_parser *p, bool is_key, struct lm_str *out);
[[nodiscard]] int lm_toml_key(struct lm_toml_parser *p); // into p->parts
// The first `count` parts of p->parts, cut when long; valid until p->text changes.
const char *lm_toml_show_key(struct lm_toml_parser *p, size_t count);

// toml_number.c, toml_time.c: a token of letters, digits and "+-._:"
[[nodiscard]] int lm_toml_number(struct lm_toml_parser *p, struct lm_str token, struct lm_toml *out);
bool lm_toml_looks_like_time(struct lm_str token);
[[nodiscard]] int lm_toml_time(struct lm_toml_parser *p, struct lm_str token, struct lm_toml *out);

// toml_value.c
//   depth  of the table or array that the value goes into
//   after  what went before, for "expected a value after ..."
[[nodiscard]] int lm_toml_value(struct lm_toml_parser *p, uint32_t depth, const char *after, struct lm_toml *out);
// `key = value` into a table.
[[nodiscard]] int lm_toml_key_value(struct lm_toml_parser *p, struct lm_toml_table *table);

// toml_table.c: all of them use the key in p->parts
[[nodiscard]] int lm_toml_table_new(struct lm_toml_parser *p, enum lm_toml_table_kind kind, struct lm_toml_place place,
	uint32_t depth, struct lm_toml_table **out);
// The table that a dotted key's last part goes into; that part is not there yet.
[[nodiscard]] int lm_toml_table_for_key(struct lm_toml_parser *p, struct lm_toml_table *table, struct lm_toml_table **out);
void lm_toml_table_add(struct lm_toml_parser *p, struct lm_toml_table *table, struct lm_toml_part key, struct lm_toml value);
// [key] and [[key]]; *section becomes the table that the following lines fill.
[[nodiscard]] int lm_toml_table_open(struct lm_toml_parser *p, struct lm_toml_table *root, bool is_array,
	struct lm_toml_place place, struct lm_toml_table **section);
// The finished value, in the document's arena.
struct lm_toml lm_toml_table_freeze(struct lm_toml_parser *p, const struct lm_toml_table *table);
