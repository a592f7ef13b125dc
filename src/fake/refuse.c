#include "fake/refuse.h"

#include "fake/shape.h"

#include <string.h>

#define BILLING "You exceeded your current quota, please check your plan and billing details."

static const struct {
	const char *name;
	enum lm_fake_api api;
	struct lm_fake_refusal refusal;
} rows[] = {
	{ "invalid_request", LM_FAKE_OPENAI, { 400, "invalid_request_error", nullptr, "The request is invalid." } },
	{ "invalid_request", LM_FAKE_ANTHROPIC,
		{ 400, "invalid_request_error", "invalid_request_error", "The request is invalid." } },
	{ "invalid_request", LM_FAKE_GEMINI, { 400, nullptr, "INVALID_ARGUMENT", "The request is invalid." } },
	{ "invalid_key", LM_FAKE_OPENAI, { 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided." } },
	{ "invalid_key", LM_FAKE_ANTHROPIC, { 401, "authentication_error", "authentication_error", "invalid x-api-key" } },
	{ "invalid_key", LM_FAKE_GEMINI,
		{ 400, nullptr, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key." } },
	{ "forbidden", LM_FAKE_OPENAI,
		{ 403, "invalid_request_error", "unsupported_country_region_territory", "You may not do this." } },
	{ "forbidden", LM_FAKE_ANTHROPIC, { 403, "permission_error", "permission_error", "You may not do this." } },
	{ "forbidden", LM_FAKE_GEMINI, { 403, nullptr, "PERMISSION_DENIED", "You may not do this." } },
	{ "not_found", LM_FAKE_OPENAI, { 404, "invalid_request_error", nullptr, "There is nothing of this name." } },
	{ "not_found", LM_FAKE_ANTHROPIC, { 404, "not_found_error", "not_found_error", "There is nothing of this name." } },
	{ "not_found", LM_FAKE_GEMINI, { 404, nullptr, "NOT_FOUND", "There is nothing of this name." } },
	{ "too_large", LM_FAKE_OPENAI, { 413, "invalid_request_error", nullptr, "The request is too large." } },
	{ "too_large", LM_FAKE_ANTHROPIC,
		{ 413, "request_too_large", "request_too_large", "Request exceeds the maximum size" } },
	{ "too_large", LM_FAKE_GEMINI, { 400, nullptr, "INVALID_ARGUMENT", "Request payload size exceeds the limit." } },
	{ "rate_limit", LM_FAKE_OPENAI,
		{ 429, "requests", "rate_limit_exceeded", "Rate limit reached, please try again later." } },
	{ "rate_limit", LM_FAKE_ANTHROPIC,
		{ 429, "rate_limit_error", "rate_limit_error", "This request would exceed your rate limit." } },
	{ "rate_limit", LM_FAKE_GEMINI,
		{ 429, nullptr, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check rate)." } },
	{ "insufficient_quota", LM_FAKE_OPENAI, { 429, "insufficient_quota", "insufficient_quota", BILLING } },
	{ "insufficient_quota", LM_FAKE_ANTHROPIC,
		{ 400, "invalid_request_error", "invalid_request_error",
			"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing." } },
	{ "insufficient_quota", LM_FAKE_GEMINI, { 429, nullptr, "RESOURCE_EXHAUSTED", BILLING } },
	{ "enqueued_tokens", LM_FAKE_OPENAI,
		{ 400, "invalid_request_error", "token_limit_exceeded",
			"Enqueued token limit reached. Please try again once some in_progress batches have been completed." } },
	{ "enqueued_tokens", LM_FAKE_ANTHROPIC,
		{ 429, "rate_limit_error", "rate_limit_error", "Too many requests are waiting in batches." } },
	{ "enqueued_tokens", LM_FAKE_GEMINI,
		{ 429, nullptr, "RESOURCE_EXHAUSTED", "The enqueued tokens of batches reached their limit." } },
	{ "server_error", LM_FAKE_OPENAI,
		{ 500, "server_error", nullptr, "The server had an error while processing your request." } },
	{ "server_error", LM_FAKE_ANTHROPIC, { 500, "api_error", "api_error", "Internal server error" } },
	{ "server_error", LM_FAKE_GEMINI, { 500, nullptr, "INTERNAL", "An internal error has occurred." } },
	{ "overloaded", LM_FAKE_OPENAI, { 503, "server_error", nullptr, "The server is overloaded." } },
	{ "overloaded", LM_FAKE_ANTHROPIC, { 529, "overloaded_error", "overloaded_error", "Overloaded" } },
	{ "overloaded", LM_FAKE_GEMINI, { 503, nullptr, "UNAVAILABLE", "The model is overloaded. Please try again later." } },
};

static const char *
name_of_status(unsigned status)
{
	switch (status) {
	case 401:
		return "invalid_key";
	case 403:
		return "forbidden";
	case 404:
		return "not_found";
	case 413:
		return "too_large";
	case 429:
		return "rate_limit";
	case 503:
	case 529:
		return "overloaded";
	default:
		return status >= 500 ? "server_error" : "invalid_request";
	}
}

struct lm_fake_refusal
lm_fake_refusal_of(enum lm_fake_api api, const char *name, unsigned status)
{
	struct lm_fake_refusal refusal = {};
	api = api == LM_FAKE_NO_API ? LM_FAKE_OPENAI : api;
	const char *wanted = name != nullptr ? name : name_of_status(status);
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (rows[i].api == api && strcmp(rows[i].name, wanted) == 0)
			refusal = rows[i].refusal;
	if (status != 0)
		refusal.status = status;
	return refusal;
}

void
lm_fake_refusal_body(struct lm_buf *out, enum lm_fake_api api, const struct lm_fake_refusal *refusal)
{
	if (api == LM_FAKE_GEMINI)
		lm_buf_format(out, "{\"error\":{\"code\":%u,\"message\":", refusal->status);
	else if (api == LM_FAKE_ANTHROPIC) {
		lm_buf_text(out, "{\"type\":\"error\",\"error\":{\"type\":");
		lm_fake_quote(out, refusal->type);
		lm_buf_text(out, ",\"message\":");
	} else
		lm_buf_text(out, "{\"error\":{\"message\":");
	lm_fake_quote(out, refusal->message);
	if (api == LM_FAKE_GEMINI) {
		lm_buf_text(out, ",\"status\":");
		lm_fake_quote(out, refusal->code);
	} else if (api != LM_FAKE_ANTHROPIC) {
		lm_buf_text(out, ",\"type\":");
		lm_fake_quote(out, refusal->type);
		lm_buf_text(out, ",\"param\":null,\"code\":");
		lm_fake_quote(out, refusal->code);
	}
	lm_buf_text(out, "}}");
}
