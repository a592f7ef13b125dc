#include "python/requirement.h"

#include "python/reader.h"
#include "python/specifier.h"

#include <string.h>

void
lm_name_normalize(struct lm_str name, struct lm_buf *out)
{
	bool dash = false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool separator = c == '-' || c == '_' || c == '.';
		if (!separator)
			lm_buf_byte(out, lm_lower(c));
		else if (!dash)
			lm_buf_byte(out, '-');
		dash = separator;
	}
}

static bool
is_name_byte(char c)
{
	return lm_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

bool
lm_name_valid(struct lm_str name)
{
	if (name.len == 0 || !lm_is_alnum(name.ptr[0]) || !lm_is_alnum(name.ptr[name.len - 1]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_byte(name.ptr[i]))
			return false;
	return true;
}

// A name, normalised into the arena. `what` for the message: "package name".
static int
read_name(struct lm_reader *reader, const char *what, char **out)
{
	struct lm_scan *scan = &reader->scan;
	size_t start = scan->at;
	if (!lm_is_alnum(lm_scan_peek(scan, 0)))
		return lm_reader_fail(reader, start, "expected a %s, found %s", what, lm_reader_found(reader, start));
	while (is_name_byte(lm_scan_peek(scan, 0)))
		scan->at++;
	struct lm_str name = lm_scan_since(scan, start);
	if (!lm_name_valid(name))
		return lm_reader_fail(
			reader, start, "a %s ends with a letter or digit, '%.*s' does not", what, LM_STR_ARG(name));
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_name_normalize(name, &text);
	*out = lm_arena_strndup(reader->arena, text.ptr, text.len);
	return 0;
}

// Sorted, without doubles, joined by commas.
static char *
join_extras(struct lm_strings *extras, struct lm_arena *arena)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_strings_sort(extras);
	for (size_t i = 0; i < extras->count; i++) {
		if (i > 0 && lm_cstr_equal(extras->items[i], extras->items[i - 1]))
			continue;
		lm_buf_format(&text, "%s%s", i > 0 ? "," : "", extras->items[i]);
	}
	return text.len == 0 ? nullptr : lm_arena_strndup(arena, text.ptr, text.len);
}

static int
read_extras(struct lm_reader *reader, char **out)
{
	LM_AUTO(lm_strings_release) struct lm_strings extras = {};
	struct lm_scan *scan = &reader->scan;
	size_t open = scan->at;

	if (!lm_scan_byte(scan, '['))
		return 0;
	lm_scan_blanks(scan);
	while (lm_scan_peek(scan, 0) != ']') {
		char *extra = nullptr;
		if (read_name(reader, "name of an extra", &extra) < 0)
			return -1;
		lm_strings_add(&extras, extra);
		lm_scan_blanks(scan);
		if (lm_scan_peek(scan, 0) == ']')
			break;
		if (lm_scan_end(scan))
			return lm_reader_fail(reader, open, "'[' is never closed");
		if (!lm_scan_byte(scan, ','))
			return lm_reader_fail(reader, scan->at, "expected ',' or ']' after an extra, found %s",
				lm_reader_found(reader, scan->at));
		lm_scan_blanks(scan);
		if (lm_scan_peek(scan, 0) == ']')
			return lm_reader_fail(reader, scan->at, "expected the name of an extra after ',', found ']'");
	}
	scan->at++;
	*out = join_extras(&extras, reader->arena);
	return 0;
}

// One clause, appended to `out` without spaces.
static int
read_clause(struct lm_reader *reader, struct lm_buf *out)
{
	struct lm_scan *scan = &reader->scan;
	struct lm_specifier clause;
	size_t start = scan->at;

	enum lm_operator operator= lm_operator_scan(scan);
	lm_scan_blanks(scan);
	size_t version_start = scan->at;
	while (!lm_scan_end(scan) && strchr(" \t,;)", lm_scan_peek(scan, 0)) == nullptr)
		scan->at++;
	struct lm_str version = lm_scan_since(scan, version_start);
	if (lm_specifier_parse(operator, version, &clause, reader->err) < 0) {
		char *reason = lm_arena_strdup(reader->arena, reader->err->text);
		return lm_reader_fail(reader, start, "%s", reason);
	}
	lm_buf_text(out, lm_operator_text(operator));
	lm_buf_str(out, version);
	return 0;
}

static bool
at_operator(const struct lm_reader *reader)
{
	struct lm_scan ahead = reader->scan;
	return lm_operator_scan(&ahead) != LM_OPERATOR_NONE;
}

static int
read_specifiers(struct lm_reader *reader, char **out)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_scan *scan = &reader->scan;
	size_t open = scan->at;
	bool parentheses = lm_scan_byte(scan, '(');

	lm_scan_blanks(scan);
	while (at_operator(reader)) {
		if (text.len > 0)
			lm_buf_byte(&text, ',');
		if (read_clause(reader, &text) < 0)
			return -1;
		lm_scan_blanks(scan);
		if (!lm_scan_byte(scan, ','))
			break;
		lm_scan_blanks(scan);
	}
	if (parentheses && lm_scan_end(scan))
		return lm_reader_fail(reader, open, "'(' is never closed");
	if (parentheses && !lm_scan_byte(scan, ')'))
		return lm_reader_fail(
			reader, scan->at, "expected a version specifier or ')', found %s", lm_reader_found(reader, scan->at));
	*out = lm_arena_strndup(reader->arena, lm_buf_cstr(&text), text.len);
	return 0;
}

