#include "text/toml_parser.h"

#include <string.h>
#include <utf8proc.h>

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

// The digits after \u or \U.
static int
code_point(struct lm_toml_parser *p, struct lm_toml_place place, char letter, int digits)
{
	uint32_t value = 0;
	for (int i = 0; i < digits; i++, p->at++) {
		int digit = p->at < p->end ? hex_value(*p->at) : -1;
		if (digit < 0)
			return lm_toml_fail_at(p, place, "'\\%c' needs %d hexadecimal digits", letter, digits);
		value = value << 4 | (uint32_t)digit;
	}
	if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
		return lm_toml_fail_at(p, place, "U+%04X is not a Unicode scalar value", value);
	utf8proc_uint8_t bytes[4];
	lm_buf_append(&p->text, bytes, (size_t)utf8proc_encode_char((utf8proc_int32_t)value, bytes));
	return 0;
}

// A backslash at the end of a line swallows the line end and all white space after it.
static int
line_continuation(struct lm_toml_parser *p)
{
	lm_toml_spaces(p);
	if (!lm_toml_newline(p))
		return lm_toml_fail(p, "expected the end of the line after '\\', found %s", lm_toml_found(p).text);
	do
		lm_toml_spaces(p);
	while (lm_toml_newline(p));
	return 0;
}

// At a backslash.
static int
escape(struct lm_toml_parser *p, bool multi_line)
{
	static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	struct lm_toml_place place = lm_toml_here(p);
	p->at++;
	if (multi_line && (lm_toml_next_is(p, ' ') || lm_toml_next_is(p, '\t') || lm_toml_at_newline(p)))
		return line_continuation(p);
	if (p->at == p->end || lm_toml_is_control(*p->at))
		return lm_toml_fail_at(p, place, "incomplete escape: '\\' before %s", lm_toml_found(p).text);
	char c = *p->at;
	const char *letter = strchr(letters, c);
	struct lm_toml_found found = lm_toml_found(p);
	p->at++;
	if (c == 'u')
		return code_point(p, place, c, 4);
	if (c == 'U')
		return code_point(p, place, c, 8);
	if (letter == nullptr)
		return lm_toml_fail_at(p, place, "unknown escape: '\\' before %s", found.text);
	lm_buf_byte(&p->text, meanings[letter - letters]);
	return 0;
}

// What was collected in p->text, and the run up to `end`, as one string of the document.
static struct lm_str
finish(struct lm_toml_parser *p, const char *run, const char *end)
{
	size_t run_len = (size_t)(end - run), len = p->text.len + run_len;
	char *copy = lm_arena_alloc(p->arena, len + 1);
	if (p->text.len > 0)
		memcpy(copy, p->text.ptr, p->text.len);
	if (run_len > 0)
		memcpy(copy + p->text.len, run, run_len);
	return (struct lm_str){ copy, len };
}

static int
single_line(struct lm_toml_parser *p, struct lm_str *out)
{
	char quote = *p->at;
	const char *kind = quote == '"' ? "basic" : "literal";
	struct lm_toml_place open = lm_toml_here(p);
	const char *run = ++p->at;
	for (;;) {
		if (p->at == p->end)
			return lm_toml_fail_at(p, open, "this %s string is not closed", kind);
		if (*p->at == quote)
			break;
		if (lm_toml_at_newline(p))
			return lm_toml_fail(p, "a newline is not allowed in a %s string", kind);
		if (lm_toml_is_control(*p->at))
			return lm_toml_fail(p, "%s is not allowed in a %s string", lm_toml_found(p).text, kind);
		if (*p->at == '\\' && quote == '"') {
			lm_buf_append(&p->text, run, (size_t)(p->at - run));
			if (escape(p, false) < 0)
				return -1;
			run = p->at;
		} else {
			p->at++;
		}
	}
	*out = finish(p, run, p->at);
	p->at++;
	return 0;
}

static size_t
count_quotes(const struct lm_toml_parser *p, char quote)
{
	size_t count = 0;
	while (count < 5 && p->at + count < p->end && p->at[count] == quote)
		count++;
	return count;
}

