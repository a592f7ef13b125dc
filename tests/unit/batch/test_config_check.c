#include "rows.h"

#include "base/mem.h"
#include "batch/config.h"

#include <stddef.h>

static struct lm_batch_input inputs[] = { { LM_INPUT_JSONL, (char *)(uintptr_t)"a.jsonl" },
	{ LM_INPUT_CSV, (char *)(uintptr_t)"b.csv" } };

static void
set(char **field, const char *text)
{
	lm_free(*field);
	*field = text == nullptr ? nullptr : lm_strdup(text);
}

// A configuration that is good.
static void
make(struct lm_batch_config *config)
{
	lm_batch_config_init(config);
	config->inputs = inputs;
	config->input_count = LM_COUNT(inputs);
	set(&config->id_field, "id");
	set(&config->prompt_template, "say {x}");
	set(&config->model, "m");
}

static void
release(struct lm_batch_config *config)
{
	config->inputs = nullptr;
	config->input_count = 0;
	lm_batch_config_release(config);
}

static void
texts(void **state)
{
	(void)state;
#define AT(member) offsetof(struct lm_batch_config, member)
	static const struct {
		size_t field;
		const char *text, *want; // want null: good
	} rows[] = {
		{ AT(model), "m", nullptr },
		{ AT(base_url), "http://127.0.0.1:8089/v1", nullptr },
		{ AT(base_url), "https://example.test", nullptr },
		{ AT(base_url), "http://[::1]:8089/", nullptr },
		{ AT(base_url), "http://[fe80::1.2.3.4]", nullptr },
		{ AT(base_url), "http://[fe80::1%25lo]:9", nullptr },
		{ AT(base_url), "http://b\u00fcro_1-a.test:65535", nullptr },
		{ AT(system_prompt), "be {tone}", nullptr },
		{ AT(params_json), "{\"temperature\":0}", nullptr },
		{ AT(endpoint), "/v1/chat/completions", nullptr },
		{ AT(gemini_input_mode), "inline", nullptr },
		{ AT(id_field), nullptr, "--id-field is missing" },
		{ AT(id_field), "", "--id-field is empty" },
		{ AT(id_field), "\xFF", "--id-field is not UTF-8" },
		{ AT(prompt_field), "x", "--prompt-field and --prompt-template exclude each other" },
		{ AT(prompt_template), nullptr, "neither --prompt-field nor --prompt-template is given" },
		{ AT(prompt_template), "", "--prompt-template is empty" },
		{ AT(prompt_template), "{x", "--prompt-template: column 1: '{' is not closed (a brace as such is '{{')" },
		{ AT(system_prompt), "ab}", "--system-prompt: column 3: single '}' (a brace as such is '}}')" },
		{ AT(model), nullptr, "--model is missing" },
		{ AT(endpoint), "/v1/x", "--endpoint is '/v1/x', not /v1/responses or /v1/chat/completions" },
		{ AT(gemini_input_mode), "gcs", "--gemini-input-mode is 'gcs', not auto, inline or file" },
		{ AT(base_url), "ftp://x", "--base-url is 'ftp://x', not http://... or https://..." },
		{ AT(base_url), "http://", "--base-url is 'http://', not http://... or https://..." },
		{ AT(base_url), "http://x/?key=1", "--base-url holds a query, a fragment or a blank" },
		{ AT(base_url), "http://[::1/v1", "--base-url has '[::1' where host and port belong" },
		{ AT(base_url), "http://[]:80", "--base-url has '[]:80' where host and port belong" },
		{ AT(base_url), "http://[::1]8089", "--base-url has '[::1]8089' where host and port belong" },
		{ AT(base_url), "http://::1", "--base-url has '::1' where host and port belong" },
		{ AT(base_url), "http://.", "--base-url has '.' where host and port belong" },
		{ AT(base_url), "http://a/\x01", "--base-url holds a query, a fragment or a blank" },
		{ AT(base_url), "http://a:0", "--base-url has 'a:0' where host and port belong" },
		{ AT(base_url), "http://a:65536", "--base-url has 'a:65536' where host and port belong" },
		{ AT(base_url), "http://a:", "--base-url has 'a:' where host and port belong" },
		{ AT(base_url), "http://a:80x", "--base-url has 'a:80x' where host and port belong" },
		{ AT(base_url), "https://a|b", "--base-url has 'a|b' where host and port belong" },
		{ AT(base_url), "http://user:secret@host/",
			"--base-url holds a user or password, which would be stored: keys come from the environment" },
		{ AT(params_json), "[]", "--anthropic-message-params is no JSON object" },
		{ AT(params_json), "{",
			"--anthropic-message-params: column 2: expected a key in double quotes, found the end" },
		{ AT(schema_name), "s", "--schema-name is given without a schema" },
		{ AT(schema_json), "{}", "--schema-name is missing" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(release) struct lm_batch_config config;
		struct lm_err err = {};
		make(&config);
		set((char **)((char *)&config + rows[i].field), rows[i].text);
		const char *row = rows[i].want == nullptr ? rows[i].text : rows[i].want;
		row_int_equal(row, lm_batch_config_check(&config, &err), rows[i].want == nullptr ? 0 : -1);
		row_str_equal(row, err.text, rows[i].want == nullptr ? "" : rows[i].want);
		row_int_equal(row, err.code, rows[i].want == nullptr ? LM_OK : LM_E_USAGE);
	}
}

static void
numbers(void **state)
{
	(void)state;
	static const struct {
		size_t field;
		uint64_t value;
		const char *want;
	} rows[] = {
		{ AT(max_attempts), 0, "--max-attempts is 0, not from 1 to 1000" },
		{ AT(max_batch_attempts), 1001, "--max-batch-attempts is 1001, not from 1 to 1000" },
		{ AT(max_tokens), 0, "--anthropic-max-tokens is 0, not from 1 to 2147483647" },
		{ AT(bytes_per_token), 0, "--bytes-per-token is 0, not from 1 to 2147483647" },
		{ AT(enqueued_target_percent), 101, "--enqueued-target-percent is 101, not from 1 to 100" },
		{ AT(max_requests), UINT64_MAX, "--max-requests is 18446744073709551615, not from 0 to 2147483647" },
		{ AT(request_timeout_ms), 0, "--request-timeout-sec (in ms) is 0, not from 1 to 2147483647" },
		{ AT(enqueued_token_limit), 1000, "--enqueued-headroom leaves nothing of --enqueued-token-limit" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(release) struct lm_batch_config config;
		struct lm_err err = {};
		make(&config);
		config.enqueued_headroom = 1000;
		*(uint64_t *)((char *)&config + rows[i].field) = rows[i].value;
		row_int_equal(rows[i].want, lm_batch_config_check(&config, &err), -1);
		row_str_equal(rows[i].want, err.text, rows[i].want);
		row_int_equal(rows[i].want, err.code, LM_E_USAGE);
	}
}

static void
others(void **state)
{
	(void)state;
	static const struct {
		const char *name, *json, *want;
	} schemas[] = {
		{ "n-1_x", "{\"type\":\"object\"}", "" },
		{ "n 1", "{\"type\":\"object\"}", "--schema-name 'n 1' is not made of 1 to 64 letters, digits, '_' and '-'" },
		{ "n", "{\"type\":\"object\",\"if\":1}", "schema 'n': unknown keyword 'if' at /" },
	};
	for (size_t i = 0; i < LM_COUNT(schemas); i++) {
		LM_AUTO(release) struct lm_batch_config config;
		struct lm_err err = {};
		make(&config);
		set(&config.schema_name, schemas[i].name);
		set(&config.schema_json, schemas[i].json);
		row_int_equal(schemas[i].name, lm_batch_config_check(&config, &err), schemas[i].want[0] == '\0' ? 0 : -1);
		row_str_equal(schemas[i].name, err.text, schemas[i].want);
	}
	static const struct {
		const char *model, *want;
	} models[] = {
		{ "gemini-2.5-flash", "" },
		{ "models/gemini-2.5-pro", "" },
		{ "a//b", "--model 'a//b' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'" },
		{ "a/./b", "--model 'a/./b' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'" },
		{ "/etc", "--model '/etc' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'" },
		{ "a?b", "--model 'a?b' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'" },
		{ "a%2fb", "--model 'a%2fb' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'" },
		{ "../files",
			"--model '../files' is none of Gemini: these are made of letters, digits, '.', '_', '-' and '/'" },
	};
	for (size_t i = 0; i < LM_COUNT(models); i++) {
		LM_AUTO(release) struct lm_batch_config config;
		struct lm_err err = {};
		make(&config);
		config.provider = LM_PROVIDER_GEMINI;
		set(&config.model, models[i].model);
		row_int_equal(models[i].model, lm_batch_config_check(&config, &err), models[i].want[0] == '\0' ? 0 : -1);
		row_str_equal(models[i].model, err.text, models[i].want);
	}
	LM_AUTO(release) struct lm_batch_config config;
	struct lm_err err = {};
	make(&config);
	config.provider = LM_PROVIDER_REPLAY;
	assert_int_equal(lm_batch_config_check(&config, &err), -1);
	assert_string_equal(err.text, "--cassette is missing: --provider replay answers from that folder");
	set(&config.model, nullptr);
	config.provider = LM_PROVIDER_ECHO;
	assert_int_equal(lm_batch_config_check(&config, &err), 0);
	struct lm_batch_input twice[] = { inputs[0], inputs[0] };
	config.inputs = twice;
	assert_int_equal(lm_batch_config_check(&config, &err), -1);
	assert_string_equal(err.text, "--input 'a.jsonl' is given twice");
	config.input_count = 0;
	assert_int_equal(lm_batch_config_check(&config, &err), -1);
	assert_string_equal(err.text, "--input is missing");
	assert_int_equal(err.code, LM_E_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(numbers),
		cmocka_unit_test(others),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
