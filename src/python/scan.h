// A cursor over text, shared by the parsers of this module.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct lm_scan {
	struct lm_str text;
	size_t at;
};

static inline bool
lm_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
lm_is_alnum(char c)
{
	return lm_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline char
lm_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

// The byte `ahead` places on, NUL at the end.
static inline char
lm_scan_peek(const struct lm_scan *scan, size_t ahead)
{
	return ahead < scan->text.len - scan->at ? scan->text.ptr[scan->at + ahead] : '\0';
}

static inline bool
lm_scan_end(const struct lm_scan *scan)
{
	return scan->at == scan->text.len;
}

static inline struct lm_str
lm_scan_since(const struct lm_scan *scan, size_t start)
{
	return (struct lm_str){ scan->text.ptr == nullptr ? "" : scan->text.ptr + start, scan->at - start };
}

static inline struct lm_str
lm_scan_rest(const struct lm_scan *scan)
{
	return (struct lm_str){ scan->text.ptr == nullptr ? "" : scan->text.ptr + scan->at, scan->text.len - scan->at };
}

// Over `literal`, any case, if it is next.
static inline bool
lm_scan_word(struct lm_scan *scan, const char *literal)
{
	size_t len = 0;
	for (; literal[len] != '\0'; len++)
		if (lm_lower(lm_scan_peek(scan, len)) != literal[len])
			return false;
	scan->at += len;
	return true;
}

static inline bool
lm_scan_byte(struct lm_scan *scan, char byte)
{
	if (lm_scan_end(scan) || scan->text.ptr[scan->at] != byte)
		return false;
	scan->at++;
	return true;
}

// Blanks and tabs: the white space of PEP 508.
static inline void
lm_scan_blanks(struct lm_scan *scan)
{
	while (lm_scan_peek(scan, 0) == ' ' || lm_scan_peek(scan, 0) == '\t')
		scan->at++;
}

static inline bool
lm_str_equal_nocase(struct lm_str a, struct lm_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lm_lower(a.ptr[i]) != lm_lower(b.ptr[i]))
			return false;
	return true;
}

// Where the first control character is (C0 besides the tab, DEL, C1), or text.len. Such text is never put in a message.
static inline size_t
lm_find_control(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool c1 = c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0;
		if ((c < ' ' && c != '\t') || c == 0x7f || c1)
			return i;
	}
	return text.len;
}
