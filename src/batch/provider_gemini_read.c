// Answer lines of Gemini: {"key" or "metadata": {"key"}, "response" or "error"}.
#include "batch/provider_gemini.h"

#include <string.h>

static bool
is_any(struct lm_json_value value, const char *const *words)
{
	for (; *words != nullptr; words++)
		if (lm_json_text_equal(value, lm_str_of(*words)))
			return true;
	return false;
}

// The inside of a string that is one of the API's words.
static struct lm_str
word(struct lm_json_value value)
{
	if (value.kind != LM_JSON_STRING || value.raw.len > 100)
		return LM_STR("?");
	return (struct lm_str){ value.raw.ptr + 1, value.raw.len - 2 };
}

static void
add_parts(struct lm_answer *answer, struct lm_json_value candidate)
{
	struct lm_json_value content = {}, parts = {}, part, text;

	(void)lm_json_get(candidate, "content", &content);
	(void)lm_json_get(content, "parts", &parts);
	for (size_t at = 0; lm_json_next_element(parts, &at, &part);) {
		struct lm_json_value thought = {};
		if (lm_json_get(part, "thought", &thought) && thought.kind == LM_JSON_TRUE)
			continue;
		if (lm_json_get(part, "text", &text))
			lm_answer_add_text(answer, text);
	}
}

static void
read_response(struct lm_answer *answer, struct lm_json_value response)
{
	static const char *const refusals[] = { "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
		"IMAGE_SAFETY", nullptr };
	struct lm_json_value list = {}, candidate = {}, reason = {}, feedback;
	size_t at = 0;

	(void)lm_json_get(response, "candidates", &list);
	bool has = lm_json_next_element(list, &at, &candidate);
	if (!has && lm_json_get(response, "promptFeedback", &feedback) && lm_json_get(feedback, "blockReason", &reason)) {
		lm_answer_fail(answer, "provider_refusal", "the prompt was blocked: %.*s", LM_STR_ARG(word(reason)));
		return;
	}
	add_parts(answer, candidate);
	(void)lm_json_get(candidate, "finishReason", &reason);
	if (lm_json_text_equal(reason, LM_STR("MAX_TOKENS")))
		lm_answer_fail(answer, "output_truncated", "the answer was cut: MAX_TOKENS");
	else if (is_any(reason, refusals))
		lm_answer_fail(answer, "provider_refusal", "the model refused: %.*s", LM_STR_ARG(word(reason)));
	else
		lm_answer_done(answer);
}

static void
read_error(const struct lm_api *api, struct lm_answer *answer, struct lm_json_value error)
{
	struct lm_json_value code = {};
	uint64_t status = 0;

	// Google counts in RPC codes (1 to 16) where it does not in those of HTTP
	(void)lm_json_get(error, "code", &code);
	answer->raw = error.raw;
	if (!lm_json_value_u64(code, &status) || status < 100 || status > 599)
		status = 0;
	struct lm_json_value kind = {}, words = {};
	if (lm_json_get(error, "status", &kind) && lm_json_text_equal(kind, LM_STR(LM_GEMINI_TORN))) {
		(void)lm_json_get(error, "message", &words);
		lm_buf_clear(&answer->scratch);
		lm_answer_fail(answer, "invalid_json", "%.*s", LM_STR_ARG(lm_json_text(words, &answer->scratch)));
		return;
	}
	lm_answer_error(api, answer, (int)status, error);
}

int
lm_gemini_read(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err)
{
	struct lm_json_value line = answer->scan.value, key = {}, metadata, error = {}, response = {};

	(void)from_error_file;
	if (!lm_json_get(line, "key", &key) && lm_json_get(line, "metadata", &metadata))
		(void)lm_json_get(metadata, "key", &key);
	if (lm_answer_id(answer, key, "key", err) < 0)
		return -1;
	if (lm_json_get(line, "error", &error) && error.kind == LM_JSON_OBJECT) {
		read_error(api, answer, error);
	} else if (lm_json_get(line, "response", &response) && response.kind == LM_JSON_OBJECT) {
		answer->raw = response.raw;
		read_response(answer, response);
	} else {
		lm_answer_fail(answer, "provider_item_error", "the provider gave neither an answer nor an error");
	}
	return 0;
}
