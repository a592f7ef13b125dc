#include "run_store.h"

static void
a_replay_changes_nothing(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 4, nullptr, true);
	struct batch_work work = store_claim(store, 4);
	store_fetch(store, &work);
	struct lm_outcome outcomes[] = {
		outcome_done(2, 1),
		outcome_failed(2, 1, LM_ITEM_PERMANENT, true), // a second answer to the same request
		outcome_failed(0, 1, LM_ITEM_RETRYABLE, true),
		outcome_done(0, 1),
		outcome_done(1, 2),           // of another attempt
		outcome_done(3, 0),           //
		outcome_done(77, 1),          // of no item
		outcome_done(UINT64_MAX, 1),
	};
	for (int i = 0; i < 3; i++) {
		store_consume(store, &work, outcomes, LM_COUNT(outcomes));
		must_count(store, "0,0,2,1,1,0");
		assert_int_equal(store->row.last_sequence, 1);
	}
	must_items(store, 0, 10, false, "0:failed_retryable:1:0:server_error 1:submitted:0:0 2:completed:1:1 3:submitted:0:0");
	struct lm_items items = {};
	must(store, lm_runs_results(store->runs, store->row.key, 0, 10, &items, &store->err));
	assert_int_equal(items.count, 1);
	assert_int_equal(items.rows[0].batch, 1);
	assert_int_equal(items.rows[0].file, 0);
	assert_int_equal(items.rows[0].offset, 400);
	assert_int_equal(items.rows[0].length, 199);
	assert_string_equal(items.rows[0].item_id, "item-2");
	assert_null(items.rows[0].error_class);
	lm_items_release(&items);
	work_release(&work);
	store_close(store);
}

static void
answers_to_another_batch(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 4, nullptr, true);
	struct batch_work a = store_claim(store, 2), b = store_claim(store, 2);
	store_fetch(store, &a);
	struct lm_outcome outcomes[] = { outcome_done(1, 1), outcome_done(2, 1), outcome_done(3, 1) };
	store_consume(store, &a, outcomes, 3);
	must_count(store, "0,2,1,1,0,0");
	must_items(store, 0, 10, true, "1:completed:1:1");
	work_release(&a);
	work_release(&b);
	store_close(store);
}

static void
attempts_are_bounded(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 2, nullptr, true);
	for (uint32_t attempt = 1; attempt <= 3; attempt++) {
		struct batch_work work = store_claim(store, 10);
		assert_int_equal(work.count, 2);
		assert_int_equal(work.items[0].attempts, attempt - 1);
		store_fetch(store, &work);
		struct lm_outcome outcomes[] = {
			outcome_failed(0, attempt, LM_ITEM_RETRYABLE, true),
			outcome_failed(1, 1, LM_ITEM_RETRYABLE, false), // costs none
		};
		must_items(store, 0, 10, true, "");
		store_consume(store, &work, outcomes, 2); // 3 at most
		store_finish(store, &work, false);
		work_release(&work);
	}
	must_items(store, 0, 10, false, "0:failed_permanent:3:1:server_error 1:failed_retryable:0:0:server_error");
	struct lm_items items = {};
	must(store, lm_runs_results(store->runs, store->row.key, 0, 10, &items, &store->err));
	assert_int_equal(items.rows[0].batch, 3);
	assert_int_equal(items.rows[0].file, 1);
	assert_int_equal(items.rows[0].length, 50);
	assert_string_equal(items.rows[0].error_text, "it broke");
	lm_items_release(&items);
	store_close(store);
}

static void
batches_that_bring_no_answer_are_bounded(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 3, nullptr, true);
	for (int i = 0; i < 3; i++) { // max_batch_attempts is 3
		struct batch_work work = store_claim(store, 10);
		assert_int_equal(work.count, i == 0 ? 3 : 2);
		store_fetch(store, &work);
		struct lm_outcome done = outcome_done(1, 1);
		store_consume(store, &work, &done, 1);
		store_finish(store, &work, i != 1);
		must_count(store, i == 0 ? "2,0,0,1,0,0" : i == 1 ? "0,0,0,1,2,0" : "0,0,0,1,0,2");
		work_release(&work);
	}
	must_items(store, 0, 10, false,
		"0:failed_permanent:0:2:batch_expired 1:completed:1:1 2:failed_permanent:0:3:batch_expired");
	assert_true(store->row.finished);
	struct lm_items items = {};
	must(store, lm_runs_results(store->runs, store->row.key, 1, 10, &items, &store->err));
	assert_int_equal(items.rows[0].batch, 0);
	assert_int_equal(items.rows[0].length, 0);
	assert_string_equal(items.rows[0].error_text, "no answer");
	lm_items_release(&items);
	store_close(store);
}

