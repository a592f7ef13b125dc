// Does a value follow a schema? JSON Schema 2020-12, "A Vocabulary for Structural Validation".
#include "base/mem.h"
#include "batch/schema_parts.h"
#include "text/json.h"
#include "text/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LM_CHECK_DEPTH_MAX = 2000 };

struct step {
	const struct step *above;
	const char *name; // null: by number
	size_t index;
};

struct check {
	const struct lm_schema *schema;
	size_t depth;
	struct lm_err gave_up; // a pattern took too long: whatever else fits, nothing can be said
};

static void
show(const struct step *step, struct lm_buf *out)
{
	if (step->above == nullptr)
		return;
	show(step->above, out);
	if (step->name == nullptr) {
		lm_buf_format(out, "/%zu", step->index);
		return;
	}
	lm_buf_byte(out, '/');
	for (const char *at = step->name; *at != '\0'; at++)
		if (*at == '~' || *at == '/')
			lm_buf_text(out, *at == '~' ? "~0" : "~1");
		else
			lm_buf_byte(out, *at);
}

static bool fail(const struct step *at, struct lm_err *err, const char *format, ...) LM_PRINTF(3, 4);

// Always false. Without `err` nobody wants to know why.
static bool
fail(const struct step *at, struct lm_err *err, const char *format, ...)
{
	if (err == nullptr)
		return false;
	LM_AUTO(lm_buf_release) struct lm_buf place = {};
	char text[512];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct lm_str whole = lm_str_of(text);
	while (!lm_utf8_valid(whole)) // a long name was cut
		whole.len--;
	show(at, &place);
	(void)lm_err_set(err, LM_E_SYNTAX, "at %s: %.*s", place.len == 0 ? "/" : place.ptr, LM_STR_ARG(whole));
	return false;
}

// ---- types and equality

static bool
is_whole(const json_t *value)
{
	return json_is_integer(value) ||
		(json_is_real(value) && isfinite(json_real_value(value)) &&
			floor(json_real_value(value)) == json_real_value(value));
}

static bool
is_of_type(const json_t *value, const char *name)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return strcmp(name, "object") == 0;
	case JSON_ARRAY:
		return strcmp(name, "array") == 0;
	case JSON_STRING:
		return strcmp(name, "string") == 0;
	case JSON_INTEGER:
	case JSON_REAL:
		return strcmp(name, "number") == 0 || (strcmp(name, "integer") == 0 && is_whole(value));
	case JSON_TRUE:
	case JSON_FALSE:
		return strcmp(name, "boolean") == 0;
	case JSON_NULL:
		return strcmp(name, "null") == 0;
	}
	return false;
}

static const char *
with_article(const char *type)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "object", "an object" },
		{ "array", "an array" },
		{ "string", "a string" },
		{ "number", "a number" },
		{ "integer", "a whole number" },
		{ "boolean", "true or false" },
		{ "null", "null" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (lm_cstr_equal(type, rows[i].name))
			return rows[i].text;
	return "";
}

static const char *
kind_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	}
	return "";
}

static bool
check_type(const json_t *type, const json_t *value, const struct step *at, struct lm_err *err)
{
	if (json_is_string(type)) {
		if (is_of_type(value, json_string_value(type)))
			return true;
		return fail(at, err, "is %s, not %s", kind_of(value), with_article(json_string_value(type)));
	}
	LM_AUTO(lm_buf_release) struct lm_buf names = {};
	for (size_t i = 0; i < json_array_size(type); i++) {
		const char *name = json_string_value(json_array_get(type, i));
		if (is_of_type(value, name))
			return true;
		lm_buf_format(&names, "%s%s", i == 0 ? "" : " or ", with_article(name));
	}
	return fail(at, err, "is %s, not %s", kind_of(value), lm_buf_cstr(&names));
}

// Whole numbers of 64 bits and doubles are compared exactly: long double holds both.
static_assert(__LDBL_MANT_DIG__ >= 64);

static long double
number(const json_t *value)
{
	return json_is_integer(value) ? (long double)json_integer_value(value) : (long double)json_real_value(value);
}

// As JSON Schema has it: 1 and 1.0 are equal.
static bool
equal(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return number(a) == number(b);
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_array(a)) {
		if (json_array_size(a) != json_array_size(b))
			return false;
		for (size_t i = 0; i < json_array_size(a); i++)
			if (!equal(json_array_get(a, i), json_array_get(b, i)))
				return false;
		return true;
	}
	if (!json_is_object(a))
		return json_equal(a, b) == 1;
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_t *mutable = (json_t *)(uintptr_t)a;
	for (void *it = json_object_iter(mutable); it != nullptr; it = json_object_iter_next(mutable, it)) {
		const json_t *other = json_object_get(b, json_object_iter_key(it));
		if (other == nullptr || !equal(json_object_iter_value(it), other))
			return false;
	}
	return true;
}

