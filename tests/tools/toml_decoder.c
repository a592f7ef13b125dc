// The decoder that toml-test drives: TOML on stdin, tagged JSON on stdout; exit 1 with
// "line:column: message" on stderr when the document is invalid.
#include "base/mem.h"
#include "text/json.h"
#include "text/number.h"
#include "text/toml.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *
tagged(const char *type, struct lm_str text)
{
	return json_pack("{s:s, s:o}", "type", type, "value", json_stringn(text.ptr, text.len));
}

static json_t *
to_json(const struct lm_toml *value)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	json_t *json = nullptr;
	switch (value->type) {
	case LM_TOML_STRING:
		return tagged("string", value->string);
	case LM_TOML_INTEGER:
		lm_buf_format(&text, "%" PRId64, value->integer);
		return tagged("integer", lm_buf_view(&text));
	case LM_TOML_FLOAT:
		lm_number_format(&text, value->number);
		return tagged("float", lm_buf_view(&text));
	case LM_TOML_BOOL:
		return tagged("bool", value->boolean ? LM_STR("true") : LM_STR("false"));
	case LM_TOML_DATETIME:
		return tagged("datetime", value->time);
	case LM_TOML_DATETIME_LOCAL:
		return tagged("datetime-local", value->time);
	case LM_TOML_DATE_LOCAL:
		return tagged("date-local", value->time);
	case LM_TOML_TIME_LOCAL:
		return tagged("time-local", value->time);
	case LM_TOML_ARRAY:
		json = json_array();
		for (size_t i = 0; i < value->array.count; i++)
			(void)json_array_append_new(json, to_json(&value->array.items[i]));
		return json;
	case LM_TOML_TABLE:
		json = json_object();
		for (size_t i = 0; i < value->table.count; i++) {
			const struct lm_toml_pair *pair = &value->table.pairs[i];
			(void)json_object_setn_new(json, pair->key.ptr, pair->key.len, to_json(&pair->value));
		}
		return json;
	}
	return nullptr;
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
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, output = {};
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
	struct lm_err err = {};
	struct lm_toml_place place;
	read_all(stdin, &text);
	if (lm_toml_parse(lm_buf_view(&text), &doc, &place, &err) < 0) {
		(void)fprintf(stderr, "%u:%u: %s\n", place.line, place.column, err.text);
		return 1;
	}
	LM_AUTO(lm_json_decref_ptr) json_t *json = to_json(lm_toml_root(doc));
	lm_json_format(json, &output);
	(void)fwrite(output.ptr, 1, output.len, stdout);
	return 0;
}
