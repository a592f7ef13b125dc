#include "batch/runs_parts.h"

#include <string.h>

void
lm_ingest_release(struct lm_ingest *ingest)
{
	lm_free(ingest->checkpoint);
	*ingest = (struct lm_ingest){};
}

int
lm_runs_ingest(struct lm_runs *runs, int64_t run, struct lm_ingest *out, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(runs, &stmt, err,
		    "SELECT ingest_source, checkpoint, rows_bytes, item_count, ingest_complete FROM runs WHERE key = ?",
		    lm_i(run)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return lm_err_set(err, LM_E_NOT_FOUND, "the run is gone");
	*out = (struct lm_ingest){
		.source = (uint32_t)lm_stmt_i64(stmt, 0),
		.checkpoint = lm_stmt_dup(stmt, 1),
		.rows_bytes = lm_stmt_u64(stmt, 2),
		.next_index = lm_stmt_u64(stmt, 3),
		.complete = lm_stmt_i64(stmt, 4) != 0,
	};
	return 0;
}

static int
check_ids(const struct lm_ingest_slice *slice, struct lm_err *err)
{
	for (size_t i = 0; i < slice->count; i++) {
		struct lm_str id = slice->items[i].id;
		if (id.len > LM_RUNS_ITEM_ID_MAX)
			return lm_err_set(
				err, LM_E_LIMIT, "item id '%.*s...' has more than %d bytes", 40, id.ptr, LM_RUNS_ITEM_ID_MAX);
		if (id.len == 0 || memchr(id.ptr, '\0', id.len) != nullptr || !lm_utf8_valid(id))
			return lm_err_set(err, LM_E_SYNTAX, "item id '%.*s' is empty, has a NUL byte or is not UTF-8",
				id.len < 100 ? (int)id.len : 100, id.ptr);
	}
	return 0;
}

static int
add_mark(struct lm_change *change, const struct lm_ingest_slice *slice, struct lm_err *err)
{
	return LM_DO(change->runs, nullptr, err,
		"INSERT INTO slices (run, source, number, begins, ends, digest)"
		" SELECT ?, ?, count(*), ?, ?, ? FROM slices WHERE run = ? AND source = ?",
		lm_i(change->run.key), lm_i(slice->source), lm_u(slice->begin), lm_u(slice->end), lm_d(&slice->digest),
		lm_i(change->run.key), lm_i(slice->source));
}

int
lm_runs_add_slice(struct lm_runs *runs, const struct lm_lease *lease, const struct lm_ingest_slice *slice, size_t *duplicate,
	uint32_t *first_source, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	struct lm_run_state *run = &change.run;
	bool conflict = false;
	*duplicate = SIZE_MAX;
	if (check_ids(slice, err) < 0 || lm_change_begin_leased(&change, runs, lease, err) < 0)
		return -1;
	if (run->ingest_complete || run->source != slice->source)
		return lm_err_set(
			err, LM_E_CONFLICT, "run '%s' does not wait for rows of input %u", run->run_id, slice->source + 1);
	if (lm_bulk_insert_items(&change, slice, duplicate, first_source, &conflict, err) < 0)
		return -1;
	if (conflict) {
		struct lm_str id = slice->items[*duplicate].id;
		return lm_err_set(err, LM_E_CONFLICT, "item id '%.*s' is there twice", LM_STR_ARG(id));
	}
	if (add_mark(&change, slice, err) < 0 ||
		LM_DO(runs, nullptr, err, "UPDATE runs SET checkpoint = ? WHERE key = ?", lm_t(slice->checkpoint),
			lm_i(run->key)) < 0)
		return -1;
	run->item_count += slice->count;
	run->counts[LM_ITEM_PENDING] += slice->count;
	run->rows_bytes = slice->rows_bytes;
	run->ingest_complete = slice->complete;
	if (slice->checkpoint == nullptr)
		run->source++;
	return lm_change_commit(&change, err);
}

int
lm_runs_known_ids(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err)
{
	return lm_bulk_known(runs, run, ids, count, first_sources, err);
}

int
lm_runs_slice_marks(
	struct lm_runs *runs, int64_t run, uint32_t source, struct lm_slice_mark **out, size_t *count, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	LM_AUTO(lm_free_ptr) struct lm_slice_mark *marks = nullptr;
	size_t used = 0, cap = 0;
	if (LM_QUERY(runs, &stmt, err, "SELECT begins, ends, digest FROM slices WHERE run = ? AND source = ? ORDER BY number",
		    lm_i(run), lm_i(source)) < 0)
		return -1;
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(marks, used, cap);
		marks[used] = (struct lm_slice_mark){ .begin = lm_stmt_u64(stmt, 0), .end = lm_stmt_u64(stmt, 1) };
		if (!lm_digest_parse(lm_str_of(lm_stmt_text(stmt, 2)), &marks[used].digest))
			return lm_err_set(err, LM_E_INTEGRITY, "the store has a slice without a digest");
		used++;
	}
	if (rc < 0)
		return -1;
	*out = lm_take(&marks);
	*count = used;
	return 0;
}

int
lm_runs_set_stamp(struct lm_runs *runs, int64_t run, uint32_t source, const struct lm_source_stamp *stamp, struct lm_err *err)
{
	return LM_DO(runs, nullptr, err,
		"INSERT INTO stamps (run, source, size_bytes, mtime_s, mtime_ns, inode) VALUES (?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (run, source) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_s = excluded.mtime_s,"
		" mtime_ns = excluded.mtime_ns, inode = excluded.inode",
		lm_i(run), lm_i(source), lm_u(stamp->size_bytes), lm_i(stamp->mtime_s), lm_i(stamp->mtime_ns),
		lm_i((int64_t)stamp->inode));
}

int
lm_runs_stamp(struct lm_runs *runs, int64_t run, uint32_t source, struct lm_source_stamp *out, bool *has, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(runs, &stmt, err, "SELECT size_bytes, mtime_s, mtime_ns, inode FROM stamps WHERE run = ? AND source = ?",
		    lm_i(run), lm_i(source)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	*has = rc == 1;
	if (*has)
		*out = (struct lm_source_stamp){
			.size_bytes = lm_stmt_u64(stmt, 0),
			.mtime_s = lm_stmt_i64(stmt, 1),
			.mtime_ns = lm_stmt_i64(stmt, 2),
			.inode = lm_stmt_u64(stmt, 3),
		};
	return 0;
}
