// From waiting items to a batch: claim, ready, and back.
#include "batch/runs_parts.h"

#include <string.h>

struct claim {
	struct lm_claimed *items;
	size_t count, cap;
	size_t retryable; // of them
};

static int
take_rows(struct claim *claim, struct lm_stmt *stmt, struct lm_err *err)
{
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(claim->items, claim->count, claim->cap);
		claim->items[claim->count++] = (struct lm_claimed){
			.index = lm_stmt_u64(stmt, 0),
			.row_offset = lm_stmt_u64(stmt, 1),
			.row_length = (uint32_t)lm_stmt_i64(stmt, 2),
			.attempts = (uint32_t)lm_stmt_i64(stmt, 3),
			.row_check = lm_stmt_u64(stmt, 5),
		};
		if (lm_stmt_i64(stmt, 4) == LM_STORED_RETRYABLE)
			claim->retryable++;
	}
	return rc;
}

// Those that came back are all below fresh_from, so they are first.
static int
take_waiting(struct lm_change *change, uint64_t limit, struct claim *claim, struct lm_err *err)
{
	static const char again_sqlite[] =
		"SELECT idx, row_offset, row_length, attempts, status, row_check FROM items INDEXED BY items_again"
		" WHERE run = ? AND status IN (4, 6) ORDER BY idx LIMIT ?";
	static const char again_postgres[] = "SELECT idx, row_offset, row_length, attempts, status, row_check FROM items"
					     " WHERE run = ? AND status IN (4, 6) ORDER BY idx LIMIT ?";
	static const char fresh[] = "SELECT idx, row_offset, row_length, attempts, status, row_check FROM items"
				    " WHERE run = ? AND idx >= ? ORDER BY idx LIMIT ?";
	struct lm_runs *runs = change->runs;
	struct lm_run_state *run = &change->run;
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(runs, &stmt, err, runs->shared ? again_postgres : again_sqlite, lm_i(run->key), lm_u(limit)) < 0 ||
		take_rows(claim, stmt, err) < 0)
		return -1;
	lm_stmt_done(lm_take(&stmt));
	size_t again = claim->count;
	if (again >= limit || run->fresh_from >= run->item_count)
		return 0;
	if (LM_QUERY(runs, &stmt, err, fresh, lm_i(run->key), lm_u(run->fresh_from), lm_u(limit - again)) < 0 ||
		take_rows(claim, stmt, err) < 0)
		return -1;
	if (claim->count > again)
		run->fresh_from = claim->items[claim->count - 1].index + 1;
	return 0;
}

// The lowest number that is free.
static int
next_seq(struct lm_change *change, int64_t *out, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	struct lm_runs *runs = change->runs;
	if (LM_QUERY(runs, &stmt, err, "SELECT coalesce(max(seq), 0) FROM batches WHERE run = ?", lm_i(change->run.key)) < 0 ||
		lm_stmt_step(stmt, err) < 0)
		return -1;
	*out = lm_stmt_i64(stmt, 0) + 1;
	if (lm_stmt_u64(stmt, 0) == change->run.batch_count)
		return 0;
	lm_stmt_done(lm_take(&stmt));
	if (LM_QUERY(runs, &stmt, err, "SELECT seq FROM batches WHERE run = ? ORDER BY seq", lm_i(change->run.key)) < 0)
		return -1;
	int rc = 0;
	for (*out = 1; (rc = lm_stmt_step(stmt, err)) == 1 && lm_stmt_i64(stmt, 0) == *out;)
		++*out;
	return rc < 0 ? -1 : 0;
}

static int
mark_range(struct lm_change *change, int64_t seq, struct lm_range range, struct lm_err *err)
{
	struct lm_runs *runs = change->runs;
	int64_t run = change->run.key;
	if (LM_DO(runs, nullptr, err, "UPDATE items SET status = 1, batch = ? WHERE run = ? AND idx BETWEEN ? AND ?", lm_i(seq),
		    lm_i(run), lm_u(range.first), lm_u(range.last)) < 0)
		return -1;
	return LM_DO(runs, nullptr, err, "INSERT INTO ranges (run, batch, first, last) VALUES (?, ?, ?, ?)", lm_i(run),
		lm_i(seq), lm_u(range.first), lm_u(range.last));
}

static int
mark_items(struct lm_change *change, int64_t seq, const struct claim *claim, struct lm_err *err)
{
	for (size_t i = 0; i < claim->count;) {
		struct lm_range range = { claim->items[i].index, claim->items[i].index };
		for (i++; i < claim->count && claim->items[i].index == range.last + 1; i++)
			range.last++;
		if (mark_range(change, seq, range, err) < 0)
			return -1;
	}
	return 0;
}

