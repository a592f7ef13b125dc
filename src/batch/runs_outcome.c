// From answers to items: consume, finish; and the two ways to end or begin again without one: cancel, retry.
#include "batch/runs_parts.h"

static const char cancelled_class[] = "run_cancelled";

// Which of two answers to one item in the same call counts: the first.
struct seen {
	uint64_t *slots; // index + 1
	size_t mask;
};

static struct seen
seen_new(size_t count)
{
	size_t size = 16;
	while (size < count * 2)
		size *= 2;
	return (struct seen){ lm_alloc_array(size, sizeof(uint64_t)), size - 1 };
}

static bool
seen_before(struct seen *seen, uint64_t index)
{
	size_t at = (size_t)(index * 0x9e3779b97f4a7c15u >> 20) & seen->mask;
	for (; seen->slots[at] != 0; at = (at + 1) & seen->mask)
		if (seen->slots[at] == index + 1)
			return true;
	seen->slots[at] = index + 1;
	return false;
}

static int
settle_outcome(struct lm_change *change, const struct lm_outcome *outcome, uint32_t attempts, uint32_t returns,
	uint64_t max_attempts, struct lm_settled *row, struct lm_err *err)
{
	uint32_t tried = outcome->counts ? attempts + 1 : attempts;
	bool free = !outcome->counts && outcome->status == LM_ITEM_RETRYABLE;
	uint32_t returned = free ? returns + 1 : returns;
	bool last = free ? outcome->max_returns > 0 && returned >= outcome->max_returns
			 : outcome->counts && max_attempts > 0 && tried >= max_attempts;
	*row = (struct lm_settled){
		.index = outcome->index,
		.attempts = tried,
		.returns = returned,
		.status = outcome->status == LM_ITEM_RETRYABLE && last ? LM_STORED_PERMANENT : (uint8_t)outcome->status,
		.was = LM_ITEM_SUBMITTED,
		.file = outcome->file,
		.offset = outcome->offset,
		.length = outcome->length,
		.check = outcome->check,
	};
	if (outcome->status == LM_ITEM_COMPLETED)
		return 0;
	return lm_change_error(change, outcome->error_class, outcome->error_text, &row->error, err);
}

static int
settle_outcomes(struct lm_change *change, int64_t seq, const struct lm_outcome *outcomes, size_t count, uint64_t max_attempts,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) uint32_t *attempts = lm_alloc_array(count, sizeof *attempts);
	LM_AUTO(lm_free_ptr) uint32_t *returns = lm_alloc_array(count, sizeof *returns);
	LM_AUTO(lm_free_ptr) struct lm_settled *rows = lm_alloc_array(count, sizeof *rows);
	struct seen seen = seen_new(count);
	LM_AUTO(lm_free_ptr) uint64_t *slots = seen.slots;
	(void)slots;
	size_t used = 0;
	if (lm_bulk_match(change, seq, outcomes, count, attempts, returns, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct lm_outcome *outcome = &outcomes[i];
		if (attempts[i] == UINT32_MAX || outcome->attempt != attempts[i] + 1 || seen_before(&seen, outcome->index))
			continue;
		if (settle_outcome(change, outcome, attempts[i], returns[i], max_attempts, &rows[used++], err) < 0)
			return -1;
	}
	return lm_bulk_settle(change, rows, used, err);
}

int
lm_batch_consume(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const struct lm_outcome *outcomes,
	size_t count, uint8_t file, uint64_t consumed_bytes, uint64_t max_attempts, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	if (lm_change_begin_batch(&change, runs, lease, seq, 1u << LM_BATCH_FETCHED, err) < 0 ||
		settle_outcomes(&change, seq, outcomes, count, max_attempts, err) < 0 ||
		LM_DO(runs, nullptr, err,
			file == 0 ? "UPDATE batches SET output_consumed = ? WHERE run = ? AND seq = ? AND output_consumed < ?"
				  : "UPDATE batches SET error_consumed = ? WHERE run = ? AND seq = ? AND error_consumed < ?",
			lm_u(consumed_bytes), lm_i(lease->run), lm_i(seq), lm_u(consumed_bytes)) < 0)
		return -1;
	return lm_change_commit(&change, err);
}

// Up to LM_RUNS_CHUNK items that a statement (idx, attempts, returns, status) finds.
static int
read_chunk(struct lm_stmt *stmt, struct lm_settled *rows, size_t *count, struct lm_err *err)
{
	int rc = 0;
	*count = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		uint8_t stored = (uint8_t)lm_stmt_i64(stmt, 3);
		rows[(*count)++] = (struct lm_settled){
			.index = lm_stmt_u64(stmt, 0),
			.attempts = (uint32_t)lm_stmt_i64(stmt, 1),
			.returns = (uint32_t)lm_stmt_i64(stmt, 2),
			.was = stored == LM_STORED_AGAIN ? LM_ITEM_PENDING : stored,
		};
	}
	return rc;
}

