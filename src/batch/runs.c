#include "batch/runs_parts.h"

#include "os/clock.h"

#include <stdlib.h>

static const char *const item_names[] = { "pending", "queued_local", "submitted", "completed", "failed_retryable",
	"failed_permanent" };
static const char *const control_names[] = { "running", "paused", "cancel_requested" };
static const char *const batch_names[] = { "building", "ready", "creating", "unknown", "active", "fetched", "done" };

const char *
lm_item_status_name(enum lm_item_status status)
{
	return item_names[status];
}

const char *
lm_control_name(enum lm_control control)
{
	return control_names[control];
}

const char *
lm_batch_state_name(enum lm_batch_state state)
{
	return batch_names[state];
}

void
lm_runs_close(struct lm_runs *runs)
{
	if (runs == nullptr)
		return;
	lm_db_close(runs->db);
	lm_free(runs);
}

void
lm_runs_close_ptr(struct lm_runs **runs)
{
	lm_runs_close(*runs);
}

bool
lm_runs_shared(const struct lm_runs *runs)
{
	return runs->shared;
}

int
lm_runs_now_ms(struct lm_runs *runs, int64_t *out, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;

	*out = lm_clock_now_ms();
	if (!runs->shared)
		return 0;
	if (LM_QUERY(runs, &stmt, err, "SELECT floor(extract(epoch FROM clock_timestamp()) * ?::bigint)::bigint", lm_i(1000)) <
			0 ||
		lm_stmt_step(stmt, err) < 0)
		return -1;
	*out = lm_stmt_i64(stmt, 0);
	return 0;
}

void
lm_run_row_release(struct lm_run_row *run)
{
	lm_free(run->run_id);
	lm_free(run->nonce);
	lm_free(run->config_json);
	lm_free(run->control_reason);
	lm_free(run->last_error_class);
	lm_free(run->last_error_text);
	lm_free(run->export_root);
	*run = (struct lm_run_row){};
}

int
lm_runs_create(
	struct lm_runs *runs, const char *run_id, const char *nonce, const char *config_json, int64_t now_s, struct lm_err *err)
{
	if (LM_DO(runs, nullptr, err, "INSERT INTO runs (run_id, nonce, config, created_at_s) VALUES (?, ?, ?, ?)",
		    lm_t(run_id), lm_t(nonce), lm_t(config_json), lm_i(now_s)) == 0)
		return 0;
	if (err->code != LM_E_CONFLICT)
		return -1;
	return lm_err_set(err, LM_E_CONFLICT, "there is a run '%s' already", run_id);
}

#define ROW_COLUMNS \
	"key, run_id, nonce, config, created_at_s, control, control_reason, ingest_complete, item_count, pending, queued, " \
	"submitted," \
	" completed, retryable, permanent, batch_count, active_batches, unknown_batches, last_sequence, consecutive_failures," \
	" total_failures, next_retry_at_ms, error_class, error_text, exported_at_s, export_root, requests_pruned, raw_pruned"

static void
read_row(struct lm_stmt *stmt, struct lm_run_row *out)
{
	int column = 0;
	*out = (struct lm_run_row){ .key = lm_stmt_i64(stmt, column++) };
	out->run_id = lm_stmt_dup(stmt, column++);
	out->nonce = lm_stmt_dup(stmt, column++);
	out->config_json = lm_stmt_dup(stmt, column++);
	out->created_at_s = lm_stmt_i64(stmt, column++);
	out->control = (enum lm_control)lm_stmt_i64(stmt, column++);
	out->control_reason = lm_stmt_dup(stmt, column++);
	out->ingest_complete = lm_stmt_i64(stmt, column++) != 0;
	out->item_count = lm_stmt_u64(stmt, column++);
	for (int i = 0; i < LM_ITEM_STATUS_COUNT; i++)
		out->counts[i] = lm_stmt_u64(stmt, column++);
	out->batch_count = lm_stmt_u64(stmt, column++);
	out->active_batches = lm_stmt_u64(stmt, column++);
	out->unknown_batches = lm_stmt_u64(stmt, column++);
	out->last_sequence = lm_stmt_u64(stmt, column++);
	out->consecutive_failures = lm_stmt_u64(stmt, column++);
	out->total_failures = lm_stmt_u64(stmt, column++);
	out->next_retry_at_ms = lm_stmt_i64(stmt, column++);
	out->last_error_class = lm_stmt_dup(stmt, column++);
	out->last_error_text = lm_stmt_dup(stmt, column++);
	out->exported_at_s = lm_stmt_i64(stmt, column++);
	out->export_root = lm_stmt_dup(stmt, column++);
	out->requests_pruned = lm_stmt_i64(stmt, column++) != 0;
	out->raw_pruned = lm_stmt_i64(stmt, column++) != 0;
	out->finished = out->ingest_complete && out->active_batches == 0 &&
		out->counts[LM_ITEM_COMPLETED] + out->counts[LM_ITEM_PERMANENT] == out->item_count;
}

// LM_E_NOT_FOUND that says which run may have been meant.
static int
no_run(struct lm_runs *runs, const char *run_id, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings ids = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(runs->db, "SELECT run_id FROM runs ORDER BY key DESC LIMIT 1000", &stmt, err) < 0)
		return -1;
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1)
		lm_strings_add(&ids, lm_stmt_text(stmt, 0));
	if (rc < 0)
		return -1;
	const char *nearest = lm_nearest(run_id, (const char *const *)ids.items, ids.count);
	if (nearest != nullptr)
		return lm_err_set(err, LM_E_NOT_FOUND, "there is no run '%s', did you mean '%s'?", run_id, nearest);
	return lm_err_set(err, LM_E_NOT_FOUND, "there is no run '%s'", run_id);
}

