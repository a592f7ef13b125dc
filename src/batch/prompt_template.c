// Templates: text with fields in braces.
#include "batch/prompt_parts.h"

#include <string.h>

enum { LM_TEMPLATE_DEPTH_MAX = 2 }; // a specification may hold fields, theirs may not

struct parser {
	struct lm_arena *arena;
	struct lm_columns *columns;
	struct lm_str text; // the whole template, for places
	unsigned depth;
	struct lm_err *err;
};

static int
fail_at(const struct parser *p, const char *at, const char *what)
{
	struct lm_str before = { p->text.ptr, (size_t)(at - p->text.ptr) };
	return lm_err_set(p->err, LM_E_USAGE, "column %zu: %s", lm_text_count(before) + 1, what);
}

size_t
lm_text_count(struct lm_str text)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
	return count;
}

int
lm_columns_add(struct lm_arena *arena, struct lm_columns *columns, struct lm_str name, size_t *at, struct lm_err *err)
{
	for (size_t i = 0; i < columns->count; i++) {
		if (!lm_str_equal(name, lm_str_of(columns->names[i])))
			continue;
		*at = i;
		return 0;
	}
	if (columns->count == LM_PROMPT_COLUMNS_MAX)
		return lm_err_set(err, LM_E_LIMIT, "more than %d different fields", LM_PROMPT_COLUMNS_MAX);
	if (columns->names == nullptr)
		columns->names = lm_arena_alloc(arena, (LM_PROMPT_COLUMNS_MAX + 1) * sizeof *columns->names);
	*at = columns->count;
	columns->names[columns->count++] = lm_arena_strndup(arena, name.ptr, name.len);
	return 0;
}

