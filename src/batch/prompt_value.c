// JSON values as Python shows what json.loads makes of them.
#include "batch/prompt_parts.h"
#include "text/number.h"
#include "text/unicode.h"

#include <string.h>

bool
lm_number_is_float(struct lm_str raw)
{
	for (size_t i = 0; i < raw.len; i++)
		if (raw.ptr[i] == '.' || raw.ptr[i] == 'e' || raw.ptr[i] == 'E')
			return true;
	return false;
}

static int
put_number(struct lm_str raw, struct lm_buf *out, struct lm_err *err)
{
	if (lm_number_is_float(raw)) {
		LM_AUTO(lm_free_ptr) char *text = lm_strndup(raw.ptr, raw.len);
		lm_number_format(out, lm_number_parse(text));
		return 0;
	}
	if (raw.len > LM_INTEGER_DIGITS_MAX + (raw.ptr[0] == '-'))
		return lm_err_set(err, LM_E_SYNTAX, "whole number of more than %d digits", LM_INTEGER_DIGITS_MAX);
	lm_buf_str(out, lm_str_equal(raw, LM_STR("-0")) ? LM_STR("0") : raw);
	return 0;
}

// The character at text[*at]; text is valid UTF-8 (on other bytes: some number, and one byte on).
static uint32_t
next_character(struct lm_str text, size_t *at)
{
	unsigned char c = (unsigned char)text.ptr[*at];
	size_t more = c < 0xC0 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
	uint32_t point = more == 0 ? c : c & (0x3FU >> more);
	if (more >= text.len - *at)
		more = text.len - *at - 1;
	for (size_t i = 1; i <= more; i++)
		point = point << 6 | ((unsigned char)text.ptr[*at + i] & 0x3F);
	*at += more + 1;
	return point;
}

static void
put_escaped(uint32_t point, struct lm_buf *out)
{
	if (point == '\n' || point == '\r' || point == '\t')
		lm_buf_text(out, point == '\n' ? "\\n" : point == '\r' ? "\\r" : "\\t");
	else
		lm_buf_format(out, point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)point);
}

void
lm_text_repr(struct lm_str text, bool ascii, struct lm_buf *out)
{
	bool has_single = lm_str_find(text, '\'') < text.len, has_double = lm_str_find(text, '"') < text.len;
	char quote = has_single && !has_double ? '"' : '\'';
	lm_buf_byte(out, quote);
	for (size_t at = 0; at < text.len;) {
		size_t begin = at;
		uint32_t point = next_character(text, &at);
		if (point == (unsigned char)quote || point == '\\') {
			lm_buf_byte(out, '\\');
			lm_buf_byte(out, (char)point);
		} else if (point >= 0x80 ? ascii || !lm_character_is_printable(point) : point < 0x20 || point == 0x7F) {
			put_escaped(point, out);
		} else {
			lm_buf_append(out, text.ptr + begin, at - begin);
		}
	}
	lm_buf_byte(out, quote);
}

static int put_repr(struct lm_json_value value, bool ascii, unsigned depth, struct lm_buf *out, struct lm_err *err);

static void
put_text_repr(struct lm_json_value value, bool ascii, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf scratch = {};
	lm_text_repr(lm_json_text(value, &scratch), ascii, out);
}

static int
put_array(struct lm_json_value array, bool ascii, unsigned depth, struct lm_buf *out, struct lm_err *err)
{
	struct lm_json_value value;
	bool first = true;
	lm_buf_byte(out, '[');
	for (size_t at = 0; lm_json_next_element(array, &at, &value); first = false) {
		lm_buf_text(out, first ? "" : ", ");
		if (put_repr(value, ascii, depth, out, err) < 0)
			return -1;
	}
	lm_buf_byte(out, ']');
	return 0;
}

static int
put_object(struct lm_json_value object, bool ascii, unsigned depth, struct lm_buf *out, struct lm_err *err)
{
	struct lm_json_value key, value;
	bool first = true;
	lm_buf_byte(out, '{');
	for (size_t at = 0; lm_json_next_member(object, &at, &key, &value); first = false) {
		lm_buf_text(out, first ? "" : ", ");
		put_text_repr(key, ascii, out);
		lm_buf_text(out, ": ");
		if (put_repr(value, ascii, depth, out, err) < 0)
			return -1;
	}
	lm_buf_byte(out, '}');
	return 0;
}

static int
put_repr(struct lm_json_value value, bool ascii, unsigned depth, struct lm_buf *out, struct lm_err *err)
{
	if (depth > LM_JSON_SCAN_DEPTH_MAX)
		return lm_err_set(err, LM_E_LIMIT, "more than %d levels of arrays and objects", LM_JSON_SCAN_DEPTH_MAX);
	switch (value.kind) {
	case LM_JSON_NULL:
		lm_buf_text(out, "None");
		return 0;
	case LM_JSON_FALSE:
		lm_buf_text(out, "False");
		return 0;
	case LM_JSON_TRUE:
		lm_buf_text(out, "True");
		return 0;
	case LM_JSON_NUMBER:
		return put_number(value.raw, out, err);
	case LM_JSON_STRING:
		put_text_repr(value, ascii, out);
		return 0;
	case LM_JSON_ARRAY:
		return put_array(value, ascii, depth + 1, out, err);
	case LM_JSON_OBJECT:
		return put_object(value, ascii, depth + 1, out, err);
	}
	return 0;
}

int
lm_value_repr(struct lm_json_value value, bool ascii, struct lm_buf *out, struct lm_err *err)
{
	return put_repr(value, ascii, 0, out, err);
}

int
lm_value_str(struct lm_json_value value, struct lm_buf *out, struct lm_err *err)
{
	if (value.kind != LM_JSON_STRING)
		return put_repr(value, false, 0, out, err);
	lm_json_append_text(value, out);
	return 0;
}
