// From a batch at the provider to answers on disk: polled, fetched, recorded; cancelled there when its run is.
#include "batch/engine_parts.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/kill_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
replace(char **text, const char *with)
{
	lm_free(*text);
	*text = with == nullptr || with[0] == '\0' ? nullptr : lm_strdup(with);
}

// ---- fetched

// job: who fetched them; null when there is nothing to fetch
static int
record_fetched(struct lm_engine *engine, struct lm_work *work, const struct lm_job *job, struct lm_err *err)
{
	const struct lm_digest *digests[2] = {
		job != nullptr && work->output_ref != nullptr ? &job->answer_digests[0] : nullptr,
		job != nullptr && work->error_ref != nullptr ? &job->answer_digests[1] : nullptr,
	};

	if (lm_batch_fetched(engine->runs, &work->lease, work->seq, work->status, work->output_ref, work->error_ref,
		    work->error_class, work->error_text, digests, err) < 0)
		return -1;
	LM_KILL_POINT("batch: fetched recorded");
	work->state = LM_BATCH_FETCHED;
	work->fetched_here = true;
	work->next_at_ms = 0;
	work->failures = work->failures_here = 0;
	work->consumed[0] = work->consumed[1] = 0;
	engine->changed = true;
	return lm_engine_event(engine, err, "batch_fetched", "{s:I, s:s, s:s}", "batch", (json_int_t)work->seq,
		"provider_batch_id", work->batch_id, "status", work->status);
}

static void
start_fetch(struct lm_engine *engine, struct lm_work *work)
{
	struct lm_job *job = lm_engine_job(engine, work, LM_JOB_FETCH);

	job->path = lm_run_folder_file(&engine->folder, LM_FILE_ANSWER, work->seq);
	job->error_path = lm_run_folder_file(&engine->folder, LM_FILE_ANSWER_ERROR, work->seq);
	(void)snprintf(job->ref, sizeof(job->ref), "%s", work->output_ref == nullptr ? "" : work->output_ref);
	(void)snprintf(job->error_ref, sizeof(job->error_ref), "%s", work->error_ref == nullptr ? "" : work->error_ref);
	lm_engine_start(engine, work, job);
}

static int
fetch_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	if (job->done)
		return record_fetched(engine, work, job, err);
	work->fetched_here = false; // what is here is damaged still
	return lm_engine_try_later(engine, work, job, err);
}

bool
lm_engine_is_damaged(const struct lm_engine *engine, int64_t seq, int which, const struct lm_digest *fetched, uint64_t consumed)
{
	enum lm_batch_file kind = which == 0 ? LM_FILE_ANSWER : LM_FILE_ANSWER_ERROR;
	LM_AUTO(lm_free_ptr) char *path = lm_run_folder_file(&engine->folder, kind, seq);
	LM_AUTO(lm_fd_close) int fd = -1;
	struct lm_digest digest;
	struct lm_err ignored = {};
	struct stat status;
	char last = '\n';

	if (fetched != nullptr && lm_sha256_file(path, &digest, nullptr, &ignored) == 0)
		return !lm_digest_equal(&digest, fetched);
	if (lm_fd_open_regular(path, &fd, &status, &ignored) < 0)
		return ignored.code == LM_E_NOT_FOUND;
	if ((uint64_t)status.st_size < consumed)
		return true;
	return status.st_size > 0 && pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

static bool
is_damaged(const struct lm_engine *engine, const struct lm_work *work, int which)
{
	return lm_engine_is_damaged(engine, work->seq, which,
		work->has_answer_digest[which] ? &work->answer_digests[which] : nullptr, work->consumed[which]);
}

// What another process fetched may have been damaged since. To take rows that are cut off for rows that the provider did not
// answer would mean to pay for them twice, so they are fetched again. 1: that has begun.
static int
fetch_again(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	if (work->fetched_here)
		return 0;
	bool damaged = (work->output_ref != nullptr && is_damaged(engine, work, 0)) ||
		(work->error_ref != nullptr && is_damaged(engine, work, 1));
	work->fetched_here = true; // looked at once; what the provider sends may have no end of line
	if (!damaged)
		return 0;
	lm_emit_warning(engine->options.sink, "the answers of batch %" PRId64 " in '%s' are damaged, and are fetched again",
		work->seq, engine->folder.path);
	if (lm_engine_event(engine, err, "answers_damaged", "{s:I, s:s}", "batch", (json_int_t)work->seq, "provider_batch_id",
		    work->batch_id) < 0)
		return -1;
	start_fetch(engine, work);
	return 1;
}

// ---- polled

static int
still_running(struct lm_engine *engine, struct lm_work *work, const struct lm_batch_status *status, struct lm_err *err)
{
	bool news = !lm_cstr_equal(work->status, status->status);

	work->polled = true;
	if (work->poll_ms > engine->config.poll_interval_ms)
		work->poll_ms = engine->config.poll_interval_ms;
	work->next_at_ms = lm_engine_now_ms(engine) + (int64_t)work->poll_ms;
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
		return record_fetched(engine, work, nullptr, err);
	start_fetch(engine, work);
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
	if (work->state == LM_BATCH_FETCHED) {
		if (!engine->config.keep_remote_files) // the answers are here; sent again is only what a new file says
			lm_engine_forget_file(engine, work);
		int rc = fetch_again(engine, work, err);
		return rc == 0 ? lm_engine_consume(engine, work, err) : rc < 0 ? -1 : 0;
	}
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
