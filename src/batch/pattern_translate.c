// From ECMA-262 (22.2, with the flag u) to PCRE2: one pass, character by character. All that is not a letter or digit is written as
// its number, so that nothing can mean something else there.
#include "batch/pattern.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	LM_PATTERN_MAX_BYTES = 16 << 10,
	LM_PATTERN_DEPTH_MAX = 100,
	LM_REPEAT_MAX = 65535, // PCRE2's
	LM_UNICODE_MAX = 0x10FFFF,
};

// Within brackets: white space and line ends of ECMA-262. What PCRE2 calls so is ASCII's, or has U+0085 and U+180E in it.
#define SPACES "\\p{Z}\\x{9}-\\x{d}\\x{feff}"

struct walk {
	const char *begin, *at, *end;
	struct lm_buf *out;
	struct lm_err *err;
	bool repeatable; // a '*' may follow
	bool not_space; // "\S" is in the class that is being read
	size_t depth;
	bool looks[LM_PATTERN_DEPTH_MAX]; // is that group a look around, which is not repeatable
};

static int fail(const struct walk *w, const char *at, const char *format, ...) LM_PRINTF(3, 4);

static int
fail(const struct walk *w, const char *at, const char *format, ...)
{
	char text[200];
	size_t number = 1;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (const char *p = w->begin; p < at; p++)
		number += ((unsigned char)*p & 0xC0) != 0x80;
	return lm_err_set(w->err, LM_E_USAGE, "character %zu: %s", number, text);
}

static char
peek(const struct walk *w, size_t ahead)
{
	return (size_t)(w->end - w->at) > ahead ? w->at[ahead] : '\0';
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Bytes of the character at w->at; the text is valid UTF-8.
static size_t
char_length(const struct walk *w)
{
	size_t len = 1;
	while (w->at + len < w->end && ((unsigned char)w->at[len] & 0xC0) == 0x80)
		len++;
	return len;
}

static uint32_t
take_char(struct walk *w)
{
	size_t len = char_length(w);
	uint32_t c = (unsigned char)w->at[0];
	if (len > 1)
		c &= 0x7FU >> len;
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)w->at[i] & 0x3F);
	w->at += len;
	return c;
}

static void
put_char(struct walk *w, uint32_t c)
{
	if (c < 0x80 && is_alnum((char)c))
		lm_buf_byte(w->out, (char)c);
	else
		lm_buf_format(w->out, "\\x{%" PRIx32 "}", c);
}

// ---- escapes

// `count` hexadecimal digits at w->at + skip.
static bool
hex(const struct walk *w, size_t skip, size_t count, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < count; i++) {
		char c = peek(w, skip + i);
		int digit = is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
		if (digit < 0)
			return false;
		*out = *out * 16 + (uint32_t)digit;
	}
	return true;
}

// \u{1F600}
static int
braced(struct walk *w, const char *begin, uint32_t *out)
{
	size_t digits = 0;
	while (peek(w, 3 + digits) != '}' && digits < 8)
		digits++;
	if (digits == 0 || digits == 8 || !hex(w, 3, digits, out) || *out > LM_UNICODE_MAX)
		return fail(w, begin, "'\\u{' without the number of a character");
	w->at += 4 + digits;
	return 0;
}

// \u1234, \uD83D\uDE00
static int
unicode(struct walk *w, uint32_t *out)
{
	const char *begin = w->at;
	uint32_t low = 0;
	if (peek(w, 2) == '{') {
		if (braced(w, begin, out) < 0)
			return -1;
	} else if (hex(w, 2, 4, out)) {
		w->at += 6;
	} else {
		return fail(w, begin, "'\\u' without four hexadecimal digits");
	}
	if (*out < 0xD800 || *out > 0xDFFF)
		return 0;
	if (*out > 0xDBFF || peek(w, 0) != '\\' || peek(w, 1) != 'u' || !hex(w, 2, 4, &low) || low < 0xDC00 || low > 0xDFFF)
		return fail(w, begin, "half of a surrogate pair");
	*out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
	w->at += 6;
	return 0;
}

