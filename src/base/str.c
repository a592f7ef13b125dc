#include "base/str.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lm_str
lm_str_of(const char *text)
{
	return (struct lm_str){ text, text == nullptr ? 0 : strlen(text) };
}

int
lm_str_compare(struct lm_str a, struct lm_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool
lm_str_equal(struct lm_str a, struct lm_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
lm_str_starts(struct lm_str text, struct lm_str prefix)
{
	return text.len >= prefix.len && lm_str_equal((struct lm_str){ text.ptr, prefix.len }, prefix);
}

bool
lm_str_ends(struct lm_str text, struct lm_str suffix)
{
	size_t before = text.len - suffix.len;
	return text.len >= suffix.len && (suffix.len == 0 || memcmp(text.ptr + before, suffix.ptr, suffix.len) == 0);
}

size_t
lm_str_find(struct lm_str text, char byte)
{
	const char *at = text.len == 0 ? nullptr : memchr(text.ptr, byte, text.len);
	return at == nullptr ? text.len : (size_t)(at - text.ptr);
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct lm_str
lm_str_trim(struct lm_str text)
{
	while (text.len > 0 && is_space(text.ptr[0]))
		text.ptr++, text.len--;
	while (text.len > 0 && is_space(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

struct lm_str
lm_str_cut(struct lm_str *rest, char separator)
{
	size_t at = lm_str_find(*rest, separator);
	struct lm_str head = { rest->ptr, at };
	size_t skip = at < rest->len ? at + 1 : at;
	if (skip > 0)
		rest->ptr += skip;
	rest->len -= skip;
	return head;
}

bool
lm_cstr_equal(const char *a, const char *b)
{
	if (a == nullptr || b == nullptr)
		return a == b;
	return strcmp(a, b) == 0;
}

bool
lm_cstr_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool
lm_cstr_ends(const char *text, const char *suffix)
{
	return lm_str_ends(lm_str_of(text), lm_str_of(suffix));
}

int
lm_cstr_compare_qsort(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *
lm_buf_reserve(struct lm_buf *buf, size_t len)
{
	size_t need = 0;
	if (__builtin_add_overflow(buf->len, len, &need) || need == SIZE_MAX)
		abort();
	if (need + 1 > buf->cap) {
		size_t cap = buf->cap == 0 ? 256 : buf->cap;
		while (cap < need + 1)
			cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
		buf->ptr = lm_realloc_array(buf->ptr, cap, 1);
		buf->cap = cap;
	}
	return buf->ptr + buf->len;
}

void
lm_buf_append(struct lm_buf *buf, const void *bytes, size_t len)
{
	if (buf->overflow || (buf->max_bytes != 0 && len > buf->max_bytes - buf->len)) {
		buf->overflow = true;
		return;
	}
	char *end = lm_buf_reserve(buf, len);
	if (len > 0)
		memcpy(end, bytes, len);
	buf->len += len;
	buf->ptr[buf->len] = '\0';
}

void
lm_buf_text(struct lm_buf *buf, const char *text)
{
	lm_buf_append(buf, text, strlen(text));
}

void
lm_buf_str(struct lm_buf *buf, struct lm_str text)
{
	lm_buf_append(buf, text.ptr, text.len);
}

void
lm_buf_byte(struct lm_buf *buf, char byte)
{
	lm_buf_append(buf, &byte, 1);
}

void
lm_buf_format(struct lm_buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = nullptr;
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		abort();
	lm_buf_append(buf, text, (size_t)len);
	free(text);
}

const char *
lm_buf_cstr(const struct lm_buf *buf)
{
	return buf->ptr == nullptr ? "" : buf->ptr;
}

struct lm_str
lm_buf_view(const struct lm_buf *buf)
{
	return (struct lm_str){ lm_buf_cstr(buf), buf->len };
}

void
lm_buf_clear(struct lm_buf *buf)
{
	buf->len = 0;
	buf->overflow = false;
	if (buf->ptr != nullptr)
		buf->ptr[0] = '\0';
}

void
lm_buf_release(struct lm_buf *buf)
{
	free(buf->ptr);
	buf->ptr = nullptr;
	buf->len = buf->cap = 0;
	buf->overflow = false;
}

bool
lm_parse_u64(struct lm_str text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c < '0' || c > '9')
			return false;
		if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
			return false;
	}
	if (value > max)
		return false;
	*out = value;
	return true;
}

void
lm_strings_add_str(struct lm_strings *list, struct lm_str text)
{
	lm_grow(list->items, list->count, list->cap);
	list->items[list->count++] = lm_strndup(text.ptr, text.len);
}

void
lm_strings_add(struct lm_strings *list, const char *text)
{
	lm_strings_add_str(list, lm_str_of(text));
}

bool
lm_strings_has(const struct lm_strings *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

void
lm_strings_sort(struct lm_strings *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, lm_cstr_compare_qsort);
}

void
lm_strings_release(struct lm_strings *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct lm_strings){};
}

enum { NEAREST_MAX = 64 }; // longer words get no suggestion

static size_t
edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[NEAREST_MAX + 1];
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *
lm_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *best = nullptr;
	size_t len = strlen(word);
	size_t best_distance = (len / 3 > 1 ? len / 3 : 1) + 1;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_len = strlen(candidates[i]);
		if (len > NEAREST_MAX || candidate_len > NEAREST_MAX)
			continue;
		size_t distance = edit_distance(word, len, candidates[i], candidate_len);
		if (distance < best_distance) {
			best_distance = distance;
			best = candidates[i];
		}
	}
	return best;
}

bool
lm_glob_match(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

bool
lm_utf8_valid(struct lm_str text)
{
	if (text.len == 0)
		return true;
	const unsigned char *p = (const unsigned char *)text.ptr, *end = p + text.len;
	while (p < end) {
		unsigned char c = *p++;
		if (c < 0x80)
			continue;
		int more = c >= 0xC2 && c <= 0xDF ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
		if (more == 0 || end - p < more)
			return false;
		unsigned char low = 0x80, high = 0xBF; // of the first byte that follows
		if (c == 0xE0)
			low = 0xA0;
		else if (c == 0xED)
			high = 0x9F;
		else if (c == 0xF0)
			low = 0x90;
		else if (c == 0xF4)
			high = 0x8F;
		if (*p < low || *p > high)
			return false;
		for (int i = 1; i < more; i++)
			if ((p[i] & 0xC0) != 0x80)
				return false;
		p += more;
	}
	return true;
}
