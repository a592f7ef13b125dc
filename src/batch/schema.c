#include "batch/schema.h"

#include "base/mem.h"
#include "batch/schema_parts.h"
#include "text/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
	const struct place *above;
	const char *keyword, *name; // name null: the keyword's value itself
	size_t depth;
};

struct walk {
	struct lm_schema *schema;
	const struct place *place;
};

static const struct lm_keyword keywords[] = {
	{ "$comment", LM_KEYWORD_NOTE, false },
	{ "$defs", LM_KEYWORD_SCHEMA_MAP, false },
	{ "$ref", LM_KEYWORD_REF, true },
	{ "$schema", LM_KEYWORD_NOTE, false },
	{ "additionalProperties", LM_KEYWORD_SCHEMA, false },
	{ "allOf", LM_KEYWORD_SCHEMAS, true },
	{ "anyOf", LM_KEYWORD_SCHEMAS, true },
	{ "const", LM_KEYWORD_VALUE, false },
	{ "default", LM_KEYWORD_NOTE, false },
	{ "definitions", LM_KEYWORD_SCHEMA_MAP, false },
	{ "deprecated", LM_KEYWORD_NOTE, false },
	{ "description", LM_KEYWORD_NOTE, false },
	{ "discriminator", LM_KEYWORD_NOTE, false }, // OpenAPI: pydantic writes it beside a oneOf
	{ "enum", LM_KEYWORD_VALUES, false },
	{ "examples", LM_KEYWORD_NOTE, false },
	{ "exclusiveMaximum", LM_KEYWORD_NUMBER, false },
	{ "exclusiveMinimum", LM_KEYWORD_NUMBER, false },
	{ "format", LM_KEYWORD_NOTE, false }, // an annotation in 2020-12
	{ "items", LM_KEYWORD_SCHEMA, false },
	{ "maxItems", LM_KEYWORD_COUNT, false },
	{ "maxLength", LM_KEYWORD_COUNT, false },
	{ "maxProperties", LM_KEYWORD_COUNT, false },
	{ "maximum", LM_KEYWORD_NUMBER, false },
	{ "minItems", LM_KEYWORD_COUNT, false },
	{ "minLength", LM_KEYWORD_COUNT, false },
	{ "minProperties", LM_KEYWORD_COUNT, false },
	{ "minimum", LM_KEYWORD_NUMBER, false },
	{ "multipleOf", LM_KEYWORD_POSITIVE, false },
	{ "not", LM_KEYWORD_SCHEMA, true },
	{ "oneOf", LM_KEYWORD_SCHEMAS, true },
	{ "pattern", LM_KEYWORD_PATTERN, false },
	{ "prefixItems", LM_KEYWORD_SCHEMAS, false },
	{ "properties", LM_KEYWORD_SCHEMA_MAP, false },
	{ "readOnly", LM_KEYWORD_NOTE, false },
	{ "required", LM_KEYWORD_NAMES, false },
	{ "title", LM_KEYWORD_NOTE, false },
	{ "type", LM_KEYWORD_TYPE, false },
	{ "uniqueItems", LM_KEYWORD_YES, false },
	{ "writeOnly", LM_KEYWORD_NOTE, false },
};

const struct lm_keyword *
lm_schema_keyword(const char *name)
{
	for (size_t i = 0; i < LM_COUNT(keywords); i++)
		if (strcmp(name, keywords[i].name) == 0)
			return &keywords[i];
	return nullptr;
}

bool
lm_schema_type_named(const char *name)
{
	static const char *const names[] = { "array", "boolean", "integer", "null", "number", "object", "string" };
	for (size_t i = 0; i < LM_COUNT(names); i++)
		if (lm_cstr_equal(name, names[i]))
			return true;
	return false;
}

int
lm_schema_each(json_t *schema, lm_schema_visit *visit, void *context, struct lm_err *err)
{
	for (void *it = json_object_iter(schema); it != nullptr; it = json_object_iter_next(schema, it)) {
		const struct lm_keyword *keyword = lm_schema_keyword(json_object_iter_key(it));
		json_t *value = json_object_iter_value(it);
		if (keyword == nullptr)
			continue;
		if (keyword->kind == LM_KEYWORD_SCHEMA && visit(context, keyword, nullptr, value, err) < 0)
			return -1;
		if (keyword->kind == LM_KEYWORD_SCHEMAS) {
			for (size_t i = 0; i < json_array_size(value); i++) {
				LM_AUTO(lm_free_ptr) char *name = lm_format("%zu", i);
				if (visit(context, keyword, name, json_array_get(value, i), err) < 0)
					return -1;
			}
		}
		if (keyword->kind == LM_KEYWORD_SCHEMA_MAP)
			for (void *in = json_object_iter(value); in != nullptr; in = json_object_iter_next(value, in))
				if (visit(context, keyword, json_object_iter_key(in), json_object_iter_value(in), err) < 0)
					return -1;
	}
	return 0;
}