// An escape that is one character.
static int
escaped_char(struct walk *w, uint32_t *out)
{
	static const char names[] = "tnvfr";
	static const char values[] = "\t\n\v\f\r";
	const char *begin = w->at;
	char c = peek(w, 1);
	const char *named = c == '\0' ? nullptr : strchr(names, c);
	if (w->end - w->at < 2)
		return fail(w, begin, "'\\' at the end");
	if (c == 'u')
		return unicode(w, out);
	if (c == 'x') {
		if (!hex(w, 2, 2, out))
			return fail(w, begin, "'\\x' without two hexadecimal digits");
		w->at += 4;
		return 0;
	}
	if (c == 'c' && is_alnum(peek(w, 2)) && !is_digit(peek(w, 2))) {
		*out = (uint32_t)peek(w, 2) & 0x1F;
		w->at += 3;
		return 0;
	}
	if (named != nullptr)
		*out = (uint32_t)values[named - names];
	else if (c == '0' && !is_digit(peek(w, 2)))
		*out = 0;
	else if (c == 'k' || (is_digit(c) && c != '0'))
		return fail(w, begin, "back references are not supported");
	else if (c >= ' ' && c < 0x7F && !is_alnum(c))
		*out = (uint32_t)c;
	else if (c > ' ' && c < 0x7F)
		return fail(w, begin, "'\\%c' is no escape of ECMA-262", c);
	else
		return fail(w, begin, "a '\\' before a character that needs none");
	w->at += 2;
	return 0;
}

// \p{Script=Greek}, \P{Lu}
static int
property(struct walk *w)
{
	const char *begin = w->at;
	size_t len = 0;
	while (is_alnum(peek(w, 3 + len)) || peek(w, 3 + len) == '_' || peek(w, 3 + len) == '=')
		len++;
	if (peek(w, 2) != '{' || len == 0 || peek(w, 3 + len) != '}')
		return fail(w, begin, "'\\%c' without a property in braces", w->at[1]);
	lm_buf_append(w->out, begin, len + 4);
	w->at += len + 4;
	return 0;
}

// Sets of characters. 1: it was one, 0: it is none, -1.
static int
set(struct walk *w, bool in_class)
{
	char c = peek(w, 1);
	switch (c) {
	case 'd':
	case 'D':
	case 'w':
	case 'W':
		lm_buf_append(w->out, w->at, 2);
		break;
	case 's':
		lm_buf_text(w->out, in_class ? SPACES : "[" SPACES "]");
		break;
	case 'S':
		w->not_space = in_class;
		lm_buf_text(w->out, in_class ? "" : "[^" SPACES "]");
		break;
	case 'p':
	case 'P':
		return property(w) < 0 ? -1 : 1;
	default:
		return 0;
	}
	w->at += 2;
	return 1;
}

// ---- brackets

// A character of a class (1), or a set of them (0), which is written at once.
static int
class_atom(struct walk *w, uint32_t *c)
{
	if (*w->at != '\\') {
		*c = take_char(w);
		return 1;
	}
	if (peek(w, 1) == 'b') {
		*c = '\b';
		w->at += 2;
		return 1;
	}
	int rc = set(w, true);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return escaped_char(w, c) < 0 ? -1 : 1;
}

static int
class_range(struct walk *w, const char *begin, uint32_t low)
{
	uint32_t high = 0;
	w->at++; // '-'
	int rc = class_atom(w, &high);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return fail(w, begin, "a range to a set of characters: write '\\-' for the character");
	if (high < low)
		return fail(w, begin, "a range whose end is before its beginning");
	put_char(w, low);
	lm_buf_byte(w->out, '-');
	put_char(w, high);
	return 0;
}

