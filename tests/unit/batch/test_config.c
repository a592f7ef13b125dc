#include "rows.h"

#include "base/mem.h"
#include "batch/config.h"

static void
add_input(struct lm_batch_config *config, enum lm_input_kind kind, const char *path)
{
	config->inputs = lm_realloc_array(config->inputs, config->input_count + 1, sizeof *config->inputs);
	config->inputs[config->input_count++] = (struct lm_batch_input){ kind, lm_strdup(path) };
}

static void
stored_form(void **state)
{
	(void)state;
	static const char want[] =
		"{\"adopt_grace_ms\":60000,\"base_backoff_ms\":1000,\"base_url\":null,\"bytes_per_token\":4,\"cassette\":null,"
		"\"completion_window\":\"24h\",\"endpoint\":\"/v1/"
		"responses\",\"enqueued_headroom\":0,\"enqueued_target_percent\":70,"
		"\"enqueued_token_limit\":0,\"gemini_input_mode\":\"auto\",\"id_field\":\"id\",\"inputs\":[{\"kind\":\"jsonl\","
		"\"path\":"
		"\"a.jsonl\"},{\"kind\":\"csv\",\"path\":\"b "
		"\\\"\303\244\\\".csv\"},{\"kind\":\"parquet\",\"path\":\"/c.parquet\"}],"
		"\"keep_raw\":true,\"keep_remote_files\":false,\"max_attempts\":3,\"max_backoff_ms\":300000,\"max_batch_"
		"attempts\":5,\"max_batch_enqueued_"
		"tokens\":0,"
		"\"max_file_bytes\":0,\"max_requests\":0,\"max_tokens\":1024,\"model\":null,\"params_json\":null,\"poll_"
		"interval_ms\":1000,"
		"\"prompt_field\":null,\"prompt_template\":\"say\\n{x}\",\"provider\":\"gemini\",\"quota_scope\":null,"
		"\"reasoning_effort\":null,\"request_timeout_ms\":30000,\"schema_json\":null,\"schema_name\":null,\"system_"
		"prompt\":null,"
		"\"version\":1}";
	LM_AUTO(lm_batch_config_release) struct lm_batch_config config, back = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, again = {}, differences = {};
	struct lm_err err = {};
	lm_batch_config_init(&config);
	add_input(&config, LM_INPUT_JSONL, "a.jsonl");
	add_input(&config, LM_INPUT_CSV, "b \"\303\244\".csv");
	add_input(&config, LM_INPUT_PARQUET, "/c.parquet");
	config.id_field = lm_strdup("id");
	config.prompt_template = lm_strdup("say\n{x}");
	config.provider = LM_PROVIDER_GEMINI;
	lm_batch_config_format(&config, &text);
	assert_string_equal(text.ptr, want);
	assert_int_equal(lm_batch_config_parse(lm_buf_view(&text), &back, &err), 0);
	lm_batch_config_format(&back, &again);
	assert_string_equal(again.ptr, want);
	lm_batch_config_differences(&config, &back, &differences);
	assert_int_equal(differences.len, 0);
}

