// A batch on its way from READY to FETCHED.
#include "batch/runs_parts.h"

void
lm_batch_row_release(struct lm_batch_row *batch)
{
	lm_free(batch->input_ref);
	lm_free(batch->provider_batch_id);
	lm_free(batch->status);
	lm_free(batch->output_ref);
	lm_free(batch->error_ref);
	lm_free(batch->error_class);
	lm_free(batch->error_text);
	*batch = (struct lm_batch_row){};
}

#define STATE(name) (1u << LM_BATCH_##name)

static int
read_number(
	struct lm_runs *runs, int64_t *out, struct lm_err *err, const char *sql, const struct lm_value *values, size_t count)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_runs_prepare(runs, &stmt, err, sql, values, count) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	*out = rc == 1 ? lm_stmt_i64(stmt, 0) : 0;
	return rc < 0 ? -1 : 0;
}

// The row of a scope is the last that a change locks. A batch that is larger than the limit goes when it is alone: it would wait for
// ever, and it is the provider who decides.
static int
reserve(struct lm_change *change, const char *scope, uint64_t limit, uint64_t tokens, bool *room, struct lm_err *err)
{
	struct lm_runs *runs = change->runs;
	int64_t reserved = 0;
	*room = true;
	if (scope == nullptr)
		return 0;
	if (LM_DO(runs, nullptr, err, "INSERT INTO scopes (scope, reserved) VALUES (?, 0) ON CONFLICT (scope) DO NOTHING",
		    lm_t(scope)) < 0 ||
		read_number(runs, &reserved, err,
			runs->shared ? "SELECT reserved FROM scopes WHERE scope = ? FOR UPDATE"
				     : "SELECT reserved FROM scopes WHERE scope = ?",
			LM_VALUES(lm_t(scope))) < 0)
		return -1;
	*room = limit == 0 || reserved == 0 || tokens + (uint64_t)reserved <= limit;
	return *room ? LM_DO(runs, nullptr, err, "UPDATE scopes SET reserved = reserved + ? WHERE scope = ?", lm_u(tokens),
			       lm_t(scope))
		     : 0;
}