struct unanswered {
	struct lm_change *change;
	int64_t seq, error; // 0: not kept yet
	const char *error_class, *error_text;
	uint64_t max_returns;
	bool ended_early;
	struct lm_settled *rows;
};

static void
send_back(const struct unanswered *all, struct lm_settled *row)
{
	row->was = LM_ITEM_SUBMITTED;
	row->error = all->error;
	if (all->max_returns > 0 && ++row->returns >= all->max_returns)
		row->status = LM_STORED_PERMANENT;
	else
		row->status = all->ended_early ? LM_STORED_AGAIN : LM_STORED_RETRYABLE;
}

static int
settle_unanswered(struct unanswered *all, struct lm_range range, struct lm_err *err)
{
	size_t count = LM_RUNS_CHUNK;
	while (count == LM_RUNS_CHUNK) {
		LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
		if (LM_QUERY(all->change->runs, &stmt, err,
			    "SELECT idx, attempts, returns, status FROM items WHERE run = ? AND idx BETWEEN ? AND ? AND batch "
			    "= ?"
			    " AND status = 1 ORDER BY idx LIMIT ?",
			    lm_i(all->change->run.key), lm_u(range.first), lm_u(range.last), lm_i(all->seq),
			    lm_i(LM_RUNS_CHUNK)) < 0 ||
			read_chunk(stmt, all->rows, &count, err) < 0)
			return -1;
		lm_stmt_done(lm_take(&stmt));
		if (count > 0 && all->error == 0 &&
			lm_change_error(all->change, all->error_class, all->error_text, &all->error, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			send_back(all, &all->rows[i]);
		if (lm_bulk_settle(all->change, all->rows, count, err) < 0)
			return -1;
		if (count > 0)
			range.first = all->rows[count - 1].index + 1;
	}
	return 0;
}

static int
settle_rest(struct lm_change *change, int64_t seq, bool ended_early, const char *error_class, const char *error_text,
	uint64_t max_batch_attempts, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_range *ranges = nullptr;
	LM_AUTO(lm_free_ptr) struct lm_settled *rows = lm_alloc_array(LM_RUNS_CHUNK, sizeof *rows);
	struct unanswered all = { .change = change,
		.seq = seq,
		.error_class = error_class,
		.error_text = error_text,
		.max_returns = max_batch_attempts,
		.ended_early = ended_early,
		.rows = rows };
	size_t count = 0;
	if (lm_ranges_read(change, seq, &ranges, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (settle_unanswered(&all, ranges[i], err) < 0)
			return -1;
	return 0;
}

int
lm_batch_finish(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, bool ended_early, const char *error_class,
	const char *error_text, uint64_t max_batch_attempts, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	int64_t run = lease->run;
	if (lm_change_begin_batch(&change, runs, lease, seq, 1u << LM_BATCH_FETCHED, err) < 0 ||
		settle_rest(&change, seq, ended_early, error_class, error_text, max_batch_attempts, err) < 0 ||
		lm_scope_release(&change, seq, err) < 0 ||
		LM_DO(runs, nullptr, err, "DELETE FROM ranges WHERE run = ? AND batch = ?", lm_i(run), lm_i(seq)) < 0 ||
		LM_DO(runs, nullptr, err, "DELETE FROM leases WHERE run = ? AND unit = ?", lm_i(run), lm_i(seq)) < 0 ||
		LM_DO(runs, nullptr, err, "UPDATE batches SET state = ? WHERE run = ? AND seq = ?", lm_i(LM_BATCH_DONE),
			lm_i(run), lm_i(seq)) < 0)
		return -1;
	change.run.active_batches--;
	return lm_change_commit(&change, err);
}

// Batches that were never sent are given up, the last one first.
static int
forget_unsent(struct lm_change *change, struct lm_err *err)
{
	for (;;) {
		LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
		uint64_t count = 0;
		if (LM_QUERY(change->runs, &stmt, err,
			    "SELECT seq FROM batches WHERE run = ? AND state < ? ORDER BY seq DESC LIMIT 1",
			    lm_i(change->run.key), lm_i(LM_BATCH_CREATING)) < 0)
			return -1;
		int rc = lm_stmt_step(stmt, err);
		if (rc != 1)
			return rc;
		int64_t seq = lm_stmt_i64(stmt, 0);
		lm_stmt_done(lm_take(&stmt));
		if (lm_ranges_give_back(change, seq, -1, &count, err) < 0 || lm_batch_forget(change, seq, err) < 0)
			return -1;
	}
}

// End all items that a statement with the parameters (run, from, limit) finds.
static int
cancel_items(struct lm_change *change, const char *sql, uint64_t from, int64_t error, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_settled *rows = lm_alloc_array(LM_RUNS_CHUNK, sizeof *rows);
	size_t count = LM_RUNS_CHUNK;
	while (count == LM_RUNS_CHUNK) {
		LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
		if (LM_QUERY(change->runs, &stmt, err, sql, lm_i(change->run.key), lm_u(from), lm_i(LM_RUNS_CHUNK)) < 0 ||
			read_chunk(stmt, rows, &count, err) < 0)
			return -1;
		lm_stmt_done(lm_take(&stmt));
		for (size_t i = 0; i < count; i++) {
			rows[i].status = LM_STORED_PERMANENT;
			rows[i].error = error;
		}
		if (lm_bulk_settle(change, rows, count, err) < 0)
			return -1;
		if (count > 0)
			from = rows[count - 1].index + 1;
	}
	return 0;
}

int
lm_runs_finish_cancel(struct lm_runs *runs, const struct lm_lease *lease, struct lm_err *err)
{
	static const char again_sqlite[] = "SELECT idx, attempts, returns, status FROM items INDEXED BY items_again"
					   " WHERE run = ? AND idx >= ? AND status IN (4, 6) ORDER BY idx LIMIT ?";
	static const char again_postgres[] = "SELECT idx, attempts, returns, status FROM items"
					     " WHERE run = ? AND idx >= ? AND status IN (4, 6) ORDER BY idx LIMIT ?";
	static const char fresh[] =
		"SELECT idx, attempts, returns, status FROM items WHERE run = ? AND idx >= ? ORDER BY idx LIMIT ?";
	LM_AUTO(lm_change_end) struct lm_change change = {};
	struct lm_run_state *run = &change.run;
	int64_t error = 0;
	if (lm_change_begin_leased(&change, runs, lease, err) < 0)
		return -1;
	if (run->control != LM_CONTROL_CANCELLED)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' was not cancelled", run->run_id);
	if (forget_unsent(&change, err) < 0)
		return -1;
	run->ingest_complete = true;
	if (run->counts[LM_ITEM_PENDING] + run->counts[LM_ITEM_RETRYABLE] == 0)
		return lm_change_commit(&change, err);
	if (lm_change_error(&change, cancelled_class, "the run was cancelled", &error, err) < 0 ||
		cancel_items(&change, runs->shared ? again_postgres : again_sqlite, 0, error, err) < 0 ||
		cancel_items(&change, fresh, run->fresh_from, error, err) < 0)
		return -1;
	run->fresh_from = run->item_count;
	return lm_change_commit(&change, err);
}

#define FAILED_ITEMS \
	" FROM items WHERE run = ? AND status = 5 AND error NOT IN (SELECT key FROM errors WHERE run = ? AND class = ?)"

int
lm_runs_retry(struct lm_runs *runs, int64_t run, uint64_t *count, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	if (lm_change_begin(&change, runs, run, err) < 0)
		return -1;
	if (change.run.control == LM_CONTROL_CANCELLED)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' was cancelled", change.run.run_id);
	if (LM_DO(runs, nullptr, err, "DELETE FROM results WHERE run = ? AND sequence IN (SELECT sequence" FAILED_ITEMS ")",
		    lm_i(run), lm_i(run), lm_i(run), lm_t(cancelled_class)) < 0 ||
		LM_DO(runs, count, err,
			"UPDATE items SET status = 6, attempts = 0, returns = 0, batch = 0, sequence = 0, error = 0"
			" WHERE run = ? AND idx IN (SELECT idx" FAILED_ITEMS ")",
			lm_i(run), lm_i(run), lm_i(run), lm_t(cancelled_class)) < 0)
		return -1;
	if (*count > 0 &&
		LM_DO(runs, nullptr, err,
			"UPDATE runs SET exported_at_s = 0, export_root = NULL, consecutive_failures = 0,"
			" next_retry_at_ms = 0 WHERE key = ?",
			lm_i(run)) < 0)
		return -1;
	change.run.counts[LM_ITEM_PERMANENT] -= *count;
	change.run.counts[LM_ITEM_PENDING] += *count;
	return lm_change_commit(&change, err);
}
