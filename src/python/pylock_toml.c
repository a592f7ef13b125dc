#include "python/pylock_toml.h"

#include "python/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
lm_lock_fail(struct lm_lock_reader *reader, const struct lm_toml *value, const char *format, ...)
{
	char text[LM_ERR_TEXT_MAX + 16]; // too long for lm_err_set, which then marks the cut
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	reader->place = value == nullptr ? (struct lm_toml_place){ 1, 1 } : value->place;
	return lm_err_set(reader->err, LM_E_SPEC, "%s", text);
}

static const char *
with_article(enum lm_toml_type type)
{
	switch (type) {
	case LM_TOML_STRING:
		return "a string";
	case LM_TOML_INTEGER:
		return "an integer";
	case LM_TOML_ARRAY:
		return "an array";
	default:
		return "a table";
	}
}

int
lm_lock_get(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *key,
	enum lm_toml_type type, bool required, const struct lm_toml **out)
{
	*out = lm_toml_get(table, key);
	if (*out == nullptr)
		return required ? lm_lock_fail(reader, table, "%s has no '%s'", what, key) : 0;
	if ((*out)->type != type)
		return lm_lock_fail(reader, *out, "'%s' of %s is not %s", key, what, with_article(type));
	return 0;
}

int
lm_lock_get_text(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *key, bool required,
	char **out)
{
	const struct lm_toml *value = nullptr;
	if (lm_lock_get(reader, table, what, key, LM_TOML_STRING, required, &value) < 0)
		return -1;
	if (value == nullptr)
		return 0;
	struct lm_str text = value->string;
	if (text.len == 0)
		return lm_lock_fail(reader, value, "'%s' of %s is empty", key, what);
	if (lm_find_control(text) < text.len || memchr(text.ptr, '\t', text.len) != nullptr)
		return lm_lock_fail(reader, value, "'%s' of %s holds a control character", key, what);
	*out = lm_arena_strndup(&reader->lock->arena, text.ptr, text.len);
	return 0;
}

// "scheme://authority/..." -> the authority; false when it is no such URL.
static bool
authority_of(struct lm_str url, struct lm_str *out)
{
	size_t colon = lm_str_find(url, ':');
	if (colon == 0 || url.len - colon < 3 || memcmp(url.ptr + colon, "://", 3) != 0)
		return false;
	for (size_t i = 0; i < colon; i++)
		if (!lm_is_alnum(url.ptr[i]) && memchr("+-.", url.ptr[i], 3) == nullptr)
			return false;
	if (memchr(url.ptr, ' ', url.len) != nullptr || memchr(url.ptr, '\\', url.len) != nullptr)
		return false;
	*out = (struct lm_str){ url.ptr + colon + 3, url.len - colon - 3 };
	for (size_t i = 0; i < out->len; i++)
		if (memchr("/?#", out->ptr[i], 3) != nullptr)
			out->len = i;
	return true;
}

int
lm_lock_get_url(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *key, char **out)
{
	struct lm_str authority;
	if (lm_lock_get_text(reader, table, what, key, false, out) < 0)
		return -1;
	if (*out == nullptr)
		return 0;
	// not shown in the message: it may hold a password
	if (!authority_of(lm_str_of(*out), &authority))
		return lm_lock_fail(reader, lm_toml_get(table, key), "'%s' of %s is not an absolute URL", key, what);
	if (lm_str_find(authority, '@') < authority.len)
		return lm_lock_fail(reader, lm_toml_get(table, key),
			"'%s' of %s holds a user name or password: a lock must hold no secrets", key, what);
	return 0;
}

int
lm_lock_check_keys(
	struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *const *known, size_t count)
{
	for (size_t i = 0; i < table->table.count; i++) {
		const struct lm_toml_pair *pair = &table->table.pairs[i];
		bool found = false;
		for (size_t j = 0; j < count; j++)
			found = found || lm_str_equal(pair->key, lm_str_of(known[j]));
		if (found)
			continue;
		if (lm_find_control(pair->key) < pair->key.len)
			return lm_lock_fail(reader, &pair->value, "%s has an unknown key", what);
		const char *near = lm_nearest(pair->key.ptr, known, count);
		(void)lm_lock_fail(reader, &pair->value,
			near != nullptr ? "%s has an unknown key '%s' (did you mean '%s'?)" : "%s has an unknown key '%s'",
			what, pair->key.ptr, near);
		reader->place = pair->place;
		return -1;
	}
	return 0;
}