int
lm_runs_load(struct lm_runs *runs, const char *run_id, struct lm_run_row *out, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(runs, &stmt, err, "SELECT " ROW_COLUMNS " FROM runs WHERE run_id = ?", lm_t(run_id)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc == 0)
		return no_run(runs, run_id, err);
	if (rc < 0)
		return -1;
	read_row(stmt, out);
	return 0;
}

int
lm_runs_list(struct lm_runs *runs, struct lm_run_row **out, size_t *count, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	struct lm_run_row *rows = nullptr;
	size_t used = 0, cap = 0;
	if (lm_db_prepare(runs->db, "SELECT " ROW_COLUMNS " FROM runs ORDER BY created_at_s, key", &stmt, err) < 0)
		return -1;
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(rows, used, cap);
		read_row(stmt, &rows[used++]);
	}
	if (rc < 0) {
		while (used > 0)
			lm_run_row_release(&rows[--used]);
		lm_free(rows);
		return -1;
	}
	*out = rows;
	*count = used;
	return 0;
}

// Change columns of one run; it has to be there.
static int
change_row(struct lm_runs *runs, struct lm_err *err, const char *sql, const struct lm_value *values, size_t count)
{
	uint64_t changes = 0;
	if (lm_runs_run(runs, &changes, err, sql, values, count) < 0)
		return -1;
	return changes == 1 ? 0 : lm_err_set(err, LM_E_NOT_FOUND, "the run is gone");
}

int
lm_runs_set_config(struct lm_runs *runs, int64_t run, const char *config_json, struct lm_err *err)
{
	return change_row(runs, err, "UPDATE runs SET config = ? WHERE key = ?", LM_VALUES(lm_t(config_json), lm_i(run)));
}

int
lm_runs_exported(struct lm_runs *runs, int64_t run, int64_t now_s, const char *root, struct lm_err *err)
{
	return change_row(runs, err, "UPDATE runs SET exported_at_s = ?, export_root = ? WHERE key = ?",
		LM_VALUES(lm_i(now_s), lm_t(root), lm_i(run)));
}

int
lm_runs_pruned(struct lm_runs *runs, int64_t run, bool raw, struct lm_err *err)
{
	return change_row(runs, err,
		raw ? "UPDATE runs SET requests_pruned = 1, raw_pruned = 1 WHERE key = ?"
		    : "UPDATE runs SET requests_pruned = 1 WHERE key = ?",
		LM_VALUES(lm_i(run)));
}

int
lm_runs_drop(struct lm_runs *runs, int64_t run, struct lm_err *err)
{
	static const char *const tables[] = { "items", "results", "errors", "ranges", "batches", "leases", "slices", "stamps" };
	LM_AUTO(lm_change_end) struct lm_change change = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_change_begin(&change, runs, run, err) < 0 ||
		LM_QUERY(runs, &stmt, err, "SELECT count(*) FROM batches WHERE run = ? AND state >= ?", lm_i(run),
			lm_i(LM_BATCH_CREATING)) < 0)
		return -1;
	if (lm_stmt_step(stmt, err) < 0)
		return -1;
	if (lm_stmt_i64(stmt, 0) > 0)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' has sent batches to the provider", change.run.run_id);
	for (size_t i = 0; i < LM_COUNT(tables); i++) {
		LM_AUTO(lm_free_ptr) char *sql = lm_format("DELETE FROM %s WHERE run = ?", tables[i]);
		if (LM_DO(runs, nullptr, err, sql, lm_i(run)) < 0)
			return -1;
	}
	if (LM_DO(runs, nullptr, err, "DELETE FROM runs WHERE key = ?", lm_i(run)) < 0)
		return -1;
	return lm_change_commit(&change, err);
}

int
lm_runs_control(struct lm_runs *runs, int64_t run, enum lm_control control, const char *reason, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	if (lm_change_begin(&change, runs, run, err) < 0)
		return -1;
	if (change.run.control == LM_CONTROL_CANCELLED && control != LM_CONTROL_CANCELLED)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' was cancelled", change.run.run_id);
	change.run.control = control;
	LM_AUTO(lm_free_ptr) char *clean = lm_runs_clean(reason, LM_RUNS_REF_MAX);
	if (LM_DO(runs, nullptr, err, "UPDATE runs SET control_reason = ? WHERE key = ?", lm_t(clean), lm_i(run)) < 0)
		return -1;
	return lm_change_commit(&change, err);
}

int
lm_runs_backoff(struct lm_runs *runs, const struct lm_lease *lease, const char *error_class, const char *text,
	int64_t next_retry_at_ms, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	if (lm_change_begin_leased(&change, runs, lease, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *clean_class = lm_runs_clean(error_class, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *clean_text = lm_runs_clean(text, LM_RUNS_ERROR_MAX);
	int rc = error_class == nullptr
		? LM_DO(runs, nullptr, err,
			  "UPDATE runs SET consecutive_failures = 0, next_retry_at_ms = 0, error_class = NULL,"
			  " error_text = NULL WHERE key = ?",
			  lm_i(lease->run))
		: LM_DO(runs, nullptr, err,
			  "UPDATE runs SET consecutive_failures = consecutive_failures + 1,"
			  " total_failures = total_failures + 1, next_retry_at_ms = ?, error_class = ?, error_text = ?"
			  " WHERE key = ?",
			  lm_i(next_retry_at_ms), lm_t(clean_class), lm_t(clean_text), lm_i(lease->run));
	return rc < 0 ? -1 : lm_change_commit(&change, err);
}
