// Errors of providers: which of them mean later, which a person has to look at, and which leave a creation in doubt.
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "batch/redact.h"
#include "text/json.h"
#include "text/unicode.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LM_WORDS_MAX = 512 };

// ---- classes

static void
add_lower(struct lm_buf *out, const char *text)
{
	for (; text != nullptr && *text != '\0'; text++)
		lm_buf_byte(out, (char)tolower((unsigned char)*text));
	lm_buf_byte(out, ' ');
}

static bool
has_any(const char *text, const char *const *words)
{
	for (; *words != nullptr; words++)
		if (strstr(text, *words) != nullptr)
			return true;
	return false;
}

static bool
is_quota(const struct lm_api *api, int status, const char *text)
{
	static const char *const certain[] = { "insufficient_quota", "billing_hard_limit", "billing_not_active",
		"billing_error", "credit balance is too low", nullptr };
	static const char *const usual[] = { "quota", "billing", "credit", "spend", nullptr };

	if (status == 402 || has_any(text, certain))
		return true;
	return status == 429 && has_any(text, api->quota_words == nullptr ? usual : api->quota_words);
}

const char *
lm_error_class_of(const struct lm_api *api, int status, const char *code, const char *type, const char *message)
{
	static const char *const transient[] = { "rate limit", "rate_limit", "too many requests", "timed out", "timeout",
		"temporarily unavailable", "service unavailable", "internal server error", "connection error",
		"connection reset", "overloaded", nullptr };
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	add_lower(&text, code);
	add_lower(&text, type);
	add_lower(&text, message);
	if (strstr(text.ptr, "enqueued token") != nullptr || strstr(text.ptr, "token_limit_exceeded") != nullptr ||
		strstr(text.ptr, "enqueue_token_limit") != nullptr)
		return "enqueue_token_limit";
	if (is_quota(api, status, text.ptr))
		return api->quota_class;
	if (status == 408 || status == 425 || status == 429 || status >= 500 || has_any(text.ptr, transient))
		return "control_plane_transient";
	return nullptr;
}

bool
lm_error_class_is_quota(const char *error_class)
{
	return lm_cstr_equal(error_class, "openai_insufficient_quota") || lm_cstr_equal(error_class, "insufficient_quota");
}

static const char *
refusal_class(int status)
{
	switch (status) {
	case 401:
		return "unauthorized";
	case 403:
		return "forbidden";
	case 404:
	case 410:
		return "not_found";
	case 413:
		return "too_large";
	case 400:
	case 422:
		return "invalid_request";
	default:
		return "batch_error";
	}
}

// ---- words

void
lm_words_copy(const struct lm_provider *provider, char *out, size_t size, const char *words)
{
	LM_AUTO(lm_buf_release) struct lm_buf clean = {}, safe = {};
	struct lm_err cut = {};

	lm_redact(lm_str_of(words), provider == nullptr ? nullptr : provider->secret, &clean);
	for (size_t i = 0; i < clean.len; i++) // one line
		if (clean.ptr[i] == '\n' || clean.ptr[i] == '\t')
			clean.ptr[i] = ' ';
	lm_text_escape(&safe, lm_buf_view(&clean));
	(void)lm_err_set(&cut, LM_E_NETWORK, "%s", lm_buf_cstr(&safe));
	(void)snprintf(out, size, "%s", cut.text);
	for (size_t len = strlen(out); len > 0 && !lm_utf8_valid((struct lm_str){ out, len });) // half a character at the cut
		out[--len] = '\0';
}

// The error object of any of the APIs.
struct words {
	const char *code, *type, *message; // in the document
	char number[24];
	json_t *document;
};

