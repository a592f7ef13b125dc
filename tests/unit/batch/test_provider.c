// Providers without network: requests and answers as they are, and what bytes from outside do to them.
#include "rows.h"

#include "batch/provider_gemini.h"

#include <string.h>

static struct lm_provider *
make(enum lm_provider_kind kind)
{
	struct lm_batch_config config;
	struct lm_provider *provider = nullptr;
	struct lm_err err = {};

	lm_batch_config_init(&config);
	config.provider = kind;
	config.model = (char[]){ "m" };
	assert_int_equal(lm_provider_new(&provider, &config, &(struct lm_provider_secrets){ "canary" }, &err), 0);
	config.model = nullptr;
	lm_batch_config_release(&config);
	return provider;
}

static const struct {
	const char *row;
	enum lm_provider_kind kind;
	const char *line; // an answer with the text "a\nb"
} answers[] = {
	{ "responses", LM_PROVIDER_OPENAI,
		"{\"custom_id\":\"0-a1-0\",\"response\":{\"status_code\":200,\"body\":{\"status\":\"completed\",\"output\":[{"
		"\"type\":\"message\","
		"\"content\":[{\"type\":\"output_text\",\"text\":\"a\"},{\"type\":\"output_text\",\"text\":{\"value\":"
		"\"\\u0062\"}}]}]}},\"error\":null}" },
	{ "chat", LM_PROVIDER_OPENAI,
		"{\"custom_id\":\"0-a1-0\",\"response\":{\"status_code\":200,\"body\":{\"choices\":[{\"finish_reason\":"
		"\"stop\",\"message\":"
		"{\"refusal\":null,\"content\":\"a\\nb\"}}]}},\"error\":null}" },
	{ "anthropic", LM_PROVIDER_ANTHROPIC,
		"{\"custom_id\":\"0-a1-0\",\"result\":{\"type\":\"succeeded\",\"message\":{\"content\":[{\"type\":\"text\","
		"\"text\":\"a\"},"
		"{\"type\":\"text\",\"text\":\"b\"}],\"stop_reason\":\"end_turn\"}}}" },
	{ "gemini", LM_PROVIDER_GEMINI,
		"{\"key\":\"0-a1-0\",\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}"
		","
		"\"finishReason\":\"STOP\"}]}}" },
};

static void
reads_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LM_COUNT(answers); i++) {
		LM_AUTO(lm_provider_free_ptr) struct lm_provider *provider = make(answers[i].kind);
		LM_AUTO(lm_answer_release) struct lm_answer answer = {};
		struct lm_err err = {};
		row_int_equal(answers[i].row, lm_provider_read(provider, lm_str_of(answers[i].line), false, &answer, &err), 0);
		row_true(answers[i].row, answer.ok);
		row_str_equal(answers[i].row, lm_buf_cstr(&answer.text), "a\nb");
		row_true(answers[i].row, lm_str_equal(answer.custom_id, LM_STR("0-a1-0")));
		row_int_equal(
			answers[i].row, lm_provider_read_again(provider, lm_str_of(answers[i].line), false, &answer, &err), 0);
		row_true(answers[i].row, answer.ok);
		row_str_equal(answers[i].row, lm_buf_cstr(&answer.text), "a\nb");
		row_true(answers[i].row, lm_str_equal(answer.custom_id, LM_STR("0-a1-0")));
	}
}

// Every prefix is refused, and every byte replaced by another does no harm.
static void
damaged_answers(void **state)
{
	static const char others[] = { '\0', '"', '{', ']', '\\', '9', '\x80', 'n' };

	(void)state;
	for (size_t i = 0; i < LM_COUNT(answers); i++) {
		LM_AUTO(lm_provider_free_ptr) struct lm_provider *provider = make(answers[i].kind);
		LM_AUTO(lm_answer_release) struct lm_answer answer = {};
		size_t len = strlen(answers[i].line);
		for (size_t at = 0; at < len; at++) {
			struct lm_err err = {};
			char *copy = test_malloc(len); // exactly, so that sanitizers see a byte too many
			memcpy(copy, answers[i].line, at);
			row_int_equal(answers[i].row,
				lm_provider_read(provider, (struct lm_str){ copy, at }, false, &answer, &err), -1);
			row_int_equal(answers[i].row, err.code, LM_E_SYNTAX);
			memcpy(copy, answers[i].line, len);
			for (size_t k = 0; k < sizeof others; k++) {
				copy[at] = others[k];
				(void)lm_provider_read(provider, (struct lm_str){ copy, len }, k % 2 == 0, &answer, &err);
				(void)lm_provider_read_again(provider, (struct lm_str){ copy, len }, k % 2 == 0, &answer, &err);
			}
			test_free(copy);
		}
	}
}

