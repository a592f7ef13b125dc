#include "run_store.h"

static void
a_run_from_rows_to_results(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 5, "5", false);
	must_count(store, "5,0,0,0,0,0");
	assert_false(store->row.ingest_complete);
	store_add(store, 0, 5, 2, nullptr, true);
	must_count(store, "7,0,0,0,0,0");
	assert_true(store->row.ingest_complete);
	struct batch_work work = store_claim(store, 5);
	assert_int_equal(work.seq, 1);
	assert_int_equal(work.count, 5);
	assert_int_equal(work.items[4].index, 4);
	assert_int_equal(work.items[4].row_offset, 400);
	assert_int_equal(work.items[4].row_length, 99);
	must_count(store, "2,5,0,0,0,0");
	store_activate(store, &work);
	must_count(store, "2,0,5,0,0,0");
	assert_int_equal(store->row.active_batches, 1);
	must_items(store, 4, 2, false, "4:submitted:0:0 5:pending:0:0");
	must(store,
		lm_batch_fetched(
			store->runs, &work.lease, 1, "completed", "out-1", "err-1", nullptr, nullptr, nullptr, &store->err));
	struct lm_outcome outcomes[] = {
		outcome_done(3, 1),
		outcome_failed(0, 1, LM_ITEM_PERMANENT, true),
		outcome_failed(1, 1, LM_ITEM_RETRYABLE, true),
		outcome_failed(2, 1, LM_ITEM_RETRYABLE, false),
	};
	store_consume(store, &work, outcomes, LM_COUNT(outcomes));
	must_count(store, "2,0,1,1,2,1");
	assert_int_equal(store->row.last_sequence, 2);
	store_finish(store, &work, false);
	must_count(store, "2,0,0,1,3,1");
	assert_int_equal(store->row.active_batches, 0);
	must_items(store, 0, 10, false,
		"0:failed_permanent:1:2:server_error 1:failed_retryable:1:0:server_error 2:failed_retryable:0:0:server_error"
		" 3:completed:1:1 4:failed_retryable:0:0:missing_row 5:pending:0:0 6:pending:0:0");
	must_items(store, 0, 10, true, "3:completed:1:1 0:failed_permanent:1:2:server_error");
	must_items(store, 1, 10, true, "0:failed_permanent:1:2:server_error");
	work_release(&work);

	work = store_claim(store, 100); // those that came back are first
	assert_int_equal(work.seq, 2);
	assert_int_equal(work.count, 5);
	assert_int_equal(work.items[0].index, 1);
	assert_int_equal(work.items[0].attempts, 1);
	assert_int_equal(work.items[4].index, 6);
	store_fetch(store, &work);
	struct lm_outcome rest[] = { outcome_done(1, 2), outcome_done(2, 1), outcome_done(4, 1), outcome_done(5, 1),
		outcome_done(6, 1) };
	store_consume(store, &work, rest, LM_COUNT(rest));
	assert_false(store->row.finished);
	store_finish(store, &work, false);
	must_count(store, "0,0,0,6,0,1");
	assert_true(store->row.finished);
	assert_int_equal(store->row.batch_count, 2);
	must_items(store, 5, 2, true, "5:completed:1:6 6:completed:1:7");
	work_release(&work);
	work = store_claim(store, 100);
	assert_int_equal(work.seq, 0);
	assert_int_equal(work.count, 0);
	store_close(store);
}

static void
runs_by_name(void **)
{
	struct run_store *store = store_open();
	struct lm_run_row *rows = nullptr;
	size_t count = 0;
	must(store, lm_runs_list(store->runs, &rows, &count, &store->err));
	assert_int_equal(count, 0);
	must_fail(store, lm_runs_load(store->runs, "r1", &store->row, &store->err), LM_E_NOT_FOUND, "there is no run 'r1'");
	must(store, lm_runs_create(store->runs, "nightly", "00", "{\"model\":\"a\"}", 200, &store->err));
	must(store, lm_runs_create(store->runs, "r1", "11", "{}", 100, &store->err));
	must_fail(store, lm_runs_create(store->runs, "r1", "22", "{}", 100, &store->err), LM_E_CONFLICT,
		"there is a run 'r1' already");
	must_fail(store, lm_runs_load(store->runs, "nighty", &store->row, &store->err), LM_E_NOT_FOUND,
		"there is no run 'nighty', did you mean 'nightly'?");
	must(store, lm_runs_list(store->runs, &rows, &count, &store->err));
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].run_id, "r1");
	assert_string_equal(rows[1].run_id, "nightly");
	assert_string_equal(rows[1].nonce, "00");
	assert_string_equal(rows[1].config_json, "{\"model\":\"a\"}");
	assert_int_equal(rows[1].created_at_s, 200);
	assert_int_equal(rows[1].control, LM_CONTROL_RUNNING);
	assert_null(rows[1].control_reason);
	assert_false(rows[1].finished);
	for (size_t i = 0; i < count; i++)
		lm_run_row_release(&rows[i]);
	lm_free(rows);
	store_close(store);
}

