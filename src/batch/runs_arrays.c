#include "batch/runs_bulk.h"

// A planner that knows nothing of a table, because it was filled a moment ago, takes it for small and joins by reading it whole. LATERAL
// with OFFSET 0 is a join that can only be made one way: one look into the index for each element. Places (ctid) stay what they are
// within a change: it has the run to itself.

// Arrays as PostgreSQL reads them from text: "{1,2,3}".
enum { ARRAYS_MAX = 10 };

struct arrays {
	struct lm_buf bufs[ARRAYS_MAX];
};

static void
arrays_release(struct arrays *arrays)
{
	for (size_t i = 0; i < ARRAYS_MAX; i++)
		lm_buf_release(&arrays->bufs[i]);
}

static void
add_number(struct arrays *arrays, size_t which, uint64_t number)
{
	char digits[24];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	struct lm_buf *buf = &arrays->bufs[which];
	lm_buf_byte(buf, buf->len == 0 ? '{' : ',');
	lm_buf_append(buf, digits + at, sizeof digits - at);
}

static void
add_text(struct arrays *arrays, size_t which, struct lm_str text)
{
	struct lm_buf *buf = &arrays->bufs[which];
	lm_buf_text(buf, buf->len == 0 ? "{\"" : ",\"");
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			lm_buf_byte(buf, '\\');
		lm_buf_byte(buf, text.ptr[i]);
	}
	lm_buf_byte(buf, '"');
}

// Bind the arrays 0 .. count-1 from parameter `first` on.
static void
bind_arrays(struct arrays *arrays, struct lm_stmt *stmt, int first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct lm_buf *buf = &arrays->bufs[i];
		lm_buf_text(buf, buf->len == 0 ? "{}" : "}");
		lm_stmt_bind_str(stmt, first + (int)i, lm_buf_view(buf));
	}
}

static void
clear_arrays(struct arrays *arrays)
{
	for (size_t i = 0; i < ARRAYS_MAX; i++)
		lm_buf_clear(&arrays->bufs[i]);
}

// Which row of the slice has an id that was there? Runs before the insertion is undone, so an earlier row of the same slice counts.
static int
find_duplicate(struct lm_change *change, const struct lm_ingest_slice *slice, size_t *duplicate, uint32_t *first_source,
	struct lm_err *err)
{
	LM_AUTO(arrays_release) struct arrays arrays = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	for (size_t i = 0; i < slice->count; i++)
		add_text(&arrays, 0, slice->items[i].id);
	if (lm_db_prepare(change->runs->db,
		    "SELECT n.at, i.source FROM unnest(?::text[]) WITH ORDINALITY AS n (id, at) CROSS JOIN LATERAL"
		    " (SELECT source, idx FROM items WHERE run = ? AND item_id = n.id OFFSET 0) AS i"
		    " WHERE i.idx <> ? + n.at - 1 ORDER BY n.at LIMIT 1",
		    &stmt, err) < 0)
		return -1;
	bind_arrays(&arrays, stmt, 1, 1);
	lm_stmt_bind_i64(stmt, 2, change->run.key);
	lm_stmt_bind_i64(stmt, 3, (int64_t)change->run.item_count);
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return lm_err_set(err, LM_E_INTEGRITY, "the store lost an item id of run '%s'", change->run.run_id);
	*duplicate = (size_t)lm_stmt_i64(stmt, 0) - 1;
	*first_source = (uint32_t)lm_stmt_i64(stmt, 1);
	return 0;
}

int
lm_arrays_insert_items(struct lm_change *change, const struct lm_ingest_slice *slice, size_t *duplicate, uint32_t *first_source,
	bool *conflict, struct lm_err *err)
{
	LM_AUTO(arrays_release) struct arrays arrays = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (slice->count == 0)
		return 0;
	for (size_t i = 0; i < slice->count; i++) {
		add_number(&arrays, 0, change->run.item_count + i);
		add_text(&arrays, 1, slice->items[i].id);
		add_number(&arrays, 2, slice->items[i].row_offset);
		add_number(&arrays, 3, slice->items[i].row_length);
		add_number(&arrays, 4, slice->items[i].row_check);
	}
	if (LM_QUERY(change->runs, &stmt, err,
		    "INSERT INTO items (run, source, idx, item_id, row_offset, row_length, row_check, status, attempts, "
		    "returns,"
		    " batch, sequence, error) SELECT ?, ?, n.*, 0, 0, 0, 0, 0, 0"
		    " FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::integer[], ?::bigint[]) AS n"
		    " ON CONFLICT (run, item_id) DO NOTHING",
		    lm_i(change->run.key), lm_i(slice->source)) < 0)
		return -1;
	bind_arrays(&arrays, stmt, 3, 5);
	if (lm_stmt_step(stmt, err) < 0)
		return -1;
	*conflict = lm_stmt_changes(stmt) != slice->count;
	return *conflict ? find_duplicate(change, slice, duplicate, first_source, err) : 0;
}

