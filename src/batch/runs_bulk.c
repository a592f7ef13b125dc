// What happens to thousands of items in one transaction. SQLite: statements row by row, since a call costs next to nothing;
// PostgreSQL: arrays, since a round trip does not (runs_arrays.c).
#include "batch/runs_bulk.h"

#include <string.h>

#define INSERT_ITEM \
	"INSERT INTO items (run, idx, item_id, source, row_offset, row_length, status, attempts, returns, batch, sequence, " \
	"error, row_check)" \
	" VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, ?)"

// Who had the id of this row before?
static int
find_first(struct lm_change *change, struct lm_str id, uint32_t *first_source, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(change->runs, &stmt, err, "SELECT source FROM items WHERE run = ? AND item_id = ?",
		    lm_i(change->run.key)) < 0)
		return -1;
	lm_stmt_bind_str(stmt, 2, id);
	int rc = lm_stmt_step(stmt, err);
	if (rc == 1)
		*first_source = (uint32_t)lm_stmt_i64(stmt, 0);
	return rc == 1 ? 0 : rc < 0 ? -1 : lm_err_set(err, LM_E_INTEGRITY, "the store lost item id '%.*s'", LM_STR_ARG(id));
}

static int
insert_rows(struct lm_change *change, const struct lm_ingest_slice *slice, size_t *duplicate, uint32_t *first_source,
	bool *conflict, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(change->runs, &stmt, err, INSERT_ITEM, lm_i(change->run.key)) < 0)
		return -1;
	for (size_t i = 0; i < slice->count; i++) {
		const struct lm_new_item *item = &slice->items[i];
		lm_stmt_bind_i64(stmt, 2, (int64_t)(change->run.item_count + i));
		lm_stmt_bind_str(stmt, 3, item->id);
		lm_stmt_bind_i64(stmt, 4, slice->source);
		lm_stmt_bind_i64(stmt, 5, (int64_t)item->row_offset);
		lm_stmt_bind_i64(stmt, 6, item->row_length);
		lm_stmt_bind_i64(stmt, 7, (int64_t)item->row_check);
		int rc = lm_stmt_step(stmt, err);
		lm_stmt_again(stmt);
		if (rc == 0)
			continue;
		if (err->code != LM_E_CONFLICT)
			return -1;
		*conflict = true;
		*duplicate = i;
		return find_first(change, item->id, first_source, err);
	}
	return 0;
}

static int
match_rows(struct lm_change *change, int64_t seq, const struct lm_outcome *outcomes, size_t count, uint32_t *attempts,
	uint32_t *returns, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(change->runs, &stmt, err,
		    "SELECT attempts, returns FROM items WHERE run = ? AND batch = ? AND status = 1 AND idx = ?",
		    lm_i(change->run.key), lm_i(seq)) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		lm_stmt_bind_i64(stmt, 3, (int64_t)outcomes[i].index);
		int rc = lm_stmt_step(stmt, err);
		if (rc < 0)
			return -1;
		attempts[i] = rc == 1 ? (uint32_t)lm_stmt_i64(stmt, 0) : UINT32_MAX;
		returns[i] = rc == 1 ? (uint32_t)lm_stmt_i64(stmt, 1) : 0;
		lm_stmt_again(stmt);
	}
	return 0;
}

static int
settle_rows(struct lm_change *change, const struct lm_settled *rows, size_t count, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *update = nullptr, *insert = nullptr;
	struct lm_runs *runs = change->runs;
	if (lm_db_prepare(runs->db,
		    "UPDATE items SET status = ?, attempts = ?, returns = ?, sequence = ?, error = ? WHERE run = ? AND idx = ?",
		    &update, err) < 0 ||
		LM_QUERY(runs, &insert, err,
			"INSERT INTO results (run, sequence, idx, file, line_offset, line_length, line_check)"
			" VALUES (?, ?, ?, ?, ?, ?, ?)",
			lm_i(change->run.key)) < 0)
		return -1;
	lm_stmt_bind_i64(update, 6, change->run.key);
	for (const struct lm_settled *row = rows; row < rows + count; row++) {
		lm_stmt_bind_i64(update, 1, row->status);
		lm_stmt_bind_i64(update, 2, row->attempts);
		lm_stmt_bind_i64(update, 3, row->returns);
		lm_stmt_bind_i64(update, 4, (int64_t)row->sequence);
		lm_stmt_bind_i64(update, 5, row->error);
		lm_stmt_bind_i64(update, 7, (int64_t)row->index);
		if (lm_stmt_step(update, err) < 0)
			return -1;
		lm_stmt_again(update);
		if (row->sequence == 0)
			continue;
		lm_stmt_bind_i64(insert, 2, (int64_t)row->sequence);
		lm_stmt_bind_i64(insert, 3, (int64_t)row->index);
		lm_stmt_bind_i64(insert, 4, row->file);
		lm_stmt_bind_i64(insert, 5, (int64_t)row->offset);
		lm_stmt_bind_i64(insert, 6, row->length);
		lm_stmt_bind_i64(insert, 7, (int64_t)row->check);
		if (lm_stmt_step(insert, err) < 0)
			return -1;
		lm_stmt_again(insert);
	}
	return 0;
}

int
lm_bulk_insert_items(struct lm_change *change, const struct lm_ingest_slice *slice, size_t *duplicate, uint32_t *first_source,
	bool *conflict, struct lm_err *err)
{
	return (change->runs->shared ? lm_arrays_insert_items : insert_rows)(
		change, slice, duplicate, first_source, conflict, err);
}

static int
known_rows(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *reading = nullptr, *stmt = nullptr;
	if (LM_QUERY(runs, &reading, err, "SELECT 1 FROM runs WHERE key = ?", lm_i(run)) < 0 ||
		lm_stmt_step(reading, err) < 0 || // as long as it is not done, all that follows is one transaction
		LM_QUERY(runs, &stmt, err, "SELECT source FROM items WHERE run = ? AND item_id = ?", lm_i(run)) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		lm_stmt_bind_str(stmt, 2, ids[i]);
		int rc = lm_stmt_step(stmt, err);
		if (rc < 0)
			return -1;
		first_sources[i] = rc == 1 ? (uint32_t)lm_stmt_i64(stmt, 0) : UINT32_MAX;
		lm_stmt_again(stmt);
	}
	return 0;
}

int
lm_bulk_known(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err)
{
	return (runs->shared ? lm_arrays_known : known_rows)(runs, run, ids, count, first_sources, err);
}

int
lm_bulk_match(struct lm_change *change, int64_t seq, const struct lm_outcome *outcomes, size_t count, uint32_t *attempts,
	uint32_t *returns, struct lm_err *err)
{
	return (change->runs->shared ? lm_arrays_match : match_rows)(change, seq, outcomes, count, attempts, returns, err);
}

int
lm_bulk_settle(struct lm_change *change, struct lm_settled *rows, size_t count, struct lm_err *err)
{
	uint64_t *counts = change->run.counts;
	for (size_t i = 0; i < count; i++) {
		uint8_t now = rows[i].status == LM_STORED_AGAIN ? LM_ITEM_PENDING : rows[i].status;
		counts[rows[i].was]--;
		counts[now]++;
		bool terminal = now == LM_ITEM_COMPLETED || now == LM_ITEM_PERMANENT;
		rows[i].sequence = terminal ? ++change->run.last_sequence : 0;
	}
	return (change->runs->shared ? lm_arrays_settle : settle_rows)(change, rows, count, err);
}