static void
what_is_kept_of_a_run(void **)
{
	struct run_store *store = store_with_run();
	int64_t run = store->row.key;
	must(store, lm_runs_set_config(store->runs, run, "{\"b\":1}", &store->err));
	must(store, lm_runs_exported(store->runs, run, 1700000500, "exports/r1", &store->err));
	must(store, lm_runs_pruned(store->runs, run, false, &store->err));
	struct lm_lease lease = store_claim_lease(store);
	must(store, lm_runs_backoff(store->runs, &lease, "rate_limited", "slow \xff down", 5000, &store->err));
	must(store, lm_runs_backoff(store->runs, &lease, "rate_limited", "slower", 7000, &store->err));
	store_reload(store);
	assert_string_equal(store->row.config_json, "{\"b\":1}");
	assert_int_equal(store->row.exported_at_s, 1700000500);
	assert_string_equal(store->row.export_root, "exports/r1");
	assert_true(store->row.requests_pruned);
	assert_false(store->row.raw_pruned);
	assert_int_equal(store->row.consecutive_failures, 2);
	assert_int_equal(store->row.total_failures, 2);
	assert_int_equal(store->row.next_retry_at_ms, 7000);
	assert_string_equal(store->row.last_error_class, "rate_limited");
	assert_string_equal(store->row.last_error_text, "slower");
	must(store, lm_runs_backoff(store->runs, &lease, nullptr, nullptr, 0, &store->err));
	must(store, lm_runs_pruned(store->runs, run, true, &store->err));
	store_reload(store);
	assert_int_equal(store->row.consecutive_failures, 0);
	assert_int_equal(store->row.total_failures, 2);
	assert_int_equal(store->row.next_retry_at_ms, 0);
	assert_null(store->row.last_error_class);
	assert_true(store->row.raw_pruned);
	must_fail(store, lm_runs_pruned(store->runs, run + 1, true, &store->err), LM_E_NOT_FOUND, "the run is gone");
	store_close(store);
}

static void
control_from_anywhere(void **)
{
	struct run_store *store = store_with_run();
	int64_t run = store->row.key;
	must(store, lm_runs_control(store->runs, run, LM_CONTROL_PAUSED, "manual", &store->err));
	store_reload(store);
	assert_int_equal(store->row.control, LM_CONTROL_PAUSED);
	assert_string_equal(store->row.control_reason, "manual");
	must(store, lm_runs_control(store->runs, run, LM_CONTROL_RUNNING, nullptr, &store->err));
	store_reload(store);
	assert_null(store->row.control_reason);
	must(store, lm_runs_control(store->runs, run, LM_CONTROL_CANCELLED, "manual", &store->err));
	must(store, lm_runs_control(store->runs, run, LM_CONTROL_CANCELLED, "manual", &store->err));
	must_fail(store, lm_runs_control(store->runs, run, LM_CONTROL_RUNNING, nullptr, &store->err), LM_E_CONFLICT,
		"run 'r1' was cancelled");
	store_close(store);
}

static void
a_run_that_sent_nothing_can_be_dropped(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 10, nullptr, true);
	struct batch_work work = store_claim(store, 5);
	store_ready(store, &work, 1);
	must(store, lm_runs_drop(store->runs, store->row.key, &store->err));
	must_fail(store, lm_runs_load(store->runs, "r1", &store->row, &store->err), LM_E_NOT_FOUND, "there is no run 'r1'");
	must(store, lm_runs_create(store->runs, "r1", "00", "{}", 1, &store->err)); // nothing of the old one is in the way
	store_reload(store);
	must_items(store, 0, 10, false, "");
	work_release(&work);
	store_close(store);

	store = store_with_run();
	store_add(store, 0, 0, 10, nullptr, true);
	work = store_claim(store, 5);
	store_ready(store, &work, 1);
	must(store, lm_batch_creating(store->runs, &work.lease, 1, "f", nullptr, 0, 1, &store->err));
	must_fail(store, lm_runs_drop(store->runs, store->row.key, &store->err), LM_E_CONFLICT,
		"run 'r1' has sent batches to the provider");
	work_release(&work);
	store_close(store);
}

// No prompts, no answers, few indexes, numbers as small as they are.
static void
an_item_takes_a_hundred_bytes(void **)
{
	enum { ITEMS = 20'000, SLICE = 5000 };
	struct run_store *store = store_with_run();
	struct stat file = {};
	if (lm_runs_shared(store->runs)) { // PostgreSQL has another idea of a row
		store_close(store);
		return;
	}
	for (size_t i = 0; i < ITEMS; i += SLICE)
		store_add(store, 0, i, SLICE, i + SLICE == ITEMS ? nullptr : "x", i + SLICE == ITEMS);
	struct batch_work work = store_claim(store, ITEMS);
	store_fetch(store, &work);
	struct lm_outcome *outcomes = lm_alloc_array(ITEMS, sizeof *outcomes);
	for (size_t i = 0; i < ITEMS; i++)
		outcomes[i] = outcome_done(i, 1);
	for (size_t i = 0; i < ITEMS; i += SLICE)
		store_consume(store, &work, outcomes + i, SLICE);
	store_finish(store, &work, false);
	must_count(store, "0,0,0,20000,0,0");
	lm_runs_close(store->runs); // all is in the file itself then
	assert_int_equal(stat(store->where, &file), 0);
	assert_in_range(file.st_size / ITEMS, 40, 110);
	store->runs = store_connect(store);
	lm_free(outcomes);
	work_release(&work);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_from_rows_to_results),
		cmocka_unit_test(runs_by_name),
		cmocka_unit_test(what_is_kept_of_a_run),
		cmocka_unit_test(control_from_anywhere),
		cmocka_unit_test(a_run_that_sent_nothing_can_be_dropped),
		cmocka_unit_test(an_item_takes_a_hundred_bytes),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
