#include "run_store.h"

static void
ready(struct run_store *store, const struct batch_work *work, size_t used, const struct lm_refused_item *refused, size_t count)
{
	struct lm_digest digest = { { 7 } };
	must(store,
		lm_batch_ready(store->runs, &work->lease, work->seq, work->items, used, refused, count, 1000, 50, &digest,
			&store->err));
}

static void
what_does_not_fit_waits_again(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 10, nullptr, true);
	struct batch_work first = store_claim(store, 8);
	ready(store, &first, 3, nullptr, 0);
	must_count(store, "7,3,0,0,0,0");
	struct batch_work second = store_claim(store, 100);
	assert_int_equal(second.seq, 2);
	assert_int_equal(second.count, 7);
	assert_int_equal(second.items[0].index, 3);
	assert_int_equal(second.items[6].index, 9);
	must_count(store, "0,10,0,0,0,0");
	must_items(store, 2, 2, false, "2:queued_local:0:0 3:queued_local:0:0");
	work_release(&first);
	work_release(&second);
	store_close(store);
}

static void
what_is_refused_is_permanent(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 6, nullptr, true);
	struct batch_work work = store_claim(store, 5);
	struct lm_refused_item refused[] = { { 1, "request_too_large", "300 MB" }, { 3, "prompt_error", "no field 'x'" } };
	ready(store, &work, 4, refused, 2);
	must_count(store, "2,2,0,0,0,2");
	must_items(store, 0, 10, false,
		"0:queued_local:0:0 1:failed_permanent:0:1:request_too_large 2:queued_local:0:0 "
		"3:failed_permanent:0:2:prompt_error"
		" 4:pending:0:0 5:pending:0:0");
	must_items(store, 0, 10, true, "1:failed_permanent:0:1:request_too_large 3:failed_permanent:0:2:prompt_error");
	struct lm_batch_row *batches = nullptr;
	size_t count = 0;
	must(store, lm_runs_batches(store->runs, store->row.key, 1u << LM_BATCH_READY, 0, 10, &batches, &count, &store->err));
	assert_int_equal(count, 1);
	assert_int_equal(batches[0].item_count, 2);
	assert_int_equal(batches[0].bytes, 1000);
	assert_int_equal(batches[0].tokens, 50);
	assert_int_equal(batches[0].request_digest.bytes[0], 7);
	lm_batch_row_release(&batches[0]);
	lm_free(batches);
	work_release(&work);
	store_close(store);
}

static void
a_batch_of_refused_items_only_is_gone(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 3, nullptr, true);
	struct batch_work work = store_claim(store, 2);
	struct lm_refused_item refused = { 0, "request_too_large", "300 MB" };
	ready(store, &work, 1, &refused, 1);
	must_count(store, "2,0,0,0,0,1");
	assert_int_equal(store->row.batch_count, 0);
	work_release(&work);
	work = store_claim(store, 10);
	assert_int_equal(work.seq, 1);
	assert_int_equal(work.count, 2);
	assert_int_equal(work.items[0].index, 1);
	work_release(&work);
	store_close(store);
}

static void
a_refused_item_that_is_not_in_the_batch(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 3, nullptr, true);
	struct batch_work work = store_claim(store, 3);
	struct lm_refused_item refused = { 2, "request_too_large", "300 MB" };
	struct lm_digest digest = {};
	must_fail(store, lm_batch_ready(store->runs, &work.lease, 1, work.items, 2, &refused, 1, 1, 1, &digest, &store->err),
		LM_E_USAGE, "item 2 is refused, but is not in its place in the batch");
	must_count(store, "0,3,0,0,0,0");
	work_release(&work);
	store_close(store);
}