// Whatever comes, taking a document apart ends, and reads nothing outside of it.
static void
take_apart(struct lm_str document)
{
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	struct lm_str list = {};
	size_t lines = 0;

	(void)lm_gemini_torn_state(document);
	if (!lm_gemini_torn_list(document, &list))
		return;
	while (lm_gemini_torn_line(&scan, &list, &line)) {
		assert_true(line.len > 0 && line.ptr[line.len - 1] == '\n');
		lm_buf_clear(&line);
		assert_true(++lines <= document.len);
	}
}

static void
damaged_documents(void **state)
{
	static const char whole[] =
		"{\"state\":\"BATCH_STATE_SUCCEEDED\",\"output\":{\"inlinedResponses\":{\"inlinedResponses\":["
		"{\"response\":{\"a\":\"\\\"key\\\"\"},\"metadata\":{\"key\":\"0-a1-0\"}}, {\"error\":{\"code\":4},"
		"\"metadata\":{\"key\":\"1-a1-0\"}} ,{\"key\":\"2-a1-0\",\"response\":{}}]}}}";
	static const char others[] = { '\0', '"', '{', ']', '\\', ',', '\x80', ' ' };
	size_t len = sizeof whole - 1;

	(void)state;
	for (size_t at = 0; at <= len; at++) {
		char *copy = test_malloc(at == 0 ? 1 : at); // exactly, so that sanitizers see a byte too many
		memcpy(copy, whole, at);
		take_apart((struct lm_str){ copy, at });
		test_free(copy);
	}
	for (size_t at = 0; at < len; at++)
		for (size_t k = 0; k < sizeof others; k++) {
			char *copy = test_malloc(len);
			memcpy(copy, whole, len);
			copy[at] = others[k];
			take_apart((struct lm_str){ copy, len });
			test_free(copy);
		}
}

static void
renders_requests(void **state)
{
	static const struct {
		const char *row;
		enum lm_provider_kind kind;
		const char *want;
	} rows[] = {
		{ "openai", LM_PROVIDER_OPENAI,
			"{\"custom_id\":\"7-a1-0\",\"method\":\"POST\",\"url\":\"/v1/"
			"responses\",\"body\":{\"model\":\"m\",\"input\":\"p\\\"\\n\"}}\n" },
		{ "anthropic", LM_PROVIDER_ANTHROPIC,
			"{\"custom_id\":\"7-a1-0\",\"params\":{\"model\":\"m\",\"max_tokens\":1024,\"messages\":[{\"role\":"
			"\"user\",\"content\":"
			"\"p\\\"\\n\"}]}}\n" },
		{ "gemini", LM_PROVIDER_GEMINI,
			"{\"key\":\"7-a1-0\",\"request\":{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"p\\\"\\n\"}]}"
			"]}}\n" },
		{ "echo", LM_PROVIDER_ECHO,
			"{\"custom_id\":\"7-a1-0\",\"method\":\"POST\",\"url\":\"/v1/"
			"responses\",\"body\":{\"model\":\"m\",\"input\":\"p\\\"\\n\"}}\n" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_provider_free_ptr) struct lm_provider *provider = make(rows[i].kind);
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		struct lm_request request = { .custom_id = LM_STR("7-a1-0"), .prompt = LM_STR("p\"\n") };
		lm_provider_render(provider, &request, &out);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(damaged_answers),
		cmocka_unit_test(damaged_documents),
		cmocka_unit_test(renders_requests),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