static bool
is_number(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

// One "[...]" at the beginning of `rest`.
static int
parse_step(const struct parser *p, struct lm_str *rest, struct lm_template_step *step)
{
	if (rest->ptr[0] == '.')
		return fail_at(p, rest->ptr, "values have no attributes (the part of an object is '{a[b]}')");
	if (rest->ptr[0] != '[')
		return fail_at(p, rest->ptr, "expected '[' after ']'");
	size_t end = lm_str_find(*rest, ']');
	if (end == rest->len)
		return fail_at(p, rest->ptr, "'[' is not closed");
	step->name = (struct lm_str){ rest->ptr + 1, end - 1 };
	if (step->name.len == 0)
		return fail_at(p, rest->ptr, "nothing between '[' and ']'");
	step->is_index = is_number(step->name);
	if (step->is_index && !lm_parse_u64(step->name, INT64_MAX, &step->index))
		return fail_at(p, rest->ptr, "index is too large");
	*rest = (struct lm_str){ rest->ptr + end + 1, rest->len - end - 1 };
	return 0;
}

static int
parse_name(const struct parser *p, struct lm_str text, struct lm_template_field *field)
{
	size_t len = 0, brackets = 0;
	while (len < text.len && text.ptr[len] != '[' && text.ptr[len] != '.')
		len++;
	struct lm_str name = { text.ptr, len }, rest = { text.ptr + len, text.len - len };
	if (len == 0)
		return fail_at(p, text.ptr, "a field without a name");
	if (is_number(name))
		return fail_at(p, text.ptr, "a field by number: rows have names only");
	if (memchr(name.ptr, '\0', name.len) != nullptr)
		return fail_at(p, text.ptr, "NUL in a name");
	if (lm_columns_add(p->arena, p->columns, name, &field->column, p->err) < 0)
		return -1;
	for (size_t i = 0; i < rest.len; i++)
		brackets += rest.ptr[i] == '[';
	field->text = text;
	field->steps = lm_arena_alloc(p->arena, (brackets + 1) * sizeof *field->steps);
	while (rest.len > 0)
		if (parse_step(p, &rest, &field->steps[field->step_count++]) < 0)
			return -1;
	return 0;
}

static int parse(const struct parser *p, struct lm_str text, struct lm_template **out);

// A specification that no value could have is told now, not row by row.
static int
check_spec(const struct parser *p, struct lm_str spec)
{
	struct lm_format_spec parsed;
	struct lm_err err = {};
	for (enum lm_format_kind kind = LM_FORMAT_TEXT; kind <= LM_FORMAT_FLOAT; kind++)
		if (lm_format_parse(spec, kind, &parsed, &err) == 0)
			return 0;
	return fail_at(p, spec.ptr, err.text);
}

// From behind ':' over the closing brace.
static int
parse_spec(const struct parser *p, struct lm_str *rest, const char *open, struct lm_template_field *field)
{
	size_t depth = 1;
	for (size_t i = 0; i < rest->len; i++) {
		depth += rest->ptr[i] == '{';
		depth -= rest->ptr[i] == '}';
		if (depth > 0)
			continue;
		field->spec = (struct lm_str){ rest->ptr, i };
		*rest = (struct lm_str){ rest->ptr + i + 1, rest->len - i - 1 };
		if (lm_str_find(field->spec, '{') == field->spec.len)
			return field->spec.len == 0 ? 0 : check_spec(p, field->spec);
		struct parser inner = *p;
		inner.depth++;
		if (inner.depth == LM_TEMPLATE_DEPTH_MAX)
			return fail_at(p, field->spec.ptr, "fields within each other, more than twice");
		return parse(&inner, field->spec, &field->nested);
	}
	return fail_at(p, open, "'{' is not closed");
}

static bool
is_name_end(char c)
{
	return c == '}' || c == ':' || c == '!';
}

// From behind '{' over the closing brace.
static int
parse_field(const struct parser *p, struct lm_str *rest, struct lm_template_field *field)
{
	const char *open = rest->ptr - 1;
	size_t at = 0;
	while (at < rest->len && !is_name_end(rest->ptr[at])) {
		if (rest->ptr[at] == '{')
			return fail_at(p, rest->ptr + at, "'{' in the name of a field");
		if (rest->ptr[at] == '[')
			while (at < rest->len && rest->ptr[at] != ']')
				at++;
		at += at < rest->len;
	}
	if (at == rest->len)
		return fail_at(p, open, "'{' is not closed (a brace as such is '{{')");
	struct lm_str name = { rest->ptr, at };
	char end = rest->ptr[at];
	*rest = (struct lm_str){ rest->ptr + at + 1, rest->len - at - 1 };
	if (parse_name(p, name, field) < 0)
		return -1;
	if (end == '!') {
		if (rest->len < 2)
			return fail_at(p, open, "'{' is not closed");
		field->conversion = rest->ptr[0];
		end = rest->ptr[1];
		if (strchr("rsa", field->conversion) == nullptr || field->conversion == '\0')
			return fail_at(p, rest->ptr, "conversion is none of !r, !s and !a");
		if (end != '}' && end != ':')
			return fail_at(p, rest->ptr + 1, "expected ':' or '}' after a conversion");
		*rest = (struct lm_str){ rest->ptr + 2, rest->len - 2 };
	}
	return end == ':' ? parse_spec(p, rest, open, field) : 0;
}

// Text up to a field or the end; doubled braces end a part as well.
static int
parse_part(const struct parser *p, struct lm_str *rest, struct lm_template_part *part)
{
	size_t at = 0;
	while (at < rest->len && rest->ptr[at] != '{' && rest->ptr[at] != '}')
		at++;
	part->text = (struct lm_str){ rest->ptr, at };
	const char *brace = rest->ptr + at;
	size_t left = rest->len - at;
	if (left == 0) {
		*rest = (struct lm_str){ brace, 0 };
		return 0;
	}
	if (left > 1 && brace[1] == brace[0]) {
		part->text.len++;
		*rest = (struct lm_str){ brace + 2, left - 2 };
		return 0;
	}
	if (brace[0] == '}')
		return fail_at(p, brace, "single '}' (a brace as such is '}}')");
	if (left == 1)
		return fail_at(p, brace, "single '{' (a brace as such is '{{')");
	*rest = (struct lm_str){ brace + 1, left - 1 };
	part->field = lm_arena_alloc(p->arena, sizeof *part->field);
	return parse_field(p, rest, part->field);
}

static int
parse(const struct parser *p, struct lm_str text, struct lm_template **out)
{
	struct lm_template *template = lm_arena_alloc(p->arena, sizeof *template);
	size_t braces = 1;
	for (size_t i = 0; i < text.len; i++)
		braces += text.ptr[i] == '{' || text.ptr[i] == '}';
	template->parts = lm_arena_alloc(p->arena, braces * sizeof *template->parts);
	while (text.len > 0)
		if (parse_part(p, &text, &template->parts[template->count++]) < 0)
			return -1;
	*out = template;
	return 0;
}

int
lm_template_parse(
	struct lm_arena *arena, struct lm_str text, struct lm_columns *columns, struct lm_template **out, struct lm_err *err)
{
	char *copy = lm_arena_strndup(arena, text.ptr, text.len);
	struct parser p = { .arena = arena, .columns = columns, .text = { copy, text.len }, .err = err };
	return parse(&p, p.text, out);
}
