#include "text/json_scan.h"

#include "text/json_scan_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
	LM_KEYS_PAIRWISE_MAX = 32, // up to so many keys comparing all of them is quicker than sorting
	LM_KEY_SHOWN_MAX = 100,    // bytes in a message
};

struct level {
	bool object;
	uint32_t first_key; // in scan->keys
};

struct walk {
	struct lm_json_scan *scan;
	const char *begin, *at, *end;
	struct lm_err *err;
	size_t depth;
	struct level levels[LM_JSON_SCAN_DEPTH_MAX];
};

const char *
lm_json_kind_name(enum lm_json_kind kind)
{
	static const char *const names[] = { "null", "false", "true", "number", "string", "array", "object" };
	return names[kind];
}

// -1 with the place of `at` in front of what was just set.
static int
place(const struct walk *w, const char *at)
{
	size_t line = 1, column = 1;
	for (const char *p = w->begin; p < at; p++) {
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*p & 0xC0) != 0x80) {
			column++;
		}
	}
	if (line == 1)
		return lm_err_wrap(w->err, "column %zu", column);
	return lm_err_wrap(w->err, "line %zu, column %zu", line, column);
}

static int
fail(const struct walk *w, const char *at, const char *what)
{
	(void)lm_err_set(w->err, LM_E_SYNTAX, "%s", what);
	return place(w, at);
}

// "expected <what>, found <what there is>".
static int
fail_expected(const struct walk *w, const char *what)
{
	if (w->at == w->end) {
		(void)lm_err_set(w->err, LM_E_SYNTAX, "expected %s, found the end", what);
		return place(w, w->at);
	}
	unsigned char c = (unsigned char)*w->at;
	if (c > 0x20 && c < 0x7F)
		(void)lm_err_set(w->err, LM_E_SYNTAX, "expected %s, found '%c'", what, c);
	else
		(void)lm_err_set(w->err, LM_E_SYNTAX, "expected %s, found byte 0x%02X", what, c);
	return place(w, w->at);
}

static int
fail_limit(const struct walk *w, const char *what, size_t limit)
{
	(void)lm_err_set(w->err, LM_E_LIMIT, "more than %zu %s", limit, what);
	return place(w, w->at);
}

static void
spaces(struct walk *w)
{
	const char *from = w->at;
	while (w->at < w->end && lm_json_is_space(*w->at))
		w->at++;
	w->scan->space_bytes += (size_t)(w->at - from);
}

// Length of the UTF-8 sequence here, or 0 when it is none.
static size_t
utf8_length(const char *at, const char *end)
{
	unsigned char c = (unsigned char)*at;
	size_t len = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
	if (len == 0 || (size_t)(end - at) < len || !lm_utf8_valid((struct lm_str){ at, len }))
		return 0;
	return len;
}

// A \uXXXX escape, and the second one of a pair.
static int
unicode_escape(struct walk *w)
{
	const char *at = w->at;
	int unit = lm_json_hex4(at + 2, (size_t)(w->end - at - 2));
	if (unit < 0)
		return fail(w, at, "'\\u' without four hexadecimal digits");
	w->at += 6;
	if (unit < 0xD800 || unit > 0xDFFF)
		return 0;
	int low = -1;
	if (unit <= 0xDBFF && w->end - w->at >= 6 && w->at[0] == '\\' && w->at[1] == 'u')
		low = lm_json_hex4(w->at + 2, 4);
	if (low < 0xDC00 || low > 0xDFFF) {
		(void)lm_err_set(w->err, LM_E_SYNTAX, "lone surrogate '\\u%.4s'", at + 2);
		return place(w, at);
	}
	w->at += 6;
	return 0;
}

static int
escape(struct walk *w)
{
	if (w->end - w->at < 2)
		return fail(w, w->at, "string is not closed");
	char c = w->at[1];
	if (c == 'u')
		return unicode_escape(w);
	if (c == '\0' || strchr("\"\\/bfnrt", c) == nullptr)
		return fail(w, w->at, "invalid escape in a string");
	w->at += 2;
	return 0;
}

