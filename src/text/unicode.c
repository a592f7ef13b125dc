#include "text/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

void
lm_casefold(struct lm_buf *out, struct lm_str text)
{
	utf8proc_uint8_t *folded = nullptr;
	utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &folded,
		UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
	if (len < 0)
		lm_buf_str(out, text);
	else
		lm_buf_append(out, folded, (size_t)len);
	free(folded);
}

// The next code point and its length in bytes; a byte that is not UTF-8 is -1 and 1.
static size_t
next_point(struct lm_str text, utf8proc_int32_t *point)
{
	utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, point);
	if (step > 0)
		return (size_t)step;
	*point = -1;
	return 1;
}

static size_t
point_width(utf8proc_int32_t point)
{
	return point < 0 ? 1 : (size_t)utf8proc_charwidth(point);
}

size_t
lm_text_width(struct lm_str text)
{
	size_t width = 0;
	while (text.len > 0) {
		utf8proc_int32_t point = 0;
		size_t step = next_point(text, &point);
		width += point_width(point);
		text.ptr += step;
		text.len -= step;
	}
	return width;
}

size_t
lm_text_fit(struct lm_str text, size_t columns)
{
	size_t at = 0, width = 0;
	while (at < text.len) {
		utf8proc_int32_t point = 0;
		size_t step = next_point((struct lm_str){ text.ptr + at, text.len - at }, &point);
		width += point_width(point);
		if (width > columns)
			break;
		at += step;
	}
	return at;
}

static bool
is_direction(utf8proc_int32_t point)
{
	return point == 0x61c || point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
		(point >= 0x2066 && point <= 0x2069);
}

void
lm_text_escape(struct lm_buf *out, struct lm_str text)
{
	while (text.len > 0) {
		utf8proc_int32_t point = 0;
		size_t step = next_point(text, &point);
		if (point < 0 || (point < 0x20 && point != '\t' && point != '\n') || point == 0x7f)
			lm_buf_format(out, "\\x%02x", (unsigned)(unsigned char)text.ptr[0]);
		else if ((point >= 0x80 && point < 0xa0) || point == 0x2028 || point == 0x2029 || is_direction(point))
			lm_buf_format(out, "\\u%04x", (unsigned)point);
		else
			lm_buf_append(out, text.ptr, step);
		text.ptr += step;
		text.len -= step;
	}
}

bool
lm_character_is_printable(uint32_t point)
{
	switch (utf8proc_category((utf8proc_int32_t)point)) {
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return false;
	case UTF8PROC_CATEGORY_ZS:
		return point == ' ';
	default:
		return true;
	}
}