int
lm_scope_release(struct lm_change *change, int64_t seq, struct lm_err *err)
{
	struct lm_runs *runs = change->runs;
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (LM_QUERY(runs, &stmt, err, "SELECT scope, tokens FROM batches WHERE run = ? AND seq = ?", lm_i(change->run.key),
		    lm_i(seq)) < 0 ||
		lm_stmt_step(stmt, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *scope = lm_stmt_dup(stmt, 0);
	int64_t tokens = lm_stmt_i64(stmt, 1);
	if (scope == nullptr)
		return 0;
	if (LM_DO(runs, nullptr, err,
		    "UPDATE scopes SET reserved = CASE WHEN reserved > ? THEN reserved - ? ELSE 0 END WHERE scope = ?",
		    lm_i(tokens), lm_i(tokens), lm_t(scope)) < 0)
		return -1;
	return LM_DO(runs, nullptr, err, "UPDATE batches SET scope = NULL WHERE run = ? AND seq = ?", lm_i(change->run.key),
		lm_i(seq));
}

int
lm_batch_creating(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *input_ref, const char *scope,
	uint64_t scope_limit, int64_t now_s, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	int64_t tokens = 0;
	bool room = false;
	if (lm_change_begin_batch(&change, runs, lease, seq, STATE(READY), err) < 0)
		return -1;
	if (change.run.control != LM_CONTROL_RUNNING)
		return 0;
	if (read_number(runs, &tokens, err, "SELECT tokens FROM batches WHERE run = ? AND seq = ?",
		    LM_VALUES(lm_i(lease->run), lm_i(seq))) < 0 ||
		reserve(&change, scope, scope_limit, (uint64_t)tokens, &room, err) < 0)
		return -1;
	if (!room)
		return 0;
	LM_AUTO(lm_free_ptr) char *ref = lm_runs_clean(input_ref, LM_RUNS_REF_MAX);
	if (LM_DO(runs, nullptr, err,
		    "UPDATE batches SET state = ?, input_ref = ?, scope = ?, intent_at_s = ? WHERE run = ? AND seq = ?",
		    lm_i(LM_BATCH_CREATING), lm_t(ref), lm_t(scope), lm_i(now_s), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	change.run.active_batches++;
	return lm_change_commit(&change, err) < 0 ? -1 : 1;
}

// Begin a change of a batch whose outcome is not known.
static int
begin_outcome(struct lm_change *change, struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err)
{
	int64_t state = 0;
	if (lm_change_begin_batch(change, runs, lease, seq, STATE(CREATING) | STATE(UNKNOWN), err) < 0 ||
		read_number(runs, &state, err, "SELECT state FROM batches WHERE run = ? AND seq = ?",
			LM_VALUES(lm_i(lease->run), lm_i(seq))) < 0)
		return -1;
	if (state == LM_BATCH_UNKNOWN)
		change->run.unknown_batches--;
	return 0;
}

int
lm_batch_not_created(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	if (begin_outcome(&change, runs, lease, seq, err) < 0 || lm_scope_release(&change, seq, err) < 0 ||
		LM_DO(runs, nullptr, err, "UPDATE batches SET state = ?, intent_at_s = 0 WHERE run = ? AND seq = ?",
			lm_i(LM_BATCH_READY), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	change.run.active_batches--;
	return lm_change_commit(&change, err);
}

// What became of a call, where `status` shows it: of the run, unless its submissions have a failure of their own to show. A call that
// went well takes back what an earlier one of the same batch said.
static int
tell_run(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *error_class, const char *text,
	struct lm_err *err)
{
	if (error_class == nullptr)
		return LM_DO(runs, nullptr, err,
			"UPDATE runs SET error_class = NULL, error_text = NULL WHERE key = ? AND consecutive_failures = 0 AND "
			"EXISTS"
			" (SELECT 1 FROM batches WHERE run = ? AND seq = ? AND failures > 0)",
			lm_i(lease->run), lm_i(lease->run), lm_i(seq));
	return LM_DO(runs, nullptr, err,
		"UPDATE runs SET total_failures = total_failures + 1,"
		" error_class = CASE WHEN consecutive_failures > 0 THEN error_class ELSE ? END,"
		" error_text = CASE WHEN consecutive_failures > 0 THEN error_text ELSE ? END WHERE key = ?",
		lm_t(error_class), lm_t(text), lm_i(lease->run));
}

int
lm_batch_lost(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	int64_t items = 0;
	if (lm_change_begin_batch(&change, runs, lease, seq, STATE(ACTIVE), err) < 0 ||
		read_number(runs, &items, err,
			"SELECT item_count FROM batches WHERE run = ? AND seq = ? AND error_class = 'not_found'",
			LM_VALUES(lm_i(lease->run), lm_i(seq))) < 0)
		return -1;
	if (items == 0)
		return lm_err_set(err, LM_E_CONFLICT, "the outcome of batch %lld of run '%s' is known", (long long)seq,
			change.run.run_id);
	if (tell_run(runs, lease, seq, nullptr, nullptr, err) < 0 ||
		LM_DO(runs, nullptr, err,
			"UPDATE batches SET state = ?, provider_batch_id = NULL, status = NULL, failures = 0, next_try_at_ms = "
			"0,"
			" error_class = NULL, error_text = NULL WHERE run = ? AND seq = ?",
			lm_i(LM_BATCH_UNKNOWN), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	change.run.counts[LM_ITEM_SUBMITTED] -= (uint64_t)items;
	change.run.counts[LM_ITEM_QUEUED] += (uint64_t)items;
	change.run.unknown_batches++;
	return lm_change_commit(&change, err);
}

int
lm_batch_unknown(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *text, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	LM_AUTO(lm_free_ptr) char *clean = lm_runs_clean(text, LM_RUNS_ERROR_MAX);
	if (begin_outcome(&change, runs, lease, seq, err) < 0 ||
		LM_DO(runs, nullptr, err, "UPDATE batches SET state = ?, error_text = ? WHERE run = ? AND seq = ?",
			lm_i(LM_BATCH_UNKNOWN), lm_t(clean), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	change.run.unknown_batches++;
	return lm_change_commit(&change, err);
}

int
lm_batch_active(
	struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *provider_batch_id, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	LM_AUTO(lm_free_ptr) char *id = lm_runs_clean(provider_batch_id, LM_RUNS_REF_MAX);
	int64_t items = 0;
	if (begin_outcome(&change, runs, lease, seq, err) < 0 ||
		read_number(runs, &items, err, "SELECT item_count FROM batches WHERE run = ? AND seq = ?",
			LM_VALUES(lm_i(lease->run), lm_i(seq))) < 0 ||
		tell_run(runs, lease, seq, nullptr, nullptr, err) < 0 ||
		LM_DO(runs, nullptr, err,
			"UPDATE batches SET state = ?, provider_batch_id = ?, failures = 0, next_try_at_ms = 0, error_class = "
			"NULL,"
			" error_text = NULL WHERE run = ? AND seq = ?",
			lm_i(LM_BATCH_ACTIVE), lm_t(id), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	change.run.counts[LM_ITEM_QUEUED] -= (uint64_t)items;
	change.run.counts[LM_ITEM_SUBMITTED] += (uint64_t)items;
	return lm_change_commit(&change, err);
}

int
lm_batch_tried(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *status, const char *error_class,
	const char *text, int64_t next_try_at_ms, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	LM_AUTO(lm_free_ptr) char *clean_status = lm_runs_clean(status, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *clean_class = lm_runs_clean(error_class, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *clean_text = lm_runs_clean(error_class == nullptr ? nullptr : text, LM_RUNS_ERROR_MAX);
	if (lm_change_begin_batch(&change, runs, lease, seq, STATE(DONE) - 1, err) < 0 ||
		tell_run(runs, lease, seq, clean_class, clean_text, err) < 0 ||
		LM_DO(runs, nullptr, err,
			"UPDATE batches SET status = coalesce(?, status), failures = CASE WHEN ? = 1 THEN failures + 1 ELSE 0 "
			"END,"
			" error_class = CASE WHEN state = ? THEN error_class ELSE ? END,"
			" error_text = CASE WHEN state = ? THEN error_text ELSE ? END, next_try_at_ms = ? WHERE run = ? AND "
			"seq = ?",
			lm_t(clean_status), lm_i(error_class != nullptr), lm_i(LM_BATCH_FETCHED), lm_t(clean_class),
			lm_i(LM_BATCH_FETCHED), lm_t(clean_text), lm_i(next_try_at_ms), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	return lm_change_commit(&change, err);
}

static struct lm_value
digest_value(const struct lm_digest *const digests[2], size_t which)
{
	return digests == nullptr || digests[which] == nullptr ? lm_t(nullptr) : lm_d(digests[which]);
}

int
lm_batch_fetched(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *status, const char *output_ref,
	const char *error_ref, const char *error_class, const char *error_text, const struct lm_digest *const digests[2],
	struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	LM_AUTO(lm_free_ptr) char *clean_status = lm_runs_clean(status, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *output = lm_runs_clean(output_ref, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *error = lm_runs_clean(error_ref, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *clean_class = lm_runs_clean(error_class, LM_RUNS_REF_MAX);
	LM_AUTO(lm_free_ptr) char *clean_text = lm_runs_clean(error_text, LM_RUNS_ERROR_MAX);
	if (lm_change_begin_batch(&change, runs, lease, seq, STATE(ACTIVE) | STATE(FETCHED), err) < 0 ||
		tell_run(runs, lease, seq, nullptr, nullptr, err) < 0 ||
		LM_DO(runs, nullptr, err,
			"UPDATE batches SET state = ?, status = ?, output_ref = ?, error_ref = ?, error_class = ?, error_text "
			"= ?, output_digest = ?, error_digest = ?,"
			" failures = 0, next_try_at_ms = 0 WHERE run = ? AND seq = ?",
			lm_i(LM_BATCH_FETCHED), lm_t(clean_status), lm_t(output), lm_t(error), lm_t(clean_class),
			lm_t(clean_text), digest_value(digests, 0), digest_value(digests, 1), lm_i(lease->run), lm_i(seq)) < 0)
		return -1;
	return lm_change_commit(&change, err);
}

#define BATCH_COLUMNS \
	"seq, state, item_count, bytes, tokens, request_digest, input_ref, provider_batch_id, status, output_ref, error_ref," \
	" intent_at_s, next_try_at_ms, failures, error_class, error_text, output_consumed, error_consumed," \
	" (SELECT until_ms FROM leases WHERE leases.run = batches.run AND leases.unit = batches.seq)," \
	" output_digest, error_digest"

static int
read_digest(struct lm_stmt *stmt, int column, struct lm_digest *out, bool *has, struct lm_err *err)
{
	const char *text = lm_stmt_text(stmt, column);
	*has = text != nullptr;
	if (*has && !lm_digest_parse(lm_str_of(text), out))
		return lm_err_set(err, LM_E_INTEGRITY, "the store has a batch with a damaged digest");
	return 0;
}

static int
read_batch(struct lm_stmt *stmt, struct lm_batch_row *out, struct lm_err *err)
{
	int column = 0;
	*out = (struct lm_batch_row){ .seq = lm_stmt_i64(stmt, column++) };
	out->state = (enum lm_batch_state)lm_stmt_i64(stmt, column++);
	out->item_count = lm_stmt_u64(stmt, column++);
	out->bytes = lm_stmt_u64(stmt, column++);
	out->tokens = lm_stmt_u64(stmt, column++);
	if (read_digest(stmt, column++, &out->request_digest, &out->has_request_digest, err) < 0)
		return -1;
	out->input_ref = lm_stmt_dup(stmt, column++);
	out->provider_batch_id = lm_stmt_dup(stmt, column++);
	out->status = lm_stmt_dup(stmt, column++);
	out->output_ref = lm_stmt_dup(stmt, column++);
	out->error_ref = lm_stmt_dup(stmt, column++);
	out->intent_at_s = lm_stmt_i64(stmt, column++);
	out->next_try_at_ms = lm_stmt_i64(stmt, column++);
	out->failures = lm_stmt_u64(stmt, column++);
	out->error_class = lm_stmt_dup(stmt, column++);
	out->error_text = lm_stmt_dup(stmt, column++);
	out->consumed_bytes[0] = lm_stmt_u64(stmt, column++);
	out->consumed_bytes[1] = lm_stmt_u64(stmt, column++);
	out->has_lease = lm_stmt_text(stmt, column) != nullptr;
	out->lease_until_ms = lm_stmt_i64(stmt, column++);
	for (size_t i = 0; i < LM_COUNT(out->answer_digests); i++)
		if (read_digest(stmt, column++, &out->answer_digests[i], &out->has_answer_digest[i], err) < 0)
			return -1;
	return 0;
}

int
lm_runs_batches(struct lm_runs *runs, int64_t run, unsigned states, int64_t after_seq, size_t limit, struct lm_batch_row **out,
	size_t *count, struct lm_err *err)
{
	static const char all[] = "SELECT " BATCH_COLUMNS " FROM batches WHERE run = ? AND seq > ? AND ((1 << state) & ?) <> 0"
				  " ORDER BY seq LIMIT ?";
	static const char open_sqlite[] = "SELECT " BATCH_COLUMNS " FROM batches INDEXED BY batches_open"
					  " WHERE run = ? AND seq > ? AND ((1 << state) & ?) <> 0 AND state < 6"
					  " ORDER BY seq LIMIT ?";
	static const char open_postgres[] = "SELECT " BATCH_COLUMNS " FROM batches"
					    " WHERE run = ? AND seq > ? AND ((1 << state) & ?) <> 0 AND state < 6"
					    " ORDER BY seq LIMIT ?";
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	const char *sql = (states & STATE(DONE)) != 0 ? all : runs->shared ? open_postgres : open_sqlite;
	struct lm_batch_row *rows = nullptr;
	size_t used = 0, cap = 0;
	states &= (STATE(DONE) << 1) - 1;
	if (LM_QUERY(runs, &stmt, err, sql, lm_i(run), lm_i(after_seq), lm_i(states), lm_u(limit)) < 0)
		return -1;
	int rc = 0;
	while ((rc = lm_stmt_step(stmt, err)) == 1) {
		lm_grow(rows, used, cap);
		rc = read_batch(stmt, &rows[used++], err);
		if (rc < 0)
			break;
	}
	if (rc < 0) {
		while (used > 0)
			lm_batch_row_release(&rows[--used]);
		lm_free(rows);
		return -1;
	}
	*out = rows;
	*count = used;
	return 0;
}
