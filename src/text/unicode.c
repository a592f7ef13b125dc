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

size_t
lm_text_width(struct lm_str text)
{
	size_t width = 0;
	const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text.ptr;
	utf8proc_ssize_t left = (utf8proc_ssize_t)text.len;
	while (left > 0) {
		utf8proc_int32_t point = 0;
		utf8proc_ssize_t step = utf8proc_iterate(at, left, &point);
		if (step <= 0) {
			step = 1;
			width++;
		} else {
			width += (size_t)utf8proc_charwidth(point);
		}
		at += step;
		left -= step;
	}
	return width;
}