static void
stored_faults(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{", "stored configuration: line 1, column 1: string or '}' expected near end of file" },
		{ "[]", "stored configuration: not an object" },
		{ "{\"max_requests\":-1}", "stored configuration: 'max_requests' is no whole number" },
		{ "{\"max_requests\":1.5}", "stored configuration: 'max_requests' is no whole number" },
		{ "{\"keep_raw\":1}", "stored configuration: 'keep_raw' is neither true nor false" },
		{ "{\"model\":1}", "stored configuration: 'model' is no text" },
		{ "{\"provider\":\"x\"}", "stored configuration: 'provider' is none that is known" },
		{ "{\"provider\":1}", "stored configuration: 'provider' is none that is known" },
		{ "{\"version\":2}", "stored configuration: 'version' is none that is known" },
		{ "{\"colour\":2}", "stored configuration: 'colour' is not known here: a newer lamina-batch wrote it" },
		{ "{\"inputs\":1}", "stored configuration: 'inputs' is no list of kinds and paths" },
		{ "{\"inputs\":[1]}", "stored configuration: 'inputs' is no list of kinds and paths" },
		{ "{\"inputs\":[{\"kind\":\"xls\",\"path\":\"a\"}]}",
			"stored configuration: 'inputs' is no list of kinds and paths" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_batch_config config = {};
		struct lm_err err = {};
		row_int_equal(rows[i].text, lm_batch_config_parse(lm_str_of(rows[i].text), &config, &err), -1);
		row_str_equal(rows[i].text, err.text, rows[i].want);
		row_int_equal(rows[i].text, err.code, LM_E_SYNTAX);
	}
}

static void
differences(void **state)
{
	(void)state;
	LM_AUTO(lm_batch_config_release) struct lm_batch_config before, now;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	lm_batch_config_init(&before);
	lm_batch_config_init(&now);
	add_input(&before, LM_INPUT_JSONL, "a.jsonl");
	add_input(&now, LM_INPUT_JSONL, "z.jsonl");
	add_input(&now, LM_INPUT_CSV, "b.csv");
	before.prompt_template = lm_strdup("A\n{x}");
	now.prompt_field = lm_strdup("text");
	now.provider = LM_PROVIDER_ECHO;
	now.max_attempts = 4;
	now.keep_raw = false;
	now.request_timeout_ms = now.poll_interval_ms = 5; // not compared
	now.model = lm_alloc(301);
	memset(now.model, 'm', 300);
	lm_batch_config_differences(&before, &now, &out);
	assert_string_equal(out.ptr,
		"input 1: 'a.jsonl' before, 'z.jsonl' now\n"
		"input 2: none before, 'b.csv' now\n"
		"provider: 'openai' before, 'echo' now\n"
		"keep_raw: true before, false now\n"
		"max_attempts: 3 before, 4 now\n"
		"model: none before, "
		"'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
		"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm...' now\n"
		"prompt_field: none before, 'text' now\n"
		"prompt_template: 'A\\n{x}' before, none now\n");
}

static void
limits(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		enum lm_provider_kind provider;
		const char *mode;
		uint64_t asked_requests, asked_bytes, requests, bytes;
	} rows[] = {
		{ "openai", LM_PROVIDER_OPENAI, "auto", 0, 0, 50'000, 157'286'400 },
		{ "openai, less", LM_PROVIDER_OPENAI, "auto", 7, 1000, 7, 1000 },
		{ "openai, more", LM_PROVIDER_OPENAI, "auto", 70'000, 1'000'000'000, 50'000, 200'000'000 },
		{ "anthropic", LM_PROVIDER_ANTHROPIC, "auto", 0, 0, 100'000, 157'286'400 },
		{ "anthropic, more", LM_PROVIDER_ANTHROPIC, "auto", 200'000, 1'000'000'000, 100'000, 256'000'000 },
		{ "gemini", LM_PROVIDER_GEMINI, "auto", 0, 0, 100'000, 157'286'400 },
		{ "gemini inline", LM_PROVIDER_GEMINI, "inline", 0, 0, 100'000, 20'000'000 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_batch_config_release) struct lm_batch_config config;
		lm_batch_config_init(&config);
		config.provider = rows[i].provider;
		lm_free(config.gemini_input_mode);
		config.gemini_input_mode = lm_strdup(rows[i].mode);
		config.max_requests = rows[i].asked_requests;
		config.max_file_bytes = rows[i].asked_bytes;
		row_int_equal(rows[i].row, lm_batch_max_requests(&config), rows[i].requests);
		row_int_equal(rows[i].row, lm_batch_max_bytes(&config), rows[i].bytes);
		row_int_equal(rows[i].row, lm_batch_tokens(&config, 0), 0);
		row_int_equal(rows[i].row, lm_batch_tokens(&config, 4), 1);
		row_int_equal(rows[i].row, lm_batch_tokens(&config, 5), 2);
	}
	enum lm_provider_kind kind = LM_PROVIDER_OPENAI;
	assert_true(lm_provider_by_name("replay", &kind));
	assert_int_equal(kind, LM_PROVIDER_REPLAY);
	assert_false(lm_provider_by_name("Replay", &kind));
	assert_false(lm_provider_by_name(nullptr, &kind));
	assert_string_equal(lm_provider_name(LM_PROVIDER_ANTHROPIC), "anthropic");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_form),
		cmocka_unit_test(stored_faults),
		cmocka_unit_test(differences),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
