#include "text/toml_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

struct lm_toml_place
lm_toml_here(struct lm_toml_parser *p)
{
	for (; p->mark < p->at; p->mark++)
		if (((unsigned char)*p->mark & 0xC0) != 0x80)
			p->mark_column++;
	return (struct lm_toml_place){ p->line, p->mark_column };
}

static int
fail_va(struct lm_toml_parser *p, struct lm_toml_place place, const char *format, va_list args)
{
	p->fault = place;
	char text[LM_ERR_TEXT_MAX];
	(void)vsnprintf(text, sizeof text, format, args);
	return lm_err_set(p->err, LM_E_SYNTAX, "%s", text);
}

int
lm_toml_fail_at(struct lm_toml_parser *p, struct lm_toml_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fail_va(p, place, format, args);
	va_end(args);
	return -1;
}

int
lm_toml_fail(struct lm_toml_parser *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)fail_va(p, lm_toml_here(p), format, args);
	va_end(args);
	return -1;
}

int
lm_toml_fail_limit(struct lm_toml_parser *p, const char *what, size_t limit)
{
	p->fault = lm_toml_here(p);
	return lm_err_set(p->err, LM_E_LIMIT, "more than %zu %s", limit, what);
}

bool
lm_toml_is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

static size_t
sequence_length(char first)
{
	unsigned char c = (unsigned char)first;
	return c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

// Characters that a message cannot show: marks, spaces, directions.
static bool
is_invisible(utf8proc_int32_t point)
{
	utf8proc_category_t category = utf8proc_category(point);
	return point > 0x7F && (category == UTF8PROC_CATEGORY_CN || category >= UTF8PROC_CATEGORY_ZS);
}

struct lm_toml_found
lm_toml_found(const struct lm_toml_parser *p)
{
	struct lm_toml_found found = {};
	utf8proc_int32_t point = 0;
	if (p->at < p->end)
		(void)utf8proc_iterate((const utf8proc_uint8_t *)p->at, p->end - p->at, &point);
	if (p->at == p->end)
		(void)snprintf(found.text, sizeof found.text, "the end of the file");
	else if (lm_toml_at_newline(p))
		(void)snprintf(found.text, sizeof found.text, "the end of the line");
	else if (*p->at == '\t')
		(void)snprintf(found.text, sizeof found.text, "a tab");
	else if (lm_toml_is_control(*p->at))
		(void)snprintf(found.text, sizeof found.text, "control character U+%04X", (unsigned)point);
	else if (is_invisible(point))
		(void)snprintf(found.text, sizeof found.text, "character U+%04X", (unsigned)point);
	else
		(void)snprintf(found.text, sizeof found.text, "'%.*s'", (int)sequence_length(*p->at), p->at);
	return found;
}

// Leaves the parser where it was, or at the first bad byte.
int
lm_toml_check_utf8(struct lm_toml_parser *p)
{
	if (lm_utf8_valid((struct lm_str){ p->at, (size_t)(p->end - p->at) }))
		return 0;
	while (p->at < p->end) {
		size_t len = sequence_length(*p->at);
		if ((size_t)(p->end - p->at) < len || !lm_utf8_valid((struct lm_str){ p->at, len }))
			break;
		if (!lm_toml_newline(p))
			p->at += len;
	}
	return lm_toml_fail(p, "byte 0x%02X is not valid UTF-8", (unsigned)(unsigned char)*p->at);
}

bool
lm_toml_next_is(const struct lm_toml_parser *p, char c)
{
	return p->at < p->end && *p->at == c;
}

bool
lm_toml_at_newline(const struct lm_toml_parser *p)
{
	return lm_toml_next_is(p, '\n') || (p->end - p->at >= 2 && p->at[0] == '\r' && p->at[1] == '\n');
}

bool
lm_toml_newline(struct lm_toml_parser *p)
{
	if (!lm_toml_at_newline(p))
		return false;
	p->at += *p->at == '\r' ? 2 : 1;
	p->line++;
	p->mark = p->at;
	p->mark_column = 1;
	return true;
}

void
lm_toml_spaces(struct lm_toml_parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
}

int
lm_toml_comment(struct lm_toml_parser *p)
{
	if (!lm_toml_next_is(p, '#'))
		return 0;
	while (p->at < p->end && !lm_toml_at_newline(p)) {
		if (lm_toml_is_control(*p->at))
			return lm_toml_fail(p, "%s is not allowed in a comment", lm_toml_found(p).text);
		p->at++;
	}
	return 0;
}

int
lm_toml_blank(struct lm_toml_parser *p)
{
	do {
		lm_toml_spaces(p);
		if (lm_toml_comment(p) < 0)
			return -1;
	} while (lm_toml_newline(p));
	return 0;
}
