#include "run_store.h"

#define STATE(name) (1u << LM_BATCH_##name)

// "seq:state:failures:class" of the batches in these states.
static void
must_batches(struct run_store *store, unsigned states, int64_t after, size_t limit, const char *want)
{
	struct lm_batch_row *rows = nullptr;
	size_t count = 0;
	struct lm_buf got = {};
	must(store, lm_runs_batches(store->runs, store->row.key, states, after, limit, &rows, &count, &store->err));
	for (size_t i = 0; i < count; i++) {
		lm_buf_format(&got, "%s%lld:%s:%llu:%s", i == 0 ? "" : " ", (long long)rows[i].seq,
			lm_batch_state_name(rows[i].state), (unsigned long long)rows[i].failures,
			rows[i].error_class == nullptr ? "" : rows[i].error_class);
		lm_batch_row_release(&rows[i]);
	}
	assert_string_equal(lm_buf_cstr(&got), want);
	lm_buf_release(&got);
	lm_free(rows);
}

static struct lm_batch_row
batch_row(struct run_store *store, int64_t seq)
{
	struct lm_batch_row *rows = nullptr;
	size_t count = 0;
	must(store, lm_runs_batches(store->runs, store->row.key, ~0u, seq - 1, 1, &rows, &count, &store->err));
	assert_int_equal(count, 1);
	struct lm_batch_row row = rows[0];
	lm_free(rows);
	return row;
}

static void
what_is_kept_of_a_batch(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 5, nullptr, true);
	struct batch_work work = store_claim(store, 5);
	struct lm_batch_row row = batch_row(store, 1);
	assert_int_equal(row.state, LM_BATCH_BUILDING);
	assert_int_equal(row.has_lease, lm_runs_shared(store->runs));
	assert_int_equal(row.lease_until_ms, lm_runs_shared(store->runs) ? 2000 : 0);
	lm_batch_row_release(&row);
	store_ready(store, &work, 70);
	assert_int_equal(lm_batch_creating(store->runs, &work.lease, 1, "file-abc", "scope", 1000, 1700000007, &store->err), 1);
	row = batch_row(store, 1);
	assert_int_equal(row.state, LM_BATCH_CREATING);
	assert_string_equal(row.input_ref, "file-abc");
	assert_int_equal(row.intent_at_s, 1700000007);
	assert_int_equal(row.item_count, 5);
	assert_int_equal(row.bytes, 4096);
	assert_int_equal(row.tokens, 70);
	assert_int_equal(row.request_digest.bytes[2], 3);
	lm_batch_row_release(&row);
	must(store, lm_batch_active(store->runs, &work.lease, 1, "batch_xyz", &store->err));
	must(store, lm_batch_tried(store->runs, &work.lease, 1, "in_progress", nullptr, nullptr, 4000, &store->err));
	must(store, lm_batch_tried(store->runs, &work.lease, 1, nullptr, "timeout", "no answer\xff", 5000, &store->err));
	must(store, lm_batch_tried(store->runs, &work.lease, 1, nullptr, "timeout", "no answer\xff", 6000, &store->err));
	row = batch_row(store, 1);
	assert_string_equal(row.provider_batch_id, "batch_xyz");
	assert_string_equal(row.status, "in_progress");
	assert_int_equal(row.failures, 2);
	assert_string_equal(row.error_class, "timeout");
	assert_string_equal(row.error_text, "no answer?");
	assert_int_equal(row.next_try_at_ms, 6000);
	lm_batch_row_release(&row);
	must(store, lm_batch_tried(store->runs, &work.lease, 1, "finalizing", nullptr, nullptr, 7000, &store->err));
	must_batches(store, STATE(ACTIVE), 0, 10, "1:active:0:");
	must(store,
		lm_batch_fetched(store->runs, &work.lease, 1, "expired", "out", "err", "batch_expired", "24 hours", nullptr,
			&store->err));
	store_consume(store, &work, nullptr, 0);
	must(store, lm_batch_consume(store->runs, &work.lease, 1, nullptr, 0, 0, 500, 3, &store->err));
	must(store, lm_batch_consume(store->runs, &work.lease, 1, nullptr, 0, 0, 400, 3, &store->err)); // never back
	must(store, lm_batch_consume(store->runs, &work.lease, 1, nullptr, 0, 1, 60, 3, &store->err));
	row = batch_row(store, 1);
	assert_string_equal(row.status, "expired");
	assert_string_equal(row.output_ref, "out");
	assert_string_equal(row.error_ref, "err");
	assert_string_equal(row.error_class, "batch_expired");
	assert_string_equal(row.error_text, "24 hours");
	assert_int_equal(row.consumed_bytes[0], 500);
	assert_int_equal(row.consumed_bytes[1], 60);
	lm_batch_row_release(&row);
	store_finish(store, &work, true);
	row = batch_row(store, 1);
	assert_int_equal(row.state, LM_BATCH_DONE);
	assert_false(row.has_lease);
	lm_batch_row_release(&row);
	work_release(&work);
	store_close(store);
}