static void
show_place(const struct place *place, struct lm_buf *out)
{
	if (place == nullptr)
		return;
	show_place(place->above, out);
	lm_buf_format(out, "/%s", place->keyword);
	if (place->name != nullptr)
		lm_buf_format(out, "/%s", place->name);
}

static int fail(const struct walk *w, struct lm_err *err, const char *format, ...) LM_PRINTF(3, 4);

static int
fail(const struct walk *w, struct lm_err *err, const char *format, ...)
{
	LM_AUTO(lm_buf_release) struct lm_buf place = {};
	char text[256];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct lm_str whole = lm_str_of(text);
	while (!lm_utf8_valid(whole)) // a long name was cut
		whole.len--;
	show_place(w->place, &place);
	return lm_err_set(err, LM_E_USAGE, "%.*s at %s", LM_STR_ARG(whole), place.len == 0 ? "/" : place.ptr);
}

static bool
are_types(const json_t *value)
{
	if (json_is_string(value))
		return lm_schema_type_named(json_string_value(value));
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!lm_schema_type_named(json_string_value(json_array_get(value, i))))
			return false;
	return json_array_size(value) > 0;
}

static bool
are_names(const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (!json_is_string(json_array_get(value, i)))
			return false;
	return json_is_array(value);
}

// Null, or what the keyword's value should be.
static const char *
expected(const struct lm_keyword *keyword, const json_t *value)
{
	switch (keyword->kind) {
	case LM_KEYWORD_NOTE:
	case LM_KEYWORD_VALUE:
		return nullptr;
	case LM_KEYWORD_SCHEMA:
		return json_is_object(value) || json_is_boolean(value) ? nullptr : "a schema";
	case LM_KEYWORD_SCHEMAS:
		return json_array_size(value) > 0 ? nullptr : "a list of schemas";
	case LM_KEYWORD_SCHEMA_MAP:
		return json_is_object(value) ? nullptr : "an object of schemas";
	case LM_KEYWORD_TYPE:
		return are_types(value) ? nullptr : "a type's name or a list of them";
	case LM_KEYWORD_COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0 ? nullptr : "a whole number from 0";
	case LM_KEYWORD_NUMBER:
		return json_is_number(value) ? nullptr : "a number";
	case LM_KEYWORD_POSITIVE:
		return json_is_number(value) && json_number_value(value) > 0 ? nullptr : "a number above 0";
	case LM_KEYWORD_YES:
		return json_is_boolean(value) ? nullptr : "true or false";
	case LM_KEYWORD_NAMES:
		return are_names(value) ? nullptr : "a list of names";
	case LM_KEYWORD_VALUES:
		return json_array_size(value) > 0 ? nullptr : "a list of values";
	case LM_KEYWORD_REF:
		return json_is_string(value) ? nullptr : "a reference";
	case LM_KEYWORD_PATTERN:
		return json_is_string(value) ? nullptr : "a regular expression";
	}
	return nullptr;
}

static int
add_pattern(const struct walk *w, const json_t *value, struct lm_err *err)
{
	struct lm_schema *schema = w->schema;
	struct lm_pattern *pattern = nullptr;
	struct lm_err why = {};
	if (schema->pattern_count == LM_SCHEMA_PATTERNS_MAX)
		return lm_err_set(err, LM_E_LIMIT, "more than %d patterns", LM_SCHEMA_PATTERNS_MAX);
	if (lm_pattern_new(&pattern, (struct lm_str){ json_string_value(value), json_string_length(value) }, &why) < 0) {
		(void)fail(w, err, "'pattern': %s", why.text);
		err->code = why.code;
		return -1;
	}
	lm_grow(schema->patterns, schema->pattern_count, schema->pattern_cap);
	schema->patterns[schema->pattern_count++] = (struct lm_schema_pattern){ value, pattern };
	return 0;
}

static int
check_keyword(const struct walk *w, const char *name, const json_t *value, struct lm_err *err)
{
	const struct lm_keyword *keyword = lm_schema_keyword(name);
	if (keyword == nullptr)
		return fail(w, err, "unknown keyword '%s'", name);
	const char *what = expected(keyword, value);
	if (what != nullptr)
		return fail(w, err, "'%s' is not %s", name, what);
	return keyword->kind == LM_KEYWORD_PATTERN ? add_pattern(w, value, err) : 0;
}

