// Who works on a run, and what is computed before anything is sent. What happens to runs is told by tests/batch/test_engine.py.
#include "run_store.h"

#include "batch/engine.h"
#include "batch/engine_parts.h"
#include "os/clock.h"

#include <stdlib.h>

enum { ITEMS = 7 };

// A store with run "r1" of a few items at the provider that answers with the prompt.
struct engine_test {
	struct run_store *store;
	struct lm_provider *provider;
	struct lm_batch_config config;
	char artifacts[4200];
};

static struct engine_test
set_up(void)
{
	struct engine_test test = { .store = store_open() };
	struct run_store *store = test.store;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	for (int i = 0; i < ITEMS; i++)
		lm_buf_format(&text, "{\"id\":\"i%d\",\"p\":\"prompt %d\"}\n", i, i);
	folder_write(&store->folder, "items.jsonl", lm_buf_cstr(&text));
	(void)snprintf(test.artifacts, sizeof test.artifacts, "%s", folder_at(&store->folder, "artifacts"));
	lm_batch_config_init(&test.config);
	test.config.inputs = lm_alloc_array(1, sizeof *test.config.inputs);
	test.config.inputs[0] = (struct lm_batch_input){ LM_INPUT_JSONL, lm_strdup(folder_at(&store->folder, "items.jsonl")) };
	test.config.input_count = 1;
	test.config.id_field = lm_strdup("id");
	test.config.prompt_field = lm_strdup("p");
	test.config.provider = LM_PROVIDER_ECHO;
	test.config.max_requests = 3;
	test.config.poll_interval_ms = 10;
	lm_buf_clear(&text);
	lm_batch_config_format(&test.config, &text);
	must(store, lm_runs_create(store->runs, "r1", "0123456789abcdef", lm_buf_cstr(&text), 1700000000, &store->err));
	must(store, lm_provider_new(&test.provider, &test.config, &(struct lm_provider_secrets){}, &store->err));
	store_reload(store);
	return test;
}

static void
tear_down(struct engine_test *test)
{
	lm_provider_free(test->provider);
	lm_batch_config_release(&test->config);
	store_close(test->store);
}

// An engine with a connection of its own, as another process has.
static int
open_engine(struct engine_test *test, struct lm_runs *runs, struct lm_engine **engine, char holder[static 64])
{
	struct lm_engine_options options = {
		.runs = runs,
		.provider = test->provider,
		.artifacts = test->artifacts,
		.run_id = "r1",
	};
	int rc = lm_engine_open(engine, &options, holder, &test->store->err);
	if (rc < 0)
		fail_msg("open: %s", test->store->err.text);
	return rc;
}

static void
finish(struct engine_test *test, struct lm_engine *engine)
{
	struct run_store *store = test->store;
	must(store, lm_engine_ingest(engine, &store->err));
	assert_int_equal(lm_engine_wait(engine, 0, &store->err), 0);
	store_reload(store);
	assert_true(store->row.finished);
	assert_int_equal(store->row.counts[LM_ITEM_COMPLETED], ITEMS);
	assert_int_equal(store->row.batch_count, 3);
}

static void
one_at_a_time(void **)
{
	struct engine_test test = set_up();
	struct lm_engine *first = nullptr, *second = nullptr;
	char holder[64] = "", pid[32];
	struct lm_runs *runs = store_connect(test.store);

	assert_int_equal(open_engine(&test, test.store->runs, &first, holder), 0);
	assert_int_equal(open_engine(&test, runs, &second, holder), 1);
	(void)snprintf(pid, sizeof pid, ":%ld:", (long)getpid());
	assert_non_null(strstr(holder, pid));
	struct lm_engine_progress progress = {};
	must(test.store, lm_engine_step(second, &progress, &test.store->err)); // looks, and does nothing
	assert_false(progress.finished || progress.advanced);
	must_fail(test.store, lm_engine_resolve(second, 0, nullptr, &test.store->err), LM_E_CONFLICT,
		"another process works on run 'r1'");
	lm_engine_close(first);
	finish(&test, second); // free again
	lm_engine_close(second);
	lm_runs_close(runs);
	tear_down(&test);
}

// The lease of somebody else, until `until_ms`.
static void
hold(struct engine_test *test, const char *owner, int64_t now_ms, int64_t until_ms)
{
	struct lm_lease lease;
	char holder[64];
	int64_t held_until = 0;
	assert_int_equal(lm_lease_take(test->store->runs, test->store->row.key, LM_UNIT_RUN, owner, now_ms, until_ms, &lease,
				 holder, &held_until, &test->store->err),
		1);
}

