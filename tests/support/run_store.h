// A store of runs for one test: an SQLite file, or with LM_TEST_POSTGRES (a connection string) a schema of its own there. The same tests
// run against both; tests/batch/test_postgres_store.py starts the server.
#pragma once

#include "folder.h"
#include "rows.h"

#include "base/mem.h"
#include "batch/runs.h"

struct run_store {
	struct folder folder;
	char where[4200], schema[64];
	struct lm_runs *runs;
	struct lm_run_row row; // of run "r1"
	struct lm_lease lease; // of the run; on PostgreSQL of the reading of sources
	struct lm_err err;
};

#define must(store, call) \
	do { \
		(store)->err = (struct lm_err){}; \
		if ((call) < 0) \
			fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, (store)->err.text); \
	} while (0)

// A call that fails with this code and text.
#define must_fail(store, call, want_code, want_text) \
	do { \
		(store)->err = (struct lm_err){}; \
		assert_int_equal((call), -1); \
		assert_string_equal((store)->err.text, (want_text)); \
		assert_int_equal((store)->err.code, (want_code)); \
	} while (0)

static inline struct lm_runs *
store_connect(struct run_store *store)
{
	struct lm_runs *runs = nullptr;
	must(store, lm_runs_open(&runs, store->where, store->schema, &store->err));
	return runs;
}

static inline struct run_store *
store_open(void)
{
	static unsigned number;
	struct run_store *store = lm_alloc(sizeof *store);
	const char *dsn = getenv("LM_TEST_POSTGRES");
	store->folder = folder_make();
	(void)snprintf(
		store->where, sizeof store->where, "%s", dsn != nullptr ? dsn : folder_at(&store->folder, "runs.sqlite"));
	(void)snprintf(store->schema, sizeof store->schema, "test_%ld_%u", (long)getpid(), ++number);
	store->runs = store_connect(store);
	return store;
}

static inline void
store_reload(struct run_store *store)
{
	lm_run_row_release(&store->row);
	must(store, lm_runs_load(store->runs, "r1", &store->row, &store->err));
}

// A store with run "r1" and its lease.
static inline struct run_store *
store_with_run(void)
{
	struct run_store *store = store_open();
	char holder[64];
	int64_t until = 0;
	must(store, lm_runs_create(store->runs, "r1", "0123456789abcdef", "{}", 1700000000, &store->err));
	store_reload(store);
	int64_t unit = lm_runs_shared(store->runs) ? LM_UNIT_INGEST : LM_UNIT_RUN;
	must(store,
		lm_lease_take(
			store->runs, store->row.key, unit, "here:1:a", 1000, 2000, &store->lease, holder, &until, &store->err));
	return store;
}

static inline void
store_close(struct run_store *store)
{
	lm_runs_close(store->runs);
	lm_run_row_release(&store->row);
	folder_remove(&store->folder);
	lm_free(store);
}

// Add `count` items "item-<index>" of input `source`, 100 bytes a row, and say what it was.
static inline void
store_add(struct run_store *store, uint32_t source, size_t first, size_t count, const char *checkpoint, bool complete)
{
	struct lm_new_item *items = lm_alloc_array(count, sizeof *items);
	char(*ids)[32] = lm_alloc_array(count, sizeof *ids);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(ids[i], sizeof ids[i], "item-%zu", first + i);
		items[i] = (struct lm_new_item){ lm_str_of(ids[i]), (first + i) * 100, 99, first + i + 1 };
	}
	struct lm_ingest_slice slice = {
		.source = source,
		.items = items,
		.count = count,
		.checkpoint = checkpoint,
		.complete = complete,
		.rows_bytes = (first + count) * 100,
		.begin = first * 50,
		.end = (first + count) * 50,
	};
	size_t duplicate = 0;
	uint32_t first_source = 0;
	must(store, lm_runs_add_slice(store->runs, &store->lease, &slice, &duplicate, &first_source, &store->err));
	lm_free(ids);
	lm_free(items);
}

struct batch_work {
	int64_t seq;
	struct lm_claimed *items;
	size_t count;
	struct lm_lease lease;
};

static inline struct lm_lease
store_claim_lease(const struct run_store *store) // who may claim
{
	struct lm_lease lease = store->lease;
	if (lm_runs_shared(store->runs))
		lease.fence = 0; // claiming needs none
	return lease;
}