static void
batches_by_state(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 50, nullptr, true);
	struct batch_work work[5];
	for (int i = 0; i < 5; i++)
		work[i] = store_claim(store, 10);
	store_ready(store, &work[1], 1);
	store_activate(store, &work[2]);
	store_fetch(store, &work[3]);
	store_fetch(store, &work[4]);
	store_finish(store, &work[4], true);
	unsigned all = ~0u;
	must_batches(store, all, 0, 10, "1:building:0: 2:ready:0: 3:active:0: 4:fetched:0: 5:done:0:");
	must_batches(store, all & ~STATE(DONE), 0, 10, "1:building:0: 2:ready:0: 3:active:0: 4:fetched:0:");
	must_batches(store, STATE(READY) | STATE(FETCHED), 0, 10, "2:ready:0: 4:fetched:0:");
	must_batches(store, STATE(READY) | STATE(FETCHED), 2, 10, "4:fetched:0:");
	must_batches(store, all, 1, 2, "2:ready:0: 3:active:0:");
	must_batches(store, STATE(UNKNOWN), 0, SIZE_MAX, "");
	for (int i = 0; i < 5; i++)
		work_release(&work[i]);
	store_close(store);
}

static void
a_state_that_does_not_allow_it(void **)
{
	struct run_store *store = store_with_run();
	struct lm_digest digest = {};
	store_add(store, 0, 0, 5, nullptr, true);
	struct batch_work work = store_claim(store, 5);
	must_fail(store, lm_batch_creating(store->runs, &work.lease, 1, "f", nullptr, 0, 1, &store->err), LM_E_CONFLICT,
		"batch 1 of run 'r1' cannot do that: it is building");
	must_fail(store, lm_batch_active(store->runs, &work.lease, 1, "b", &store->err), LM_E_CONFLICT,
		"batch 1 of run 'r1' cannot do that: it is building");
	store_ready(store, &work, 1);
	must_fail(store, lm_batch_ready(store->runs, &work.lease, 1, work.items, 5, nullptr, 0, 1, 1, &digest, &store->err),
		LM_E_CONFLICT, "batch 1 of run 'r1' cannot do that: it is ready");
	must(store, lm_batch_creating(store->runs, &work.lease, 1, "f", nullptr, 0, 1, &store->err));
	must_fail(store, lm_batch_release(store->runs, &work.lease, 1, &store->err), LM_E_CONFLICT,
		"batch 1 of run 'r1' cannot do that: it is creating");
	must(store, lm_batch_active(store->runs, &work.lease, 1, "b", &store->err));
	must_fail(store, lm_batch_not_created(store->runs, &work.lease, 1, &store->err), LM_E_CONFLICT,
		"batch 1 of run 'r1' cannot do that: it is active");
	must_fail(store, lm_batch_consume(store->runs, &work.lease, 1, nullptr, 0, 0, 1, 3, &store->err), LM_E_CONFLICT,
		"batch 1 of run 'r1' cannot do that: it is active");
	must(store,
		lm_batch_fetched(store->runs, &work.lease, 1, "s", nullptr, nullptr, nullptr, nullptr, nullptr, &store->err));
	must_fail(store, lm_batch_unknown(store->runs, &work.lease, 1, "x", &store->err), LM_E_CONFLICT,
		"batch 1 of run 'r1' cannot do that: it is fetched");
	if (!lm_runs_shared(store->runs)) { // where a batch has its own lease, that is gone with it
		store_finish(store, &work, true);
		must_fail(store, lm_batch_finish(store->runs, &work.lease, 1, true, nullptr, nullptr, 1, &store->err),
			LM_E_CONFLICT, "batch 1 of run 'r1' cannot do that: it is done");
		must_fail(store, lm_batch_tried(store->runs, &work.lease, 2, nullptr, nullptr, nullptr, 1, &store->err),
			LM_E_NOT_FOUND, "run 'r1' has no batch 2");
	}
	work_release(&work);
	store_close(store);
}