static void
no_limits(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 1, nullptr, true);
	for (uint32_t i = 1; i <= 5; i++) {
		struct batch_work work = store_claim(store, 10);
		store_fetch(store, &work);
		struct lm_outcome failed = outcome_failed(0, i, LM_ITEM_RETRYABLE, true);
		must(store, lm_batch_consume(store->runs, &work.lease, work.seq, &failed, 1, 0, 1, 0, &store->err));
		must(store, lm_batch_finish(store->runs, &work.lease, work.seq, false, "missing_row", "", 0, &store->err));
		work_release(&work);
	}
	must_items(store, 0, 10, false, "0:failed_retryable:5:0:server_error");
	store_close(store);
}

// A failure that costs no attempt is bounded too: by how often an item comes back without one.
static void
free_failures_are_bounded(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 1, nullptr, true);
	for (uint32_t i = 1; i <= 3; i++) {
		struct batch_work work = store_claim(store, 10);
		store_fetch(store, &work);
		struct lm_outcome failed = outcome_failed(0, 1, LM_ITEM_RETRYABLE, false);
		failed.max_returns = 3;
		store_consume(store, &work, &failed, 1);
		store_finish(store, &work, false);
		must_items(store, 0, 10, false,
			i < 3 ? "0:failed_retryable:0:0:server_error" : "0:failed_permanent:0:1:server_error");
		work_release(&work);
	}
	must_count(store, "0,0,0,0,0,1");
	assert_true(store->row.finished);
	store_close(store);
}

// More items in a batch than a transaction has in memory at a time.
static void
a_large_batch_that_expires(void **)
{
	enum { ITEMS = 12'001 };
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, ITEMS, nullptr, true);
	struct batch_work work = store_claim(store, UINT64_MAX);
	assert_int_equal(work.count, ITEMS);
	store_fetch(store, &work);
	struct lm_outcome done[] = { outcome_done(0, 1), outcome_done(6000, 1), outcome_done(ITEMS - 1, 1) };
	store_consume(store, &work, done, 3);
	must(store, lm_batch_finish(store->runs, &work.lease, 1, true, "batch_expired", "24 hours", 1, &store->err));
	must_count(store, "0,0,0,3,0,11998");
	must_items(store, 5999, 3, false,
		"5999:failed_permanent:0:6002:batch_expired 6000:completed:1:2 6001:failed_permanent:0:6003:batch_expired");
	must_items(store, 12'000, 5, true, "11999:failed_permanent:0:12001:batch_expired");
	uint64_t count = 0;
	must(store, lm_runs_retry(store->runs, store->row.key, &count, &store->err));
	assert_int_equal(count, 11998);
	work_release(&work);
	store_close(store);
}

static void
cancel_ends_what_is_not_at_the_provider(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 12, "12", false);
	struct batch_work sent = store_claim(store, 3), unsent = store_claim(store, 3), building = store_claim(store, 2);
	store_fetch(store, &sent);
	store_ready(store, &unsent, 1);
	struct lm_lease lease = store_claim_lease(store);
	must_fail(store, lm_runs_finish_cancel(store->runs, &lease, &store->err), LM_E_CONFLICT, "run 'r1' was not cancelled");
	must(store, lm_runs_control(store->runs, store->row.key, LM_CONTROL_CANCELLED, "manual", &store->err));
	must(store, lm_runs_finish_cancel(store->runs, &lease, &store->err));
	must_count(store, "0,0,3,0,0,9");
	assert_true(store->row.ingest_complete);
	assert_false(store->row.finished);
	assert_int_equal(store->row.batch_count, 1);
	must_items(store, 0, 2, true, "3:failed_permanent:0:1:run_cancelled 4:failed_permanent:0:2:run_cancelled");
	must_fail(store, lm_batch_creating(store->runs, &unsent.lease, 2, "f", nullptr, 0, 1, &store->err),
		lm_runs_shared(store->runs) ? LM_E_CONFLICT : LM_E_NOT_FOUND,
		lm_runs_shared(store->runs) ? "another process took over batch 2 of run 'r1'" : "run 'r1' has no batch 2");
	struct lm_outcome done[] = { outcome_done(1, 1), outcome_failed(0, 1, LM_ITEM_RETRYABLE, true) };
	store_consume(store, &sent, done, 2);
	store_finish(store, &sent, true);
	must_count(store, "1,0,0,1,1,9");
	must(store, lm_runs_finish_cancel(store->runs, &lease, &store->err)); // what came back
	must(store, lm_runs_finish_cancel(store->runs, &lease, &store->err));
	must_count(store, "0,0,0,1,0,11");
	assert_true(store->row.finished);
	must_items(store, 0, 3, false,
		"0:failed_permanent:1:11:run_cancelled 1:completed:1:10 2:failed_permanent:0:12:run_cancelled");
	uint64_t count = 0;
	must_fail(store, lm_runs_retry(store->runs, store->row.key, &count, &store->err), LM_E_CONFLICT,
		"run 'r1' was cancelled");
	work_release(&sent);
	work_release(&unsent);
	work_release(&building);
	store_close(store);
}

