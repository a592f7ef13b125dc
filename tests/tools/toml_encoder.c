// The encoder that toml-test drives: tagged JSON on stdin, TOML on stdout.
#include "base/mem.h"
#include "text/json.h"
#include "text/number.h"
#include "text/toml.h"

#include <stdio.h>
#include <stdlib.h>

// jansson takes no NUL in a key. So each \u0000 of the input becomes a character that toml-test does not
// use, and that one becomes NUL again.
static const char stand_in[] = "\xF4\x8F\xBF\xBE"; // U+10FFFE

static void
hide_nul(struct lm_str text, struct lm_buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		bool escape = text.ptr[i] == '\\' && i + 1 < text.len;
		if (lm_str_starts((struct lm_str){ text.ptr + i, text.len - i }, LM_STR("\\u0000"))) {
			lm_buf_text(out, stand_in);
			i += 5;
			continue;
		}
		lm_buf_byte(out, text.ptr[i]);
		if (escape)
			lm_buf_byte(out, text.ptr[++i]);
	}
}

static struct lm_str
show_nul(struct lm_arena *arena, const char *text, size_t len)
{
	char *out = lm_arena_alloc(arena, len + 1);
	size_t out_len = 0;
	for (size_t i = 0; i < len; i++) {
		bool found = lm_str_starts((struct lm_str){ text + i, len - i }, LM_STR("\xF4\x8F\xBF\xBE"));
		out[out_len++] = found ? '\0' : text[i];
		i += found ? 3 : 0;
	}
	return (struct lm_str){ out, out_len };
}

static bool
scalar(const char *type, struct lm_str text, struct lm_toml *out)
{
	static const struct {
		const char *name;
		enum lm_toml_type type;
	} types[] = {
		{ "string", LM_TOML_STRING },
		{ "integer", LM_TOML_INTEGER },
		{ "float", LM_TOML_FLOAT },
		{ "bool", LM_TOML_BOOL },
		{ "datetime", LM_TOML_DATETIME },
		{ "datetime-local", LM_TOML_DATETIME_LOCAL },
		{ "date-local", LM_TOML_DATE_LOCAL },
		{ "time-local", LM_TOML_TIME_LOCAL },
	};
	size_t i = 0;
	while (i < LM_COUNT(types) && !lm_cstr_equal(types[i].name, type))
		i++;
	if (i == LM_COUNT(types))
		return false;
	out->type = types[i].type;
	if (out->type == LM_TOML_STRING)
		out->string = text;
	else if (out->type == LM_TOML_INTEGER)
		out->integer = strtoll(text.ptr, nullptr, 10);
	else if (out->type == LM_TOML_FLOAT)
		out->number = lm_number_parse(text.ptr); // "inf" and "nan" too
	else if (out->type == LM_TOML_BOOL)
		out->boolean = lm_cstr_equal(text.ptr, "true");
	else
		out->time = text;
	return true;
}

static bool from_json(struct lm_arena *arena, json_t *json, struct lm_toml *out);

static bool
table(struct lm_arena *arena, json_t *json, struct lm_toml *out)
{
	struct lm_toml_pair *pairs = lm_arena_alloc(arena, json_object_size(json) * sizeof *pairs);
	out->type = LM_TOML_TABLE;
	out->table.pairs = pairs;
	out->table.count = 0;
	for (void *it = json_object_iter(json); it != nullptr; it = json_object_iter_next(json, it)) {
		struct lm_toml_pair *pair = &pairs[out->table.count++];
		pair->key = show_nul(arena, json_object_iter_key(it), json_object_iter_key_len(it));
		if (!from_json(arena, json_object_iter_value(it), &pair->value))
			return false;
	}
	return true;
}

static bool
from_json(struct lm_arena *arena, json_t *json, struct lm_toml *out)
{
	if (json_is_array(json)) {
		struct lm_toml *items = lm_arena_alloc(arena, json_array_size(json) * sizeof *items);
		*out = (struct lm_toml){ .type = LM_TOML_ARRAY, .array = { items, json_array_size(json) } };
		for (size_t i = 0; i < out->array.count; i++)
			if (!from_json(arena, json_array_get(json, i), &items[i]))
				return false;
		return true;
	}
	const json_t *type = json_object_get(json, "type"), *value = json_object_get(json, "value");
	if (json_object_size(json) == 2 && json_is_string(type) && json_is_string(value))
		return scalar(
			json_string_value(type), show_nul(arena, json_string_value(value), json_string_length(value)), out);
	return json_is_object(json) && table(arena, json, out);
}

static void
read_all(FILE *file, struct lm_buf *out)
{
	for (;;) {
		size_t got = fread(lm_buf_reserve(out, 65536), 1, 65536, file);
		out->len += got;
		if (got == 0)
			return;
	}
}

int
main(void)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, hidden = {}, output = {};
	LM_AUTO(lm_json_decref_ptr) json_t *json = nullptr;
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_err err = {};
	struct lm_toml root = {};
	read_all(stdin, &text);
	hide_nul(lm_buf_view(&text), &hidden);
	if (lm_json_parse(lm_buf_view(&hidden), &json, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (!from_json(&arena, json, &root) || root.type != LM_TOML_TABLE) {
		(void)fprintf(stderr, "not the tagged JSON of toml-test\n");
		return 1;
	}
	for (size_t i = 0; i < root.table.count; i++) {
		lm_toml_write_key(&output, root.table.pairs[i].key);
		lm_buf_text(&output, " = ");
		lm_toml_write_value(&output, &root.table.pairs[i].value);
		lm_buf_byte(&output, '\n');
	}
	return fwrite(lm_buf_cstr(&output), 1, output.len, stdout) == output.len ? 0 : 2;
}