int
lm_arrays_known(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err)
{
	LM_AUTO(arrays_release) struct arrays arrays = {};
	for (size_t i = 0; i < count; i++)
		first_sources[i] = UINT32_MAX;
	for (size_t from = 0; from < count; from += LM_RUNS_CHUNK) {
		LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
		clear_arrays(&arrays);
		for (size_t i = from; i < count && i < from + LM_RUNS_CHUNK; i++)
			add_text(&arrays, 0, ids[i]);
		if (LM_QUERY(runs, &stmt, err,
			    "SELECT n.at, i.source FROM unnest(?::text[]) WITH ORDINALITY AS n (id, at) CROSS JOIN LATERAL"
			    " (SELECT source FROM items WHERE run = ? AND item_id = n.id OFFSET 0) AS i",
			    lm_t(nullptr), lm_i(run)) < 0)
			return -1;
		bind_arrays(&arrays, stmt, 1, 1);
		int rc = 0;
		while ((rc = lm_stmt_step(stmt, err)) == 1)
			first_sources[from + (size_t)lm_stmt_i64(stmt, 0) - 1] = (uint32_t)lm_stmt_i64(stmt, 1);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int
lm_arrays_match(struct lm_change *change, int64_t seq, const struct lm_outcome *outcomes, size_t count, uint32_t *attempts,
	uint32_t *returns, struct lm_err *err)
{
	LM_AUTO(arrays_release) struct arrays arrays = {};
	for (size_t i = 0; i < count; i++)
		attempts[i] = UINT32_MAX;
	for (size_t from = 0; from < count; from += LM_RUNS_CHUNK) {
		LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
		clear_arrays(&arrays);
		for (size_t i = from; i < count && i < from + LM_RUNS_CHUNK; i++)
			add_number(&arrays, 0, outcomes[i].index & INT64_MAX);
		if (LM_QUERY(change->runs, &stmt, err,
			    "SELECT n.at, i.attempts, i.returns FROM unnest(?::bigint[]) WITH ORDINALITY AS n (idx, at) CROSS "
			    "JOIN LATERAL"
			    " (SELECT attempts, returns FROM items WHERE run = ? AND idx = n.idx AND batch = ? AND status = 1 "
			    "OFFSET 0) AS i",
			    lm_t(nullptr), lm_i(change->run.key), lm_i(seq)) < 0)
			return -1;
		bind_arrays(&arrays, stmt, 1, 1);
		int rc = 0;
		while ((rc = lm_stmt_step(stmt, err)) == 1) {
			size_t at = from + (size_t)lm_stmt_i64(stmt, 0) - 1;
			attempts[at] = (uint32_t)lm_stmt_i64(stmt, 1);
			returns[at] = (uint32_t)lm_stmt_i64(stmt, 2);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
settle_chunk(struct lm_change *change, const struct lm_settled *rows, size_t count, struct arrays *arrays, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	for (size_t i = 0; i < count; i++) {
		add_number(arrays, 0, rows[i].index);
		add_number(arrays, 1, rows[i].status);
		add_number(arrays, 2, rows[i].attempts);
		add_number(arrays, 3, rows[i].returns);
		add_number(arrays, 4, rows[i].sequence);
		add_number(arrays, 5, (uint64_t)rows[i].error);
	}
	if (LM_QUERY(change->runs, &stmt, err,
		    "UPDATE items SET status = n.status, attempts = n.attempts, returns = n.returns, sequence = n.sequence,"
		    " error = n.error FROM (SELECT a.*, i.place FROM unnest(?::bigint[], ?::integer[], ?::integer[], "
		    "?::integer[],"
		    " ?::bigint[], ?::integer[]) AS a (idx, status, attempts, returns, sequence, error) CROSS JOIN LATERAL"
		    " (SELECT ctid AS place FROM items WHERE run = ? AND idx = a.idx OFFSET 0) AS i) AS n WHERE items.ctid = "
		    "n.place",
		    lm_t(nullptr), lm_t(nullptr), lm_t(nullptr), lm_t(nullptr), lm_t(nullptr), lm_t(nullptr),
		    lm_i(change->run.key)) < 0)
		return -1;
	bind_arrays(arrays, stmt, 1, 6);
	return lm_stmt_step(stmt, err);
}

static int
insert_results(struct lm_change *change, const struct lm_settled *rows, size_t count, struct arrays *arrays, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].sequence == 0)
			continue;
		add_number(arrays, 0, rows[i].sequence);
		add_number(arrays, 1, rows[i].index);
		add_number(arrays, 2, rows[i].file);
		add_number(arrays, 3, rows[i].offset);
		add_number(arrays, 4, rows[i].length);
		add_number(arrays, 5, rows[i].check);
	}
	if (arrays->bufs[0].len == 0)
		return 0;
	if (LM_QUERY(change->runs, &stmt, err,
		    "INSERT INTO results (run, sequence, idx, file, line_offset, line_length, line_check) SELECT ?, n.*"
		    " FROM unnest(?::bigint[], ?::bigint[], ?::integer[], ?::bigint[], ?::integer[], ?::bigint[]) AS n",
		    lm_i(change->run.key)) < 0)
		return -1;
	bind_arrays(arrays, stmt, 2, 6);
	return lm_stmt_step(stmt, err);
}

int
lm_arrays_settle(struct lm_change *change, const struct lm_settled *rows, size_t count, struct lm_err *err)
{
	LM_AUTO(arrays_release) struct arrays arrays = {};
	for (size_t from = 0; from < count; from += LM_RUNS_CHUNK) {
		size_t chunk = count - from < LM_RUNS_CHUNK ? count - from : LM_RUNS_CHUNK;
		clear_arrays(&arrays);
		if (settle_chunk(change, rows + from, chunk, &arrays, err) < 0)
			return -1;
		clear_arrays(&arrays);
		if (insert_results(change, rows + from, chunk, &arrays, err) < 0)
			return -1;
	}
	return 0;
}