// Up to the closing bracket, or the end.
static int
class_members(struct walk *w)
{
	while (w->at < w->end && *w->at != ']') {
		const char *begin = w->at;
		uint32_t c = 0;
		int rc = class_atom(w, &c);
		if (rc < 0)
			return -1;
		bool range = peek(w, 0) == '-' && w->end - w->at > 1 && peek(w, 1) != ']';
		if (rc == 0 && range)
			return fail(w, begin, "a range from a set of characters: write '\\-' for the character");
		if (range && class_range(w, begin, c) < 0)
			return -1;
		if (rc == 1 && !range)
			put_char(w, c);
	}
	return 0;
}

// "\S" cannot be a member of PCRE2's class: it is one more way to match, or, negated, what is left of it. A class without members
// matches nothing, and PCRE2 would not repeat it.
static void
put_class(struct walk *w, const struct lm_buf *members, bool negated)
{
	const char *text = lm_buf_cstr(members);
	if (members->len == 0 && !w->not_space)
		lm_buf_text(w->out, negated ? "(?s:.)" : "(?:(?!))");
	else if (members->len == 0)
		lm_buf_format(w->out, "[%s" SPACES "]", negated ? "" : "^");
	else if (!w->not_space)
		lm_buf_format(w->out, negated ? "[^%s]" : "[%s]", text);
	else
		lm_buf_format(w->out, negated ? "(?:(?![%s])[" SPACES "])" : "(?:[%s]|[^" SPACES "])", text);
}

static int class(struct walk *w)
{
	LM_AUTO(lm_buf_release) struct lm_buf members = {};
	struct lm_buf *out = w->out;
	const char *open = w->at++;
	bool negated = peek(w, 0) == '^';
	w->at += negated ? 1 : 0;
	w->not_space = false;
	w->out = &members;
	int rc = class_members(w);
	w->out = out;
	if (rc < 0)
		return -1;
	if (w->at == w->end)
		return fail(w, open, "'[' is not closed");
	w->at++;
	put_class(w, &members, negated);
	return 0;
}

// ---- groups and repetition

// "(?<name>", of which only the parentheses count: its length, or 0.
static size_t
name_length(const struct walk *w)
{
	size_t len = 3;
	while (is_alnum(peek(w, len)) || peek(w, len) == '_' || peek(w, len) == '$')
		len++;
	return peek(w, 2) == '<' && len > 3 && !is_digit(peek(w, 3)) && peek(w, len) == '>' ? len + 1 : 0;
}

static int
open_group(struct walk *w)
{
	static const struct {
		const char *text;
		size_t len;
		bool looks;
	} kinds[] = { { "(?:", 3, false }, { "(?=", 3, true }, { "(?!", 3, true }, { "(?<=", 4, true }, { "(?<!", 4, true } };
	if (w->depth == LM_PATTERN_DEPTH_MAX)
		return lm_err_set(w->err, LM_E_LIMIT, "more than %d groups within each other", LM_PATTERN_DEPTH_MAX);
	w->looks[w->depth] = false;
	w->repeatable = false;
	for (size_t i = 0; i < LM_COUNT(kinds); i++) {
		if ((size_t)(w->end - w->at) < kinds[i].len || memcmp(w->at, kinds[i].text, kinds[i].len) != 0)
			continue;
		w->looks[w->depth++] = kinds[i].looks;
		lm_buf_text(w->out, kinds[i].text);
		w->at += kinds[i].len;
		return 0;
	}
	size_t len = peek(w, 1) == '?' ? name_length(w) : 1;
	if (len == 0)
		return fail(w, w->at, "'(?' begins no group of ECMA-262");
	lm_buf_text(w->out, "(?:");
	w->at += len;
	w->depth++;
	return 0;
}

