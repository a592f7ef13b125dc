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
		lm_batch_fetched(store->runs, &work.lease, 1, "completed", "out-1", "err-1", nullptr, nullptr, &store->err));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_from_rows_to_results),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