static int collect(struct walk *w, json_t *node, struct lm_err *err);

static int
collect_below(void *context, const struct lm_keyword *keyword, const char *name, json_t *below, struct lm_err *err)
{
	struct walk *w = context;
	struct place place = { w->place, keyword->name, name, w->place == nullptr ? 1 : w->place->depth + 1 };
	struct walk inner = { w->schema, &place };
	if (!json_is_object(below) && !json_is_boolean(below))
		return fail(&inner, err, "no schema");
	return collect(&inner, below, err);
}

// All schemas from here on, each looked at alone.
static int
collect(struct walk *w, json_t *node, struct lm_err *err)
{
	struct lm_schema *schema = w->schema;
	if (schema->node_count == LM_SCHEMA_NODES_MAX || (w->place != nullptr && w->place->depth > LM_SCHEMA_DEPTH_MAX))
		return lm_err_set(err, LM_E_LIMIT, "more than %d schemas, or more than %d within each other",
			LM_SCHEMA_NODES_MAX, LM_SCHEMA_DEPTH_MAX);
	lm_grow(schema->nodes, schema->node_count, schema->node_cap);
	schema->nodes[schema->node_count++] = node;
	for (void *it = json_object_iter(node); it != nullptr; it = json_object_iter_next(node, it))
		if (check_keyword(w, json_object_iter_key(it), json_object_iter_value(it), err) < 0)
			return -1;
	return lm_schema_each(node, collect_below, w, err);
}

