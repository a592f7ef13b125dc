// A schema as providers want it, and answers as models write them.
#include "base/mem.h"
#include "batch/schema_parts.h"
#include "text/json.h"
#include "text/json_scan.h"
#include "text/number.h"

#include <string.h>
#include <strings.h>

static int
close_objects(void *context, const struct lm_keyword *keyword, const char *name, json_t *schema, struct lm_err *err)
{
	(void)keyword;
	(void)name;
	if (!json_is_object(schema))
		return 0;
	if (lm_schema_names_object(schema) && json_object_get(schema, "additionalProperties") == nullptr)
		(void)json_object_set_new(schema, "additionalProperties", json_false());
	return lm_schema_each(schema, close_objects, context, err);
}

// One line, members in the order they have.
static void
put(struct lm_buf *out, json_t *value)
{
	const char *separator = "";
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		lm_buf_byte(out, '{');
		for (void *it = json_object_iter(value); it != nullptr; it = json_object_iter_next(value, it)) {
			lm_buf_text(out, separator);
			lm_json_quote(out, lm_str_of(json_object_iter_key(it)));
			lm_buf_byte(out, ':');
			put(out, json_object_iter_value(it));
			separator = ",";
		}
		lm_buf_byte(out, '}');
		return;
	case JSON_ARRAY:
		lm_buf_byte(out, '[');
		for (size_t i = 0; i < json_array_size(value); i++) {
			lm_buf_text(out, separator);
			put(out, json_array_get(value, i));
			separator = ",";
		}
		lm_buf_byte(out, ']');
		return;
	case JSON_STRING:
		lm_json_quote(out, (struct lm_str){ json_string_value(value), json_string_length(value) });
		return;
	case JSON_INTEGER:
		lm_buf_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return;
	case JSON_REAL:
		lm_number_format(out, json_real_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		lm_buf_text(out, json_is_true(value) ? "true" : "false");
		return;
	case JSON_NULL:
		lm_buf_text(out, "null");
		return;
	}
}

void
lm_schema_closed(const struct lm_schema *schema, struct lm_buf *out)
{
	LM_AUTO(lm_json_decref_ptr) json_t *copy = json_deep_copy(schema->root);
	struct lm_err err = {};
	(void)close_objects(nullptr, nullptr, nullptr, copy, &err); // has no way to fail
	put(out, copy);
}

struct lm_str
lm_schema_answer_json(struct lm_str text)
{
	text = lm_str_trim(text);
	if (!lm_str_starts(text, LM_STR("```")))
		return text;
	struct lm_str rest = text;
	struct lm_str first = lm_str_trim(lm_str_cut(&rest, '\n'));
	bool is_json = first.len == 7 && strncasecmp(first.ptr + 3, "json", 4) == 0;
	rest = lm_str_trim(rest);
	if ((first.len != 3 && !is_json) || !lm_str_ends(rest, LM_STR("```")))
		return text;
	return lm_str_trim((struct lm_str){ rest.ptr, rest.len - 3 });
}

int
lm_schema_read_answer(struct lm_str text, json_t **out, struct lm_err *err)
{
	if (lm_json_parse(lm_schema_answer_json(text), out, err) == 0)
		return 0;
	err->code = LM_E_SYNTAX;
	return lm_err_wrap(err, "answer is no JSON");
}