// From the opening quote over the closing one. *has_escape: there is a backslash in it.
static int
string(struct walk *w, bool *has_escape)
{
	const char *open = w->at++;
	*has_escape = false;
	for (;;) {
		w->at += lm_json_plain(w->at, (size_t)(w->end - w->at), true);
		if (w->at == w->end)
			return fail(w, open, "string is not closed");
		unsigned char c = (unsigned char)*w->at;
		if (c == '"') {
			w->at++;
			return 0;
		}
		if (c == '\\') {
			*has_escape = true;
			if (escape(w) < 0)
				return -1;
			continue;
		}
		size_t len = c < 0x80 ? 0 : utf8_length(w->at, w->end);
		if (len == 0) {
			(void)lm_err_set(w->err, LM_E_SYNTAX,
				c < 0x80 ? "control character 0x%02X in a string" : "byte 0x%02X is not valid UTF-8", c);
			return place(w, w->at);
		}
		w->at += len;
	}
}

static bool
is_digit(const struct walk *w)
{
	return w->at < w->end && *w->at >= '0' && *w->at <= '9';
}

static int
digits(struct walk *w)
{
	if (!is_digit(w))
		return fail_expected(w, "a digit");
	while (is_digit(w))
		w->at++;
	return 0;
}

static int
number(struct walk *w)
{
	const char *begin = w->at;
	if (*w->at == '-')
		w->at++;
	if (w->end - w->at >= 8 && memcmp(w->at, "Infinity", 8) == 0)
		return fail(w, begin, "'-Infinity' is not JSON");
	const char *first = w->at;
	if (digits(w) < 0)
		return -1;
	if (*first == '0' && w->at - first > 1)
		return fail(w, first, "number with a leading zero");
	if (w->at < w->end && *w->at == '.') {
		w->at++;
		if (digits(w) < 0)
			return -1;
	}
	if (w->at == w->end || (*w->at != 'e' && *w->at != 'E'))
		return 0;
	w->at++;
	if (w->at < w->end && (*w->at == '+' || *w->at == '-'))
		w->at++;
	return digits(w);
}

static bool
word(struct walk *w, struct lm_str text)
{
	if ((size_t)(w->end - w->at) < text.len || memcmp(w->at, text.ptr, text.len) != 0)
		return false;
	w->at += text.len;
	return true;
}

static int
scalar(struct walk *w, enum lm_json_kind *kind)
{
	bool has_escape = false;
	char c = w->at == w->end ? '\0' : *w->at;
	if (c == '"') {
		*kind = LM_JSON_STRING;
		return string(w, &has_escape);
	}
	if (c == '-' || (c >= '0' && c <= '9')) {
		*kind = LM_JSON_NUMBER;
		return number(w);
	}
	if (word(w, LM_STR("null"))) {
		*kind = LM_JSON_NULL;
		return 0;
	}
	if (word(w, LM_STR("true"))) {
		*kind = LM_JSON_TRUE;
		return 0;
	}
	if (word(w, LM_STR("false"))) {
		*kind = LM_JSON_FALSE;
		return 0;
	}
	const char *at = w->at;
	if (word(w, LM_STR("NaN")) || word(w, LM_STR("Infinity")))
		return fail(w, at, *at == 'N' ? "'NaN' is not JSON" : "'Infinity' is not JSON");
	return fail_expected(w, "a value");
}