static bool
check_values(json_t *schema, const json_t *value, const struct step *at, struct lm_err *err)
{
	const json_t *allowed = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
	bool found = allowed == nullptr;
	for (size_t i = 0; !found && i < json_array_size(allowed); i++)
		found = equal(json_array_get(allowed, i), value);
	if (!found)
		return fail(at, err, "is none of the values that 'enum' allows");
	if (only != nullptr && !equal(only, value))
		return fail(at, err, "is not the value of 'const'");
	return true;
}

// ---- numbers and strings

static bool
is_multiple(const json_t *value, const json_t *of)
{
	if (json_is_integer(value) && json_is_integer(of))
		return json_integer_value(value) % json_integer_value(of) == 0;
	if (json_is_integer(of))
		return fmod(json_real_value(value), (double)json_integer_value(of)) == 0;
	double quotient = json_number_value(value) / json_real_value(of);
	return isfinite(quotient) && floor(quotient) == quotient;
}

static bool
check_number(json_t *schema, const json_t *value, const struct step *at, struct lm_err *err)
{
	const struct {
		const char *keyword, *fault;
		bool below, above, same; // which relation to the limit is a fault
	} rows[] = {
		{ "minimum", "is less than", true, false, false },
		{ "maximum", "is more than", false, true, false },
		{ "exclusiveMinimum", "is not more than", true, false, true },
		{ "exclusiveMaximum", "is not less than", false, true, true },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		const json_t *limit = json_object_get(schema, rows[i].keyword);
		if (limit == nullptr)
			continue;
		long double x = number(value), y = number(limit);
		if (!((rows[i].below && x < y) || (rows[i].above && x > y) || (rows[i].same && x == y)))
			continue;
		LM_AUTO(lm_buf_release) struct lm_buf shown = {};
		if (json_is_integer(limit))
			lm_buf_format(&shown, "%" JSON_INTEGER_FORMAT, json_integer_value(limit));
		else
			lm_number_format(&shown, json_real_value(limit));
		return fail(at, err, "%s %s", rows[i].fault, shown.ptr);
	}
	const json_t *of = json_object_get(schema, "multipleOf");
	return of == nullptr || is_multiple(value, of) || fail(at, err, "is no multiple of what 'multipleOf' says");
}

// The value of a counting keyword; false when it is not there.
static bool
count_of(const json_t *schema, const char *keyword, size_t *out)
{
	const json_t *value = json_object_get(schema, keyword);
	if (value == nullptr)
		return false;
	*out = (size_t)json_integer_value(value);
	return true;
}

static bool
check_count(const json_t *schema, const char *least, const char *most, size_t count, const char *what, const struct step *at,
	struct lm_err *err)
{
	size_t limit = 0;
	if (count_of(schema, least, &limit) && count < limit)
		return fail(at, err, "has %zu %s, fewer than %zu", count, what, limit);
	if (count_of(schema, most, &limit) && count > limit)
		return fail(at, err, "has %zu %s, more than %zu", count, what, limit);
	return true;
}

static bool
check_pattern(struct check *c, const json_t *schema, struct lm_str text, const struct step *at, struct lm_err *err)
{
	const struct lm_pattern *pattern = lm_schema_pattern(c->schema, json_object_get(schema, "pattern"));
	if (pattern == nullptr)
		return true;
	struct lm_err why = {};
	int found = c->gave_up.code != LM_OK ? -1 : lm_pattern_find(pattern, text, &why);
	if (found < 0 && c->gave_up.code == LM_OK)
		(void)fail(at, &c->gave_up, "%s", why.text);
	return found == 1 || fail(at, err, "does not match its pattern");
}

static bool
check_string(struct check *c, json_t *schema, const json_t *value, const struct step *at, struct lm_err *err)
{
	const char *text = json_string_value(value);
	size_t count = 0;
	for (size_t i = 0; i < json_string_length(value); i++)
		count += ((unsigned char)text[i] & 0xC0) != 0x80;
	return check_count(schema, "minLength", "maxLength", count, "characters", at, err) &&
		check_pattern(c, schema, (struct lm_str){ text, json_string_length(value) }, at, err);
}

// ---- arrays and objects

static bool check_schema(struct check *c, json_t *schema, json_t *value, const struct step *at, struct lm_err *err);

static bool
is_unique(const json_t *array)
{
	for (size_t i = 1; i < json_array_size(array); i++)
		for (size_t k = 0; k < i; k++)
			if (equal(json_array_get(array, i), json_array_get(array, k)))
				return false;
	return true;
}

