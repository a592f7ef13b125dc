// Parts of JSON text, and JSON strings from and to plain text.
#include "text/json_scan.h"
#include "text/json_scan_parts.h"

#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lm_json_plain takes the lowest byte for the first one");

static uint64_t
each_byte(unsigned char byte)
{
	return 0x0101'0101'0101'0101U * byte;
}

// The high bit of each byte that is zero; exact up to and including the first one.
static uint64_t
zero_bytes(uint64_t word)
{
	return (word - each_byte(1)) & ~word & each_byte(0x80);
}

size_t
lm_json_plain(const char *text, size_t len, bool ascii)
{
	size_t at = 0;
	const uint64_t high = each_byte(0x80);
	for (; len - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, text + at, 8);
		uint64_t special = zero_bytes(word ^ each_byte('"')) | zero_bytes(word ^ each_byte('\\')) |
			((word - each_byte(0x20)) & ~word & high) | (ascii ? word & high : 0);
		if (special != 0)
			return at + (size_t)(__builtin_ctzll(special) / 8);
	}
	for (; at < len; at++) {
		unsigned char c = (unsigned char)text[at];
		if (c == '"' || c == '\\' || c < 0x20 || (ascii && c >= 0x80))
			break;
	}
	return at;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
lm_json_hex4(const char *text, size_t len)
{
	int value = 0;
	if (len < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_digit(text[i]);
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

// ---- looking

// What a byte means outside of strings, as far as looking goes.
enum { LM_MARK_QUOTE = 1, LM_MARK_OPEN = 2, LM_MARK_CLOSE = 4, LM_MARK_ENDS_SCALAR = 8 };
static const unsigned char marks[256] = {
	['"'] = LM_MARK_QUOTE,
	['{'] = LM_MARK_OPEN,
	['['] = LM_MARK_OPEN,
	['}'] = LM_MARK_CLOSE | LM_MARK_ENDS_SCALAR,
	[']'] = LM_MARK_CLOSE | LM_MARK_ENDS_SCALAR,
	[','] = LM_MARK_ENDS_SCALAR,
	[' '] = LM_MARK_ENDS_SCALAR,
	['\n'] = LM_MARK_ENDS_SCALAR,
	['\r'] = LM_MARK_ENDS_SCALAR,
	['\t'] = LM_MARK_ENDS_SCALAR,
};

static void
skip_spaces(struct lm_str text, size_t *at)
{
	while (*at < text.len && lm_json_is_space(text.ptr[*at]))
		(*at)++;
}

// The next quote or backslash, or the end. Who looks at text that was scanned need not care for other bytes.
static const char *
find_quote(const char *at, const char *end)
{
	for (; end - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		uint64_t special = zero_bytes(word ^ each_byte('"')) | zero_bytes(word ^ each_byte('\\'));
		if (special != 0)
			return at + __builtin_ctzll(special) / 8;
	}
	while (at < end && *at != '"' && *at != '\\')
		at++;
	return at;
}

// From behind an opening quote to behind the closing one; null when there is none.
static const char *
behind_string(const char *at, const char *end)
{
	for (;;) {
		at = find_quote(at, end);
		if (at == end)
			return nullptr;
		if (*at == '"')
			return at + 1;
		if (end - at < 2)
			return nullptr;
		at += 2;
	}
}

// From an opening quote over the closing one; false when there is none.
static bool
skip_string(struct lm_str text, size_t *at)
{
	const char *behind = behind_string(text.ptr + *at + 1, text.ptr + text.len);
	if (behind == nullptr)
		return false;
	*at = (size_t)(behind - text.ptr);
	return true;
}

// Over an array or object: only brackets outside of strings count.
static bool
skip_nested(struct lm_str text, size_t *at)
{
	const char *next = text.ptr + *at, *end = text.ptr + text.len;
	size_t depth = 0;
	while (next < end) {
		unsigned mark = marks[(unsigned char)*next++];
		if ((mark & (LM_MARK_QUOTE | LM_MARK_OPEN | LM_MARK_CLOSE)) == 0)
			continue;
		if (mark == LM_MARK_QUOTE) {
			next = behind_string(next, end);
			if (next == nullptr)
				return false;
		} else if (mark == LM_MARK_OPEN) {
			depth++;
		} else if (--depth == 0) {
			*at = (size_t)(next - text.ptr);
			return true;
		}
	}
	return false;
}

static enum lm_json_kind
kind_of(char first)
{
	switch (first) {
	case '{':
		return LM_JSON_OBJECT;
	case '[':
		return LM_JSON_ARRAY;
	case '"':
		return LM_JSON_STRING;
	case 'n':
		return LM_JSON_NULL;
	case 't':
		return LM_JSON_TRUE;
	case 'f':
		return LM_JSON_FALSE;
	default:
		return LM_JSON_NUMBER;
	}
}

static bool
skip_value(struct lm_str text, size_t *at, struct lm_json_value *value)
{
	size_t begin = *at;
	if (begin >= text.len)
		return false;
	value->kind = kind_of(text.ptr[begin]);
	if (value->kind == LM_JSON_STRING) {
		if (!skip_string(text, at))
			return false;
	} else if (value->kind >= LM_JSON_ARRAY) {
		if (!skip_nested(text, at))
			return false;
	} else {
		while (*at < text.len && (marks[(unsigned char)text.ptr[*at]] & LM_MARK_ENDS_SCALAR) == 0)
			(*at)++;
		if (*at == begin)
			return false;
	}
	value->raw = (struct lm_str){ text.ptr + begin, *at - begin };
	return true;
}

// To the next part of an array or object: over the opening bracket or a comma. False at the end.
static bool
next_part(struct lm_json_value whole, enum lm_json_kind kind, size_t *at)
{
	if (whole.kind != kind || *at >= whole.raw.len)
		return false;
	if (*at > 0) {
		skip_spaces(whole.raw, at);
		if (*at >= whole.raw.len || whole.raw.ptr[*at] != ',')
			return false;
	}
	(*at)++;
	skip_spaces(whole.raw, at);
	return *at < whole.raw.len && whole.raw.ptr[*at] != ']' && whole.raw.ptr[*at] != '}';
}

bool
lm_json_next_element(struct lm_json_value array, size_t *at, struct lm_json_value *value)
{
	return next_part(array, LM_JSON_ARRAY, at) && skip_value(array.raw, at, value);
}

bool
lm_json_next_member(struct lm_json_value object, size_t *at, struct lm_json_value *key, struct lm_json_value *value)
{
	if (!next_part(object, LM_JSON_OBJECT, at) || !skip_value(object.raw, at, key) || key->kind != LM_JSON_STRING)
		return false;
	skip_spaces(object.raw, at);
	if (*at >= object.raw.len || object.raw.ptr[*at] != ':')
		return false;
	(*at)++;
	skip_spaces(object.raw, at);
	return skip_value(object.raw, at, value);
}

bool
lm_json_get(struct lm_json_value object, const char *key, struct lm_json_value *value)
{
	struct lm_json_value name, found;
	struct lm_str wanted = lm_str_of(key);
	for (size_t at = 0; lm_json_next_member(object, &at, &name, &found);) {
		if (lm_json_text_equal(name, wanted)) {
			*value = found;
			return true;
		}
	}
	return false;
}

bool
lm_json_value_u64(struct lm_json_value value, uint64_t *out)
{
	return value.kind == LM_JSON_NUMBER && lm_parse_u64(value.raw, UINT64_MAX, out);
}

void
lm_json_compact(struct lm_str text, struct lm_buf *out)
{
	size_t begin = 0, at = 0;
	while (at < text.len) {
		if (text.ptr[at] == '"') {
			if (!skip_string(text, &at))
				at = text.len;
		} else if (lm_json_is_space(text.ptr[at])) {
			lm_buf_append(out, text.ptr + begin, at - begin);
			skip_spaces(text, &at);
			begin = at;
		} else {
			at++;
		}
	}
	lm_buf_append(out, text.ptr + begin, text.len - begin);
}

// ---- strings

static struct lm_str
inside(struct lm_json_value value)
{
	if (value.kind != LM_JSON_STRING || value.raw.len < 2)
		return (struct lm_str){ "", 0 };
	return (struct lm_str){ value.raw.ptr + 1, value.raw.len - 2 };
}

static size_t
put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

// The character of the escape at text[*at], as UTF-8. What is no valid escape is passed over.
static size_t
unescape(struct lm_str text, size_t *at, char out[4])
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	char c = *at + 1 < text.len ? text.ptr[*at + 1] : '\0';
	if (c != 'u') {
		const char *found = c == '\0' ? nullptr : strchr(names, c);
		*at += *at + 1 < text.len ? 2 : 1;
		out[0] = found == nullptr ? c : values[found - names];
		return 1;
	}
	size_t left = text.len - *at;
	int unit = lm_json_hex4(text.ptr + *at + 2, left - 2);
	*at += left < 6 ? left : 6;
	if (unit < 0)
		return 0;
	if (unit >= 0xD800 && unit <= 0xDFFF) {
		int low = left >= 12 ? lm_json_hex4(text.ptr + *at + 2, 4) : -1;
		if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
			return 0;
		*at += 6;
		unit = 0x10000 + (unit - 0xD800) * 0x400 + (low - 0xDC00);
	}
	return put_utf8(out, (unsigned)unit);
}

void
lm_json_append_text(struct lm_json_value value, struct lm_buf *out)
{
	struct lm_str text = inside(value);
	for (size_t at = 0; at < text.len;) {
		const char *slash = memchr(text.ptr + at, '\\', text.len - at);
		size_t len = slash == nullptr ? text.len - at : (size_t)(slash - text.ptr) - at;
		lm_buf_append(out, text.ptr + at, len);
		at += len;
		if (at < text.len) {
			char utf8[4];
			size_t count = unescape(text, &at, utf8);
			lm_buf_append(out, utf8, count);
		}
	}
}

struct lm_str
lm_json_text(struct lm_json_value value, struct lm_buf *scratch)
{
	struct lm_str text = inside(value);
	if (text.len == 0 || memchr(text.ptr, '\\', text.len) == nullptr)
		return text;
	size_t from = scratch->len;
	lm_json_append_text(value, scratch);
	return (struct lm_str){ scratch->ptr + from, scratch->len - from };
}

bool
lm_json_text_equal(struct lm_json_value value, struct lm_str wanted)
{
	struct lm_str text = inside(value);
	if (value.kind != LM_JSON_STRING)
		return false;
	if (text.len == 0 || memchr(text.ptr, '\\', text.len) == nullptr)
		return lm_str_equal(text, wanted);
	size_t at = 0, done = 0;
	while (at < text.len) {
		char bytes[4] = { text.ptr[at] };
		size_t count = 1;
		if (bytes[0] == '\\')
			count = unescape(text, &at, bytes);
		else
			at++;
		if (count > wanted.len - done || memcmp(bytes, wanted.ptr + done, count) != 0)
			return false;
		done += count;
	}
	return done == wanted.len;
}

// ---- writing

void
lm_json_escape(struct lm_buf *out, struct lm_str text)
{
	static const char special[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	for (size_t at = 0; at < text.len;) {
		size_t run = lm_json_plain(text.ptr + at, text.len - at, false);
		lm_buf_append(out, text.ptr + at, run);
		at += run;
		if (at == text.len)
			return;
		char c = text.ptr[at++];
		const char *found = c == '\0' ? nullptr : strchr(special, c);
		if (found == nullptr) {
			lm_buf_format(out, "\\u%04x", (unsigned)(unsigned char)c);
		} else {
			char pair[2] = { '\\', letters[found - special] };
			lm_buf_append(out, pair, 2);
		}
	}
}

void
lm_json_quote(struct lm_buf *out, struct lm_str text)
{
	lm_buf_byte(out, '"');
	lm_json_escape(out, text);
	lm_buf_byte(out, '"');
}
