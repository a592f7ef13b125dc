// Answer lines of OpenAI: {"custom_id", "response": {"status_code", "body"}, "error"}. A body of the Responses API or of Chat
// Completions, and what servers make of them that only nearly speak the same.
#include "batch/provider_parts.h"

#include <string.h>

static bool
get_string(struct lm_json_value object, const char *key, struct lm_json_value *value)
{
	return lm_json_get(object, key, value) && value->kind == LM_JSON_STRING;
}

static bool
is_text(struct lm_json_value object, const char *key, struct lm_str text)
{
	struct lm_json_value value;
	return get_string(object, key, &value) && lm_json_text_equal(value, text);
}

// "text" as a string or as {"value": "..."}.
static void
add_text_of(struct lm_answer *answer, struct lm_json_value part)
{
	struct lm_json_value text, value;

	if (!lm_json_get(part, "text", &text))
		return;
	if (text.kind == LM_JSON_OBJECT && get_string(text, "value", &value))
		text = value;
	lm_answer_add_text(answer, text);
}

// A list of parts, of a message's content; true: it refuses.
static bool
add_parts(struct lm_answer *answer, struct lm_json_value parts, struct lm_json_value *refusal)
{
	struct lm_json_value part;
	bool refuses = false;

	for (size_t at = 0; lm_json_next_element(parts, &at, &part);) {
		if (is_text(part, "type", LM_STR("refusal")) && get_string(part, "refusal", refusal))
			refuses = true;
		else if (part.kind == LM_JSON_STRING)
			lm_answer_add_text(answer, part);
		else
			add_text_of(answer, part);
	}
	return refuses;
}

static bool
read_output(struct lm_answer *answer, struct lm_json_value output, struct lm_json_value *refusal)
{
	struct lm_json_value item;
	bool refuses = false;

	for (size_t at = 0; lm_json_next_element(output, &at, &item);) {
		struct lm_json_value content = {};
		if (is_text(item, "type", LM_STR("reasoning")))
			continue;
		if (lm_json_get(item, "content", &content) && content.kind == LM_JSON_STRING)
			lm_answer_add_text(answer, content);
		else if (content.kind == LM_JSON_ARRAY)
			refuses = add_parts(answer, content, refusal) || refuses;
		add_text_of(answer, item);
	}
	return refuses;
}

static bool
read_choices(struct lm_answer *answer, struct lm_json_value choices, struct lm_json_value *refusal, const char **cut)
{
	struct lm_json_value choice, message, reason;
	bool refuses = false;

	for (size_t at = 0; lm_json_next_element(choices, &at, &choice);) {
		struct lm_json_value content = {};
		if (is_text(choice, "finish_reason", LM_STR("length")))
			*cut = "length";
		else if (get_string(choice, "finish_reason", &reason) && lm_json_text_equal(reason, LM_STR("content_filter"))) {
			*refusal = reason;
			refuses = true;
		}
		if (!lm_json_get(choice, "message", &message))
			continue;
		if (get_string(message, "refusal", refusal))
			refuses = true;
		if (lm_json_get(message, "content", &content) && content.kind == LM_JSON_STRING)
			lm_answer_add_text(answer, content);
		else if (content.kind == LM_JSON_ARRAY)
			refuses = add_parts(answer, content, refusal) || refuses;
	}
	return refuses;
}

static void
refuse(struct lm_answer *answer, struct lm_json_value words)
{
	lm_buf_clear(&answer->scratch);
	struct lm_str text = lm_json_text(words, &answer->scratch);
	lm_answer_fail(answer, "provider_refusal", "the model refused: %.*s", (int)(text.len < 400 ? text.len : 400), text.ptr);
}

// What the Responses API says of an answer that ended early.
static bool
read_incomplete(struct lm_answer *answer, struct lm_json_value body)
{
	struct lm_json_value details, reason;

	if (!is_text(body, "status", LM_STR("incomplete")))
		return false;
	bool named = lm_json_get(body, "incomplete_details", &details) && get_string(details, "reason", &reason);
	if (named && lm_json_text_equal(reason, LM_STR("content_filter"))) {
		refuse(answer, reason);
		return true;
	}
	lm_buf_clear(&answer->scratch);
	struct lm_str text = named ? lm_json_text(reason, &answer->scratch) : LM_STR("incomplete");
	lm_answer_fail(
		answer, "output_truncated", "the answer was cut: %.*s", (int)(text.len < 100 ? text.len : 100), text.ptr);
	return true;
}

static void
read_body(const struct lm_api *api, struct lm_answer *answer, struct lm_json_value body)
{
	struct lm_json_value list, refusal = {}, error;
	const char *cut = nullptr;
	bool refuses = false;

	if (read_incomplete(answer, body))
		return;
	if (lm_json_get(body, "error", &error) && error.kind == LM_JSON_OBJECT) {
		lm_answer_error(api, answer, 0, error);
		return;
	}
	if (lm_json_get(body, "output", &list) && list.kind == LM_JSON_ARRAY)
		refuses = read_output(answer, list, &refusal);
	if (!answer->ok && get_string(body, "output_text", &list))
		lm_answer_add_text(answer, list);
	if (lm_json_get(body, "choices", &list) && list.kind == LM_JSON_ARRAY)
		refuses = read_choices(answer, list, &refusal, &cut) || refuses;
	if (refuses)
		refuse(answer, refusal);
	else if (cut != nullptr)
		lm_answer_fail(answer, "output_truncated", "the answer was cut: %s", cut);
	else
		lm_answer_done(answer);
}

static int
status_of(struct lm_json_value response)
{
	struct lm_json_value value;
	uint64_t status = 0;

	if (!lm_json_get(response, "status_code", &value))
		return -1;
	return lm_json_value_u64(value, &status) && status < 1000 ? (int)status : 0;
}

// An error in the body of the response, or the body itself as one.
static void
read_failure(const struct lm_api *api, struct lm_answer *answer, int status, struct lm_json_value body)
{
	struct lm_json_value error;

	lm_answer_error(api, answer, status, lm_json_get(body, "error", &error) && error.kind == LM_JSON_OBJECT ? error : body);
}

int
lm_openai_read(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err)
{
	struct lm_json_value line = answer->scan.value, id = {}, error = {}, response = {}, body = {};

	(void)lm_json_get(line, "custom_id", &id);
	if (lm_answer_id(answer, id, "custom_id", err) < 0)
		return -1;
	if (lm_json_get(line, "error", &error) && error.kind != LM_JSON_NULL) {
		answer->raw = error.raw;
		lm_answer_error(api, answer, 0, error);
		return 0;
	}
	bool has = lm_json_get(line, "response", &response) && response.kind == LM_JSON_OBJECT;
	if (!has) // some servers leave the envelope out
		has = lm_json_get(line, "body", &body) && body.kind == LM_JSON_OBJECT;
	else if (!lm_json_get(response, "body", &body))
		body = response;
	if (!has) {
		lm_answer_fail(answer, "provider_item_error", "the provider gave neither an answer nor an error");
		return 0;
	}
	answer->raw = response.kind == LM_JSON_OBJECT ? response.raw : body.raw;
	int status = status_of(response);
	if (from_error_file || status == 0 || status >= 400)
		read_failure(api, answer, status, body);
	else
		read_body(api, answer, body);
	return 0;
}
