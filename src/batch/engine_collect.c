// From a batch at the provider to answers on disk: polled, fetched, recorded; cancelled there when its run is.
#include "batch/engine_parts.h"

#include "os/clock.h"
#include "os/kill_point.h"

#include <inttypes.h>
#include <string.h>

static void
replace(char **text, const char *with)
{
	lm_free(*text);
	*text = with == nullptr || with[0] == '\0' ? nullptr : lm_strdup(with);
}

// ---- fetched

static int
record_fetched(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	if (lm_batch_fetched(engine->runs, &work->lease, work->seq, work->status, work->output_ref, work->error_ref,
		    work->error_class, work->error_text, err) < 0)
		return -1;
	LM_KILL_POINT("batch: fetched recorded");
	work->state = LM_BATCH_FETCHED;
	work->next_at_ms = 0;
	work->failures = work->failures_here = 0;
	work->consumed[0] = work->consumed[1] = 0;
	engine->changed = true;
	return lm_engine_event(engine, err, "batch_fetched", "{s:I, s:s, s:s}", "batch", (json_int_t)work->seq,
		"provider_batch_id", work->batch_id, "status", work->status);
}

static void
start_fetch(struct lm_engine *engine, struct lm_work *work, const struct lm_batch_status *status)
{
	struct lm_job *job = lm_engine_job(engine, work, LM_JOB_FETCH);

	job->path = lm_run_folder_file(&engine->folder, LM_FILE_ANSWER, work->seq);
	job->error_path = lm_run_folder_file(&engine->folder, LM_FILE_ANSWER_ERROR, work->seq);
	memcpy(job->ref, status->output_ref, sizeof(job->ref));
	memcpy(job->error_ref, status->error_ref, sizeof(job->error_ref));
	lm_engine_start(engine, work, job);
}

static int
fetch_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	if (job->done)
		return record_fetched(engine, work, err);
	return lm_engine_try_later(engine, work, job, err);
}

// ---- polled

static int
still_running(struct lm_engine *engine, struct lm_work *work, const struct lm_batch_status *status, struct lm_err *err)
{
	bool news = !lm_cstr_equal(work->status, status->status);

	if (work->poll_ms > engine->config.poll_interval_ms)
		work->poll_ms = engine->config.poll_interval_ms;
	work->next_at_ms = lm_clock_now_ms() + (int64_t)work->poll_ms;
	work->poll_ms =
		work->poll_ms * 2 < engine->config.poll_interval_ms ? work->poll_ms * 2 : engine->config.poll_interval_ms;
	if (!news && work->failures == 0)
		return 0;
	work->failures = work->failures_here = 0;
	replace(&work->status, status->status);
	if (lm_batch_tried(engine->runs, &work->lease, work->seq, work->status, nullptr, nullptr, 0, err) < 0)
		return -1;
	return !news ? 0
		     : lm_engine_event(engine, err, "batch_polled", "{s:I, s:s, s:s, s:I, s:I}", "batch", (json_int_t)work->seq,
			       "provider_batch_id", work->batch_id, "status", status->status, "done", (json_int_t)status->done,
			       "failed", (json_int_t)status->failed);
}

static int
ended(struct lm_engine *engine, struct lm_work *work, const struct lm_batch_status *status, struct lm_err *err)
{
	replace(&work->status, status->status);
	replace(&work->output_ref, status->output_ref);
	replace(&work->error_ref, status->error_ref);
	replace(&work->error_class, status->error_class);
	replace(&work->error_text, status->error_text);
	LM_KILL_POINT("batch: end seen");
	if (lm_engine_event(engine, err, "batch_polled", "{s:I, s:s, s:s, s:I, s:I}", "batch", (json_int_t)work->seq,
		    "provider_batch_id", work->batch_id, "status", status->status, "done", (json_int_t)status->done, "failed",
		    (json_int_t)status->failed) < 0)
		return -1;
	if (work->output_ref == nullptr && work->error_ref == nullptr)
		return record_fetched(engine, work, err);
	start_fetch(engine, work, status);
	return 0;
}

static int
poll_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	if (job->done)
		return job->status.ended ? ended(engine, work, &job->status, err)
					 : still_running(engine, work, &job->status, err);
	if (job->call.fate == LM_CALL_PAUSE && engine->run.control == LM_CONTROL_RUNNING)
		return lm_engine_pause(engine, job->err.text, err);
	return lm_engine_try_later(engine, work, job, err);
}

// ---- cancelled

static int
cancel_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	// a refusal says that it has ended: the next poll will tell
	if (!job->done && job->call.fate != LM_CALL_REFUSED)
		return lm_engine_try_later(engine, work, job, err);
	LM_KILL_POINT("batch: cancel asked");
	work->cancel_asked = true;
	work->next_at_ms = 0;
	work->poll_ms = LM_ENGINE_FIRST_POLL_MS;
	return lm_engine_event(engine, err, "batch_cancel_requested", "{s:I, s:s}", "batch", (json_int_t)work->seq,
		"provider_batch_id", work->batch_id);
}

// ---- what is next

int
lm_engine_collect(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	if (work->state == LM_BATCH_FETCHED)
		return lm_engine_consume(engine, work, err);
	bool cancel = engine->run.control == LM_CONTROL_CANCELLED && !work->cancel_asked;
	lm_engine_start(engine, work, lm_engine_job(engine, work, cancel ? LM_JOB_CANCEL : LM_JOB_POLL));
	return 0;
}

int
lm_engine_collect_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	switch (job->kind) {
	case LM_JOB_POLL:
		return poll_done(engine, work, job, err);
	case LM_JOB_FETCH:
		return fetch_done(engine, work, job, err);
	default:
		return cancel_done(engine, work, job, err);
	}
}