static int
by_text(const void *a, const void *b)
{
	const struct lm_json_scan_key *x = a, *y = b;
	if (x->text.len != y->text.len)
		return x->text.len < y->text.len ? -1 : 1;
	int order = x->text.len == 0 ? 0 : memcmp(x->text.ptr, y->text.ptr, x->text.len);
	return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

// As it is spelled: its text may hold anything.
static int
fail_duplicate(struct walk *w, const struct lm_json_scan_key *key)
{
	size_t len = 0;
	while (key->at[len + 1] != '"')
		len += key->at[len + 1] == '\\' ? 2 : 1;
	size_t whole = len;
	if (len > LM_KEY_SHOWN_MAX)
		len = LM_KEY_SHOWN_MAX;
	while (len > 0 && len < whole && ((unsigned char)key->at[len + 1] & 0xC0) == 0x80)
		len--;
	(void)lm_err_set(w->err, LM_E_SYNTAX, "duplicate key '%.*s%s'", (int)len, key->at + 1, len < whole ? "..." : "");
	return place(w, key->at);
}

static int
check_keys(struct walk *w, struct lm_json_scan_key *keys, size_t count)
{
	if (count <= LM_KEYS_PAIRWISE_MAX) {
		for (size_t i = 1; i < count; i++)
			for (size_t k = 0; k < i; k++)
				if (keys[i].text.len == keys[k].text.len && lm_str_equal(keys[i].text, keys[k].text))
					return fail_duplicate(w, &keys[i]);
		return 0;
	}
	qsort(keys, count, sizeof *keys, by_text);
	for (size_t i = 1; i < count; i++)
		if (lm_str_equal(keys[i].text, keys[i - 1].text))
			return fail_duplicate(w, &keys[i]);
	return 0;
}

// Escapes resolved, in the scan's memory where there are any.
static struct lm_str
key_text(struct lm_json_scan *scan, struct lm_str raw, bool has_escape)
{
	if (!has_escape)
		return (struct lm_str){ raw.ptr + 1, raw.len - 2 };
	LM_AUTO(lm_buf_release) struct lm_buf plain = {};
	lm_json_append_text((struct lm_json_value){ LM_JSON_STRING, raw }, &plain);
	return (struct lm_str){ lm_arena_strndup(&scan->texts, lm_buf_cstr(&plain), plain.len), plain.len };
}

static void
add_member(struct lm_json_scan *scan, struct lm_str key, struct lm_json_value value)
{
	lm_grow(scan->members, scan->member_count, scan->member_cap);
	scan->members[scan->member_count++] = (struct lm_json_member){ key, value };
}

// `"key":`, up to where its value begins.
static int
key(struct walk *w)
{
	struct lm_json_scan *scan = w->scan;
	bool has_escape = false;
	const char *begin = w->at;

	if (w->at == w->end || *w->at != '"')
		return fail_expected(w, "a key in double quotes");
	if (scan->key_count == LM_JSON_SCAN_KEYS_MAX)
		return fail_limit(w, "keys", LM_JSON_SCAN_KEYS_MAX);
	if (string(w, &has_escape) < 0)
		return -1;
	struct lm_str text = key_text(scan, (struct lm_str){ begin, (size_t)(w->at - begin) }, has_escape);
	lm_grow(scan->keys, scan->key_count, scan->key_cap);
	scan->keys[scan->key_count++] = (struct lm_json_scan_key){ text, begin };
	if (w->depth == 1)
		add_member(scan, text, (struct lm_json_value){});
	spaces(w);
	if (w->at == w->end || *w->at != ':')
		return fail_expected(w, "':' after a key");
	w->at++;
	spaces(w);
	return 0;
}

// Into an array or object. 1: it has a first value, which comes next; 0: it is empty, and closed.
static int
open_level(struct walk *w)
{
	bool object = *w->at == '{';
	if (w->depth == LM_JSON_SCAN_DEPTH_MAX)
		return fail_limit(w, "levels of arrays and objects", LM_JSON_SCAN_DEPTH_MAX);
	w->levels[w->depth++] = (struct level){ object, (uint32_t)w->scan->key_count };
	w->at++;
	spaces(w);
	if (w->at < w->end && *w->at == (object ? '}' : ']')) {
		w->at++;
		w->depth--;
		return 0;
	}
	return object && key(w) < 0 ? -1 : 1;
}

// A value has ended at w->at: note it where it is asked for.
static void
note(struct walk *w, const char *begin, enum lm_json_kind kind)
{
	struct lm_json_scan *scan = w->scan;
	struct lm_json_value value = { kind, { begin, (size_t)(w->at - begin) } };
	if (w->depth == 0)
		scan->value = value;
	else if (w->depth == 1 && w->levels[0].object)
		scan->members[scan->member_count - 1].value = value;
}

// After a value: 1 when another one follows, 0 when the document is complete.
static int
after_value(struct walk *w, const char *const *begins)
{
	while (w->depth > 0) {
		struct level *level = &w->levels[w->depth - 1];
		spaces(w);
		char c = w->at == w->end ? '\0' : *w->at;
		if (c == ',') {
			w->at++;
			spaces(w);
			return level->object && key(w) < 0 ? -1 : 1;
		}
		if (c != (level->object ? '}' : ']'))
			return fail_expected(w, level->object ? "',' or '}'" : "',' or ']'");
		struct lm_json_scan *scan = w->scan;
		size_t count = scan->key_count - level->first_key;
		if (count > 0 && check_keys(w, scan->keys + level->first_key, count) < 0)
			return -1;
		scan->key_count = level->first_key;
		enum lm_json_kind kind = level->object ? LM_JSON_OBJECT : LM_JSON_ARRAY;
		w->at++;
		w->depth--;
		if (w->depth < 2)
			note(w, begins[w->depth], kind);
	}
	return 0;
}

static int
document(struct walk *w)
{
	const char *begins[2] = {}; // of the document, and of the value in it that is being read
	int more = 1;
	while (more == 1) {
		const char *begin = w->at;
		enum lm_json_kind kind = LM_JSON_NULL;
		if (w->depth < 2)
			begins[w->depth] = begin;
		if (w->at < w->end && (*w->at == '{' || *w->at == '[')) {
			kind = *w->at == '{' ? LM_JSON_OBJECT : LM_JSON_ARRAY;
			int opened = open_level(w);
			if (opened < 0)
				return -1;
			if (opened == 1)
				continue;
		} else if (scalar(w, &kind) < 0) {
			return -1;
		}
		note(w, begin, kind);
		more = after_value(w, begins);
	}
	return more;
}

static void
clear(struct lm_json_scan *scan)
{
	scan->member_count = scan->key_count = scan->space_bytes = 0;
	scan->value = (struct lm_json_value){};
	if (scan->texts.head != nullptr)
		lm_arena_release(&scan->texts);
}

int
lm_json_scan(struct lm_json_scan *scan, struct lm_str text, struct lm_err *err)
{
	struct walk w; // its levels need no zeros
	w.scan = scan;
	w.err = err;
	w.depth = 0;
	w.begin = w.at = text.len == 0 ? "" : text.ptr;
	w.end = w.begin + text.len;
	clear(scan);
	spaces(&w);
	if (document(&w) < 0)
		return -1;
	spaces(&w);
	if (w.at != w.end)
		return fail_expected(&w, "the end");
	return 0;
}

void
lm_json_scan_again(struct lm_json_scan *scan, struct lm_str object)
{
	struct lm_json_value key, value;
	clear(scan);
	scan->value = (struct lm_json_value){ LM_JSON_OBJECT, object };
	for (size_t at = 0; lm_json_next_member(scan->value, &at, &key, &value);)
		add_member(scan, key_text(scan, key.raw, memchr(key.raw.ptr, '\\', key.raw.len) != nullptr), value);
}

void
lm_json_scan_release(struct lm_json_scan *scan)
{
	lm_free(scan->members);
	lm_free(scan->keys);
	lm_arena_release(&scan->texts);
	*scan = (struct lm_json_scan){};
}

const struct lm_json_member *
lm_json_scan_find(const struct lm_json_scan *scan, struct lm_str key_text)
{
	for (size_t i = 0; i < scan->member_count; i++)
		if (lm_str_equal(scan->members[i].key, key_text))
			return &scan->members[i];
	return nullptr;
}
