// From a request file to a batch at the provider: uploaded, its intent recorded, created once, and looked for when nobody
// can say whether it was.
#include "batch/engine_parts.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/kill_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LM_KNOWN_MAX = 1000 };

static const char ended_prefix[] = "batch_"; // of classes that batches have which were created and did not end well

// ---- back-off of the run's submissions

// Submissions wait. Calls that ran at the same time and failed together count as one failure.
static int
back_off(struct lm_engine *engine, const struct lm_work *work, const char *error_class, const char *text,
	uint64_t retry_after_ms, int64_t started_ms, struct lm_err *err)
{
	bool again = engine->failed_ms == 0 || started_ms >= engine->failed_ms;
	uint64_t failures = engine->run.consecutive_failures + (again || engine->run.consecutive_failures == 0 ? 1 : 0);
	uint64_t wait_ms = lm_engine_backoff_ms(engine, failures, retry_after_ms);
	int64_t next_ms = lm_engine_now_ms(engine) + (int64_t)wait_ms;

	if (next_ms < engine->run.next_retry_at_ms)
		next_ms = engine->run.next_retry_at_ms;
	engine->failed_ms = lm_engine_now_ms(engine);
	engine->changed = true;
	engine->failed_here += again ? 1 : 0;
	if (again && lm_runs_backoff(engine->runs, &engine->lease, error_class, text, next_ms, err) < 0)
		return -1;
	engine->run.consecutive_failures = failures;
	engine->run.next_retry_at_ms = next_ms;
	return lm_engine_event(engine, err, "batch_submit_retry", "{s:I, s:s, s:s, s:I, s:I}", "batch", (json_int_t)work->seq,
		"error_class", error_class, "error", text, "failures", (json_int_t)failures, "wait_ms", (json_int_t)wait_ms);
}

int
lm_engine_back_off(
	struct lm_engine *engine, struct lm_work *work, const char *error_class, const char *text, struct lm_err *err)
{
	return back_off(engine, work, error_class, text, 0, INT64_MAX, err);
}

static int
all_is_well(struct lm_engine *engine, struct lm_err *err)
{
	engine->failed_here = 0;
	if (engine->run.consecutive_failures == 0)
		return 0;
	// a batch that could be created says nothing of those that fail afterwards
	if (engine->run.last_error_class != nullptr && lm_cstr_starts(engine->run.last_error_class, ended_prefix))
		return 0;
	engine->changed = true;
	return lm_engine_well(engine, err);
}

int
lm_engine_well(struct lm_engine *engine, struct lm_err *err)
{
	// what ends the command stays to be seen, also when calls that were on their way then succeed
	if (engine->final || engine->run.consecutive_failures == 0)
		return 0;
	engine->run.consecutive_failures = 0;
	engine->run.next_retry_at_ms = 0;
	engine->changed = true;
	return lm_runs_backoff(engine->runs, &engine->lease, nullptr, nullptr, 0, err);
}

// The provider's queue is full of our own batches: it will have room when they are through, however long that takes.
static bool
waits_for_our_own(const struct lm_engine *engine, const struct lm_job *job)
{
	if (!lm_cstr_equal(job->call.error_class, "enqueue_token_limit"))
		return false;
	for (size_t i = 0; i < engine->work_count; i++)
		if (engine->works[i].state == LM_BATCH_ACTIVE)
			return true;
	return false;
}

static int
fail_call(struct lm_engine *engine, const struct lm_job *job, struct lm_err *err)
{
	*err = job->err;
	engine->final = true;
	return lm_err_wrap(err, "cannot %s batch %" PRId64 " of run '%s'", lm_job_name(job->kind), job->seq, engine->run_id);
}

// Submissions failed as often as they may. A step goes by what was recorded, since it never sees more than one failure.
static bool
failed_too_often(const struct lm_engine *engine)
{
	uint64_t tries = engine->one_round ? engine->run.consecutive_failures : engine->failed_here;
	return tries >= engine->config.max_batch_attempts;
}

// A submission that may be tried again; the batch is READY.
static int
submit_later(struct lm_engine *engine, struct lm_work *work, const struct lm_job *job, struct lm_err *err)
{
	if (back_off(engine, work, job->call.error_class, job->err.text, job->call.retry_after_ms, job->started_ms, err) < 0)
		return -1;
	work->next_at_ms = engine->run.next_retry_at_ms;
	if (failed_too_often(engine) && !waits_for_our_own(engine, job))
		return fail_call(engine, job, err);
	return 0;
}

