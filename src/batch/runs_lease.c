#include "batch/runs_parts.h"

#include <stdio.h>
#include <string.h>

static bool
is_held(struct lm_stmt *stmt, const char *owner, int64_t now_ms)
{
	return strcmp(lm_stmt_text(stmt, 0), owner) != 0 && lm_stmt_i64(stmt, 1) > now_ms;
}

// A batch that is done or gone is nobody's to work on.
static int
is_work(struct lm_change *change, int64_t unit, bool *out, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	*out = true;
	if (unit <= 0)
		return 0;
	if (LM_QUERY(change->runs, &stmt, err, "SELECT 1 FROM batches WHERE run = ? AND seq = ? AND state < 6",
		    lm_i(change->run.key), lm_i(unit)) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	*out = rc == 1;
	return rc < 0 ? -1 : 0;
}

int
lm_lease_take(struct lm_runs *runs, int64_t run, int64_t unit, const char *owner, int64_t now_ms, int64_t until_ms,
	struct lm_lease *out, char *holder, int64_t *held_until_ms, struct lm_err *err)
{
	LM_AUTO(lm_change_end) struct lm_change change = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	bool work = false;
	holder[0] = '\0';
	*held_until_ms = 0;
	if (lm_change_begin(&change, runs, run, err) < 0 || is_work(&change, unit, &work, err) < 0)
		return -1;
	if (!work)
		return 0;
	if (LM_QUERY(runs, &stmt, err, "SELECT owner, until_ms FROM leases WHERE run = ? AND unit = ?", lm_i(run), lm_i(unit)) <
		0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 1 && is_held(stmt, owner, now_ms)) {
		snprintf(holder, sizeof out->owner, "%s", lm_stmt_text(stmt, 0));
		*held_until_ms = lm_stmt_i64(stmt, 1);
		return 0;
	}
	lm_stmt_done(lm_take(&stmt));
	struct lm_lease lease = { .run = run, .unit = unit, .fence = (uint64_t)++change.run.last_fence };
	snprintf(lease.owner, sizeof lease.owner, "%s", owner);
	if (LM_DO(runs, nullptr, err,
		    "INSERT INTO leases (run, unit, fence, owner, until_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (run, unit) DO "
		    "UPDATE"
		    " SET fence = excluded.fence, owner = excluded.owner, until_ms = excluded.until_ms",
		    lm_i(run), lm_i(unit), lm_u(lease.fence), lm_t(lease.owner), lm_i(until_ms)) < 0 ||
		lm_change_commit(&change, err) < 0)
		return -1;
	*out = lease;
	return 1;
}

int
lm_lease_renew(struct lm_runs *runs, const struct lm_lease *lease, int64_t until_ms, struct lm_err *err)
{
	uint64_t changes = 0;
	if (LM_DO(runs, &changes, err, "UPDATE leases SET until_ms = ? WHERE run = ? AND unit = ? AND fence = ?",
		    lm_i(until_ms), lm_i(lease->run), lm_i(lease->unit), lm_u(lease->fence)) < 0)
		return -1;
	return changes == 1 ? 0 : lm_lease_lost(runs, lease, err);
}

void
lm_lease_drop(struct lm_runs *runs, const struct lm_lease *lease)
{
	struct lm_err err = {}; // it runs out by itself
	(void)LM_DO(runs, nullptr, &err, "DELETE FROM leases WHERE run = ? AND unit = ? AND fence = ?", lm_i(lease->run),
		lm_i(lease->unit), lm_u(lease->fence));
}