static bool
check_array(struct check *c, json_t *schema, json_t *value, const struct step *at, struct lm_err *err)
{
	json_t *first = json_object_get(schema, "prefixItems"), *others = json_object_get(schema, "items");
	size_t count = json_array_size(value);
	if (!check_count(schema, "minItems", "maxItems", count, "items", at, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct step below = { .above = at, .index = i };
		json_t *of = i < json_array_size(first) ? json_array_get(first, i) : others;
		if (of != nullptr && !check_schema(c, of, json_array_get(value, i), &below, err))
			return false;
	}
	if (json_is_true(json_object_get(schema, "uniqueItems")) && !is_unique(value))
		return fail(at, err, "has the same item twice");
	return true;
}

static bool
check_member(struct check *c, json_t *schema, const char *name, json_t *value, const struct step *at, struct lm_err *err)
{
	json_t *of = json_object_get(json_object_get(schema, "properties"), name);
	struct step below = { .above = at, .name = name };
	if (of == nullptr)
		of = json_object_get(schema, "additionalProperties");
	if (of == nullptr)
		return true;
	if (json_is_false(of) && json_object_get(json_object_get(schema, "properties"), name) == nullptr)
		return fail(at, err, "'%s' is not expected", name);
	return check_schema(c, of, value, &below, err);
}

static bool
check_object(struct check *c, json_t *schema, json_t *value, const struct step *at, struct lm_err *err)
{
	const json_t *required = json_object_get(schema, "required");
	if (!check_count(schema, "minProperties", "maxProperties", json_object_size(value), "members", at, err))
		return false;
	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *name = json_string_value(json_array_get(required, i));
		if (json_object_get(value, name) == nullptr)
			return fail(at, err, "'%s' is missing", name);
	}
	for (void *it = json_object_iter(value); it != nullptr; it = json_object_iter_next(value, it))
		if (!check_member(c, schema, json_object_iter_key(it), json_object_iter_value(it), at, err))
			return false;
	return true;
}

// ---- schemas of schemas

static size_t
count_fitting(struct check *c, const json_t *schemas, json_t *value, const struct step *at)
{
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(schemas); i++)
		count += check_schema(c, json_array_get(schemas, i), value, at, nullptr);
	return count;
}

static bool
check_combined(struct check *c, json_t *schema, json_t *value, const struct step *at, struct lm_err *err)
{
	const char *ref = lm_json_string(schema, "$ref");
	const json_t *all = json_object_get(schema, "allOf"), *any = json_object_get(schema, "anyOf");
	const json_t *one = json_object_get(schema, "oneOf");
	json_t *none = json_object_get(schema, "not");
	if (ref != nullptr && !check_schema(c, lm_schema_resolve(c->schema->root, ref), value, at, err))
		return false;
	for (size_t i = 0; i < json_array_size(all); i++)
		if (!check_schema(c, json_array_get(all, i), value, at, err))
			return false;
	if (json_array_size(any) == 1) { // then the reason is clear
		if (!check_schema(c, json_array_get(any, 0), value, at, err))
			return false;
	} else if (any != nullptr && count_fitting(c, any, value, at) == 0)
		return fail(at, err, "fits none of the %zu schemas of 'anyOf'", json_array_size(any));
	size_t fitting = one == nullptr ? 1 : count_fitting(c, one, value, at);
	if (fitting != 1)
		return fail(at, err, "fits %zu of the %zu schemas of 'oneOf', not one", fitting, json_array_size(one));
	if (none != nullptr && check_schema(c, none, value, at, nullptr))
		return fail(at, err, "fits the schema of 'not'");
	return true;
}

static bool
check_rules(struct check *c, json_t *schema, json_t *value, const struct step *at, struct lm_err *err)
{
	const json_t *type = json_object_get(schema, "type");
	if (type != nullptr && !check_type(type, value, at, err))
		return false;
	if (!check_values(schema, value, at, err))
		return false;
	if (json_is_number(value) && !check_number(schema, value, at, err))
		return false;
	if (json_is_string(value) && !check_string(c, schema, value, at, err))
		return false;
	if (json_is_array(value) && !check_array(c, schema, value, at, err))
		return false;
	if (json_is_object(value) && !check_object(c, schema, value, at, err))
		return false;
	return check_combined(c, schema, value, at, err);
}

static bool
check_schema(struct check *c, json_t *schema, json_t *value, const struct step *at, struct lm_err *err)
{
	if (json_is_boolean(schema))
		return json_is_true(schema) || fail(at, err, "is not expected");
	if (c->depth == LM_CHECK_DEPTH_MAX)
		return fail(at, err, "lies too deep");
	c->depth++;
	bool good = check_rules(c, schema, value, at, err);
	c->depth--;
	return good;
}

int
lm_schema_check(const struct lm_schema *schema, const json_t *value, struct lm_err *err)
{
	struct check c = { .schema = schema };
	struct step root = {};
	// jansson's iterators do not write, but their type says so
	bool good = check_schema(&c, schema->root, (json_t *)(uintptr_t)value, &root, err);
	if (c.gave_up.code == LM_OK)
		return good ? 0 : -1;
	*err = c.gave_up;
	return -1;
}
