#include "batch/runs_parts.h"

static void
item_release(struct lm_item *item)
{
	lm_free(item->item_id);
	lm_free(item->error_class);
	lm_free(item->error_text);
	*item = (struct lm_item){};
}

static void
items_clear(struct lm_items *items)
{
	while (items->count > 0)
		item_release(&items->rows[--items->count]);
}

void
lm_items_release(struct lm_items *items)
{
	items_clear(items);
	lm_free(items->rows);
	*items = (struct lm_items){};
}

#define ITEM_COLUMNS \
	"SELECT i.idx, i.item_id, i.source, i.row_offset, i.row_length, i.status, i.attempts, i.batch, i.sequence, r.file," \
	" r.line_offset, r.line_length," \
	" CASE WHEN i.error > 0 THEN (SELECT class FROM errors WHERE errors.run = i.run AND errors.key = i.error) END," \
	" CASE WHEN i.error > 0 THEN (SELECT text FROM errors WHERE errors.run = i.run AND errors.key = i.error) END," \
	" CASE WHEN i.status = 1 THEN (SELECT state FROM batches WHERE batches.run = i.run AND batches.seq = i.batch) END," \
	" i.row_check, r.line_check"

static enum lm_item_status
status_of(int64_t stored, int64_t batch_state)
{
	if (stored == LM_STORED_AGAIN)
		return LM_ITEM_PENDING;
	if (stored == LM_STORED_IN_BATCH && batch_state >= LM_BATCH_ACTIVE)
		return LM_ITEM_SUBMITTED;
	return (enum lm_item_status)stored;
}

static void
read_item(struct lm_stmt *stmt, struct lm_item *out)
{
	*out = (struct lm_item){
		.index = lm_stmt_u64(stmt, 0),
		.item_id = lm_stmt_dup(stmt, 1),
		.source = (uint32_t)lm_stmt_i64(stmt, 2),
		.row_offset = lm_stmt_u64(stmt, 3),
		.row_length = (uint32_t)lm_stmt_i64(stmt, 4),
		.row_check = lm_stmt_u64(stmt, 15),
		.status = status_of(lm_stmt_i64(stmt, 5), lm_stmt_i64(stmt, 14)),
		.attempts = (uint32_t)lm_stmt_i64(stmt, 6),
		.sequence = lm_stmt_u64(stmt, 8),
		.file = (uint8_t)lm_stmt_i64(stmt, 9),
		.offset = lm_stmt_u64(stmt, 10),
		.length = (uint32_t)lm_stmt_i64(stmt, 11),
		.check = lm_stmt_u64(stmt, 16),
	};
	if (out->length > 0)
		out->batch = lm_stmt_i64(stmt, 7);
	if (out->status != LM_ITEM_RETRYABLE && out->status != LM_ITEM_PERMANENT)
		return;
	out->error_class = lm_stmt_dup(stmt, 12);
	out->error_text = lm_stmt_dup(stmt, 13);
}

static int
read_items(struct lm_runs *runs, const char *sql, int64_t run, uint64_t from, size_t limit, struct lm_items *out,
	struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	items_clear(out);
	if (LM_QUERY(runs, &stmt, err, sql, lm_i(run), lm_u(from), lm_u(limit)) < 0)
		return -1;
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(out->rows, out->count, out->cap);
		read_item(stmt, &out->rows[out->count++]);
	}
	return rc;
}

int
lm_runs_items(struct lm_runs *runs, int64_t run, uint64_t from_index, size_t limit, struct lm_items *out, struct lm_err *err)
{
	static const char by_index[] =
		ITEM_COLUMNS " FROM items i LEFT JOIN results r ON r.run = i.run AND r.sequence = i.sequence AND i.sequence > 0"
			     " WHERE i.run = ? AND i.idx >= ? ORDER BY i.idx LIMIT ?";
	return read_items(runs, by_index, run, from_index, limit, out, err);
}

int
lm_runs_results(
	struct lm_runs *runs, int64_t run, uint64_t after_sequence, size_t limit, struct lm_items *out, struct lm_err *err)
{
	static const char by_sequence_sqlite[] = ITEM_COLUMNS
		" FROM results r CROSS JOIN items i"
		" WHERE r.run = ? AND r.sequence > ? AND i.run = r.run AND i.idx = r.idx ORDER BY r.sequence LIMIT ?";
	static const char by_sequence_postgres[] = ITEM_COLUMNS
		" FROM (SELECT * FROM results WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?) AS r"
		" CROSS JOIN LATERAL (SELECT * FROM items WHERE run = r.run AND idx = r.idx OFFSET 0) AS i ORDER BY r.sequence";
	const char *by_sequence = runs->shared ? by_sequence_postgres : by_sequence_sqlite;
	return read_items(runs, by_sequence, run, after_sequence, limit, out, err);
}
