#include "fake/refuse.h"

#include "fake/shape.h"

#include <string.h>

#define BILLING "You exceeded your current quota, please check your plan and billing details."

static const struct kind {
	const char *name;
	struct lm_fake_refusal openai, anthropic, gemini;
} kinds[] = {
	{
		"invalid_request",
		{ 400, "invalid_request_error", nullptr, "The request is invalid." },
		{ 400, "invalid_request_error", "invalid_request_error", "The request is invalid." },
		{ 400, nullptr, "INVALID_ARGUMENT", "The request is invalid." },
	},
	{
		"invalid_key",
		{ 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided." },
		{ 401, "authentication_error", "authentication_error", "invalid x-api-key" },
		{ 400, nullptr, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key." },
	},
	{
		"forbidden",
		{ 403, "invalid_request_error", "unsupported_country_region_territory", "You may not do this." },
		{ 403, "permission_error", "permission_error", "You may not do this." },
		{ 403, nullptr, "PERMISSION_DENIED", "You may not do this." },
	},
	{
		"not_found",
		{ 404, "invalid_request_error", nullptr, "There is nothing of this name." },
		{ 404, "not_found_error", "not_found_error", "There is nothing of this name." },
		{ 404, nullptr, "NOT_FOUND", "There is nothing of this name." },
	},
	{
		"too_large",
		{ 413, "invalid_request_error", nullptr, "The request is too large." },
		{ 413, "request_too_large", "request_too_large", "Request exceeds the maximum size" },
		{ 400, nullptr, "INVALID_ARGUMENT", "Request payload size exceeds the limit." },
	},
	{
		"rate_limit",
		{ 429, "requests", "rate_limit_exceeded", "Rate limit reached, please try again later." },
		{ 429, "rate_limit_error", "rate_limit_error", "This request would exceed your rate limit." },
		{ 429, nullptr, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check rate)." },
	},
	{
		"insufficient_quota",
		{ 429, "insufficient_quota", "insufficient_quota", BILLING },
		{ 400, "invalid_request_error", "invalid_request_error",
			"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing." },
		{ 429, nullptr, "RESOURCE_EXHAUSTED", BILLING },
	},
	{
		"enqueued_tokens",
		{ 400, "invalid_request_error", "token_limit_exceeded",
			"Enqueued token limit reached. Please try again once some in_progress batches have been completed." },
		{ 429, "rate_limit_error", "rate_limit_error", "Too many requests are waiting in batches." },
		{ 429, nullptr, "RESOURCE_EXHAUSTED", "The enqueued tokens of batches reached their limit." },
	},
	{
		"server_error",
		{ 500, "server_error", nullptr, "The server had an error while processing your request." },
		{ 500, "api_error", "api_error", "Internal server error" },
		{ 500, nullptr, "INTERNAL", "An internal error has occurred." },
	},
	{
		"overloaded",
		{ 503, "server_error", nullptr, "The server is overloaded." },
		{ 529, "overloaded_error", "overloaded_error", "Overloaded" },
		{ 503, nullptr, "UNAVAILABLE", "The model is overloaded. Please try again later." },
	},
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
	const char *wanted = name != nullptr ? name : name_of_status(status);
	for (size_t i = 0; i < LM_COUNT(kinds); i++)
		if (strcmp(kinds[i].name, wanted) == 0)
			refusal = api == LM_FAKE_ANTHROPIC ? kinds[i].anthropic
				: api == LM_FAKE_GEMINI    ? kinds[i].gemini
							   : kinds[i].openai;
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