// ---- references

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One part of a JSON pointer (RFC 6901) in a URI fragment.
static void
decode_part(struct lm_str part, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf plain = {};
	for (size_t i = 0; i < part.len; i++) {
		int high = part.ptr[i] == '%' && part.len - i > 2 ? hex_digit(part.ptr[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_digit(part.ptr[i + 2]);
		lm_buf_byte(&plain, low < 0 ? part.ptr[i] : (char)(high * 16 + low));
		i += low < 0 ? 0 : 2;
	}
	for (size_t i = 0; i < plain.len; i++) {
		bool escape = plain.ptr[i] == '~' && (plain.ptr[i + 1] == '0' || plain.ptr[i + 1] == '1');
		lm_buf_byte(out, !escape ? plain.ptr[i] : plain.ptr[i + 1] == '0' ? '~' : '/');
		i += escape;
	}
}

json_t *
lm_schema_resolve(json_t *root, const char *ref)
{
	struct lm_str rest = lm_str_of(ref);
	json_t *at = root;
	if (rest.len == 0 || rest.ptr[0] != '#')
		return nullptr;
	(void)lm_str_cut(&rest, '#');
	if (rest.len > 0 && rest.ptr[0] != '/')
		return nullptr;
	if (rest.len > 0) {
		rest.ptr++;
		rest.len--;
	} else {
		return root;
	}
	for (bool more = true; more && at != nullptr;) {
		LM_AUTO(lm_buf_release) struct lm_buf name = {};
		size_t len = lm_str_find(rest, '/');
		more = len < rest.len;
		decode_part(lm_str_cut(&rest, '/'), &name);
		uint64_t index = 0;
		if (json_is_array(at))
			at = lm_parse_u64(lm_buf_view(&name), SIZE_MAX, &index) ? json_array_get(at, (size_t)index) : nullptr;
		else
			at = json_object_get(at, lm_buf_cstr(&name));
	}
	return at;
}

static int
by_address(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	return (uintptr_t)*x<(uintptr_t)*y ? -1 : (uintptr_t)*x>(uintptr_t) * y;
}

static int
by_value(const void *a, const void *b)
{
	const struct lm_schema_pattern *x = a, *y = b;
	return by_address(&x->value, &y->value);
}

const struct lm_pattern *
lm_schema_pattern(const struct lm_schema *schema, const json_t *value)
{
	struct lm_schema_pattern wanted = { .value = value };
	if (schema->pattern_count == 0 || value == nullptr)
		return nullptr;
	const struct lm_schema_pattern *found =
		bsearch(&wanted, schema->patterns, schema->pattern_count, sizeof *schema->patterns, by_value);
	return found == nullptr ? nullptr : found->pattern;
}

static size_t
node_at(const struct lm_schema *schema, const json_t *node)
{
	const json_t **found = bsearch(&node, schema->nodes, schema->node_count, sizeof *schema->nodes, by_address);
	return found == nullptr ? SIZE_MAX : (size_t)(found - schema->nodes);
}

// A schema that is about the same value as itself would be looked at for ever.
struct cycle {
	struct lm_schema *schema;
	uint8_t *state; // 0 new, 1 on the way, 2 done
	size_t depth;
};

static int visit_in_place(struct cycle *c, json_t *node, struct lm_err *err);

static int
visit_below(void *context, const struct lm_keyword *keyword, const char *name, json_t *below, struct lm_err *err)
{
	(void)name;
	return keyword->in_place ? visit_in_place(context, below, err) : 0;
}

static int
visit_in_place(struct cycle *c, json_t *node, struct lm_err *err)
{
	size_t at = node_at(c->schema, node);
	if (at == SIZE_MAX || c->state[at] == 2)
		return 0;
	if (c->state[at] == 1 || ++c->depth > LM_SCHEMA_DEPTH_MAX)
		return lm_err_set(err, LM_E_USAGE, "a schema that refers to itself for the same value");
	c->state[at] = 1;
	const char *ref = lm_json_string(node, "$ref");
	if (ref != nullptr && visit_in_place(c, lm_schema_resolve(c->schema->root, ref), err) < 0)
		return -1;
	if (lm_schema_each(node, visit_below, c, err) < 0)
		return -1;
	c->state[at] = 2;
	c->depth--;
	return 0;
}

static int
check_refs(struct lm_schema *schema, struct lm_err *err)
{
	for (size_t i = 0; i < schema->node_count; i++) {
		const char *ref = lm_json_string(schema->nodes[i], "$ref");
		if (ref == nullptr)
			continue;
		const json_t *target = lm_schema_resolve(schema->root, ref);
		if (target == nullptr || node_at(schema, target) == SIZE_MAX)
			return lm_err_set(err, LM_E_USAGE, "'$ref' to '%s', where no schema is", ref);
	}
	LM_AUTO(lm_free_ptr) uint8_t *state = lm_alloc(schema->node_count);
	for (size_t i = 0; i < schema->node_count; i++) {
		struct cycle c = { .schema = schema, .state = state };
		if (visit_in_place(&c, (json_t *)(uintptr_t)schema->nodes[i], err) < 0)
			return -1;
	}
	return 0;
}

bool
lm_schema_names_object(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");
	if (json_is_string(type))
		return lm_cstr_equal(json_string_value(type), "object");
	for (size_t i = 0; i < json_array_size(type); i++)
		if (lm_cstr_equal(json_string_value(json_array_get(type, i)), "object"))
			return true;
	return type == nullptr && json_object_get(schema, "properties") != nullptr;
}

static int
check_root(const struct lm_schema *schema, struct lm_err *err)
{
	json_t *root = schema->root;
	const char *ref = lm_json_string(root, "$ref");
	for (size_t i = 0; ref != nullptr && i < LM_SCHEMA_DEPTH_MAX; i++) {
		root = lm_schema_resolve(schema->root, ref);
		ref = lm_json_string(root, "$ref");
	}
	const json_t *type = json_object_get(root, "type");
	if (!lm_cstr_equal(json_string_value(type), "object"))
		return lm_err_set(err, LM_E_USAGE, "the root's type is not 'object'");
	return 0;
}

int
lm_schema_new(struct lm_schema **out, struct lm_str json, struct lm_err *err)
{
	LM_AUTO(lm_schema_free_ptr) struct lm_schema *schema = lm_alloc(sizeof *schema);
	struct walk w = { .schema = schema };
	if (json.len > LM_SCHEMA_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "JSON Schema of %zu bytes, more than %d", json.len, LM_SCHEMA_MAX_BYTES);
	if (lm_json_parse(json, &schema->root, err) < 0) {
		err->code = err->code == LM_E_LIMIT ? LM_E_LIMIT : LM_E_USAGE;
		return -1;
	}
	if (!json_is_object(schema->root))
		return lm_err_set(err, LM_E_USAGE, "a JSON Schema is an object");
	if (collect(&w, schema->root, err) < 0)
		return -1;
	qsort(schema->nodes, schema->node_count, sizeof *schema->nodes, by_address);
	if (schema->pattern_count > 0)
		qsort(schema->patterns, schema->pattern_count, sizeof *schema->patterns, by_value);
	if (check_refs(schema, err) < 0 || check_root(schema, err) < 0)
		return -1;
	*out = lm_take(&schema);
	return 0;
}

void
lm_schema_free(struct lm_schema *schema)
{
	if (schema == nullptr)
		return;
	json_decref(schema->root);
	lm_free(schema->nodes);
	for (size_t i = 0; i < schema->pattern_count; i++)
		lm_pattern_free(schema->patterns[i].pattern);
	lm_free(schema->patterns);
	lm_free(schema);
}

void
lm_schema_free_ptr(struct lm_schema **schema)
{
	lm_schema_free(*schema);
}