static void
failed_items_again(void **)
{
	struct run_store *store = store_with_run();
	uint64_t count = 99;
	store_add(store, 0, 0, 4, nullptr, true);
	must(store, lm_runs_retry(store->runs, store->row.key, &count, &store->err));
	assert_int_equal(count, 0);
	struct batch_work work = store_claim(store, 10);
	store_fetch(store, &work);
	struct lm_outcome outcomes[] = {
		outcome_done(0, 1),
		outcome_failed(1, 1, LM_ITEM_PERMANENT, true),
		outcome_done(2, 1),
		outcome_failed(3, 1, LM_ITEM_PERMANENT, true),
	};
	store_consume(store, &work, outcomes, 4);
	store_finish(store, &work, false);
	must(store, lm_runs_exported(store->runs, store->row.key, 5, "out", &store->err));
	must(store, lm_runs_retry(store->runs, store->row.key, &count, &store->err));
	assert_int_equal(count, 2);
	must_count(store, "2,0,0,2,0,0");
	assert_int_equal(store->row.exported_at_s, 0);
	assert_null(store->row.export_root);
	must_items(store, 0, 10, true, "0:completed:1:1 2:completed:1:3");
	work_release(&work);
	work = store_claim(store, 10);
	assert_int_equal(work.count, 2);
	assert_int_equal(work.items[0].index, 1);
	assert_int_equal(work.items[0].attempts, 0);
	store_fetch(store, &work);
	struct lm_outcome again[] = { outcome_done(1, 1), outcome_done(3, 1) };
	store_consume(store, &work, again, 2);
	store_finish(store, &work, false);
	must_items(store, 3, 10, true, "1:completed:1:5 3:completed:1:6"); // behind what a reader has seen
	assert_true((store_reload(store), store->row.finished));
	work_release(&work);
	store_close(store);
}

static void
long_errors_are_cut(void **)
{
	static char text[5001];
	for (size_t i = 0; i + 1 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 1, nullptr, true);
	struct batch_work work = store_claim(store, 10);
	store_fetch(store, &work);
	struct lm_outcome failed = outcome_failed(0, 1, LM_ITEM_PERMANENT, true);
	failed.error_text = text;
	store_consume(store, &work, &failed, 1);
	struct lm_items items = {};
	must(store, lm_runs_items(store->runs, store->row.key, 0, 1, &items, &store->err));
	assert_int_equal(strlen(items.rows[0].error_text), 1999); // 998 letters of two bytes, and "..."
	assert_memory_equal(items.rows[0].error_text + 1994, "\xc3\xa4...", 5);
	lm_items_release(&items);
	work_release(&work);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replay_changes_nothing),
		cmocka_unit_test(answers_to_another_batch),
		cmocka_unit_test(attempts_are_bounded),
		cmocka_unit_test(batches_that_bring_no_answer_are_bounded),
		cmocka_unit_test(no_limits),
		cmocka_unit_test(free_failures_are_bounded),
		cmocka_unit_test(a_large_batch_that_expires),
		cmocka_unit_test(cancel_ends_what_is_not_at_the_provider),
		cmocka_unit_test(failed_items_again),
		cmocka_unit_test(long_errors_are_cut),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