static void
read_words(const struct lm_http_answer *answer, struct words *words)
{
	struct lm_err ignored = {};

	*words = (struct words){};
	if (answer->body.len == 0 || lm_json_parse(lm_buf_view(&answer->body), &words->document, &ignored) < 0)
		return;
	// Google's servers wrap an error into a list now and then
	const json_t *root = json_is_array(words->document) ? json_array_get(words->document, 0) : words->document;
	const json_t *error = json_object_get(root, "error");
	if (json_is_string(error)) {
		words->message = json_string_value(error);
		return;
	}
	words->code = lm_json_string(error, "code");
	words->type = lm_json_string(error, "type");
	if (words->type == nullptr)
		words->type = lm_json_string(error, "status");
	words->message = lm_json_string(error, "message");
	if (words->message == nullptr)
		words->message = lm_json_string(root, "message");
}

static void
say(const struct lm_provider *provider, const struct lm_http_answer *answer, const struct words *words, struct lm_err *err)
{
	char text[LM_WORDS_MAX], kind[LM_ERROR_CLASS_MAX];
	const char *name = words->code != nullptr ? words->code : words->type;

	if (words->message == nullptr) {
		(void)lm_err_set(err, LM_E_NETWORK, "the provider answered %d", answer->status);
		return;
	}
	lm_words_copy(provider, text, sizeof text, words->message);
	(void)lm_err_set(err, LM_E_NETWORK, "the provider answered %d: %s", answer->status, text);
	if (name == nullptr)
		return;
	lm_words_copy(provider, kind, sizeof kind, name);
	lm_err_append(err, " (%s)", kind);
}

// RetryInfo of Google's error details: "retryDelay": "37s".
static uint64_t
retry_delay_ms(const json_t *document)
{
	const json_t *detail;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(document, "error"), "details"), i, detail)
	{
		struct lm_str text = lm_str_of(lm_json_string(detail, "retryDelay"));
		uint64_t seconds = 0;
		struct lm_str whole = lm_str_cut(&text, 's');
		whole = lm_str_cut(&whole, '.');
		if (lm_parse_u64(whole, 86400, &seconds) && seconds > 0)
			return seconds * 1000;
	}
	return 0;
}

static void
set_class(struct lm_call *call, enum lm_call_fate fate, const char *error_class)
{
	call->fate = fate;
	(void)snprintf(call->error_class, sizeof call->error_class, "%s", error_class);
}

// What the status alone says of the call.
static enum lm_call_fate
fate_of(const struct lm_api_call *what, int status)
{
	bool doubtful = status == 408 || status == 409 || status >= 500;

	if (status == 429 || status == 425)
		return LM_CALL_LATER;
	if (status == 409 && what->kind != LM_CALL_CREATES)
		return LM_CALL_REFUSED; // a batch that is no more in the state for it
	if (doubtful)
		return what->kind == LM_CALL_CREATES ? LM_CALL_UNKNOWN : LM_CALL_LATER;
	return LM_CALL_REFUSED;
}

void
lm_judge_answer(const struct lm_provider *provider, const struct lm_api_call *what, const struct lm_http_answer *answer,
	struct lm_call *call, struct lm_err *err)
{
	struct words words;

	read_words(answer, &words);
	say(provider, answer, &words, err);
	enum lm_call_fate fate = fate_of(what, answer->status);
	const char *error_class = lm_error_class_of(provider->api, answer->status, words.code, words.type, words.message);
	call->retry_after_ms = answer->retry_after_ms != 0 ? answer->retry_after_ms : retry_delay_ms(words.document);
	if (fate == LM_CALL_UNKNOWN)
		set_class(call, fate, "control_plane_transient");
	else if (error_class == nullptr)
		set_class(call, fate, fate == LM_CALL_REFUSED ? refusal_class(answer->status) : "control_plane_transient");
	else if (lm_error_class_is_quota(error_class))
		set_class(call, LM_CALL_PAUSE, error_class);
	else if (strcmp(error_class, "enqueue_token_limit") == 0)
		set_class(call, LM_CALL_LATER, error_class);
	else
		set_class(call, fate, fate == LM_CALL_REFUSED ? refusal_class(answer->status) : error_class);
	json_decref(words.document);
}