// On PostgreSQL the batch is a unit of its own; on SQLite all is done under the run's lease.
static int
lease_batch(struct lm_change *change, const struct lm_lease *lease, int64_t seq, int64_t until_ms, struct lm_lease *out,
	struct lm_err *err)
{
	*out = *lease;
	if (!change->runs->shared)
		return 0;
	out->unit = seq;
	out->fence = (uint64_t)++change->run.last_fence;
	return LM_DO(change->runs, nullptr, err,
		"INSERT INTO leases (run, unit, fence, owner, until_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (run, unit) DO "
		"UPDATE"
		" SET fence = excluded.fence, owner = excluded.owner, until_ms = excluded.until_ms",
		lm_i(out->run), lm_i(out->unit), lm_u(out->fence), lm_t(out->owner), lm_i(until_ms));
}

static int
claim_into(struct lm_change *change, const struct lm_lease *lease, uint64_t limit, int64_t until_ms, struct claim *claim,
	int64_t *seq, struct lm_lease *batch_lease, struct lm_err *err)
{
	struct lm_run_state *run = &change->run;
	if (run->control != LM_CONTROL_RUNNING || take_waiting(change, limit, claim, err) < 0)
		return run->control != LM_CONTROL_RUNNING ? 0 : -1;
	if (claim->count == 0)
		return 0;
	if (next_seq(change, seq, err) < 0 || mark_items(change, *seq, claim, err) < 0 ||
		LM_DO(change->runs, nullptr, err, "INSERT INTO batches (run, seq, state, item_count) VALUES (?, ?, ?, ?)",
			lm_i(run->key), lm_i(*seq), lm_i(LM_BATCH_BUILDING), lm_u(claim->count)) < 0 ||
		lease_batch(change, lease, *seq, until_ms, batch_lease, err) < 0)
		return -1;
	run->batch_count++;
	run->counts[LM_ITEM_RETRYABLE] -= claim->retryable;
	run->counts[LM_ITEM_PENDING] -= claim->count - claim->retryable;
	run->counts[LM_ITEM_QUEUED] += claim->count;
	return lm_change_commit(change, err);
}

int
lm_batch_claim(struct lm_runs *runs, const struct lm_lease *lease, uint64_t limit, int64_t now_ms, int64_t until_ms,
	int64_t *seq, struct lm_claimed **items, size_t *count, struct lm_lease *batch_lease, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	struct claim claim = {};
	(void)now_ms;
	*seq = 0;
	*items = nullptr;
	*count = 0;
	int rc = lm_change_begin_leased(&change, runs, lease, err);
	if (rc == 0)
		rc = claim_into(&change, lease, limit, until_ms, &claim, seq, batch_lease, err);
	if (rc < 0 || claim.count == 0) {
		lm_free(claim.items);
		*seq = 0;
		return rc;
	}
	*items = claim.items;
	*count = claim.count;
	return 0;
}

int
lm_ranges_read(struct lm_change *change, int64_t seq, struct lm_range **out, size_t *count, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	LM_AUTO(lm_free_ptr) struct lm_range *ranges = nullptr;
	size_t used = 0, cap = 0;
	if (LM_QUERY(change->runs, &stmt, err, "SELECT first, last FROM ranges WHERE run = ? AND batch = ? ORDER BY first",
		    lm_i(change->run.key), lm_i(seq)) < 0)
		return -1;
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(ranges, used, cap);
		ranges[used++] = (struct lm_range){ lm_stmt_u64(stmt, 0), lm_stmt_u64(stmt, 1) };
	}
	if (rc < 0)
		return -1;
	*out = lm_take(&ranges);
	*count = used;
	return 0;
}

// A range at the end of what was ever claimed is as if it had not been: those are the items that did not fit into a file.
static int
give_back_range(struct lm_change *change, int64_t seq, struct lm_range range, uint64_t *count, struct lm_err *err)
{
	uint64_t changes = 0;
	bool fresh = range.last + 1 == change->run.fresh_from;
	if (LM_DO(change->runs, &changes, err,
		    "UPDATE items SET status = ?, batch = 0 WHERE run = ? AND idx BETWEEN ? AND ? AND batch = ? AND status = 1",
		    lm_i(fresh ? LM_STORED_PENDING : LM_STORED_AGAIN), lm_i(change->run.key), lm_u(range.first),
		    lm_u(range.last), lm_i(seq)) < 0)
		return -1;
	if (fresh && changes == range.last - range.first + 1)
		change->run.fresh_from = range.first;
	else if (fresh &&
		LM_DO(change->runs, nullptr, err,
			"UPDATE items SET status = ? WHERE run = ? AND idx BETWEEN ? AND ? AND status = ?",
			lm_i(LM_STORED_AGAIN), lm_i(change->run.key), lm_u(range.first), lm_u(range.last),
			lm_i(LM_STORED_PENDING)) < 0)
		return -1;
	*count += changes;
	return 0;
}

