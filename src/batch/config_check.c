// What can be told to be wrong before any source is read.
#include "batch/config.h"

#include "base/mem.h"
#include "batch/prompt.h"
#include "batch/schema.h"
#include "text/json_scan.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum : uint64_t {
	LM_INPUTS_MAX = 1000,
	LM_SCHEMA_NAME_MAX = 64, // OpenAI API reference, response_format.json_schema.name
};

static int
fail(struct lm_err *err, const char *what)
{
	return lm_err_set(err, LM_E_USAGE, "%s", what);
}

static bool
is_empty(const char *text)
{
	return text == nullptr || text[0] == '\0';
}

static int
check_texts(const struct lm_batch_config *config, struct lm_err *err)
{
	const struct {
		const char *option, *text;
	} rows[] = {
		{ "--id-field", config->id_field },
		{ "--prompt-field", config->prompt_field },
		{ "--prompt-template", config->prompt_template },
		{ "--system-prompt", config->system_prompt },
		{ "--schema-name", config->schema_name },
		{ "--model", config->model },
		{ "--base-url", config->base_url },
		{ "--endpoint", config->endpoint },
		{ "--completion-window", config->completion_window },
		{ "--reasoning-effort", config->reasoning_effort },
		{ "--gemini-input-mode", config->gemini_input_mode },
		{ "--cassette", config->cassette },
		{ "--quota-scope", config->quota_scope },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		if (rows[i].text == nullptr)
			continue;
		if (rows[i].text[0] == '\0')
			return lm_err_set(err, LM_E_USAGE, "%s is empty", rows[i].option);
		if (!lm_utf8_valid(lm_str_of(rows[i].text)))
			return lm_err_set(err, LM_E_USAGE, "%s is not UTF-8", rows[i].option);
	}
	return 0;
}

static int
check_inputs(const struct lm_batch_config *config, struct lm_err *err)
{
	if (config->input_count == 0)
		return fail(err, "--input is missing");
	if (config->input_count > LM_INPUTS_MAX)
		return lm_err_set(err, LM_E_USAGE, "--input is given more than %" PRIu64 " times", LM_INPUTS_MAX);
	for (size_t i = 0; i < config->input_count; i++) {
		const char *path = config->inputs[i].path;
		if (is_empty(path))
			return fail(err, "--input is empty");
		if (!lm_utf8_valid(lm_str_of(path)))
			return fail(err, "--input is not UTF-8");
		for (size_t k = 0; k < i; k++)
			if (lm_cstr_equal(path, config->inputs[k].path))
				return lm_err_set(err, LM_E_USAGE, "--input '%s' is given twice", path);
	}
	return 0;
}

static int
check_prompts(const struct lm_batch_config *config, struct lm_err *err)
{
	LM_AUTO(lm_prompts_free_ptr) struct lm_prompts *prompts = nullptr;
	if (config->id_field == nullptr)
		return fail(err, "--id-field is missing");
	if (config->prompt_field != nullptr && config->prompt_template != nullptr)
		return fail(err, "--prompt-field and --prompt-template exclude each other");
	if (config->prompt_field == nullptr && config->prompt_template == nullptr)
		return fail(err, "neither --prompt-field nor --prompt-template is given");
	return lm_prompts_new(&prompts, config, err);
}

static int
check_schema(const struct lm_batch_config *config, struct lm_err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	LM_AUTO(lm_schema_free_ptr) struct lm_schema *schema = nullptr;
	const char *name = config->schema_name;
	if (config->schema_json == nullptr)
		return name == nullptr ? 0 : fail(err, "--schema-name is given without a schema");
	if (name == nullptr)
		return fail(err, "--schema-name is missing");
	if (strlen(name) > LM_SCHEMA_NAME_MAX || strspn(name, letters) != strlen(name))
		return lm_err_set(err, LM_E_USAGE,
			"--schema-name '%s' is not made of 1 to %" PRIu64 " letters, digits, '_' and '-'", name,
			LM_SCHEMA_NAME_MAX);
	if (lm_schema_new(&schema, lm_str_of(config->schema_json), err) < 0)
		return lm_err_wrap(err, "schema '%s'", name);
	return 0;
}

static int
check_params(const struct lm_batch_config *config, struct lm_err *err)
{
	const char *option =
		config->provider == LM_PROVIDER_GEMINI ? "--gemini-generation-config" : "--anthropic-message-params";
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	if (config->params_json == nullptr)
		return 0;
	if (lm_json_scan(&scan, lm_str_of(config->params_json), err) < 0) {
		err->code = LM_E_USAGE;
		return lm_err_wrap(err, "%s", option);
	}
	if (scan.value.kind != LM_JSON_OBJECT)
		return lm_err_set(err, LM_E_USAGE, "%s is no JSON object", option);
	return 0;
}

// Bytes at the beginning that are a name, an IPv4 address, or an IPv6 address in brackets; 0: none of these.
static size_t
host_length(struct lm_str text)
{
	bool in_brackets = lm_str_starts(text, LM_STR("["));
	size_t len = in_brackets ? 1 : 0;
	if (text.len > 0 && !in_brackets && !isalnum((unsigned char)text.ptr[0]) && (text.ptr[0] & 0x80) == 0)
		return 0;
	for (; len < text.len; len++) {
		unsigned char c = (unsigned char)text.ptr[len];
		bool fits = in_brackets ? isalnum(c) || c == ':' || c == '.' || c == '%'
					: isalnum(c) || c == '-' || c == '.' || c == '_' || c >= 0x80;
		if (!fits)
			break;
	}
	if (!in_brackets)
		return len;
	return len > 1 && len < text.len && text.ptr[len] == ']' ? len + 1 : 0;
}

