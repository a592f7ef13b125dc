#include "python/reader.h"

#include <stdarg.h>
#include <stdio.h>

static size_t
column_of(struct lm_str text, size_t at)
{
	size_t column = 1;
	for (size_t i = 0; i < at; i++)
		column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return column;
}

int
lm_reader_fail(struct lm_reader *reader, size_t at, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char text[LM_ERR_TEXT_MAX + 16]; // too long for lm_err_set, which then marks the cut
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return lm_err_set(reader->err, LM_E_SYNTAX, "column %zu: %s", column_of(reader->scan.text, at), text);
}

int
lm_reader_init(struct lm_reader *reader, struct lm_str text, struct lm_arena *arena, struct lm_err *err)
{
	*reader = (struct lm_reader){ { text, 0 }, arena, err };
	if (text.len > LM_REQUIREMENT_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "longer than %d bytes", LM_REQUIREMENT_MAX_BYTES);
	if (!lm_utf8_valid(text))
		return lm_err_set(err, LM_E_SYNTAX, "not valid UTF-8");
	size_t control = lm_find_control(text);
	if (control < text.len)
		return lm_reader_fail(reader, control, "a control character");
	return 0;
}

const char *
lm_reader_found(const struct lm_reader *reader, size_t at)
{
	struct lm_str text = reader->scan.text;
	if (at >= text.len)
		return "the end";
	size_t len = 1; // the whole character
	while (at + len < text.len && ((unsigned char)text.ptr[at + len] & 0xc0) == 0x80)
		len++;
	return lm_arena_format(reader->arena, "'%.*s'", (int)len, text.ptr + at);
}