// CREATING -> READY: it is known not to be at the provider.
static int
not_created(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	if (lm_batch_not_created(engine->runs, &work->lease, work->seq, err) < 0)
		return -1;
	LM_KILL_POINT("batch: known not to be created");
	work->state = LM_BATCH_READY;
	work->next_at_ms = 0;
	engine->changed = true;
	return 0;
}

// The provider refused it: its items are free again, the run shows the provider's words, and the command ends with them.
static int
refused(struct lm_engine *engine, struct lm_work *work, const struct lm_job *job, struct lm_err *err)
{
	if (lm_engine_event(engine, err, "batch_refused", "{s:I, s:s, s:s, s:s}", "batch", (json_int_t)work->seq, "call",
		    lm_job_name(job->kind), "error_class", job->call.error_class, "error", job->err.text) < 0)
		return -1;
	if (lm_runs_backoff(engine->runs, &engine->lease, job->call.error_class, job->err.text, 0, err) < 0)
		return -1;
	LM_KILL_POINT("batch: refusal recorded");
	if (work->state == LM_BATCH_CREATING && not_created(engine, work, err) < 0)
		return -1;
	if (lm_engine_release(engine, work, err) < 0)
		return -1;
	return fail_call(engine, job, err);
}

// Nobody waits for it, and nothing depends on it.
void
lm_engine_forget_file(struct lm_engine *engine, struct lm_work *work)
{
	if (work->input_ref == nullptr || work->input_ref[0] == '\0')
		return;
	struct lm_job *job = lm_engine_job(engine, work, LM_JOB_FORGET);
	lm_free(lm_take(&work->input_ref));
	work->uploaded = false;
	lm_calls_start(engine->calls, job);
}

void
lm_engine_forget_files(struct lm_engine *engine)
{
	for (size_t i = 0; i < engine->work_count; i++)
		if (engine->works[i].uploaded && engine->works[i].state == LM_BATCH_READY && !engine->works[i].busy)
			lm_engine_forget_file(engine, &engine->works[i]);
}

// ---- upload

static void
start_upload(struct lm_engine *engine, struct lm_work *work)
{
	struct lm_job *job = lm_engine_job(engine, work, LM_JOB_UPLOAD);

	job->path = lm_run_folder_file(&engine->folder, LM_FILE_REQUEST, work->seq);
	job->verify = !work->made_here;
	job->intent_at_s = lm_engine_now_ms(engine) / 1000;
	job->ref[0] = '\0';
	lm_engine_start(engine, work, job);
}

static int
upload_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	if (job->done) {
		LM_KILL_POINT("batch: uploaded");
		lm_free(work->input_ref);
		work->input_ref = lm_strdup(job->ref);
		work->uploaded = true;
		work->made_here = true; // it was checked
		work->next_at_ms = 0;
		return 0;
	}
	if (job->damaged) {
		lm_emit_warning(engine->options.sink, "batch %" PRId64 " is made anew: %s", work->seq, job->err.text);
		return lm_engine_release(engine, work, err);
	}
	switch (job->call.fate) {
	case LM_CALL_REFUSED:
		return refused(engine, work, job, err);
	case LM_CALL_PAUSE:
		return lm_engine_pause(engine, job->err.text, err);
	default:
		return submit_later(engine, work, job, err);
	}
}

// ---- create

// Record the intent, then create. No room in the scope: later.
static int
start_create(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *scope = lm_engine_scope(engine);
	int64_t now_s = lm_engine_now_ms(engine) / 1000;
	uint64_t before_ms = lm_clock_monotonic_ms();
	int rc = lm_batch_creating(
		engine->runs, &work->lease, work->seq, work->input_ref, scope, lm_engine_scope_limit(engine), now_s, err);

	if (rc < 0)
		return -1;
	work->no_room = rc == 0;
	if (rc == 0) {
		work->next_at_ms = lm_engine_now_ms(engine) + (int64_t)engine->config.poll_interval_ms;
		return 0;
	}
	LM_KILL_POINT("batch: intent recorded");
	work->state = LM_BATCH_CREATING;
	work->intent_at_s = now_s;
	engine->changed = true;
	struct lm_job *job = lm_engine_job(engine, work, LM_JOB_CREATE);
	job->path = lm_run_folder_file(&engine->folder, LM_FILE_REQUEST, work->seq);
	job->not_after_ms = before_ms + engine->lease_ms / 3;
	lm_engine_start(engine, work, job);
	return 0;
}