static int
multi_line(struct lm_toml_parser *p, struct lm_str *out)
{
	char quote = *p->at;
	const char *kind = quote == '"' ? "basic" : "literal";
	struct lm_toml_place open = lm_toml_here(p);
	p->at += 3;
	(void)lm_toml_newline(p); // one right after the quotes is not part of the string
	const char *run = p->at;
	for (;;) {
		if (p->at == p->end)
			return lm_toml_fail_at(p, open, "this multi-line %s string is not closed", kind);
		if (*p->at == quote) {
			size_t quotes = count_quotes(p, quote); // the last three of up to five close
			p->at += quotes;
			if (quotes < 3)
				continue;
			*out = finish(p, run, p->at - 3);
			return 0;
		}
		if (lm_toml_at_newline(p)) { // CR LF becomes LF: the value does not depend on the checkout
			lm_buf_append(&p->text, run, (size_t)(p->at - run));
			(void)lm_toml_newline(p);
			run = p->at - 1;
		} else if (lm_toml_is_control(*p->at)) {
			return lm_toml_fail(p, "%s is not allowed in a multi-line %s string", lm_toml_found(p).text, kind);
		} else if (*p->at == '\\' && quote == '"') {
			lm_buf_append(&p->text, run, (size_t)(p->at - run));
			if (escape(p, true) < 0)
				return -1;
			run = p->at;
		} else {
			p->at++;
		}
	}
}

int
lm_toml_string(struct lm_toml_parser *p, bool is_key, struct lm_str *out)
{
	lm_buf_clear(&p->text);
	if (count_quotes(p, *p->at) < 3)
		return single_line(p, out);
	if (is_key)
		return lm_toml_fail(p, "a multi-line string is not allowed as a key");
	return multi_line(p, out);
}

static bool
is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int
key_part(struct lm_toml_parser *p, struct lm_str *out)
{
	if (lm_toml_next_is(p, '"') || lm_toml_next_is(p, '\''))
		return lm_toml_string(p, true, out);
	const char *start = p->at;
	while (p->at < p->end && is_bare(*p->at))
		p->at++;
	if (p->at < p->end && (unsigned char)*p->at >= 0x80)
		return lm_toml_fail(p, "%s is not allowed in a key without quotes", lm_toml_found(p).text);
	if (p->at == start)
		return lm_toml_fail(p, "expected a key, found %s", lm_toml_found(p).text);
	size_t len = (size_t)(p->at - start);
	*out = (struct lm_str){ lm_arena_strndup(p->arena, start, len), len };
	return 0;
}

int
lm_toml_key(struct lm_toml_parser *p)
{
	p->part_count = 0;
	for (;;) {
		if (p->part_count == LM_TOML_MAX_DEPTH)
			return lm_toml_fail_limit(p, "parts in a key", LM_TOML_MAX_DEPTH);
		struct lm_toml_part *part = &p->parts[p->part_count++];
		part->place = lm_toml_here(p);
		if (key_part(p, &part->text) < 0)
			return -1;
		lm_toml_spaces(p);
		if (!lm_toml_next_is(p, '.'))
			return 0;
		p->at++;
		lm_toml_spaces(p);
	}
}

const char *
lm_toml_show_key(struct lm_toml_parser *p, size_t count)
{
	enum { SHOWN_BYTES = 200 };
	lm_buf_clear(&p->text);
	for (size_t i = 0; i < count && p->text.len <= SHOWN_BYTES; i++) {
		if (i > 0)
			lm_buf_byte(&p->text, '.');
		lm_toml_write_key(&p->text, p->parts[i].text);
	}
	if (p->text.len > SHOWN_BYTES) {
		size_t len = SHOWN_BYTES;
		while (((unsigned char)p->text.ptr[len] & 0xC0) == 0x80)
			len--;
		p->text.len = len;
		lm_buf_text(&p->text, "...");
	}
	return lm_buf_cstr(&p->text);
}
