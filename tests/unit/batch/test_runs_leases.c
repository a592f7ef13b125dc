#include "run_store.h"

static int
take(struct run_store *store, struct lm_runs *runs, int64_t unit, const char *owner, int64_t now, struct lm_lease *lease,
	char *holder, int64_t *until)
{
	store->err = (struct lm_err){};
	int rc = lm_lease_take(runs, store->row.key, unit, owner, now, now + 100, lease, holder, until, &store->err);
	if (rc < 0)
		fail_msg("lm_lease_take: %s", store->err.text);
	return rc;
}

static void
one_at_a_time(void **)
{
	struct run_store *store = store_open();
	struct lm_runs *other = store_connect(store);
	struct lm_lease a = {}, b = {};
	char holder[64];
	int64_t until = 0;
	must(store, lm_runs_create(store->runs, "r1", "00", "{}", 1, &store->err));
	store_reload(store);
	assert_int_equal(take(store, store->runs, LM_UNIT_RUN, "host:1:a", 1000, &a, holder, &until), 1);
	assert_string_equal(a.owner, "host:1:a");
	assert_int_equal(take(store, other, LM_UNIT_RUN, "host:2:b", 1050, &b, holder, &until), 0);
	assert_string_equal(holder, "host:1:a");
	assert_int_equal(until, 1100);
	must(store, lm_lease_renew(store->runs, &a, 1200, &store->err));
	assert_int_equal(take(store, other, LM_UNIT_RUN, "host:2:b", 1150, &b, holder, &until), 0);
	assert_int_equal(take(store, other, LM_UNIT_INGEST, "host:2:b", 1150, &b, holder, &until), 1); // another unit
	uint64_t fence = a.fence;
	assert_int_equal(take(store, store->runs, LM_UNIT_RUN, "host:1:a", 1150, &a, holder, &until), 1); // ours, again
	assert_true(a.fence > fence);
	assert_int_equal(take(store, other, LM_UNIT_RUN, "host:2:b", 1250, &b, holder, &until), 1); // it ran out
	assert_true(b.fence > a.fence);
	lm_lease_drop(store->runs, &a); // of no effect: it is not ours any more
	assert_int_equal(take(store, store->runs, LM_UNIT_RUN, "host:1:a", 1260, &a, holder, &until), 0);
	assert_string_equal(holder, "host:2:b");
	lm_lease_drop(other, &b);
	fence = b.fence;
	assert_int_equal(take(store, store->runs, LM_UNIT_RUN, "host:1:a", 1260, &a, holder, &until), 1);
	assert_true(a.fence > fence);
	lm_runs_close(other);
	store_close(store);
}

static void
who_lost_its_lease_changes_nothing(void **)
{
	struct run_store *store = store_with_run();
	struct lm_lease old = store->lease, now = {};
	char holder[64];
	int64_t until = 0;
	bool shared = lm_runs_shared(store->runs);
	store_add(store, 0, 0, 5, "5", false);
	assert_int_equal(take(store, store->runs, old.unit, "host:2:b", 5000, &now, holder, &until), 1);
	const char *lost =
		shared ? "another process took over reading the sources of run 'r1'" : "another process took over run 'r1'";
	struct lm_ingest_slice slice = { .checkpoint = "6" };
	size_t duplicate = 0;
	uint32_t first = 0;
	must_fail(store, lm_runs_add_slice(store->runs, &old, &slice, &duplicate, &first, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_lease_renew(store->runs, &old, 9000, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_runs_backoff(store->runs, &old, "a", "b", 1, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_runs_finish_cancel(store->runs, &old, &store->err), LM_E_CONFLICT, lost);
	struct batch_work none = {};
	must_fail(store,
		lm_batch_claim(store->runs, &old, 5, 1, 2, &none.seq, &none.items, &none.count, &none.lease, &store->err),
		LM_E_CONFLICT, lost);
	assert_null(none.items);
	store->lease = now;
	struct batch_work work = store_claim(store, 5);
	if (shared) { // a batch has a lease of its own
		assert_int_equal(take(store, store->runs, 1, "host:3:c", 1500, &now, holder, &until), 0);
		assert_int_equal(take(store, store->runs, 1, "host:3:c", 2500, &now, holder, &until), 1);
		old = work.lease;
		lost = "another process took over batch 1 of run 'r1'";
	}
	struct lm_digest digest = {};
	must_fail(store, lm_batch_ready(store->runs, &old, 1, work.items, 5, nullptr, 0, 1, 1, &digest, &store->err),
		LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_release(store->runs, &old, 1, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_creating(store->runs, &old, 1, "f", nullptr, 0, 1, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_not_created(store->runs, &old, 1, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_unknown(store->runs, &old, 1, "x", &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_active(store->runs, &old, 1, "b", &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_tried(store->runs, &old, 1, nullptr, "c", "t", 1, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_fetched(store->runs, &old, 1, "s", nullptr, nullptr, nullptr, nullptr, nullptr, &store->err),
		LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_consume(store->runs, &old, 1, nullptr, 0, 0, 1, 1, &store->err), LM_E_CONFLICT, lost);
	must_fail(store, lm_batch_finish(store->runs, &old, 1, false, nullptr, nullptr, 1, &store->err), LM_E_CONFLICT, lost);
	must_count(store, "0,5,0,0,0,0");
	work_release(&work);
	store_close(store);
}

static void
a_batch_needs_its_own_lease(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 5, nullptr, true);
	struct batch_work work = store_claim(store, 5);
	struct lm_lease wrong = {};
	char holder[64];
	int64_t until = 0;
	assert_int_equal(take(store, store->runs, LM_UNIT_INGEST, "here:1:a", 1000, &wrong, holder, &until), 1);
	must_fail(store, lm_batch_release(store->runs, &wrong, 1, &store->err), LM_E_USAGE,
		"batch 1 of run 'r1' is changed without a lease of it");
	if (lm_runs_shared(store->runs)) {
		wrong = (struct lm_lease){ .run = store->row.key, .unit = 1 };
		must_fail(store, lm_batch_release(store->runs, &wrong, 1, &store->err), LM_E_USAGE,
			"batch 1 of run 'r1' is changed without a lease of it");
	}
	work_release(&work);
	store_close(store);
}

static void
nobody_takes_a_batch_that_is_done(void **)
{
	struct run_store *store = store_with_run();
	store_add(store, 0, 0, 5, nullptr, true);
	struct batch_work work = store_claim(store, 5);
	struct lm_lease lease = {};
	char holder[64] = "x";
	int64_t until = 0;
	assert_int_equal(take(store, store->runs, 2, "host:2:b", 9000, &lease, holder, &until), 0);
	assert_string_equal(holder, "");
	store_fetch(store, &work);
	store_finish(store, &work, true);
	assert_int_equal(take(store, store->runs, 1, "host:2:b", 9000, &lease, holder, &until), 0);
	assert_string_equal(holder, "");
	work_release(&work);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(who_lost_its_lease_changes_nothing),
		cmocka_unit_test(a_batch_needs_its_own_lease),
		cmocka_unit_test(nobody_takes_a_batch_that_is_done),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
