#include "text/json_instance.h"

#include "base/mem.h"
#include "text/json.h"
#include "text/number.h"

#include <math.h>
#include <string.h>

struct maker {
	const json_t *root;
	size_t nodes;
	struct lm_buf *out;
};

static int make(struct maker *maker, const json_t *schema, int depth, struct lm_err *err);

static bool
has_type(const json_t *schema, const char *name)
{
	const json_t *type = json_object_get(schema, "type");
	if (json_is_array(type))
		type = json_array_get(type, 0);
	// Gemini writes its types in capitals
	return json_is_string(type) && strcasecmp(json_string_value(type), name) == 0;
}

static double
bound(const json_t *schema, const char *key, double otherwise)
{
	const json_t *value = json_object_get(schema, key);
	return json_is_number(value) ? json_number_value(value) : otherwise;
}

static void
add_value(struct maker *maker, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	lm_buf_text(maker->out, text != nullptr ? text : "null");
	free(text);
}

static int
make_text(struct maker *maker, const json_t *schema, struct lm_err *err)
{
	static const struct {
		const char *format, *text;
	} formats[] = {
		{ "date", "2026-01-01" },
		{ "date-time", "2026-01-01T00:00:00Z" },
		{ "time", "00:00:00Z" },
		{ "duration", "P1D" },
		{ "email", "a@example.com" },
		{ "hostname", "example.com" },
		{ "ipv4", "192.0.2.1" },
		{ "ipv6", "2001:db8::1" },
		{ "uuid", "00000000-0000-4000-8000-000000000000" },
		{ "uri", "https://example.com/" },
	};
	const char *format = lm_json_string(schema, "format"), *pattern = lm_json_string(schema, "pattern");
	double least = bound(schema, "minLength", 0), most = bound(schema, "maxLength", -1);

	if (pattern != nullptr)
		return lm_err_set(err, LM_E_UNSUPPORTED, "no text is made for the pattern '%s'", pattern);
	for (size_t i = 0; i < LM_COUNT(formats); i++)
		if (lm_cstr_equal(format, formats[i].format)) {
			lm_buf_format(maker->out, "\"%s\"", formats[i].text);
			return 0;
		}
	if (least < 0 || least > (double)LM_JSON_INSTANCE_MAX_BYTES || (most >= 0 && most < least))
		return lm_err_set(err, LM_E_UNSUPPORTED, "no text has the lengths %g to %g", least, most);
	lm_buf_byte(maker->out, '"');
	for (double i = most >= 1 && least < 1 ? -1 : 0; i < least; i++)
		lm_buf_byte(maker->out, 'x');
	if (most < 0)
		lm_buf_byte(maker->out, LM_JSON_INSTANCE_PROMPT);
	lm_buf_byte(maker->out, '"');
	return 0;
}

static int
make_number(struct maker *maker, const json_t *schema, bool whole, struct lm_err *err)
{
	double low = bound(schema, "minimum", -INFINITY), high = bound(schema, "maximum", INFINITY);
	double above = bound(schema, "exclusiveMinimum", -INFINITY), below = bound(schema, "exclusiveMaximum", INFINITY);
	double step = bound(schema, "multipleOf", whole ? 1 : 0), number = 0;

	if ((isfinite(above) && above >= low) || (isfinite(below) && below <= high)) {
		// an open end: take the middle, or go one away from it
		double from = fmax(low, above), to = fmin(high, below);
		if (whole)
			low = fmax(low, floor(above) + 1), high = fmin(high, ceil(below) - 1);
		else if (isfinite(from) && isfinite(to))
			low = high = from + (to - from) / 2;
		else
			low = isfinite(from) ? from + 1 : low, high = isfinite(to) ? to - 1 : high;
	}
	if (low > 0 || high < 0)
		number = low > 0 ? low : high;
	if (step > 0)
		number = (low > 0 ? ceil(number / step) : floor(number / step)) * step;
	if (number < low || number > high || fabs(number) > 1e15)
		return lm_err_set(err, LM_E_UNSUPPORTED, "no number is made for these bounds");
	if (whole || number == floor(number))
		lm_buf_format(maker->out, "%lld", (long long)number);
	else
		lm_number_format(maker->out, number);
	return 0;
}