static void
left_by_others(void **)
{
	char host[256] = "", dead[64];
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(dead, sizeof dead, "%.24s:1:0123456789abcdef", host);
	const struct {
		const char *row, *owner;
		int64_t until_ms;
		int want;
	} rows[] = {
		{ "dead, of this machine", dead, INT64_MAX / 2, 0 },
		{ "of another machine", "elsewhere:1:0123456789abcdef", INT64_MAX / 2, 1 },
		{ "of another machine, run out", "elsewhere:1:0123456789abcdef", 1, 0 },
		{ "a path", "elsewhere:1:../x", INT64_MAX / 2, 1 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct engine_test test = set_up();
		struct lm_engine *engine = nullptr;
		char holder[64] = "";
		hold(&test, rows[i].owner, 0, rows[i].until_ms);
		row_int_equal(rows[i].row, open_engine(&test, test.store->runs, &engine, holder), rows[i].want);
		row_str_equal(rows[i].row, holder, rows[i].want == 1 ? rows[i].owner : "");
		if (rows[i].want == 0)
			finish(&test, engine);
		lm_engine_close(engine);
		tear_down(&test);
	}
}

static void
taken_over(void **)
{
	struct engine_test test = set_up();
	struct lm_engine *engine = nullptr;
	struct lm_engine_progress progress = {};
	char holder[64] = "";

	assert_int_equal(open_engine(&test, test.store->runs, &engine, holder), 0);
	must(test.store, lm_engine_ingest(engine, &test.store->err));
	hold(&test, "elsewhere:1:0123456789abcdef", INT64_MAX / 4, INT64_MAX / 2); // by its clock ours has run out
	must_fail(test.store, lm_engine_step(engine, &progress, &test.store->err), LM_E_CONFLICT,
		"another process took over run 'r1'");
	store_reload(test.store);
	assert_int_equal(test.store->row.batch_count, 0);
	lm_engine_close(engine);
	assert_int_equal(open_engine(&test, test.store->runs, &engine, holder), 1); // closing took nothing from the other
	assert_string_equal(holder, "elsewhere:1:0123456789abcdef");
	lm_engine_close(engine);
	tear_down(&test);
}

static void
nothing_stays_behind(void **)
{
	struct engine_test test = set_up();
	struct lm_engine *engine = nullptr;
	char holder[64] = "";

	folder_write(&test.store->folder, "items.jsonl", "{\"id\":\"a\",\"p\":\"x\"}\n{\"id\":\"b\"}\n[]\n");
	assert_int_equal(open_engine(&test, test.store->runs, &engine, holder), 0);
	assert_int_equal(lm_engine_ingest(engine, &test.store->err), -1);
	assert_int_equal(test.store->err.code, LM_E_SYNTAX);
	assert_non_null(strstr(test.store->err.text, "items.jsonl:2: error: missing required fields: p"));
	assert_non_null(strstr(test.store->err.text, "items.jsonl:3: error: "));
	lm_engine_close(engine);
	assert_int_equal(lm_runs_load(test.store->runs, "r1", &test.store->row, &test.store->err), -1);
	assert_int_equal(test.store->err.code, LM_E_NOT_FOUND);
	assert_int_equal(access(folder_at(&test.store->folder, "artifacts/r1"), F_OK), -1);
	tear_down(&test);
}

// ---- what is computed

static void
intents(void **)
{
	char run_id[] = "r1", nonce[] = "0123456789abcdef", intent[LM_INTENT_DIGITS + 1];
	struct lm_engine engine = { .run_id = run_id, .run = { .nonce = nonce } };

	lm_engine_intent(&engine, 1, intent); // printf 0123456789abcdef:r1:1 | sha256sum | cut -c-24
	assert_string_equal(intent, "8670dbdbb3115fda2a8cdcb0");
	lm_engine_intent(&engine, 12, intent);
	assert_string_equal(intent, "9db53a3a97090241e816ee00");
}

static void
back_off(void **)
{
	static const struct {
		const char *row;
		uint64_t failures, retry_after_ms, want_ms;
	} rows[] = {
		{ "first", 1, 0, 1000 },
		{ "second", 2, 0, 2000 },
		{ "eighth", 8, 0, 128000 },
		{ "bounded", 10, 0, 300000 },
		{ "many", UINT64_MAX, 0, 300000 },
		{ "none", 0, 0, 1000 },
		{ "asked for less", 3, 10, 4000 },
		{ "asked for more", 3, 400000, 400000 },
		{ "asked for ever", 3, UINT64_MAX, 3600000 },
	};
	struct lm_engine engine = { .config = { .base_backoff_ms = 1000, .max_backoff_ms = 300000 } };

	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(
			rows[i].row, lm_engine_backoff_ms(&engine, rows[i].failures, rows[i].retry_after_ms), rows[i].want_ms);
}

static void
scopes(void **)
{
	static const struct {
		const char *row;
		uint64_t limit, percent, headroom, want;
	} rows[] = {
		{ "none", 0, 70, 0, 0 },
		{ "part", 1000, 70, 0, 700 },
		{ "headroom", 1000, 70, 400, 600 },
		{ "rounded down", 199, 70, 0, 139 },
		{ "all kept free", 1000, 70, 1000, 1 },
		{ "huge", UINT64_MAX, 100, 0, UINT64_MAX },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_engine engine = { .config = { .enqueued_token_limit = rows[i].limit,
						    .enqueued_target_percent = rows[i].percent,
						    .enqueued_headroom = rows[i].headroom } };
		row_true(rows[i].row, lm_engine_scope_limit(&engine) == rows[i].want);
	}
	char model[] = "m", label[] = "team";
	struct lm_engine engine = { .config = { .provider = LM_PROVIDER_OPENAI, .model = model } };
	LM_AUTO(lm_free_ptr) char *plain = lm_engine_scope(&engine);
	engine.config.quota_scope = label;
	LM_AUTO(lm_free_ptr) char *labelled = lm_engine_scope(&engine);
	assert_string_equal(plain, "openai:m:default");
	assert_string_equal(labelled, "openai:m:label:team");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(left_by_others),
		cmocka_unit_test(taken_over),
		cmocka_unit_test(nothing_stays_behind),
		cmocka_unit_test(intents),
		cmocka_unit_test(back_off),
		cmocka_unit_test(scopes),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
