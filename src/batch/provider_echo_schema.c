// What echo answers when a schema is asked for.
#include "batch/provider_echo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/number.h"

enum {
	LM_ECHO_DEPTH_MAX = 24,
	LM_ECHO_ITEMS_MAX = 100,
	LM_ECHO_TEXT_MAX = 10'000,
	LM_ECHO_BYTES_MAX = 256 * 1024, // of one instance: schemas can grow by nesting
};

struct echo {
	struct lm_json_value root;
	struct lm_str prompt;
	struct lm_buf *out;
	unsigned depth;
};

static void add(struct echo *echo, struct lm_json_value schema);

// "#/$defs/name", with names that need no escapes.
static bool
resolve(const struct echo *echo, struct lm_json_value ref, struct lm_json_value *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	lm_json_append_text(ref, &text);
	struct lm_str rest = lm_buf_view(&text);
	struct lm_str first = lm_str_cut(&rest, '/');
	if (!lm_str_equal(first, LM_STR("#")))
		return false;
	*out = echo->root;
	while (rest.len > 0) {
		struct lm_str part = lm_str_cut(&rest, '/');
		char key[256];
		if (part.len >= sizeof key)
			return false;
		(void)snprintf(key, sizeof key, "%.*s", LM_STR_ARG(part));
		if (!lm_json_get(*out, key, out))
			return false;
	}
	return true;
}

static uint64_t
limit(struct lm_json_value schema, const char *key, uint64_t otherwise, uint64_t max)
{
	struct lm_json_value value;
	uint64_t got = 0;

	if (!lm_json_get(schema, key, &value) || !lm_json_value_u64(value, &got))
		return otherwise;
	return got < max ? got : max;
}

// The prompt, as many characters of it as may be.
static void
add_text(struct echo *echo, struct lm_json_value schema)
{
	LM_AUTO(lm_buf_release) struct lm_buf quoted = {}, text = {};
	uint64_t least = limit(schema, "minLength", 0, LM_ECHO_TEXT_MAX);
	uint64_t most = limit(schema, "maxLength", UINT64_MAX, UINT64_MAX), count = 0;
	size_t len = 0;

	lm_buf_byte(&quoted, '"');
	lm_buf_str(&quoted, echo->prompt);
	lm_buf_byte(&quoted, '"');
	lm_json_append_text((struct lm_json_value){ LM_JSON_STRING, lm_buf_view(&quoted) }, &text);
	for (; len < text.len; len++) {
		bool begins = ((unsigned char)text.ptr[len] & 0xC0) != 0x80;
		if (begins && count == most)
			break;
		count += begins ? 1 : 0;
	}
	text.len = len;
	for (; count < least; count++)
		lm_buf_byte(&text, 'x');
	lm_json_quote(echo->out, lm_buf_view(&text));
}

static void
add_string(struct echo *echo, struct lm_json_value schema)
{
	struct lm_json_value format = {};

	(void)lm_json_get(schema, "format", &format);
	if (lm_json_text_equal(format, LM_STR("date-time")))
		lm_buf_text(echo->out, "\"2026-01-01T00:00:00Z\"");
	else if (lm_json_text_equal(format, LM_STR("date")))
		lm_buf_text(echo->out, "\"2026-01-01\"");
	else if (lm_json_text_equal(format, LM_STR("email")))
		lm_buf_text(echo->out, "\"echo@example.invalid\"");
	else
		add_text(echo, schema);
}

static bool
get_number(struct lm_json_value schema, const char *key, double *out)
{
	struct lm_json_value value;
	char text[64];

	if (!lm_json_get(schema, key, &value) || value.kind != LM_JSON_NUMBER || value.raw.len >= sizeof text)
		return false;
	(void)snprintf(text, sizeof text, "%.*s", LM_STR_ARG(value.raw));
	*out = lm_number_parse(text);
	return true;
}