static int
read_url(struct lm_reader *reader, char **out)
{
	struct lm_scan *scan = &reader->scan;
	lm_scan_blanks(scan);
	size_t start = scan->at;
	while (!lm_scan_end(scan) && strchr(" \t", lm_scan_peek(scan, 0)) == nullptr)
		scan->at++;
	struct lm_str url = lm_scan_since(scan, start);
	if (url.len == 0)
		return lm_reader_fail(reader, start, "expected a URL after '@', found the end");
	*out = lm_arena_strndup(reader->arena, url.ptr, url.len);
	return 0;
}

static int
read_marker(struct lm_reader *reader, struct lm_requirement *out)
{
	struct lm_scan *scan = &reader->scan;
	lm_scan_blanks(scan);
	if (lm_scan_end(scan))
		return 0;
	if (!lm_scan_byte(scan, ';'))
		return lm_reader_fail(reader, scan->at, "expected %s or the end, found %s",
			out->url != nullptr                  ? "';' after the URL and a blank"
				: out->specifiers[0] != '\0' ? "',' or ';' after a version specifier"
							     : "a version specifier, '@', ';'",
			lm_reader_found(reader, scan->at));
	if (lm_reader_marker(reader, &out->marker) < 0)
		return -1;
	if (!lm_scan_end(scan))
		return lm_reader_fail(reader, scan->at, "expected 'and', 'or' or the end of the marker, found %s",
			lm_reader_found(reader, scan->at));
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_marker_format(out->marker, &text);
	out->marker_text = lm_arena_strndup(reader->arena, lm_buf_cstr(&text), text.len);
	return 0;
}

int
lm_requirement_parse(struct lm_str text, struct lm_arena *arena, struct lm_requirement *out, struct lm_err *err)
{
	struct lm_reader reader;
	struct lm_scan *scan = &reader.scan;

	*out = (struct lm_requirement){};
	if (lm_reader_init(&reader, text, arena, err) < 0)
		return -1;
	lm_scan_blanks(scan);
	if (read_name(&reader, "package name", &out->name) < 0)
		return -1;
	lm_scan_blanks(scan);
	if (read_extras(&reader, &out->extras) < 0)
		return -1;
	lm_scan_blanks(scan);
	if (lm_scan_byte(scan, '@')) {
		out->specifiers = lm_arena_strdup(arena, "");
		if (read_url(&reader, &out->url) < 0)
			return -1;
	} else if (read_specifiers(&reader, &out->specifiers) < 0) {
		return -1;
	}
	return read_marker(&reader, out);
}

void
lm_requirement_format(const struct lm_requirement *requirement, struct lm_buf *out)
{
	lm_buf_text(out, requirement->name);
	if (requirement->extras != nullptr)
		lm_buf_format(out, "[%s]", requirement->extras);
	lm_buf_text(out, requirement->specifiers);
	if (requirement->url != nullptr)
		lm_buf_format(out, " @ %s", requirement->url);
	if (requirement->marker_text != nullptr)
		lm_buf_format(out, "%s; %s", requirement->url != nullptr ? " " : "", requirement->marker_text);
}