static void
release_gives_number_and_items_back(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 30, nullptr, true);
	struct batch_work work[3];
	for (int i = 0; i < 3; i++)
		work[i] = store_claim(store, 10);
	ready(store, &work[1], 10, nullptr, 0);
	must(store, lm_batch_release(store->runs, &work[1].lease, 2, &store->err));
	must_count(store, "10,20,0,0,0,0");
	assert_int_equal(store->row.batch_count, 2);
	must_fail(store, lm_batch_release(store->runs, &work[1].lease, 2, &store->err),
		lm_runs_shared(store->runs) ? LM_E_CONFLICT : LM_E_NOT_FOUND,
		lm_runs_shared(store->runs) ? "another process took over batch 2 of run 'r1'" : "run 'r1' has no batch 2");
	struct batch_work again = store_claim(store, 100);
	assert_int_equal(again.seq, 2); // the lowest free number
	assert_int_equal(again.count, 10);
	assert_int_equal(again.items[0].index, 10);
	must(store, lm_batch_release(store->runs, &work[0].lease, 1, &store->err));
	must(store, lm_batch_release(store->runs, &work[2].lease, 3, &store->err)); // from the end
	must(store, lm_batch_release(store->runs, &again.lease, 2, &store->err));
	must_count(store, "30,0,0,0,0,0");
	work_release(&again);
	again = store_claim(store, 100);
	assert_int_equal(again.seq, 1);
	assert_int_equal(again.count, 30);
	for (size_t i = 0; i < again.count; i++)
		assert_int_equal(again.items[i].index, i);
	work_release(&again);
	for (int i = 0; i < 3; i++)
		work_release(&work[i]);
	store_close(store);
}

static void
a_paused_or_cancelled_run_claims_nothing(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 5, nullptr, true);
	struct batch_work ready_work = store_claim(store, 2);
	store_ready(store, &ready_work, 1);
	must(store, lm_runs_control(store->runs, store->row.key, LM_CONTROL_PAUSED, "manual", &store->err));
	struct batch_work work = store_claim(store, 2);
	assert_int_equal(work.seq, 0);
	assert_null(work.items);
	must(store, lm_runs_control(store->runs, store->row.key, LM_CONTROL_CANCELLED, "manual", &store->err));
	work = store_claim(store, 2);
	assert_int_equal(work.seq, 0);
	assert_int_equal(
		lm_batch_creating(store->runs, &ready_work.lease, 1, "f", nullptr, 0, 1, &store->err), 0); // nor does it submit
	must_count(store, "3,2,0,0,0,0");
	work_release(&ready_work);
	store_close(store);
}

// Whatever is claimed, given back and answered in any order, no item is in two places and none is lost.
static void
many_claims(void **)
{
	enum { ITEMS = 400 };
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, ITEMS, nullptr, true);
	uint8_t done[ITEMS] = {};
	unsigned random = 1;
	for (unsigned round = 0; round < 300; round++) {
		random = random * 1103515245 + 12345;
		struct batch_work work = store_claim(store, 1 + (random >> 16) % 60);
		if (work.count == 0)
			break;
		for (size_t i = 0; i < work.count; i++) {
			assert_true(i == 0 || work.items[i].index > work.items[i - 1].index);
			assert_int_equal(done[work.items[i].index], 0);
		}
		size_t used = work.count - (random >> 8) % work.count;
		ready(store, &work, used, nullptr, 0);
		if (random % 5 == 0) {
			must(store, lm_batch_release(store->runs, &work.lease, work.seq, &store->err));
		} else {
			must(store, lm_batch_creating(store->runs, &work.lease, work.seq, "f", nullptr, 0, 1, &store->err));
			must(store, lm_batch_active(store->runs, &work.lease, work.seq, "b", &store->err));
			must(store,
				lm_batch_fetched(store->runs, &work.lease, work.seq, "completed", "o", nullptr, nullptr,
					nullptr, nullptr, &store->err));
			struct lm_outcome *outcomes = lm_alloc_array(used, sizeof *outcomes);
			size_t count = 0;
			for (size_t i = 0; i < used; i += 1 + random % 3) {
				outcomes[count++] = outcome_done(work.items[i].index, work.items[i].attempts + 1);
				done[work.items[i].index] = 1;
			}
			store_consume(store, &work, outcomes, count);
			must(store,
				lm_batch_finish(store->runs, &work.lease, work.seq, random % 2 == 0, "missing_row", "", 0,
					&store->err));
			lm_free(outcomes);
		}
		work_release(&work);
		store_reload(store);
		uint64_t sum = 0;
		for (int i = 0; i < LM_ITEM_STATUS_COUNT; i++)
			sum += store->row.counts[i];
		assert_int_equal(sum, ITEMS);
	}
	must_count(store, "0,0,0,400,0,0");
	assert_true(store->row.finished);
	assert_int_equal(store->row.last_sequence, ITEMS);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_waits_again),
		cmocka_unit_test(what_is_refused_is_permanent),
		cmocka_unit_test(a_batch_of_refused_items_only_is_gone),
		cmocka_unit_test(a_refused_item_that_is_not_in_the_batch),
		cmocka_unit_test(release_gives_number_and_items_back),
		cmocka_unit_test(a_paused_or_cancelled_run_claims_nothing),
		cmocka_unit_test(many_claims),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