static int
make_list(struct maker *maker, const json_t *schema, int depth, struct lm_err *err)
{
	const json_t *items = json_object_get(schema, "items"), *first = json_object_get(schema, "prefixItems");
	size_t ahead = json_array_size(first), start = maker->out->len;
	double least = bound(schema, "minItems", 0), most = bound(schema, "maxItems", LM_JSON_INSTANCE_MAX_NODES);
	double count = fmax(least, fmin((double)ahead, most));

	if (least > 1 && json_is_true(json_object_get(schema, "uniqueItems")))
		return lm_err_set(err, LM_E_UNSUPPORTED, "no list of %g different items is made", least);
	if (least > (double)LM_JSON_INSTANCE_MAX_NODES || least > most)
		return lm_err_set(err, LM_E_UNSUPPORTED, "no list has %g to %g items", least, most);
	if (count < 1 && most >= 1 && items != nullptr)
		count = 1;
	lm_buf_byte(maker->out, '[');
	for (size_t i = 0; i < (size_t)count; i++) {
		if (i > 0)
			lm_buf_byte(maker->out, ',');
		if (make(maker, i < ahead ? json_array_get(first, i) : items, depth + 1, err) == 0)
			continue;
		if (least > 0 || ahead > 0)
			return -1;
		maker->out->len = start + 1; // an empty list ends what would never end
		break;
	}
	lm_buf_byte(maker->out, ']');
	return 0;
}

static bool
is_required(const json_t *schema, const char *key)
{
	const json_t *required = json_object_get(schema, "required");
	for (size_t i = 0; i < json_array_size(required); i++)
		if (lm_cstr_equal(json_string_value(json_array_get(required, i)), key))
			return true;
	return false;
}

static int
make_object(struct maker *maker, const json_t *schema, int depth, struct lm_err *err)
{
	json_t *properties = json_object_get(schema, "properties");
	const char *key;
	json_t *property;
	size_t count = 0;

	lm_buf_byte(maker->out, '{');
	json_object_foreach(properties, key, property)
	{
		size_t start = maker->out->len;
		LM_AUTO(lm_json_decref_ptr) json_t *name = json_string(key);
		if (count > 0)
			lm_buf_byte(maker->out, ',');
		add_value(maker, name);
		lm_buf_byte(maker->out, ':');
		count++;
		if (make(maker, property, depth + 1, err) == 0)
			continue;
		if (is_required(schema, key))
			return -1;
		maker->out->len = start;
		count--;
	}
	lm_buf_byte(maker->out, '}');
	return 0;
}

// "#/$defs/name": the value there, or null.
static const json_t *
resolve(const json_t *root, const char *reference)
{
	if (strcmp(reference, "#") == 0)
		return root;
	if (!lm_cstr_starts(reference, "#/"))
		return nullptr;
	struct lm_str rest = lm_str_of(reference + 2);
	while (rest.len > 0 && root != nullptr) {
		struct lm_str part = lm_str_cut(&rest, '/');
		root = json_object_getn(root, part.ptr, part.len);
	}
	return root;
}

static int
make_choice(struct maker *maker, const json_t *choices, int depth, struct lm_err *err)
{
	size_t start = maker->out->len;
	for (size_t i = 0; i < json_array_size(choices); i++) {
		if (make(maker, json_array_get(choices, i), depth + 1, err) == 0)
			return 0;
		maker->out->len = start;
	}
	return err->code != LM_OK ? -1 : lm_err_set(err, LM_E_UNSUPPORTED, "a choice of nothing");
}

static int
make_all(struct maker *maker, const json_t *schema, int depth, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *merged = json_copy((json_t *)(uintptr_t)schema);
	LM_AUTO(lm_json_decref_ptr) json_t *parts = json_incref(json_object_get(merged, "allOf"));
	json_object_del(merged, "allOf");
	for (size_t i = 0; i < json_array_size(parts); i++) {
		const json_t *part = json_array_get(parts, i);
		const char *reference = lm_json_string(part, "$ref");
		if (reference != nullptr)
			part = resolve(maker->root, reference);
		LM_AUTO(lm_json_decref_ptr) json_t *own = json_deep_copy(part);
		if (own == nullptr || json_object_update_recursive(merged, own) != 0)
			return lm_err_set(err, LM_E_UNSUPPORTED, "a part of allOf is no schema");
	}
	return make(maker, merged, depth + 1, err);
}

