// Answer lines of OpenAI: {"custom_id", "response": {"status_code", "body"}, "error"}. A body of the Responses API or of Chat
// Completions, and what servers make of them that only nearly speak the same.
#include "batch/provider_parts.h"

static bool
is_text(struct lm_json_value value, struct lm_str text)
{
	return lm_json_text_equal(value, text);
}

// "text" as a string or as {"value": "..."}.
static void
add_text_of(struct lm_answer *answer, struct lm_json_value text)
{
	struct lm_json_value value;

	if (text.kind == LM_JSON_OBJECT && lm_json_get(text, "value", &value))
		text = value;
	lm_answer_add_text(answer, text);
}

// A list of parts, of a message's content; true: it refuses.
static bool
add_parts(struct lm_answer *answer, struct lm_json_value parts, struct lm_json_value *refusal)
{
	static const struct lm_str keys[] = { { "type", 4 }, { "text", 4 }, { "refusal", 7 } };
	struct lm_json_value part, found[LM_COUNT(keys)];
	bool refuses = false;

	for (size_t at = 0; lm_json_next_element(parts, &at, &part);) {
		if (part.kind == LM_JSON_STRING) {
			lm_answer_add_text(answer, part);
			continue;
		}
		lm_pick(part, keys, LM_COUNT(keys), found);
		if (is_text(found[0], LM_STR("refusal")) && found[2].kind == LM_JSON_STRING) {
			*refusal = found[2];
			refuses = true;
		} else {
			add_text_of(answer, found[1]);
		}
	}
	return refuses;
}

// Content of a message: a text or a list of parts.
static bool
add_content(struct lm_answer *answer, struct lm_json_value content, struct lm_json_value *refusal)
{
	if (content.kind == LM_JSON_STRING)
		lm_answer_add_text(answer, content);
	return content.kind == LM_JSON_ARRAY && add_parts(answer, content, refusal);
}

static bool
read_output(struct lm_answer *answer, struct lm_json_value output, struct lm_json_value *refusal)
{
	static const struct lm_str keys[] = { { "type", 4 }, { "content", 7 }, { "text", 4 } };
	struct lm_json_value item, found[LM_COUNT(keys)];
	bool refuses = false;

	for (size_t at = 0; lm_json_next_element(output, &at, &item);) {
		lm_pick(item, keys, LM_COUNT(keys), found);
		if (is_text(found[0], LM_STR("reasoning"))) // what the model said to itself
			continue;
		refuses = add_content(answer, found[1], refusal) || refuses;
		add_text_of(answer, found[2]);
	}
	return refuses;
}

