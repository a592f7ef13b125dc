#include "text/toml_parser.h"

#include <string.h>

static bool
is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("+-._:", c) != nullptr);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
token_length(const struct lm_toml_parser *p)
{
	const char *at = p->at;
	while (at < p->end && is_token(*at))
		at++;
	// a date and a time may stand apart
	if (at - p->at == 10 && p->at[4] == '-' && p->end - at >= 2 && *at == ' ' && is_digit(at[1]))
		for (at++; at < p->end && is_token(*at);)
			at++;
	return (size_t)(at - p->at);
}

static int
scalar(struct lm_toml_parser *p, const char *after, struct lm_toml *out)
{
	struct lm_str token = { p->at, token_length(p) };
	if (token.len == 0)
		return lm_toml_fail(p, "expected a value after %s, found %s", after, lm_toml_found(p).text);
	bool is_true = lm_str_equal(token, LM_STR("true"));
	if (is_true || lm_str_equal(token, LM_STR("false"))) {
		out->type = LM_TOML_BOOL;
		out->boolean = is_true;
	} else if (lm_toml_looks_like_time(token)) {
		if (lm_toml_time(p, token, out) < 0)
			return -1;
	} else if (lm_toml_number(p, token, out) < 0) {
		return -1;
	}
	p->at += token.len;
	return 0;
}

// Takes the elements above `base` from the stack.
static void
close_array(struct lm_toml_parser *p, size_t base, struct lm_toml *out)
{
	size_t count = p->stack_count - base;
	out->type = LM_TOML_ARRAY;
	out->array.count = count;
	out->array.items = nullptr;
	if (count > 0) {
		struct lm_toml *items = lm_arena_alloc(p->arena, count * sizeof *items);
		memcpy(items, p->stack + base, count * sizeof *items);
		out->array.items = items;
	}
	p->stack_count = base;
}

static int
array(struct lm_toml_parser *p, uint32_t depth, struct lm_toml *out)
{
	size_t base = p->stack_count;
	const char *after = "'['";
	p->at++;
	for (;;) {
		if (lm_toml_blank(p) < 0)
			return -1;
		if (lm_toml_next_is(p, ']'))
			break;
		struct lm_toml element = {};
		if (lm_toml_value(p, depth, after, &element) < 0)
			return -1;
		lm_grow(p->stack, p->stack_count, p->stack_cap);
		p->stack[p->stack_count++] = element;
		if (lm_toml_blank(p) < 0)
			return -1;
		if (lm_toml_next_is(p, ']'))
			break;
		if (!lm_toml_next_is(p, ','))
			return lm_toml_fail(p, "expected ',' or ']' in the array of line %u, found %s", out->place.line,
				lm_toml_found(p).text);
		p->at++;
		after = "','";
	}
	p->at++;
	close_array(p, base, out);
	return 0;
}

static int
fail_inline(struct lm_toml_parser *p, const char *expected)
{
	if (lm_toml_at_newline(p))
		return lm_toml_fail(p, "a newline is not allowed in an inline table");
	return lm_toml_fail(p, "expected %s in the inline table, found %s", expected, lm_toml_found(p).text);
}

static int
inline_table(struct lm_toml_parser *p, uint32_t depth, struct lm_toml *out)
{
	struct lm_toml_table *table = nullptr;
	if (lm_toml_table_new(p, LM_TOML_TABLE_DOTTED, out->place, depth, &table) < 0)
		return -1;
	p->at++;
	lm_toml_spaces(p);
	while (!lm_toml_next_is(p, '}')) {
		if (lm_toml_at_newline(p))
			return fail_inline(p, "a key");
		if (lm_toml_key_value(p, table) < 0)
			return -1;
		lm_toml_spaces(p);
		if (lm_toml_next_is(p, '}'))
			break;
		if (!lm_toml_next_is(p, ','))
			return fail_inline(p, "',' or '}'");
		p->at++;
		lm_toml_spaces(p);
		if (lm_toml_next_is(p, '}'))
			return lm_toml_fail(p, "a comma is not allowed after the last value of an inline table");
	}
	p->at++;
	*out = lm_toml_table_freeze(p, table);
	return 0;
}

int
lm_toml_value(struct lm_toml_parser *p, uint32_t depth, const char *after, struct lm_toml *out)
{
	char first = p->at < p->end ? *p->at : '\0';
	*out = (struct lm_toml){ .place = lm_toml_here(p) };
	if (++p->values > LM_TOML_MAX_VALUES)
		return lm_toml_fail_limit(p, "values", LM_TOML_MAX_VALUES);
	if (first == '[' || first == '{') {
		if (++depth > LM_TOML_MAX_DEPTH)
			return lm_toml_fail_limit(p, "levels of arrays and tables", LM_TOML_MAX_DEPTH);
		return first == '[' ? array(p, depth, out) : inline_table(p, depth, out);
	}
	if (first == '"' || first == '\'') {
		out->type = LM_TOML_STRING;
		return lm_toml_string(p, false, &out->string);
	}
	return scalar(p, after, out);
}

int
lm_toml_key_value(struct lm_toml_parser *p, struct lm_toml_table *table)
{
	if (lm_toml_key(p) < 0)
		return -1;
	if (!lm_toml_next_is(p, '=')) {
		struct lm_toml_found found = lm_toml_found(p);
		return lm_toml_fail(
			p, "expected '=' after the key '%s', found %s", lm_toml_show_key(p, p->part_count), found.text);
	}
	p->at++;
	if (lm_toml_table_for_key(p, table, &table) < 0)
		return -1;
	lm_toml_spaces(p);
	struct lm_toml_part key = p->parts[p->part_count - 1]; // an inline table overwrites p->parts
	struct lm_toml value;
	if (lm_toml_value(p, table->depth, "'='", &value) < 0)
		return -1;
	lm_toml_table_add(p, table, key, value);
	return 0;
}