static int
created(struct lm_engine *engine, struct lm_work *work, const struct lm_job *job, const char *event, struct lm_err *err)
{
	LM_KILL_POINT("batch: created");
	if (lm_batch_active(engine->runs, &work->lease, work->seq, job->batch_id, err) < 0)
		return -1;
	LM_KILL_POINT("batch: active recorded");
	lm_free(work->batch_id);
	work->batch_id = lm_strdup(job->batch_id);
	work->state = LM_BATCH_ACTIVE;
	work->uploaded = false; // the file is the batch's
	work->failures = work->failures_here = 0;
	work->poll_ms = LM_ENGINE_FIRST_POLL_MS;
	work->next_at_ms = lm_engine_now_ms(engine) + (int64_t)work->poll_ms;
	engine->changed = true;
	if (all_is_well(engine, err) < 0)
		return -1;
	return lm_engine_event(engine, err, event, "{s:I, s:s, s:I, s:s}", "batch", (json_int_t)work->seq, "provider_batch_id",
		job->batch_id, "submitted_item_count", (json_int_t)work->item_count, "intent_id", job->intent_id);
}

static int
create_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	if (job->done)
		return created(engine, work, job, "batch_submitted", err);
	switch (job->call.fate) {
	case LM_CALL_REFUSED:
		lm_engine_forget_file(engine, work);
		return refused(engine, work, job, err);
	case LM_CALL_PAUSE:
		if (not_created(engine, work, err) < 0)
			return -1;
		lm_engine_forget_file(engine, work);
		return lm_engine_pause(engine, job->err.text, err);
	case LM_CALL_LATER:
		if (not_created(engine, work, err) < 0)
			return -1;
		return submit_later(engine, work, job, err);
	default:
		work->next_at_ms = 0; // looked for at once
		if (lm_engine_event(engine, err, "batch_outcome_unknown", "{s:I, s:s}", "batch", (json_int_t)work->seq, "error",
			    job->err.text) < 0)
			return -1;
		return back_off(
			engine, work, job->call.error_class, job->err.text, job->call.retry_after_ms, job->started_ms, err);
	}
}

// ---- looking for a batch of unknown outcome

// What a person can do about it, word for word.
static char *
tell_candidates(const struct lm_engine *engine, const struct lm_work *work, const struct lm_search *search)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	LM_AUTO(lm_free_ptr)
	char *command = lm_format("lamina-batch resolve --run-id %s --batch %" PRId64, engine->run_id, work->seq);
	char time[LM_TIME_TEXT];

	lm_time_format(work->intent_at_s, time);
	lm_buf_format(&text, "it cannot be told whether this batch was created (%" PRIu64 " items, sent %s):", work->item_count,
		time);
	for (size_t i = 0; i < search->candidate_count && i < LM_CANDIDATES_MAX; i++) {
		(void)snprintf(time, sizeof time, "at an unknown time");
		if (search->candidates[i].created_s > 0)
			lm_time_format(search->candidates[i].created_s, time);
		lm_buf_format(&text, " '%s --created %s' if it is the one made %s;", command, search->candidates[i].id, time);
	}
	if (search->candidate_count > LM_CANDIDATES_MAX)
		lm_buf_format(&text, " %zu older ones may be it, too;", search->candidate_count - LM_CANDIDATES_MAX);
	lm_buf_format(&text, " '%s --not-created' if it is none; when they have ended, 'wait' tells by itself", command);
	return lm_strdup(lm_buf_cstr(&text));
}

static int
cannot_tell(struct lm_engine *engine, struct lm_work *work, const struct lm_search *search, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = tell_candidates(engine, work, search);
	bool news = work->state != LM_BATCH_UNKNOWN;

	work->failures_here++;
	work->next_at_ms = lm_engine_now_ms(engine) +
		(int64_t)lm_engine_backoff_ms(engine, work->failures_here, engine->config.poll_interval_ms);
	if (work->failures_here >= engine->config.max_batch_attempts) {
		work->parked = true;
		if (!engine->parked)
			(void)lm_err_set(&engine->failure, LM_E_CONFLICT, "batch %" PRId64 " of run '%s': %s", work->seq,
				engine->run_id, text);
		engine->parked = true;
	}
	if (lm_batch_unknown(engine->runs, &work->lease, work->seq, text, err) < 0)
		return -1;
	if (!news)
		return 0;
	work->state = LM_BATCH_UNKNOWN;
	engine->changed = true;
	lm_emit_warning(engine->options.sink, "batch %" PRId64 " of run '%s': %s", work->seq, engine->run_id, text);
	return lm_engine_event(engine, err, "batch_unknown", "{s:I, s:s}", "batch", (json_int_t)work->seq, "error", text);
}