static bool
read_choices(struct lm_answer *answer, struct lm_json_value choices, struct lm_json_value *refusal, bool *cut)
{
	static const struct lm_str keys[] = { { "finish_reason", 13 }, { "message", 7 } };
	static const struct lm_str message_keys[] = { { "content", 7 }, { "refusal", 7 } };
	struct lm_json_value choice, found[LM_COUNT(keys)], message[LM_COUNT(message_keys)];
	bool refuses = false;

	for (size_t at = 0; lm_json_next_element(choices, &at, &choice);) {
		lm_pick(choice, keys, LM_COUNT(keys), found);
		lm_pick(found[1], message_keys, LM_COUNT(message_keys), message);
		*cut = *cut || is_text(found[0], LM_STR("length"));
		refuses = add_content(answer, message[0], refusal) || refuses;
		if (is_text(found[0], LM_STR("content_filter")) || message[1].kind == LM_JSON_STRING) {
			*refusal = message[1].kind == LM_JSON_STRING ? message[1] : found[0];
			refuses = true;
		}
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
static void
read_incomplete(struct lm_answer *answer, struct lm_json_value details)
{
	struct lm_json_value reason = {};

	(void)lm_json_get(details, "reason", &reason);
	if (is_text(reason, LM_STR("content_filter"))) {
		refuse(answer, reason);
		return;
	}
	lm_buf_clear(&answer->scratch);
	struct lm_str text = reason.kind == LM_JSON_STRING ? lm_json_text(reason, &answer->scratch) : LM_STR("incomplete");
	lm_answer_fail(
		answer, "output_truncated", "the answer was cut: %.*s", (int)(text.len < 100 ? text.len : 100), text.ptr);
}

static void
read_body(const struct lm_api *api, struct lm_answer *answer, struct lm_json_value body)
{
	enum { STATUS, DETAILS, ERROR, OUTPUT, OUTPUT_TEXT, CHOICES };
	static const struct lm_str keys[] = {
		[STATUS] = { "status", 6 },
		[DETAILS] = { "incomplete_details", 18 },
		[ERROR] = { "error", 5 },
		[OUTPUT] = { "output", 6 },
		[OUTPUT_TEXT] = { "output_text", 11 },
		[CHOICES] = { "choices", 7 },
	};
	struct lm_json_value found[LM_COUNT(keys)], refusal = {};

	lm_pick(body, keys, LM_COUNT(keys), found);
	if (is_text(found[STATUS], LM_STR("incomplete"))) {
		read_incomplete(answer, found[DETAILS]);
		return;
	}
	if (found[ERROR].kind == LM_JSON_OBJECT) {
		lm_answer_error(api, answer, 0, found[ERROR]);
		return;
	}
	bool cut = false, refuses = read_output(answer, found[OUTPUT], &refusal);
	if (!answer->ok)
		lm_answer_add_text(answer, found[OUTPUT_TEXT]);
	refuses = read_choices(answer, found[CHOICES], &refusal, &cut) || refuses;
	if (refuses)
		refuse(answer, refusal);
	else if (cut)
		lm_answer_fail(answer, "output_truncated", "the answer was cut: length");
	else
		lm_answer_done(answer);
}

// An error in the body of the response, or the body itself as one.
static void
read_failure(const struct lm_api *api, struct lm_answer *answer, int status, struct lm_json_value body)
{
	struct lm_json_value error;

	lm_answer_error(api, answer, status, lm_json_get(body, "error", &error) && error.kind == LM_JSON_OBJECT ? error : body);
}

// Without a status the body decides; one that is no number is that of no answer.
static bool
has_failed(struct lm_json_value response, struct lm_json_value code, int *status)
{
	uint64_t number = 0;

	if (response.kind != LM_JSON_OBJECT || code.raw.len == 0)
		return false;
	*status = lm_json_value_u64(code, &number) && number < 1000 ? (int)number : 0;
	return *status == 0 || *status >= 400;
}

int
lm_openai_read(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err)
{
	enum { ID, ERROR, RESPONSE, BODY };
	static const struct lm_str keys[] = {
		[ID] = { "custom_id", 9 }, [ERROR] = { "error", 5 }, [RESPONSE] = { "response", 8 }, [BODY] = { "body", 4 }
	};
	static const struct lm_str response_keys[] = { { "status_code", 11 }, { "body", 4 } };
	struct lm_json_value found[LM_COUNT(keys)], inner[LM_COUNT(response_keys)];
	int status = 0;

	lm_pick_top(&answer->scan, keys, LM_COUNT(keys), found);
	if (lm_answer_id(answer, found[ID], "custom_id", err) < 0)
		return -1;
	if (found[ERROR].kind != LM_JSON_NULL) {
		answer->raw = found[ERROR].raw;
		lm_answer_error(api, answer, 0, found[ERROR]);
		return 0;
	}
	lm_pick(found[RESPONSE], response_keys, LM_COUNT(response_keys), inner);
	struct lm_json_value body = inner[1].kind == LM_JSON_OBJECT ? inner[1]
		: found[RESPONSE].kind == LM_JSON_OBJECT            ? found[RESPONSE]
								    : found[BODY]; // without the envelope
	answer->raw = found[RESPONSE].kind == LM_JSON_OBJECT ? found[RESPONSE].raw : body.raw;
	if (body.kind != LM_JSON_OBJECT) {
		answer->raw = (struct lm_str){};
		lm_answer_fail(answer, "provider_item_error", "the provider gave neither an answer nor an error");
	} else if (has_failed(found[RESPONSE], inner[0], &status) || from_error_file) {
		read_failure(api, answer, status, body);
	} else {
		read_body(api, answer, body);
	}
	return 0;
}