static void
an_outcome_that_stays_unknown(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 10, nullptr, true);
	struct batch_work a = store_claim(store, 5), b = store_claim(store, 5);
	struct batch_work *both[] = { &a, &b };
	for (int i = 0; i < 2; i++) {
		store_ready(store, both[i], 40);
		assert_int_equal(
			lm_batch_creating(store->runs, &both[i]->lease, both[i]->seq, "f", "s", 100, 5, &store->err), 1);
		must(store, lm_batch_unknown(store->runs, &both[i]->lease, both[i]->seq, "looked for in vain", &store->err));
	}
	must_count(store, "0,10,0,0,0,0");
	assert_int_equal(store->row.active_batches, 2);
	assert_int_equal(store->row.unknown_batches, 2);
	struct lm_batch_row row = batch_row(store, 1);
	assert_string_equal(row.error_text, "looked for in vain");
	lm_batch_row_release(&row);
	must(store, lm_batch_active(store->runs, &a.lease, 1, "batch-7", &store->err)); // resolve --created
	must(store, lm_batch_not_created(store->runs, &b.lease, 2, &store->err));       // resolve --not-created
	must_count(store, "0,5,5,0,0,0");
	assert_int_equal(store->row.active_batches, 1);
	assert_int_equal(store->row.unknown_batches, 0);
	must_batches(store, ~0u, 0, 10, "1:active:0: 2:ready:0:");
	must(store, lm_batch_release(store->runs, &b.lease, 2, &store->err));
	must_count(store, "5,0,5,0,0,0");
	work_release(&a);
	work_release(&b);
	store_close(store);
}

static int
create(struct run_store *store, struct batch_work *work, uint64_t tokens, const char *scope, uint64_t limit)
{
	*work = store_claim(store, 5);
	store_ready(store, work, tokens);
	int rc = lm_batch_creating(store->runs, &work->lease, work->seq, "f", scope, limit, 1, &store->err);
	if (rc < 0)
		fail_msg("lm_batch_creating: %s", store->err.text);
	return rc;
}

static void
scopes_have_room_or_not(void **)
{
	struct run_store *store = store_with_run();
	struct batch_work work[6];
	store_add(store, 0, 0, 30, nullptr, true);
	assert_int_equal(create(store, &work[0], 60, "openai:m", 100), 1);
	assert_int_equal(create(store, &work[1], 50, "openai:m", 100), 0);
	assert_int_equal(create(store, &work[2], 40, "openai:m", 100), 1);
	assert_int_equal(create(store, &work[3], 1, "openai:m", 100), 0);
	assert_int_equal(create(store, &work[4], 500, "openai:other", 100), 1); // alone, it may be above the limit
	assert_int_equal(create(store, &work[5], 10, nullptr, 100), 1);
	must_batches(store, STATE(READY), 0, 10, "2:ready:0: 4:ready:0:");
	struct lm_runs *runs = store->runs;
	must(store, lm_batch_not_created(runs, &work[2].lease, 3, &store->err)); // 40 less
	assert_int_equal(lm_batch_creating(runs, &work[3].lease, 4, "f", "openai:m", 100, 1, &store->err), 1);
	assert_int_equal(lm_batch_creating(runs, &work[1].lease, 2, "f", "openai:m", 100, 1, &store->err), 0);
	must(store, lm_batch_active(runs, &work[0].lease, 1, "b", &store->err));
	must(store,
		lm_batch_fetched(runs, &work[0].lease, 1, "completed", "o", nullptr, nullptr, nullptr, nullptr, &store->err));
	assert_int_equal(lm_batch_creating(runs, &work[1].lease, 2, "f", "openai:m", 100, 1, &store->err), 0);
	store_finish(store, &work[0], true); // 60 less
	assert_int_equal(lm_batch_creating(runs, &work[1].lease, 2, "f", "openai:m", 100, 1, &store->err), 1);
	for (int i = 0; i < 6; i++)
		work_release(&work[i]);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_of_a_batch),
		cmocka_unit_test(batches_by_state),
		cmocka_unit_test(a_state_that_does_not_allow_it),
		cmocka_unit_test(an_outcome_that_stays_unknown),
		cmocka_unit_test(scopes_have_room_or_not),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