static void
add_number(struct echo *echo, struct lm_json_value schema, bool whole)
{
	double number = 0, least = 0, most = 0;

	if (get_number(schema, "minimum", &least) && number < least)
		number = whole ? ceil(least) : least;
	if (get_number(schema, "exclusiveMinimum", &least) && number <= least)
		number = whole ? floor(least) + 1 : least + 1;
	if (get_number(schema, "maximum", &most) && number > most)
		number = whole ? floor(most) : most;
	if (get_number(schema, "exclusiveMaximum", &most) && number >= most)
		number = whole ? ceil(most) - 1 : most - 1;
	if (whole)
		lm_buf_format(echo->out, "%.0f", number);
	else
		lm_number_format(echo->out, number);
}

static void
add_object(struct echo *echo, struct lm_json_value schema)
{
	struct lm_json_value properties = {}, key, value;
	const char *separator = "";

	(void)lm_json_get(schema, "properties", &properties);
	lm_buf_byte(echo->out, '{');
	for (size_t at = 0; lm_json_next_member(properties, &at, &key, &value); separator = ",") {
		lm_buf_text(echo->out, separator);
		lm_buf_str(echo->out, key.raw);
		lm_buf_byte(echo->out, ':');
		add(echo, value);
	}
	lm_buf_byte(echo->out, '}');
}

static void
add_array(struct echo *echo, struct lm_json_value schema)
{
	struct lm_json_value items = {};
	uint64_t most = limit(schema, "maxItems", 1, LM_ECHO_ITEMS_MAX);
	uint64_t count = limit(schema, "minItems", most < 1 ? most : 1, LM_ECHO_ITEMS_MAX);

	lm_buf_byte(echo->out, '[');
	if (lm_json_get(schema, "items", &items))
		for (uint64_t i = 0; i < count; i++) {
			lm_buf_text(echo->out, i == 0 ? "" : ",");
			add(echo, items);
		}
	lm_buf_byte(echo->out, ']');
}

static void
add_type(struct echo *echo, struct lm_json_value type, struct lm_json_value schema)
{
	size_t at = 0;

	if (type.kind == LM_JSON_ARRAY) // the first one of several
		(void)lm_json_next_element(type, &at, &type);
	if (lm_json_text_equal(type, LM_STR("object")))
		add_object(echo, schema);
	else if (lm_json_text_equal(type, LM_STR("array")))
		add_array(echo, schema);
	else if (lm_json_text_equal(type, LM_STR("string")))
		add_string(echo, schema);
	else if (lm_json_text_equal(type, LM_STR("integer")) || lm_json_text_equal(type, LM_STR("number")))
		add_number(echo, schema, lm_json_text_equal(type, LM_STR("integer")));
	else
		lm_buf_text(echo->out, lm_json_text_equal(type, LM_STR("boolean")) ? "false" : "null");
}

static void
add(struct echo *echo, struct lm_json_value schema)
{
	struct lm_json_value value, inner;
	size_t at = 0;

	if (echo->depth >= LM_ECHO_DEPTH_MAX || echo->out->len > LM_ECHO_BYTES_MAX) {
		lm_buf_text(echo->out, "null");
		return;
	}
	echo->depth++;
	if (lm_json_get(schema, "$ref", &value) && resolve(echo, value, &inner))
		add(echo, inner);
	else if (lm_json_get(schema, "const", &value))
		lm_buf_str(echo->out, value.raw);
	else if (lm_json_get(schema, "enum", &value) && lm_json_next_element(value, &at, &inner))
		lm_buf_str(echo->out, inner.raw);
	else if ((lm_json_get(schema, "anyOf", &value) || lm_json_get(schema, "oneOf", &value)) &&
		lm_json_next_element(value, &at, &inner))
		add(echo, inner);
	else if (lm_json_get(schema, "type", &value))
		add_type(echo, value, schema);
	else if (lm_json_get(schema, "properties", &value))
		add_object(echo, schema);
	else
		lm_buf_text(echo->out, "null");
	echo->depth--;
}

void
lm_echo_instance(struct lm_json_value schema, struct lm_str prompt, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf instance = {};
	struct echo echo = { .root = schema, .prompt = prompt, .out = &instance };

	add(&echo, schema);
	lm_buf_str(out, lm_buf_view(&instance));
}
