#include "fake/answer.h"

#include "text/json_instance.h"

#include <stdarg.h>
#include <string.h>

uint64_t
lm_fake_tokens(size_t bytes)
{
	return (bytes + 3) / 4;
}

uint64_t
lm_fake_hash(struct lm_str bytes, uint64_t seed)
{
	static const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t hash = seed ^ (bytes.len * odd);
	size_t at = 0;
	while (at < bytes.len) {
		unsigned char piece[8] = {};
		size_t len = bytes.len - at < 8 ? bytes.len - at : 8;
		memcpy(piece, bytes.ptr + at, len);
		uint64_t word = 0;
		for (int i = 7; i >= 0; i--)
			word = word << 8 | piece[i];
		hash = (hash ^ word) * odd;
		hash ^= hash >> 29;
		at += len;
	}
	hash *= 0xbf58476d1ce4e5b9;
	return hash ^ hash >> 32;
}

struct lm_json_value
lm_fake_get(struct lm_json_value object, const char *key)
{
	struct lm_json_value value = {};
	return lm_json_get(object, key, &value) ? value : (struct lm_json_value){};
}

struct lm_json_value
lm_fake_path(struct lm_json_value object, ...)
{
	va_list keys;
	va_start(keys, object);
	for (const char *key = va_arg(keys, const char *); key != nullptr; key = va_arg(keys, const char *))
		object = lm_fake_get(object, key);
	va_end(keys);
	return object;
}

struct lm_str
lm_fake_inside(struct lm_json_value string)
{
	if (string.kind != LM_JSON_STRING || string.raw.len < 2)
		return (struct lm_str){};
	return (struct lm_str){ string.raw.ptr + 1, string.raw.len - 2 };
}

// The text of a message's content: a string, or a list of parts of which some have a text.
static void
add_content(struct lm_buf *out, struct lm_json_value content)
{
	struct lm_json_value part;
	size_t at = 0;
	bool first = true;

	lm_buf_str(out, lm_fake_inside(content));
	while (lm_json_next_element(content, &at, &part)) {
		struct lm_json_value text = part.kind == LM_JSON_STRING ? part : lm_fake_get(part, "text");
		if (text.kind != LM_JSON_STRING)
			continue;
		if (!first)
			lm_buf_text(out, "\\n");
		first = false;
		lm_buf_str(out, lm_fake_inside(text));
	}
}

static void
add_prompt(struct lm_buf *out, enum lm_fake_api api, struct lm_json_value body)
{
	struct lm_json_value messages = lm_fake_get(body, api == LM_FAKE_GEMINI ? "contents" : "messages");
	struct lm_json_value message, last = {};
	size_t at = 0;

	if (messages.raw.len == 0)
		messages = lm_fake_get(body, "input");
	if (messages.kind != LM_JSON_ARRAY) {
		add_content(out, messages);
		return;
	}
	while (lm_json_next_element(messages, &at, &message)) {
		struct lm_json_value role = lm_fake_get(message, "role");
		if (role.kind != LM_JSON_STRING || lm_json_text_equal(role, LM_STR("user")))
			last = message;
	}
	struct lm_json_value content = lm_fake_get(last, "content");
	add_content(out, content.raw.len > 0 ? content : lm_fake_get(last, "parts"));
}

static struct lm_str
wanted_schema(enum lm_fake_api api, struct lm_json_value body)
{
	struct lm_str schema = {};
	switch (api) {
	case LM_FAKE_OPENAI:
		schema = lm_fake_path(body, "text", "format", "schema", nullptr).raw;
		return schema.len > 0 ? schema : lm_fake_path(body, "response_format", "json_schema", "schema", nullptr).raw;
	case LM_FAKE_ANTHROPIC:
		schema = lm_fake_path(body, "output_config", "format", "schema", nullptr).raw;
		return schema.len > 0 ? schema : lm_fake_path(body, "output_format", "schema", nullptr).raw;
	case LM_FAKE_GEMINI:
		schema = lm_fake_path(body, "generationConfig", "responseJsonSchema", nullptr).raw;
		return schema.len > 0 ? schema : lm_fake_path(body, "generationConfig", "responseSchema", nullptr).raw;
	default:
		return schema;
	}
}

// Text that is JSON becomes the inside of a JSON string.
static void
escape_again(struct lm_buf *out, struct lm_str text)
{
	for (size_t at = 0; at < text.len;) {
		size_t plain = 0;
		while (at + plain < text.len && text.ptr[at + plain] != '"' && text.ptr[at + plain] != '\\')
			plain++;
		lm_buf_append(out, text.ptr + at, plain);
		at += plain;
		if (at < text.len) {
			char pair[2] = { '\\', text.ptr[at++] };
			lm_buf_append(out, pair, 2);
		}
	}
}

static void
learn_schema(struct lm_fake_answerer *answerer, struct lm_str schema)
{
	LM_AUTO(lm_buf_release) struct lm_buf instance = {};
	lm_buf_clear(&answerer->schema);
	lm_buf_str(&answerer->schema, schema);
	lm_buf_clear(&answerer->instance);
	lm_err_clear(&answerer->refusal);
	if (lm_json_instance(schema, &instance, &answerer->refusal) == 0)
		escape_again(&answerer->instance, lm_buf_view(&instance));
}

int
lm_fake_answer(struct lm_fake_answerer *answerer, enum lm_fake_api api, struct lm_json_value body, struct lm_err *err)
{
	struct lm_str schema = wanted_schema(api, body);
	lm_buf_clear(&answerer->text);
	if (schema.len == 0) {
		add_prompt(&answerer->text, api, body);
		return 0;
	}
	if (!lm_str_equal(schema, lm_buf_view(&answerer->schema)))
		learn_schema(answerer, schema);
	if (answerer->refusal.code != LM_OK)
		return lm_err_set(err, LM_E_UNSUPPORTED, "%s", answerer->refusal.text);
	LM_AUTO(lm_buf_release) struct lm_buf prompt = {};
	lm_buf_clear(&answerer->prompt);
	add_prompt(&prompt, api, body);
	escape_again(&answerer->prompt, lm_buf_view(&prompt));
	lm_json_instance_fill(lm_buf_view(&answerer->instance), lm_buf_view(&answerer->prompt), &answerer->text);
	return 0;
}

void
lm_fake_answerer_release(struct lm_fake_answerer *answerer)
{
	lm_buf_release(&answerer->schema);
	lm_buf_release(&answerer->instance);
	lm_buf_release(&answerer->prompt);
	lm_buf_release(&answerer->text);
}
