#include "cli.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/clock.h"

enum { LOOK_AGAIN_MS = 1000 };

// Somebody else has the run: look at it until it is finished or free. 1: it is free again.
static int
stand_by(struct lm_batch_run *run, const char *holder, int64_t deadline_ms, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *hint = lm_format("waiting for %s, which works on run '%s'", holder, run->row.run_id);
	lm_ui_hint(run->ui, hint);
	for (;;) {
		if (lm_batch_reload(run, err) < 0)
			return -1;
		if (run->row.finished)
			return 0;
		if (deadline_ms != 0 && lm_clock_now_ms() >= deadline_ms)
			return lm_err_set(err, LM_E_CONFLICT, "run '%s' is not finished after the time-out", run->row.run_id);
		LM_AUTO(lm_engine_close_ptr) struct lm_engine *engine = nullptr;
		char other[64] = "";
		int rc = lm_batch_engine(run, &engine, other, err);
		if (rc <= 0)
			return rc < 0 ? -1 : 1;
		if (lm_clock_sleep_ms(LOOK_AGAIN_MS))
			return lm_cancel_check(err);
	}
}

static int
wait_for(struct lm_batch_run *run, int64_t deadline_ms, struct lm_err *err)
{
	for (;;) {
		LM_AUTO(lm_engine_close_ptr) struct lm_engine *engine = nullptr;
		char holder[64] = "";
		int rc = lm_batch_engine(run, &engine, holder, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			rc = stand_by(run, holder, deadline_ms, err);
			if (rc <= 0)
				return rc;
			continue;
		}
		if (!run->row.ingest_complete && lm_engine_ingest(engine, err) < 0)
			return -1;
		rc = lm_engine_wait(engine, deadline_ms, err);
		if (rc > 0)
			return lm_err_set(err, LM_E_CONFLICT, "run '%s' is not finished after the time-out", run->row.run_id);
		return rc;
	}
}

int
lm_batch_wait(struct lm_batch_run *run, struct lm_err *err)
{
	int64_t deadline_ms = run->cli.timeout.given ? lm_clock_now_ms() + (int64_t)run->cli.timeout.value : 0;
	if (lm_batch_load(run, err) < 0 || lm_batch_provider(run, !run->row.finished, err) < 0)
		return -1;
	if (!run->row.finished && wait_for(run, deadline_ms, err) < 0)
		return -1;
	return lm_batch_summary(run, err);
}

int
lm_batch_step(struct lm_batch_run *run, struct lm_err *err)
{
	LM_AUTO(lm_engine_close_ptr) struct lm_engine *engine = nullptr;
	struct lm_engine_progress progress = {};
	char holder[64] = "";
	if (lm_batch_load(run, err) < 0 || lm_batch_provider(run, !run->row.finished, err) < 0)
		return -1;
	if (run->row.finished)
		return lm_batch_summary(run, err);
	int rc = lm_batch_engine(run, &engine, holder, err);
	if (rc > 0) {
		LM_AUTO(lm_free_ptr) char *hint = lm_format("%s works on run '%s'", holder, run->row.run_id);
		lm_ui_hint(run->ui, hint);
		return lm_batch_summary(run, err);
	}
	if (rc == 0 && !run->row.ingest_complete && run->row.control == LM_CONTROL_RUNNING)
		rc = lm_engine_ingest(engine, err);
	if (rc == 0)
		rc = lm_engine_step(engine, &progress, err);
	return rc < 0 ? -1 : lm_batch_summary(run, err);
}

int
lm_batch_resolve(struct lm_batch_run *run, struct lm_err *err)
{
	LM_AUTO(lm_engine_close_ptr) struct lm_engine *engine = nullptr;
	char holder[64] = "";
	if ((run->cli.created != nullptr) == run->cli.not_created)
		return lm_err_set(err, LM_E_USAGE, "'lamina-batch resolve' needs one of '--created BATCH' and '--not-created'");
	if (lm_batch_load(run, err) < 0 || lm_batch_provider(run, !run->row.finished, err) < 0)
		return -1;
	int rc = lm_batch_engine(run, &engine, holder, err);
	if (rc > 0)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' is being worked on by %s", run->row.run_id, holder);
	if (rc < 0 || lm_engine_resolve(engine, (int64_t)run->cli.batch.value, run->cli.created, err) < 0)
		return -1;
	return lm_batch_summary(run, err);
}