// {2}, {2,}, {2,5}: its length with the braces; 0: none.
static size_t
braces(const struct walk *w, uint64_t numbers[2], bool *has_second)
{
	size_t at = 1, from = at;
	*has_second = false;
	while (is_digit(peek(w, at)))
		at++;
	if (at == from || !lm_parse_u64((struct lm_str){ w->at + from, at - from }, UINT32_MAX, &numbers[0]))
		return 0;
	numbers[1] = numbers[0];
	if (peek(w, at) == ',') {
		from = ++at;
		while (is_digit(peek(w, at)))
			at++;
		*has_second = at > from;
		if (*has_second && !lm_parse_u64((struct lm_str){ w->at + from, at - from }, UINT32_MAX, &numbers[1]))
			return 0;
	}
	return peek(w, at) == '}' ? at + 1 : 0;
}

static int
repeat(struct walk *w, size_t len)
{
	if (!w->repeatable)
		return fail(w, w->at, "'%c' has nothing to repeat", *w->at);
	lm_buf_append(w->out, w->at, len);
	w->at += len;
	if (peek(w, 0) == '?') {
		lm_buf_byte(w->out, '?');
		w->at++;
	}
	w->repeatable = false;
	return 0;
}

static int
brace(struct walk *w)
{
	uint64_t numbers[2] = {};
	bool has_second = false;
	size_t len = braces(w, numbers, &has_second);
	if (len == 0 && (peek(w, 1) == ',' || is_digit(peek(w, 1))))
		return fail(w, w->at, "a '{' that is no repetition: write '\\{' for the character");
	if (len == 0) {
		put_char(w, take_char(w));
		w->repeatable = true;
		return 0;
	}
	if (numbers[0] > LM_REPEAT_MAX || numbers[1] > LM_REPEAT_MAX)
		return fail(w, w->at, "a repetition of more than %d", LM_REPEAT_MAX);
	if (numbers[1] < numbers[0])
		return fail(w, w->at, "a repetition whose end is before its beginning");
	return repeat(w, len);
}

// ---- the whole

static int
escape(struct walk *w)
{
	uint32_t c = 0;
	w->repeatable = true;
	if (peek(w, 1) == 'b' || peek(w, 1) == 'B') {
		lm_buf_append(w->out, w->at, 2);
		w->at += 2;
		w->repeatable = false;
		return 0;
	}
	int rc = set(w, false);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (escaped_char(w, &c) < 0)
		return -1;
	put_char(w, c);
	return 0;
}

static int
close_group(struct walk *w)
{
	if (w->depth == 0)
		return fail(w, w->at, "')' closes nothing");
	w->repeatable = !w->looks[--w->depth];
	lm_buf_byte(w->out, ')');
	w->at++;
	return 0;
}

static int
next(struct walk *w)
{
	switch (*w->at) {
	case '\\':
		return escape(w);
	case '[':
		w->repeatable = true;
		return class(w);
	case '(':
		return open_group(w);
	case ')':
		return close_group(w);
	case '*':
	case '+':
	case '?':
		return repeat(w, 1);
	case '{':
		return brace(w);
	case '^':
	case '$':
	case '|':
		lm_buf_byte(w->out, *w->at++);
		w->repeatable = false;
		return 0;
	case '.':
		lm_buf_text(w->out, "[^\\n\\r\\x{2028}\\x{2029}]");
		w->at++;
		w->repeatable = true;
		return 0;
	default:
		put_char(w, take_char(w));
		w->repeatable = true;
		return 0;
	}
}

int
lm_pattern_translate(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	if (text.len > LM_PATTERN_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "more than %d bytes", LM_PATTERN_MAX_BYTES);
	struct walk w = { .begin = text.ptr, .at = text.ptr, .end = text.ptr + text.len, .out = out, .err = err };
	while (w.at < w.end)
		if (next(&w) < 0)
			return -1;
	return w.depth == 0 ? 0 : lm_err_set(err, LM_E_USAGE, "'(' is not closed");
}
