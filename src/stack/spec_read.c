#include "stack/spec_read.h"

#include "os/path.h"
#include "python/version.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ERRORS = 500, MAX_WARNINGS = 100, MAX_TEXT = 1000 };

// What a spec says ends up on a terminal: no control characters, no endless lines.
static void
tame(char *text)
{
	size_t len = strlen(text);
	if (len > MAX_TEXT) {
		len = MAX_TEXT - 3;
		while (((unsigned char)text[len] & 0xC0) == 0x80)
			len--;
		memcpy(text + len, "...", 4);
	}
	for (size_t i = 0; text[i] != '\0'; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

static void
report(struct lm_spec_reader *r, bool warning, struct lm_toml_place place, const char *format, va_list args)
{
	struct lm_diags *diags = r->diags;
	if (warning ? diags->count - diags->errors >= MAX_WARNINGS : diags->errors > MAX_ERRORS)
		return;
	if (!warning && diags->errors == MAX_ERRORS) {
		lm_diags_add(diags, false, r->spec->path, 0, 0, nullptr, "more than %d errors, the others are not shown",
			MAX_ERRORS);
		return;
	}
	char *text = nullptr;
	if (vasprintf(&text, format, args) < 0)
		abort();
	tame(text);
	lm_diags_add(diags, warning, r->spec->path, place.line, place.column, r->layer, "%s", text);
	free(text);
}

void
lm_spec_error(struct lm_spec_reader *r, struct lm_toml_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	report(r, false, place, format, args);
	va_end(args);
}

void
lm_spec_warning(struct lm_spec_reader *r, struct lm_toml_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	report(r, true, place, format, args);
	va_end(args);
}

const char *
lm_spec_did_you_mean(struct lm_spec_reader *r, const char *word, const char *const *candidates, size_t count)
{
	const char *best = lm_nearest(word, candidates, count);
	return best == nullptr ? "" : lm_arena_format(&r->spec->arena, "; did you mean '%s'?", best);
}

static const char *
type_phrase(enum lm_toml_type type)
{
	switch (type) {
	case LM_TOML_STRING:
		return "a string";
	case LM_TOML_INTEGER:
		return "an integer";
	case LM_TOML_FLOAT:
		return "a float";
	case LM_TOML_BOOL:
		return "a boolean";
	case LM_TOML_DATETIME:
	case LM_TOML_DATETIME_LOCAL:
		return "a date-time";
	case LM_TOML_DATE_LOCAL:
		return "a date";
	case LM_TOML_TIME_LOCAL:
		return "a time";
	case LM_TOML_ARRAY:
		return "an array";
	case LM_TOML_TABLE:
		return "a table";
	}
	return "something else";
}

bool
lm_spec_is(struct lm_spec_reader *r, const struct lm_toml *value, enum lm_toml_type want, const char *label)
{
	if (value->type == want)
		return true;
	lm_spec_error(r, value->place, "%s must be %s, got %s", label, type_phrase(want), type_phrase(value->type));
	return false;
}

static bool
has_control(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return true;
	return false;
}

char *
lm_spec_text(struct lm_spec_reader *r, const struct lm_toml *value, const char *label)
{
	if (!lm_spec_is(r, value, LM_TOML_STRING, label))
		return nullptr;
	if (has_control(value->string)) {
		lm_spec_error(r, value->place, "%s holds a control character", label);
		return nullptr;
	}
	return lm_arena_strndup(&r->spec->arena, value->string.ptr, value->string.len);
}

char *
lm_spec_get_text(struct lm_spec_reader *r, const struct lm_toml *table, const char *key)
{
	const struct lm_toml *value = lm_toml_get(table, key);
	return value == nullptr ? nullptr : lm_spec_text(r, value, lm_arena_format(&r->spec->arena, "'%s'", key));
}

bool
lm_spec_get_bool(struct lm_spec_reader *r, const struct lm_toml *table, const char *key, bool *out)
{
	const struct lm_toml *value = lm_toml_get(table, key);
	if (value == nullptr || !lm_spec_is(r, value, LM_TOML_BOOL, lm_arena_format(&r->spec->arena, "'%s'", key)))
		return false;
	*out = value->boolean;
	return true;
}

size_t
lm_spec_get_texts(
	struct lm_spec_reader *r, const struct lm_toml *table, const char *key, struct lm_placed_text **out, bool *faulty)
{
	const struct lm_toml *value = lm_toml_get(table, key);
	size_t kept = 0, errors = r->diags->errors;
	*out = nullptr;
	if (value != nullptr && value->type != LM_TOML_ARRAY) {
		lm_spec_error(r, value->place, "'%s' must be an array of strings, got %s", key, type_phrase(value->type));
	} else if (value != nullptr && value->array.count > 0) {
		const char *label = lm_arena_format(&r->spec->arena, "each element of '%s'", key);
		*out = lm_arena_alloc(&r->spec->arena, value->array.count * sizeof **out);
		for (size_t i = 0; i < value->array.count; i++) {
			char *text = lm_spec_text(r, &value->array.items[i], label);
			if (text != nullptr)
				(*out)[kept++] = (struct lm_placed_text){ text, value->array.items[i].place };
		}
	}
	if (faulty != nullptr && r->diags->errors != errors)
		*faulty = true;
	return kept;
}

size_t
lm_spec_get_strings(struct lm_spec_reader *r, const struct lm_toml *table, const char *key, char ***out)
{
	struct lm_placed_text *texts;
	size_t count = lm_spec_get_texts(r, table, key, &texts, nullptr);
	*out = lm_arena_alloc(&r->spec->arena, count * sizeof **out);
	for (size_t i = 0; i < count; i++)
		(*out)[i] = texts[i].text;
	return count;
}

void
lm_spec_check_keys(
	struct lm_spec_reader *r, const struct lm_toml *table, const char *where, const char *const *candidates, size_t count)
{
	for (size_t i = 0; i < table->table.count; i++) {
		const struct lm_toml_pair *pair = &table->table.pairs[i];
		bool known = false;
		for (size_t j = 0; j < count && !known; j++)
			known = lm_str_equal(pair->key, lm_str_of(candidates[j]));
		if (!known)
			lm_spec_error(r, pair->place, "unknown key '%s' in %s%s", pair->key.ptr, where,
				lm_spec_did_you_mean(r, pair->key.ptr, candidates, count));
	}
}

const char *
lm_spec_implementation(struct lm_spec_reader *r, const char *text, struct lm_toml_place place, unsigned *major, unsigned *minor)
{
	struct lm_str version = lm_str_of(text), name = lm_str_cut(&version, '@');
	struct lm_version parsed;

	if (name.len == strlen(text) || name.len == 0) {
		lm_spec_error(r, place, "'%s' is no Python implementation; write it as 'cpython@3.12.9'", text);
		return nullptr;
	}
	if (!lm_str_equal(name, LM_STR("cpython"))) {
		lm_spec_error(r, place, "the implementation '%.*s' is not supported, only 'cpython'", LM_STR_ARG(name));
		return nullptr;
	}
	LM_AUTO(lm_buf_release) struct lm_buf normal = {};
	if (lm_version_parse(version, &parsed))
		lm_version_format(&parsed, &normal);
	// also refuses "3.012.9" and " 3.12.9": the text becomes part of names
	if (!lm_str_equal(lm_buf_view(&normal), version) || parsed.release_count != 3 || parsed.epoch != 0 || parsed.has_post ||
		parsed.has_dev || parsed.local[0] != '\0') {
		lm_spec_error(r, place, "'%s' must name a full version, such as 'cpython@3.12.9'", text);
		return nullptr;
	}
	if (parsed.release[0] != 3 || parsed.release[1] > 999) {
		lm_spec_error(r, place, "Python %.*s is not supported, only Python 3", LM_STR_ARG(version));
		return nullptr;
	}
	*major = (unsigned)parsed.release[0];
	*minor = (unsigned)parsed.release[1];
	return lm_arena_strndup(&r->spec->arena, version.ptr, version.len);
}

bool
lm_spec_platform(struct lm_spec_reader *r, const char *text, struct lm_toml_place place, enum lm_platform *out)
{
	const char *names[LM_PLATFORM_COUNT];

	if (lm_platform_parse(text, out))
		return true;
	for (int i = 0; i < LM_PLATFORM_COUNT; i++)
		names[i] = lm_platform_name((enum lm_platform)i);
	const char *hint = lm_spec_did_you_mean(r, text, names, LM_PLATFORM_COUNT);
	if (hint[0] == '\0')
		hint = "; known are linux_x86_64, linux_aarch64, macosx_arm64, macosx_x86_64, win_amd64, win_arm64";
	lm_spec_error(r, place, "unknown platform '%s'%s", text, hint);
	return false;
}

static bool
has_drive(const char *text)
{
	return ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z')) && text[1] == ':';
}

char *
lm_spec_path(struct lm_spec_reader *r, const char *text, struct lm_toml_place place, const char *label)
{
	enum { PATH_MAX_BYTES = 4096 };

	if (text[0] == '\0')
		lm_spec_error(r, place, "%s is empty", label);
	else if (strchr(text, '\\') != nullptr)
		lm_spec_error(r, place, "%s '%s' holds a backslash; separate folders with '/'", label, text);
	else if (text[0] == '/' || has_drive(text))
		lm_spec_error(r, place, "%s '%s' must be relative to the spec's folder", label, text);
	else if (strlen(text) > PATH_MAX_BYTES)
		lm_spec_error(r, place, "%s is longer than %d bytes", label, PATH_MAX_BYTES);
	else {
		LM_AUTO(lm_free_ptr) char *normal = lm_path_normal(text);
		const char *name = lm_path_name(normal);
		if (!lm_cstr_equal(name, ".") && !lm_cstr_equal(name, ".."))
			return lm_arena_strdup(&r->spec->arena, normal);
		lm_spec_error(r, place, "%s '%s' names no file or folder of its own", label, text);
	}
	return nullptr;
}

bool
lm_spec_index_known(struct lm_spec_reader *r, const char *name, struct lm_toml_place place, const char *label)
{
	const struct lm_spec *spec = r->spec;

	for (size_t i = 0; i < spec->index_name_count; i++)
		if (strcmp(spec->index_names[i], name) == 0)
			return true;
	if (r->index_names_unknown)
		return true;
	lm_spec_error(r, place, "%s names the index '%s', which no [[tool.uv.index]] declares%s", label, name,
		lm_spec_did_you_mean(r, name, (const char *const *)spec->index_names, spec->index_name_count));
	return false;
}

static int
by_from(const void *a, const void *b)
{
	return strcmp(((const struct lm_name_pair *)a)->from, ((const struct lm_name_pair *)b)->from);
}

void
lm_name_pairs_sort(struct lm_name_pair *pairs, size_t count)
{
	if (count > 1)
		qsort(pairs, count, sizeof *pairs, by_from);
}

const struct lm_name_pair *
lm_name_pairs_find(const struct lm_name_pair *pairs, size_t count, const char *from)
{
	struct lm_name_pair key = { .from = (char *)from };
	return count == 0 ? nullptr : bsearch(&key, pairs, count, sizeof *pairs, by_from);
}

size_t
lm_spec_package_indexes(struct lm_spec_reader *r, const struct lm_toml *table, const char *label, size_t layer,
	struct lm_name_pair **out, bool *faulty)
{
	size_t kept = 0, errors = r->diags->errors;

	*out = lm_arena_alloc(&r->spec->arena, table->table.count * sizeof **out);
	for (size_t i = 0; i < table->table.count; i++) {
		const struct lm_toml_pair *pair = &table->table.pairs[i];
		LM_AUTO(lm_buf_release) struct lm_buf name = {};
		lm_name_normalize(pair->key, &name);
		const char *what = lm_arena_format(&r->spec->arena, "'%s' in %s", pair->key.ptr, label);
		char *index = lm_spec_text(r, &pair->value, what);
		if (index == nullptr || !lm_spec_index_known(r, index, pair->value.place, what))
			continue;
		(*out)[kept++] = (struct lm_name_pair){
			.from = lm_arena_strdup(&r->spec->arena, lm_buf_cstr(&name)),
			.to = index,
			.place = pair->place,
			.layer = layer,
		};
	}
	lm_name_pairs_sort(*out, kept);
	for (size_t i = 1; i < kept; i++)
		if (strcmp((*out)[i - 1].from, (*out)[i].from) == 0)
			lm_spec_error(r, (*out)[i].place, "%s names the package '%s' twice", label, (*out)[i].from);
	if (r->diags->errors != errors)
		*faulty = true;
	return kept;
}
