// Strings: lm_str to look at bytes somebody else owns, lm_buf to grow them up to a maximum.
#pragma once

#include "base/base.h"
#include "base/err.h"

struct lm_str {
	const char *ptr;
	size_t len;
};

#define LM_STR(literal) ((struct lm_str){ "" literal "", sizeof(literal) - 1 })
#define LM_STR_ARG(str) (int)(str).len, (str).ptr // for "%.*s"

struct lm_str lm_str_of(const char *text); // text may be null: empty
bool lm_str_equal(struct lm_str a, struct lm_str b);
int lm_str_compare(struct lm_str a, struct lm_str b); // by byte, then by length
bool lm_str_starts(struct lm_str text, struct lm_str prefix);
bool lm_str_ends(struct lm_str text, struct lm_str suffix);
// Position of the first `byte`, or text.len.
size_t lm_str_find(struct lm_str text, char byte);
struct lm_str lm_str_trim(struct lm_str text); // ASCII white space at both ends
// The part before the first `separator`; *rest becomes what follows it (empty when there is none).
struct lm_str lm_str_cut(struct lm_str *rest, char separator);

bool lm_cstr_equal(const char *a, const char *b); // null equals only null
bool lm_cstr_starts(const char *text, const char *prefix);
bool lm_cstr_ends(const char *text, const char *suffix);

// For qsort over an array of `const char *` (or char *): by byte.
int lm_cstr_compare_qsort(const void *a, const void *b);

// Growing text. Zero-initialised is empty with no maximum; release with lm_buf_release.
// `ptr` is null while nothing was ever appended, and NUL-terminated otherwise.
struct lm_buf {
	char *ptr;
	size_t len, cap;
	size_t max_bytes; // 0: no maximum
	bool overflow;    // an append was refused because of max_bytes (sticky)
};

void lm_buf_append(struct lm_buf *buf, const void *bytes, size_t len);
void lm_buf_text(struct lm_buf *buf, const char *text);
void lm_buf_str(struct lm_buf *buf, struct lm_str text);
void lm_buf_byte(struct lm_buf *buf, char byte);
void lm_buf_format(struct lm_buf *buf, const char *format, ...) LM_PRINTF(2, 3);
// Room for `len` more bytes at the end (not counted in len until you add them).
char *lm_buf_reserve(struct lm_buf *buf, size_t len);
const char *lm_buf_cstr(const struct lm_buf *buf); // never null
struct lm_str lm_buf_view(const struct lm_buf *buf);
void lm_buf_clear(struct lm_buf *buf); // keeps the memory
void lm_buf_release(struct lm_buf *buf);

// A decimal number, digits only, no sign, no more than `max`. Returns false otherwise.
[[nodiscard]] bool lm_parse_u64(struct lm_str text, uint64_t max, uint64_t *out);

// A list of owned strings.
struct lm_strings {
	char **items;
	size_t count, cap;
};

void lm_strings_add(struct lm_strings *list, const char *text); // copies
void lm_strings_add_str(struct lm_strings *list, struct lm_str text);
bool lm_strings_has(const struct lm_strings *list, const char *text);
void lm_strings_sort(struct lm_strings *list); // by byte
void lm_strings_release(struct lm_strings *list);

// The candidate nearest to `word` in edit distance, for "did you mean"; null when none is near
// (distance above a third of the word's length, at least 1).
const char *lm_nearest(const char *word, const char *const *candidates, size_t count);
// True when `text` matches the shell pattern (`*`, `?`, `[...]`; `*` also matches '/'), as Python's fnmatch.
bool lm_glob_match(const char *pattern, const char *text);
// True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool lm_utf8_valid(struct lm_str text);