// Not there: looked for again when the provider had time to show it, and then made again under the same intent.
static int
not_found(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	// intent_at_s is whole seconds: one more is on the safe side
	int64_t sure_at_ms = (work->intent_at_s + 1) * 1000 + (int64_t)engine->config.adopt_grace_ms;

	if (work->search_ms < sure_at_ms) {
		work->next_at_ms = sure_at_ms;
		return lm_engine_event(engine, err, "batch_not_found_yet", "{s:I}", "batch", (json_int_t)work->seq);
	}
	if (not_created(engine, work, err) < 0)
		return -1;
	lm_engine_forget_file(engine, work); // should the create still be on its way, it fails
	if (lm_engine_event(engine, err, "batch_not_created", "{s:I}", "batch", (json_int_t)work->seq) < 0)
		return -1;
	if (!failed_too_often(engine) || engine->run.control == LM_CONTROL_CANCELLED)
		return 0;
	engine->final = true;
	return lm_err_set(err, LM_E_NETWORK, "cannot create batch %" PRId64 " of run '%s': %s", work->seq, engine->run_id,
		engine->run.last_error_text != nullptr ? engine->run.last_error_text : "the provider does not have it");
}

static int
find_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	if (!job->done) {
		if (job->search->steps > work->search_steps) // each one that brings it further is a first one
			work->failures = work->failures_here = 0;
		work->search_steps = job->search->steps;
		work->search = lm_take(&job->search);
		return lm_engine_try_later(engine, work, job, err);
	}
	LM_KILL_POINT("batch: looked for");
	switch (job->found) {
	case LM_FOUND_ONE:
		return created(engine, work, job, "batch_adopted", err);
	case LM_FOUND_NONE:
		return not_found(engine, work, err);
	case LM_FOUND_CANNOT_TELL:
		break;
	}
	return cannot_tell(engine, work, job->search, err);
}

// Other processes may work on some of the known ones, so the store is asked.
static int
start_find(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	struct lm_batch_row *rows = nullptr;
	size_t count = 0;

	if (lm_runs_batches(engine->runs, engine->run.key, 1u << LM_BATCH_ACTIVE | 1u << LM_BATCH_FETCHED, 0, LM_KNOWN_MAX,
		    &rows, &count, err) < 0)
		return -1;
	struct lm_job *job = lm_engine_job(engine, work, LM_JOB_FIND);
	if (work->search == nullptr) {
		work->search = lm_search_new();
		work->search_ms = lm_engine_now_ms(engine);
		work->search_steps = 0;
	}
	job->search = lm_take(&work->search);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].provider_batch_id != nullptr)
			lm_strings_add(&job->known, rows[i].provider_batch_id);
		lm_batch_row_release(&rows[i]);
	}
	lm_free(rows);
	lm_engine_start(engine, work, job);
	return 0;
}

// ---- what is next

// Submissions of this run wait until then; 0: they need not.
static int64_t
wait_until_ms(const struct lm_engine *engine)
{
	return engine->run.next_retry_at_ms > lm_engine_now_ms(engine) ? engine->run.next_retry_at_ms : 0;
}

int
lm_engine_submit(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	bool cancelled = engine->run.control == LM_CONTROL_CANCELLED;

	switch (work->state) {
	case LM_BATCH_BUILDING: // of a dead process
		return lm_engine_release(engine, work, err);
	case LM_BATCH_READY:
		if (cancelled) {
			lm_engine_forget_file(engine, work);
			return lm_engine_release(engine, work, err);
		}
		work->next_at_ms = wait_until_ms(engine);
		if (work->next_at_ms > 0)
			return 0;
		if (work->uploaded)
			return start_create(engine, work, err);
		start_upload(engine, work);
		return 0;
	default: // CREATING without a call, or UNKNOWN
		return start_find(engine, work, err);
	}
}

int
lm_engine_submit_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err)
{
	switch (job->kind) {
	case LM_JOB_UPLOAD:
		return upload_done(engine, work, job, err);
	case LM_JOB_CREATE:
		return create_done(engine, work, job, err);
	default:
		return find_done(engine, work, job, err);
	}
}