static int
make_of_type(struct maker *maker, const json_t *schema, int depth, struct lm_err *err)
{
	if (has_type(schema, "object") || (json_object_get(schema, "type") == nullptr && json_object_get(schema, "properties")))
		return make_object(maker, schema, depth, err);
	if (has_type(schema, "array"))
		return make_list(maker, schema, depth, err);
	if (has_type(schema, "integer") || has_type(schema, "number"))
		return make_number(maker, schema, has_type(schema, "integer"), err);
	if (has_type(schema, "boolean"))
		lm_buf_text(maker->out, "true");
	else if (has_type(schema, "null"))
		lm_buf_text(maker->out, "null");
	else if (json_object_get(schema, "type") == nullptr || has_type(schema, "string"))
		return make_text(maker, schema, err);
	else
		return lm_err_set(err, LM_E_UNSUPPORTED, "a type that JSON Schema does not have");
	return 0;
}

static int
make(struct maker *maker, const json_t *schema, int depth, struct lm_err *err)
{
	if (depth > LM_JSON_INSTANCE_MAX_DEPTH || ++maker->nodes > LM_JSON_INSTANCE_MAX_NODES)
		return lm_err_set(err, LM_E_UNSUPPORTED, "the schema does not come to an end");
	if (json_is_true(schema)) {
		lm_buf_text(maker->out, "null");
		return 0;
	}
	if (!json_is_object(schema))
		return lm_err_set(err, LM_E_UNSUPPORTED, "a schema that is no object");

	const json_t *value;
	const char *reference = lm_json_string(schema, "$ref");
	if (reference != nullptr) {
		value = resolve(maker->root, reference);
		return value != nullptr ? make(maker, value, depth + 1, err)
					: lm_err_set(err, LM_E_UNSUPPORTED, "the schema has no '%s'", reference);
	}
	if (json_object_get(schema, "not") != nullptr)
		return lm_err_set(err, LM_E_UNSUPPORTED, "no instance is made for 'not'");
	if ((value = json_object_get(schema, "const")) != nullptr ||
		(value = json_array_get(json_object_get(schema, "enum"), 0)) != nullptr) {
		add_value(maker, value);
		return 0;
	}
	if (json_is_array(value = json_object_get(schema, "anyOf")) || json_is_array(value = json_object_get(schema, "oneOf")))
		return make_choice(maker, value, depth, err);
	if (json_is_array(json_object_get(schema, "allOf")))
		return make_all(maker, schema, depth, err);
	return make_of_type(maker, schema, depth, err);
}

int
lm_json_instance(struct lm_str schema, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *root = nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf text = { .max_bytes = LM_JSON_INSTANCE_MAX_BYTES };

	if (lm_json_parse(schema, &root, err) < 0)
		return -1;
	struct maker maker = { .root = root, .out = &text };
	if (make(&maker, root, 0, err) < 0)
		return -1;
	if (text.overflow)
		return lm_err_set(
			err, LM_E_UNSUPPORTED, "the instance would be larger than %d bytes", LM_JSON_INSTANCE_MAX_BYTES);
	lm_err_clear(err); // of ways that led nowhere
	lm_buf_append(out, text.ptr, text.len);
	return 0;
}

void
lm_json_instance_fill(struct lm_str instance, struct lm_str prompt, struct lm_buf *out)
{
	while (instance.len > 0) {
		size_t at = lm_str_find(instance, LM_JSON_INSTANCE_PROMPT);
		lm_buf_append(out, instance.ptr, at);
		if (at < instance.len)
			lm_buf_str(out, prompt), at++;
		instance = (struct lm_str){ instance.ptr + at, instance.len - at };
	}
}
