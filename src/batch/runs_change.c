// The transaction around every change: the run's row is read (and on PostgreSQL locked) first, so changes of one run are one
// after the other, and its counters are written back at the end.
#include "batch/runs_parts.h"

#include <string.h>

#define STATE_COLUMNS \
	"key, run_id, control, ingest_complete, ingest_source, rows_bytes, item_count, pending, queued, submitted, completed," \
	" retryable, permanent, fresh_from, batch_count, active_batches, unknown_batches, last_sequence, last_fence, " \
	"last_error"

static int
read_state(struct lm_change *change, int64_t key, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	struct lm_run_state *run = &change->run;
	const char *sql = change->runs->shared ? "SELECT " STATE_COLUMNS " FROM runs WHERE key = ? FOR UPDATE"
					       : "SELECT " STATE_COLUMNS " FROM runs WHERE key = ?";
	if (LM_QUERY(change->runs, &stmt, err, sql, lm_i(key)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return lm_err_set(err, LM_E_NOT_FOUND, "the run is gone");
	int column = 0;
	run->key = lm_stmt_i64(stmt, column++);
	run->run_id = lm_stmt_dup(stmt, column++);
	run->control = (enum lm_control)lm_stmt_i64(stmt, column++);
	run->ingest_complete = lm_stmt_i64(stmt, column++) != 0;
	run->source = (uint32_t)lm_stmt_i64(stmt, column++);
	run->rows_bytes = lm_stmt_u64(stmt, column++);
	run->item_count = lm_stmt_u64(stmt, column++);
	for (int i = 0; i < LM_ITEM_STATUS_COUNT; i++)
		run->counts[i] = lm_stmt_u64(stmt, column++);
	run->fresh_from = lm_stmt_u64(stmt, column++);
	run->batch_count = lm_stmt_u64(stmt, column++);
	run->active_batches = lm_stmt_u64(stmt, column++);
	run->unknown_batches = lm_stmt_u64(stmt, column++);
	run->last_sequence = lm_stmt_u64(stmt, column++);
	run->last_fence = lm_stmt_i64(stmt, column++);
	run->last_error = lm_stmt_i64(stmt, column++);
	return 0;
}

int
lm_change_begin(struct lm_change *change, struct lm_runs *runs, int64_t run, struct lm_err *err)
{
	*change = (struct lm_change){ .runs = runs };
	if (lm_db_begin(runs->db, err) < 0)
		return -1;
	change->open = true;
	return read_state(change, run, err);
}

int
lm_lease_lost(struct lm_runs *runs, const struct lm_lease *lease, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(runs, &stmt, err, "SELECT run_id FROM runs WHERE key = ?", lm_i(lease->run)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	const char *run_id = rc == 1 ? lm_stmt_text(stmt, 0) : "";
	if (lease->unit == LM_UNIT_RUN)
		return lm_err_set(err, LM_E_CONFLICT, "another process took over run '%s'", run_id);
	if (lease->unit == LM_UNIT_INGEST)
		return lm_err_set(err, LM_E_CONFLICT, "another process took over reading the sources of run '%s'", run_id);
	return lm_err_set(
		err, LM_E_CONFLICT, "another process took over batch %lld of run '%s'", (long long)lease->unit, run_id);
}

int
lm_change_begin_leased(struct lm_change *change, struct lm_runs *runs, const struct lm_lease *lease, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_change_begin(change, runs, lease->run, err) < 0)
		return -1;
	if (lease->fence == 0 && runs->shared)
		return 0;
	if (LM_QUERY(runs, &stmt, err, "SELECT 1 FROM leases WHERE run = ? AND unit = ? AND fence = ?", lm_i(lease->run),
		    lm_i(lease->unit), lm_u(lease->fence)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	return rc == 1 ? 0 : rc < 0 ? -1 : lm_lease_lost(runs, lease, err);
}

int
lm_change_begin_batch(struct lm_change *change, struct lm_runs *runs, const struct lm_lease *lease, int64_t seq,
	unsigned states, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_change_begin_leased(change, runs, lease, err) < 0)
		return -1;
	if ((lease->unit != LM_UNIT_RUN && lease->unit != seq) || lease->fence == 0)
		return lm_err_set(err, LM_E_USAGE, "batch %lld of run '%s' is changed without a lease of it", (long long)seq,
			change->run.run_id);
	if (LM_QUERY(runs, &stmt, err, "SELECT state FROM batches WHERE run = ? AND seq = ?", lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return lm_err_set(err, LM_E_NOT_FOUND, "run '%s' has no batch %lld", change->run.run_id, (long long)seq);
	enum lm_batch_state state = (enum lm_batch_state)lm_stmt_i64(stmt, 0);
	if ((states & (1u << state)) == 0)
		return lm_err_set(err, LM_E_CONFLICT, "batch %lld of run '%s' cannot do that: it is %s", (long long)seq,
			change->run.run_id, lm_batch_state_name(state));
	return 0;
}

int
lm_change_commit(struct lm_change *change, struct lm_err *err)
{
	const struct lm_run_state *run = &change->run;
	const uint64_t *counts = run->counts;
	if (LM_DO(change->runs, nullptr, err,
		    "UPDATE runs SET control = ?, ingest_complete = ?, ingest_source = ?, rows_bytes = ?, item_count = ?, "
		    "pending = ?,"
		    " queued = ?, submitted = ?, completed = ?, retryable = ?, permanent = ?, fresh_from = ?, batch_count = ?,"
		    " active_batches = ?, unknown_batches = ?, last_sequence = ?, last_fence = ?, last_error = ? WHERE key = ?",
		    lm_i(run->control), lm_i(run->ingest_complete), lm_i(run->source), lm_u(run->rows_bytes),
		    lm_u(run->item_count), lm_u(counts[LM_ITEM_PENDING]), lm_u(counts[LM_ITEM_QUEUED]),
		    lm_u(counts[LM_ITEM_SUBMITTED]), lm_u(counts[LM_ITEM_COMPLETED]), lm_u(counts[LM_ITEM_RETRYABLE]),
		    lm_u(counts[LM_ITEM_PERMANENT]), lm_u(run->fresh_from), lm_u(run->batch_count), lm_u(run->active_batches),
		    lm_u(run->unknown_batches), lm_u(run->last_sequence), lm_i(run->last_fence), lm_i(run->last_error),
		    lm_i(run->key)) < 0)
		return -1;
	if (lm_db_commit(change->runs->db, err) < 0)
		return -1;
	change->open = false;
	return 0;
}

void
lm_change_end(struct lm_change *change)
{
	if (change->open)
		lm_db_rollback(change->runs->db);
	lm_free(change->run.run_id);
	*change = (struct lm_change){};
}

static uint64_t
hash_text(uint64_t hash, const char *text) // FNV-1a
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return (hash ^ 0xff) * 0x100000001b3;
}

int
lm_change_error(struct lm_change *change, const char *error_class, const char *text, int64_t *key, struct lm_err *err)
{
	*key = 0;
	if (error_class == nullptr)
		return 0;
	LM_AUTO(lm_free_ptr) char *clean_class = lm_runs_clean(error_class, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *clean_text = lm_runs_clean(text == nullptr ? "" : text, LM_RUNS_ERROR_MAX);
	uint64_t hash = hash_text(hash_text(0xcbf29ce484222325, clean_class), clean_text);
	for (size_t i = 0; i < change->error_count && i < LM_COUNT(change->error_keys); i++) {
		if (change->error_hashes[i] == hash) {
			*key = change->error_keys[i];
			return 0;
		}
	}
	*key = ++change->run.last_error;
	size_t at = change->error_count++ % LM_COUNT(change->error_keys);
	change->error_keys[at] = *key;
	change->error_hashes[at] = hash;
	return LM_DO(change->runs, nullptr, err, "INSERT INTO errors (run, key, class, text) VALUES (?, ?, ?, ?)",
		lm_i(change->run.key), lm_i(*key), lm_t(clean_class), lm_t(clean_text));
}
