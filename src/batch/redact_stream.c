// A key taken out of bytes while they come in, so that it never reaches a file.
#include "batch/redact.h"

#include <ctype.h>
#include <string.h>

enum fits {
	LM_FITS_NO,
	LM_FITS_YES,
	LM_FITS_MAYBE, // all that is there fits, and more of it may follow
};

void
lm_redactor_init(struct lm_redactor *redactor, const char *secret)
{
	struct lm_str rest = lm_str_of(secret);

	*redactor = (struct lm_redactor){};
	while (rest.len > 0)
		lm_buf_str(&redactor->key, lm_str_cut(&rest, '\\'));
	if (redactor->key.len < LM_REDACT_LEAST)
		lm_buf_clear(&redactor->key);
}

void
lm_redactor_release(struct lm_redactor *redactor)
{
	lm_buf_release(&redactor->key);
	lm_buf_release(&redactor->window);
	*redactor = (struct lm_redactor){};
}

static size_t
slashes(struct lm_str text, size_t at, size_t max)
{
	size_t count = 0;
	while (count < max && at + count < text.len && text.ptr[at + count] == '\\')
		count++;
	return count;
}

// "uXXXX" for this character; the backslash is in front.
static enum fits
code_here(struct lm_str text, size_t at, char c)
{
	static const char digits[] = "0123456789abcdef";
	const char code[] = { 'u', '0', '0', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15] };

	for (size_t i = 0; i < sizeof code; i++) {
		if (at + i == text.len)
			return LM_FITS_MAYBE;
		char got = text.ptr[at + i];
		if (got != code[i] && (i == 0 || (char)tolower((unsigned char)got) != code[i]))
			return LM_FITS_NO;
	}
	return LM_FITS_YES;
}

// One character of the key, with what escapes it. *at goes behind it.
static enum fits
character_here(struct lm_str text, size_t *at, char c)
{
	enum { CODE_LEN = sizeof "uXXXX" - 1 };
	size_t count = slashes(text, *at, LM_REDACT_SLASHES_MAX + 1), begin = *at + count;

	if (count > LM_REDACT_SLASHES_MAX)
		return LM_FITS_NO;
	if (begin == text.len)
		return LM_FITS_MAYBE;
	enum fits code = count == 0 ? LM_FITS_NO : code_here(text, begin, c);
	if (code == LM_FITS_NO && text.ptr[begin] != c)
		return LM_FITS_NO;
	*at = begin + (code == LM_FITS_YES ? CODE_LEN : 1);
	return code == LM_FITS_NO ? LM_FITS_YES : code;
}

static enum fits
fits_here(struct lm_str text, size_t *at, struct lm_str key)
{
	enum fits fits = LM_FITS_YES;
	for (size_t i = 0; i < key.len && fits == LM_FITS_YES; i++)
		fits = character_here(text, at, key.ptr[i]);
	return fits;
}

size_t
lm_key_here(struct lm_str text, struct lm_str key)
{
	size_t end = 0;
	return key.len > 0 && fits_here(text, &end, key) == LM_FITS_YES ? end : 0;
}

static size_t
next_begin(struct lm_str text, size_t at, char first)
{
	while (at < text.len && text.ptr[at] != first && text.ptr[at] != '\\')
		at++;
	return at;
}

// Hides each key that is there, and returns how much may be given out: up to what may be the beginning of one.
static size_t
hide(char *bytes, size_t len, struct lm_str key)
{
	const struct lm_str text = { bytes, len };

	for (size_t at = 0; (at = next_begin(text, at, key.ptr[0])) < len;) {
		size_t count = slashes(text, at, len), end = at;
		if (count > LM_REDACT_SLASHES_MAX) // an even number of them stays
			end += (count - LM_REDACT_SLASHES_MAX + 1) / 2 * 2;
		size_t begin = end;
		enum fits fits = fits_here(text, &end, key);
		if (fits == LM_FITS_MAYBE)
			return begin;
		if (fits == LM_FITS_YES)
			memset(bytes + begin, '*', end - begin);
		at = fits == LM_FITS_YES ? end : at + count + 1;
	}
	return len;
}

struct lm_str
lm_redactor_pass(struct lm_redactor *redactor, struct lm_str bytes, bool last)
{
	struct lm_buf *window = &redactor->window;

	if (redactor->key.len == 0)
		return bytes;
	if (redactor->given > 0) {
		window->len -= redactor->given;
		memmove(window->ptr, window->ptr + redactor->given, window->len);
	}
	lm_buf_append(window, bytes.ptr, bytes.len);
	redactor->given = hide(window->ptr, window->len, lm_buf_view(&redactor->key));
	if (last)
		redactor->given = window->len;
	return (struct lm_str){ window->ptr, redactor->given };
}
