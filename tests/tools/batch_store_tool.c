// A runner without a provider: takes items of a run through all states of a batch, as often as there are some. Tests start several.
//
//	batch_store_tool WHERE SCHEMA make ITEMS                      make run "r1" with items "item-<index>"
//	batch_store_tool WHERE SCHEMA work OWNER LIMIT NOW_MS [STEP]  work until nothing is left; leases are for a second. End by SIGKILL
//	                                                              after the STEP-th change
//
// `work` says "ready", waits for a line, and then says "<batch> <index> <index> ..." for each claim.
#include "base/mem.h"
#include "batch/runs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lm_runs *runs;
static struct lm_run_row row;
static struct lm_err err;
static long steps_left;

#define must(call) \
	do { \
		if ((call) < 0) { \
			fprintf(stderr, "%s: %s\n", #call, err.text); \
			exit(1); \
		} \
	} while (0)

static void
step(void)
{
	if (--steps_left == 0)
		raise(SIGKILL);
}

static void
make(size_t count)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_new_item *items = lm_arena_alloc(&arena, count * sizeof *items);
	struct lm_lease lease;
	char holder[64];
	int64_t until;
	for (size_t i = 0; i < count; i++)
		items[i] = (struct lm_new_item){ lm_str_of(lm_arena_format(&arena, "item-%zu", i)), i * 100, 99, i + 1 };
	must(lm_runs_create(runs, "r1", "0123456789abcdef", "{}", 1, &err));
	must(lm_runs_load(runs, "r1", &row, &err));
	must(lm_lease_take(runs, row.key, lm_runs_shared(runs) ? LM_UNIT_INGEST : LM_UNIT_RUN, "maker", 1, 2, &lease, holder,
		&until, &err));
	struct lm_ingest_slice slice = { .items = items, .count = count, .complete = true, .rows_bytes = count * 100 };
	size_t duplicate;
	uint32_t source;
	must(lm_runs_add_slice(runs, &lease, &slice, &duplicate, &source, &err));
	lm_lease_drop(runs, &lease);
}

// Answers to all items of the run; those of this batch count.
static void
answer(const struct lm_lease *lease, int64_t seq, uint64_t from, uint64_t count)
{
	struct lm_outcome *outcomes = lm_alloc_array(count, sizeof *outcomes);
	for (uint64_t i = 0; i < count; i++)
		outcomes[i] = (struct lm_outcome){ .index = from + i,
			.attempt = 1,
			.status = LM_ITEM_COMPLETED,
			.counts = true,
			.offset = (from + i) * 10,
			.length = 9,
			.check = from + i + 1 };
	must(lm_batch_consume(runs, lease, seq, outcomes, count, 0, from + count, 3, &err));
	step();
	lm_free(outcomes);
}

static void
end(const struct lm_lease *lease, int64_t seq)
{
	uint64_t half = row.item_count / 2;
	answer(lease, seq, 0, half);
	answer(lease, seq, half, row.item_count - half);
	must(lm_batch_finish(runs, lease, seq, true, "batch_expired", "gone", 3, &err));
	step();
}

static void
fetch(const struct lm_lease *lease, int64_t seq)
{
	struct lm_digest digest = { .bytes = { 0x12, 0x34 } };
	const struct lm_digest *digests[] = { &digest, nullptr };
	must(lm_batch_fetched(runs, lease, seq, "completed", "out", nullptr, nullptr, nullptr, digests, &err));
	step();
	end(lease, seq);
}

// What another process left behind.
static void
go_on(const struct lm_lease *lease, int64_t seq, enum lm_batch_state state)
{
	switch (state) {
	case LM_BATCH_CREATING:
		must(lm_batch_not_created(runs, lease, seq, &err));
		must(lm_batch_release(runs, lease, seq, &err));
		break;
	case LM_BATCH_BUILDING:
	case LM_BATCH_READY:
		must(lm_batch_release(runs, lease, seq, &err));
		break;
	case LM_BATCH_ACTIVE:
		fetch(lease, seq);
		break;
	default:
		end(lease, seq);
		break;
	}
}

static void
recover(const struct lm_lease *run_lease, const char *owner, int64_t now_ms)
{
	struct lm_batch_row *rows;
	size_t count;
	char holder[64];
	int64_t until;
	must(lm_runs_batches(runs, row.key, ~(1u << LM_BATCH_DONE), 0, 1000, &rows, &count, &err));
	for (size_t i = 0; i < count; i++) {
		struct lm_lease lease = *run_lease;
		int rc = 1;
		if (lm_runs_shared(runs))
			must(rc = lm_lease_take(
				     runs, row.key, rows[i].seq, owner, now_ms, now_ms + 1000, &lease, holder, &until, &err));
		if (rc == 1)
			go_on(&lease, rows[i].seq, rows[i].state);
		lm_batch_row_release(&rows[i]);
	}
	lm_free(rows);
}

static bool
claim(const struct lm_lease *run_lease, uint64_t limit, int64_t now_ms)
{
	struct lm_claimed *items;
	struct lm_lease lease;
	struct lm_digest digest = {};
	int64_t seq;
	size_t count;
	must(lm_batch_claim(runs, run_lease, limit, now_ms, now_ms + 1000, &seq, &items, &count, &lease, &err));
	if (seq == 0)
		return false;
	printf("%lld", (long long)seq);
	for (size_t i = 0; i < count; i++)
		printf(" %llu", (unsigned long long)items[i].index);
	printf("\n");
	(void)fflush(stdout);
	step();
	must(lm_batch_ready(runs, &lease, seq, items, count, nullptr, 0, 100, 10, &digest, &err));
	step();
	must(lm_batch_creating(runs, &lease, seq, "f", "scope", 0, 1, &err));
	step();
	must(lm_batch_active(runs, &lease, seq, "b", &err));
	step();
	fetch(&lease, seq);
	lm_free(items);
	return true;
}

static int
work(const char *owner, uint64_t limit, int64_t now_ms)
{
	struct lm_lease lease = {};
	char line[8], holder[64];
	int64_t until;
	must(lm_runs_load(runs, "r1", &row, &err));
	printf("ready\n");
	(void)fflush(stdout);
	if (fgets(line, sizeof line, stdin) == nullptr)
		return 1;
	lease.run = row.key;
	snprintf(lease.owner, sizeof lease.owner, "%s", owner);
	if (!lm_runs_shared(runs)) {
		int rc = lm_lease_take(runs, row.key, LM_UNIT_RUN, owner, now_ms, now_ms + 1000, &lease, holder, &until, &err);
		must(rc);
		if (rc == 0) {
			printf("held by %s\n", holder);
			return 0;
		}
	}
	recover(&lease, owner, now_ms);
	while (claim(&lease, limit, now_ms))
		;
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: %s WHERE SCHEMA make ITEMS | work OWNER LIMIT NOW_MS [STEP]\n", argv[0]);
		return 2;
	}
	must(lm_runs_open(&runs, argv[1], argv[2], &err));
	int rc = 0;
	if (strcmp(argv[3], "make") == 0) {
		make(strtoull(argv[4], nullptr, 10));
	} else {
		steps_left = argc > 7 ? strtol(argv[7], nullptr, 10) : 0;
		rc = work(argv[4], strtoull(argv[5], nullptr, 10), strtoll(argv[6], nullptr, 10));
	}
	lm_run_row_release(&row);
	lm_runs_close(runs);
	return rc;
}