static inline struct batch_work
store_claim(struct run_store *store, uint64_t limit)
{
	struct batch_work work = {};
	struct lm_lease lease = store_claim_lease(store);
	must(store,
		lm_batch_claim(
			store->runs, &lease, limit, 1000, 2000, &work.seq, &work.items, &work.count, &work.lease, &store->err));
	return work;
}

static inline void
store_ready(struct run_store *store, const struct batch_work *work, uint64_t tokens)
{
	struct lm_digest digest = { { 1, 2, 3 } };
	must(store,
		lm_batch_ready(store->runs, &work->lease, work->seq, work->items, work->count, nullptr, 0, 4096, tokens,
			&digest, &store->err));
}

static inline void
store_activate(struct run_store *store, const struct batch_work *work)
{
	store_ready(store, work, 100);
	must(store, lm_batch_creating(store->runs, &work->lease, work->seq, "file-1", nullptr, 0, 1700000001, &store->err));
	must(store, lm_batch_active(store->runs, &work->lease, work->seq, "batch-1", &store->err));
}

static inline void
store_fetch(struct run_store *store, const struct batch_work *work)
{
	store_activate(store, work);
	must(store,
		lm_batch_fetched(store->runs, &work->lease, work->seq, "completed", "out-1", nullptr, nullptr, nullptr, nullptr,
			&store->err));
}

static inline void
store_consume(struct run_store *store, const struct batch_work *work, const struct lm_outcome *outcomes, size_t count)
{
	must(store, lm_batch_consume(store->runs, &work->lease, work->seq, outcomes, count, 0, count * 10, 3, &store->err));
}

static inline void
store_finish(struct run_store *store, const struct batch_work *work, bool ended_early)
{
	must(store,
		lm_batch_finish(store->runs, &work->lease, work->seq, ended_early,
			ended_early ? "batch_expired" : "missing_row", "no answer", 3, &store->err));
}

static inline void
work_release(struct batch_work *work)
{
	lm_free(work->items);
	*work = (struct batch_work){};
}

static inline struct lm_outcome
outcome_done(uint64_t index, uint32_t attempt)
{
	return (struct lm_outcome){ .index = index,
		.attempt = attempt,
		.status = LM_ITEM_COMPLETED,
		.counts = true,
		.offset = index * 200,
		.length = 199 };
}

static inline struct lm_outcome
outcome_failed(uint64_t index, uint32_t attempt, enum lm_item_status status, bool counts)
{
	return (struct lm_outcome){ .index = index,
		.attempt = attempt,
		.status = status,
		.counts = counts,
		.file = 1,
		.offset = index * 200,
		.length = 50,
		.error_class = "server_error",
		.error_text = "it broke" };
}

// "pending,queued,submitted,completed,retryable,permanent" of run r1.
static inline void
must_count(struct run_store *store, const char *want)
{
	char got[128];
	store_reload(store);
	const uint64_t *n = store->row.counts;
	(void)snprintf(got, sizeof got, "%llu,%llu,%llu,%llu,%llu,%llu", (unsigned long long)n[0], (unsigned long long)n[1],
		(unsigned long long)n[2], (unsigned long long)n[3], (unsigned long long)n[4], (unsigned long long)n[5]);
	assert_string_equal(got, want);
}

// Each item from `from` on: "index:status:attempts:sequence[:class]", separated by spaces.
static inline void
must_items(struct run_store *store, uint64_t from, size_t limit, bool results, const char *want)
{
	struct lm_items items = {};
	struct lm_buf got = {};
	if (results)
		must(store, lm_runs_results(store->runs, store->row.key, from, limit, &items, &store->err));
	else
		must(store, lm_runs_items(store->runs, store->row.key, from, limit, &items, &store->err));
	for (size_t i = 0; i < items.count; i++) {
		const struct lm_item *item = &items.rows[i];
		lm_buf_format(&got, "%s%llu:%s:%u:%llu", i == 0 ? "" : " ", (unsigned long long)item->index,
			lm_item_status_name(item->status), item->attempts, (unsigned long long)item->sequence);
		if (item->error_class != nullptr)
			lm_buf_format(&got, ":%s", item->error_class);
	}
	assert_string_equal(lm_buf_cstr(&got), want);
	lm_buf_release(&got);
	lm_items_release(&items);
}
