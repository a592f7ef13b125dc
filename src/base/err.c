#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Cut a text that was too long, not inside a UTF-8 sequence, and say so.
static void
mark_cut(char *text)
{
	size_t at = LM_ERR_TEXT_MAX - 4;
	while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
		at--;
	memcpy(text + at, "...", 4);
}

static void
format_text(struct lm_err *err, const char *format, va_list args)
{
	if (vsnprintf(err->text, sizeof err->text, format, args) >= (int)sizeof err->text)
		mark_cut(err->text);
}

int
lm_err_set(struct lm_err *err, enum lm_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	err->code = code;
	err->sys = 0;
	format_text(err, format, args);
	va_end(args);
	return -1;
}

int
lm_err_sys(struct lm_err *err, int sys, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	err->code = LM_E_IO;
	err->sys = sys;
	format_text(err, format, args);
	va_end(args);
	const char *what = strerrordesc_np(sys);
	char unknown[32];
	if (what == nullptr) {
		(void)snprintf(unknown, sizeof unknown, "error %d", sys);
		what = unknown;
	}
	size_t len = strlen(err->text);
	if (snprintf(err->text + len, sizeof err->text - len, ": %s", what) >= (int)(sizeof err->text - len))
		mark_cut(err->text);
	return -1;
}

int
lm_err_wrap(struct lm_err *err, const char *format, ...)
{
	struct lm_err front = {};
	va_list args;
	va_start(args, format);
	format_text(&front, format, args);
	va_end(args);
	size_t len = strlen(front.text);
	if (snprintf(front.text + len, sizeof front.text - len, ": %s", err->text) >= (int)(sizeof front.text - len))
		mark_cut(front.text);
	memcpy(err->text, front.text, sizeof err->text);
	return -1;
}

void
lm_err_append(struct lm_err *err, const char *format, ...)
{
	size_t len = strlen(err->text);
	va_list args;
	va_start(args, format);
	if (vsnprintf(err->text + len, sizeof err->text - len, format, args) >= (int)(sizeof err->text - len))
		mark_cut(err->text);
	va_end(args);
}

void
lm_err_clear(struct lm_err *err)
{
	err->code = LM_OK;
	err->sys = 0;
	err->text[0] = '\0';
}