static bool
is_host(struct lm_str text)
{
	size_t len = host_length(text);
	uint64_t port = 0;
	if (len == 0 || len == text.len)
		return len > 0;
	return text.ptr[len] == ':' &&
		lm_parse_u64((struct lm_str){ text.ptr + len + 1, text.len - len - 1 }, UINT16_MAX, &port) && port > 0;
}

// A URL that is stored and shown must hold no password.
static int
check_base_url(const char *url, struct lm_err *err)
{
	if (url == nullptr)
		return 0;
	size_t scheme = lm_cstr_starts(url, "https://") ? 8 : lm_cstr_starts(url, "http://") ? 7 : 0;
	size_t host = strcspn(url + scheme, "/?#");
	if (memchr(url + scheme, '@', host) != nullptr)
		return fail(err, "--base-url holds a user or password, which would be stored: keys come from the environment");
	if (scheme == 0 || host == 0)
		return lm_err_set(err, LM_E_USAGE, "--base-url is '%s', not http://... or https://...", url);
	for (const char *at = url; *at != '\0'; at++)
		if (*at == '?' || *at == '#' || (unsigned char)*at <= ' ' || *at == 0x7f)
			return fail(err, "--base-url holds a query, a fragment or a blank");
	if (!is_host((struct lm_str){ url + scheme, host }))
		return lm_err_set(err, LM_E_USAGE, "--base-url has '%.*s' where host and port belong", (int)host, url + scheme);
	return 0;
}

// It becomes a part of the URL there.
static int
check_gemini_model(const char *model, struct lm_err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
	bool is_path = isalnum((unsigned char)model[0]) && strstr(model, "/.") == nullptr && strstr(model, "//") == nullptr &&
		!lm_cstr_ends(model, "/");
	if (is_path && strspn(model, letters) == strlen(model))
		return 0;
	return lm_err_set(err, LM_E_USAGE,
		"--model '%s' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'", model);
}

static int
check_provider(const struct lm_batch_config *config, struct lm_err *err)
{
	if (config->model == nullptr && config->provider != LM_PROVIDER_ECHO)
		return fail(err, "--model is missing");
	if (config->provider == LM_PROVIDER_GEMINI && check_gemini_model(config->model, err) < 0)
		return -1;
	if (config->cassette == nullptr && config->provider == LM_PROVIDER_REPLAY)
		return fail(err, "--cassette is missing: --provider replay answers from that folder");
	if (!lm_cstr_equal(config->endpoint, "/v1/responses") && !lm_cstr_equal(config->endpoint, "/v1/chat/completions"))
		return lm_err_set(
			err, LM_E_USAGE, "--endpoint is '%s', not /v1/responses or /v1/chat/completions", config->endpoint);
	if (!lm_cstr_equal(config->gemini_input_mode, "auto") && !lm_cstr_equal(config->gemini_input_mode, "inline") &&
		!lm_cstr_equal(config->gemini_input_mode, "file"))
		return lm_err_set(
			err, LM_E_USAGE, "--gemini-input-mode is '%s', not auto, inline or file", config->gemini_input_mode);
	if (check_base_url(config->base_url, err) < 0)
		return -1;
	return check_params(config, err);
}

static int
check_numbers(const struct lm_batch_config *config, struct lm_err *err)
{
	const struct {
		const char *option;
		uint64_t value, min, max;
	} rows[] = {
		{ "--anthropic-max-tokens", config->max_tokens, 1, INT32_MAX },
		{ "--max-requests", config->max_requests, 0, INT32_MAX },
		{ "--max-file-bytes", config->max_file_bytes, 0, INT64_MAX },
		{ "--bytes-per-token", config->bytes_per_token, 1, INT32_MAX },
		{ "--enqueued-token-limit", config->enqueued_token_limit, 0, INT64_MAX },
		{ "--enqueued-target-percent", config->enqueued_target_percent, 1, 100 },
		{ "--enqueued-headroom", config->enqueued_headroom, 0, INT64_MAX },
		{ "--max-batch-enqueued-tokens", config->max_batch_enqueued_tokens, 0, INT64_MAX },
		{ "--max-attempts", config->max_attempts, 1, 1000 },
		{ "--max-batch-attempts", config->max_batch_attempts, 1, 1000 },
		{ "--base-backoff-sec (in ms)", config->base_backoff_ms, 0, INT32_MAX },
		{ "--max-backoff-sec (in ms)", config->max_backoff_ms, 0, INT32_MAX },
		{ "--adopt-grace-sec (in ms)", config->adopt_grace_ms, 0, INT32_MAX },
		{ "--request-timeout-sec (in ms)", config->request_timeout_ms, 1, INT32_MAX },
		{ "--poll-interval-sec (in ms)", config->poll_interval_ms, 0, INT32_MAX },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (rows[i].value < rows[i].min || rows[i].value > rows[i].max)
			return lm_err_set(err, LM_E_USAGE, "%s is %" PRIu64 ", not from %" PRIu64 " to %" PRIu64,
				rows[i].option, rows[i].value, rows[i].min, rows[i].max);
	if (config->enqueued_token_limit > 0 && config->enqueued_headroom >= config->enqueued_token_limit)
		return fail(err, "--enqueued-headroom leaves nothing of --enqueued-token-limit");
	return 0;
}

int
lm_batch_config_check(const struct lm_batch_config *config, struct lm_err *err)
{
	if (check_inputs(config, err) < 0 || check_texts(config, err) < 0 || check_prompts(config, err) < 0)
		return -1;
	if (check_schema(config, err) < 0 || check_provider(config, err) < 0)
		return -1;
	return check_numbers(config, err);
}