int
lm_ranges_give_back(struct lm_change *change, int64_t seq, int64_t after, uint64_t *count, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_range *ranges = nullptr;
	size_t ranges_count = 0;
	*count = 0;
	if (lm_ranges_read(change, seq, &ranges, &ranges_count, err) < 0)
		return -1;
	for (size_t i = ranges_count; i-- > 0;) { // from the end, so that fresh_from can go down step by step
		struct lm_range range = ranges[i];
		if ((int64_t)range.last <= after)
			break;
		if ((int64_t)range.first <= after)
			range.first = (uint64_t)after + 1;
		if (give_back_range(change, seq, range, count, err) < 0)
			return -1;
	}
	int64_t run = change->run.key;
	if (LM_DO(change->runs, nullptr, err, "DELETE FROM ranges WHERE run = ? AND batch = ? AND first > ?", lm_i(run),
		    lm_i(seq), lm_i(after)) < 0 ||
		LM_DO(change->runs, nullptr, err, "UPDATE ranges SET last = ? WHERE run = ? AND batch = ? AND last > ?",
			lm_i(after), lm_i(run), lm_i(seq), lm_i(after)) < 0)
		return -1;
	change->run.counts[LM_ITEM_QUEUED] -= *count;
	change->run.counts[LM_ITEM_PENDING] += *count;
	return 0;
}

int
lm_batch_forget(struct lm_change *change, int64_t seq, struct lm_err *err)
{
	int64_t run = change->run.key;
	struct lm_runs *runs = change->runs;
	if (LM_DO(runs, nullptr, err, "DELETE FROM ranges WHERE run = ? AND batch = ?", lm_i(run), lm_i(seq)) < 0 ||
		LM_DO(runs, nullptr, err, "DELETE FROM leases WHERE run = ? AND unit = ?", lm_i(run), lm_i(seq)) < 0 ||
		LM_DO(runs, nullptr, err, "DELETE FROM batches WHERE run = ? AND seq = ?", lm_i(run), lm_i(seq)) < 0)
		return -1;
	change->run.batch_count--;
	return 0;
}

static int
refuse(struct lm_change *change, const struct lm_claimed *items, size_t used, const struct lm_refused_item *refused,
	size_t count, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_settled *rows = lm_alloc_array(count, sizeof *rows);
	size_t at = 0;
	for (size_t i = 0; i < count; i++) {
		while (at < used && items[at].index < refused[i].index)
			at++;
		if (at == used || items[at].index != refused[i].index)
			return lm_err_set(err, LM_E_USAGE, "item %llu is refused, but is not in its place in the batch",
				(unsigned long long)refused[i].index);
		rows[i] = (struct lm_settled){ .index = refused[i].index,
			.attempts = items[at].attempts,
			.status = LM_STORED_PERMANENT,
			.was = LM_ITEM_QUEUED };
		if (lm_change_error(change, refused[i].error_class, refused[i].text, &rows[i].error, err) < 0)
			return -1;
	}
	return lm_bulk_settle(change, rows, count, err);
}

int
lm_batch_ready(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const struct lm_claimed *items, size_t used,
	const struct lm_refused_item *refused, size_t refused_count, uint64_t bytes, uint64_t tokens,
	const struct lm_digest *digest, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	uint64_t given_back = 0;
	int64_t last = used == 0 ? -1 : (int64_t)items[used - 1].index;
	if (lm_change_begin_batch(&change, runs, lease, seq, 1u << LM_BATCH_BUILDING, err) < 0 ||
		lm_ranges_give_back(&change, seq, last, &given_back, err) < 0 ||
		refuse(&change, items, used, refused, refused_count, err) < 0)
		return -1;
	if (used == refused_count)
		return lm_batch_forget(&change, seq, err) < 0 ? -1 : lm_change_commit(&change, err);
	if (LM_DO(runs, nullptr, err,
		    "UPDATE batches SET state = ?, item_count = ?, bytes = ?, tokens = ?, request_digest = ? WHERE run = ? AND "
		    "seq = ?",
		    lm_i(LM_BATCH_READY), lm_u(used - refused_count), lm_u(bytes), lm_u(tokens), lm_d(digest), lm_i(lease->run),
		    lm_i(seq)) < 0)
		return -1;
	return lm_change_commit(&change, err);
}

int
lm_batch_release(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	uint64_t given_back = 0;
	if (lm_change_begin_batch(&change, runs, lease, seq, 1u << LM_BATCH_BUILDING | 1u << LM_BATCH_READY, err) < 0 ||
		lm_ranges_give_back(&change, seq, -1, &given_back, err) < 0 || lm_batch_forget(&change, seq, err) < 0)
		return -1;
	return lm_change_commit(&change, err);
}
