// The loop: take back what calls brought, start what is due, build the next batch while the network works.
#include "batch/engine_parts.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/kill_point.h"

#include <inttypes.h>

enum {
	LM_LOOP_QUEUE = 4, // calls per thread that may be started and not back
};

static bool
is_sending(const struct lm_work *work)
{
	return work->state == LM_BATCH_BUILDING || work->state == LM_BATCH_READY || work->state == LM_BATCH_CREATING;
}

static void
fail(struct lm_engine *engine, const struct lm_err *err)
{
	engine->stopping = true;
	if (engine->failed)
		return;
	engine->failed = true;
	engine->failure = *err;
}

// The outcome of something done with one batch: where several processes share a run, a lost lease ends the work on that batch
// and nothing else.
static int
settle(struct lm_engine *engine, struct lm_work *work, int rc, struct lm_err *err)
{
	// LM_E_NOT_FOUND: another process gave it up, since the run was cancelled
	if (rc == 0 || !engine->shared || engine->final || (err->code != LM_E_CONFLICT && err->code != LM_E_NOT_FOUND))
		return rc;
	lm_emit_note(engine->options.sink, "%s", err->text);
	work->gone = true;
	engine->changed = true;
	lm_err_clear(err);
	return 0;
}

// ---- what calls brought

static int
take_job(struct lm_engine *engine, struct lm_job *job, struct lm_err *err)
{
	struct lm_work *work = lm_engine_work(engine, job->seq);

	if (job->kind == LM_JOB_FORGET && !job->done && !lm_cstr_equal(job->call.error_class, "not_found"))
		return lm_engine_event(engine, err, "remote_file_left", "{s:I, s:s, s:s}", "batch", (json_int_t)job->seq,
			"file", job->ref, "error", job->err.text);
	if (job->kind == LM_JOB_FORGET || work == nullptr)
		return 0;
	work->busy = false;
	if (work->gone)
		return 0;
	if (!job->done && job->err.code == LM_E_INTERRUPTED) { // no failure of the provider; a create is looked for next time
		*err = job->err;
		return -1;
	}
	bool submits = job->kind == LM_JOB_UPLOAD || job->kind == LM_JOB_CREATE || job->kind == LM_JOB_FIND;
	int rc = submits ? lm_engine_submit_done(engine, work, job, err) : lm_engine_collect_done(engine, work, job, err);
	return settle(engine, work, rc, err);
}

// All that are back, after waiting for the first. Returns whether there was one.
static bool
take_back(struct lm_engine *engine, uint64_t wait_ms)
{
	bool any = false;

	for (struct lm_job *job; (job = lm_calls_take(engine->calls, wait_ms)) != nullptr; wait_ms = 0) {
		struct lm_err err = {};
		any = true;
		if (take_job(engine, job, &err) < 0)
			fail(engine, &err);
		lm_job_free(job);
	}
	return any;
}

// ---- what is due

static bool
may_build(const struct lm_engine *engine)
{
	const struct lm_run_row *run = &engine->run;
	size_t sending = 0;

	if (run->control != LM_CONTROL_RUNNING || !run->ingest_complete || run->next_retry_at_ms > lm_engine_now_ms(engine) ||
		run->counts[LM_ITEM_PENDING] + run->counts[LM_ITEM_RETRYABLE] == 0)
		return false;
	for (size_t i = 0; i < engine->work_count; i++) {
		const struct lm_work *work = &engine->works[i];
		sending += is_sending(work) && !work->gone ? 1 : 0;
		if (is_sending(work) && work->no_room)
			return false;
	}
	return sending < LM_ENGINE_SENDING;
}

// 1 when something was done with it (that may take a while), 0 when not.
static int
go_on(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	bool takes_long = work->state == LM_BATCH_FETCHED;
	bool submits = is_sending(work) || work->state == LM_BATCH_UNKNOWN;
	int rc = submits ? lm_engine_submit(engine, work, err) : lm_engine_collect(engine, work, err);

	if (settle(engine, work, rc, err) < 0)
		return -1;
	return takes_long ? 1 : 0;
}

// One round polls a batch once. Where a call takes longer than the time between two polls, and there are some batches, another poll
// would be due each time that one comes back, and the round would go on until they have ended.
static bool
has_had_its_turn(const struct lm_engine *engine, const struct lm_work *work)
{
	bool cancel = engine->run.control == LM_CONTROL_CANCELLED && !work->cancel_asked;
	return engine->one_round && work->polled && work->state == LM_BATCH_ACTIVE && !cancel;
}

static int
go_on_with_works(struct lm_engine *engine, bool *any, struct lm_err *err)
{
	size_t calls_max = (size_t)engine->options.parallel_calls * LM_LOOP_QUEUE;

	for (size_t i = 0; i < engine->work_count; i++) {
		struct lm_work *work = &engine->works[i];
		if (work->busy || work->gone || work->parked || work->next_at_ms > lm_engine_now_ms(engine) ||
			has_had_its_turn(engine, work))
			continue;
		if (lm_calls_running(engine->calls) >= calls_max && work->state != LM_BATCH_FETCHED)
			continue;
		int64_t before_ms = work->next_at_ms;
		enum lm_batch_state before = work->state;
		int rc = go_on(engine, work, err);
		if (rc < 0)
			return -1;
		*any = *any || rc == 1 || work->busy || work->gone || work->state != before || work->next_at_ms != before_ms;
		if (rc == 1)
			break; // look at what calls brought in between
	}
	lm_engine_sweep_works(engine);
	return 0;
}

// A cancelled run: what is not at the provider is marked at once, what comes back unanswered at the end.
static int
go_on_with_cancel(struct lm_engine *engine, struct lm_err *err)
{
	const uint64_t *counts = engine->run.counts;
	bool open = counts[LM_ITEM_PENDING] + counts[LM_ITEM_RETRYABLE] > 0 || !engine->run.ingest_complete;

	if (engine->run.control != LM_CONTROL_CANCELLED || !open)
		return 0;
	for (size_t i = 0; i < engine->work_count; i++) // those are given up one by one, with their files
		if (engine->works[i].state == LM_BATCH_BUILDING || engine->works[i].state == LM_BATCH_READY)
			return 0;
	LM_KILL_POINT("run: before cancelling items");
	if (lm_runs_finish_cancel(engine->runs, &engine->lease, err) < 0)
		return -1;
	LM_KILL_POINT("run: items cancelled");
	if (lm_engine_look(engine, err) < 0)
		return -1;
	return lm_engine_event(engine, err, "items_cancelled", "{s:I}", "failed_items", (json_int_t)counts[LM_ITEM_PERMANENT]);
}

static int
start_due(struct lm_engine *engine, bool *any, struct lm_err *err)
{
	int rc = lm_engine_own_run(engine, err);

	if (rc <= 0)
		return rc;
	if (!engine->run.ingest_complete && engine->run.control == LM_CONTROL_RUNNING) {
		*any = true;
		return lm_engine_ingest(engine, err);
	}
	bool look_around = engine->shared && lm_clock_monotonic_ms() - engine->adopted_ms >= LM_ENGINE_ADOPT_MS;
	if ((!engine->adopted || look_around) && lm_engine_adopt(engine, err) < 0)
		return -1;
	if (go_on_with_works(engine, any, err) < 0 || go_on_with_cancel(engine, err) < 0)
		return -1;
	if (!may_build(engine))
		return 0;
	rc = lm_engine_build(engine, err);
	*any = *any || rc == 1;
	engine->changed = true; // somebody else may have what there was
	return rc < 0 ? -1 : 0;
}

// ---- when

int64_t
lm_engine_next_ms(const struct lm_engine *engine)
{
	const struct lm_run_row *run = &engine->run;
	int64_t next = INT64_MAX;

	if (run->finished || run->control == LM_CONTROL_PAUSED)
		return next;
	if (run->control == LM_CONTROL_RUNNING && run->counts[LM_ITEM_PENDING] + run->counts[LM_ITEM_RETRYABLE] > 0)
		next = run->next_retry_at_ms;
	for (size_t i = 0; i < engine->work_count; i++) {
		const struct lm_work *work = &engine->works[i];
		if (work->no_room && next < work->next_at_ms) // no other is built before this one has room
			next = work->next_at_ms;
	}
	for (size_t i = 0; i < engine->work_count; i++) {
		const struct lm_work *work = &engine->works[i];
		if (!work->busy && !work->gone && !work->parked && !has_had_its_turn(engine, work) && work->next_at_ms < next)
			next = work->next_at_ms;
	}
	return next;
}

static uint64_t
pause_ms(const struct lm_engine *engine, int64_t deadline_ms)
{
	int64_t until = lm_engine_next_ms(engine), now = lm_engine_now_ms(engine);

	if (deadline_ms > 0 && deadline_ms < until)
		until = deadline_ms;
	if (until <= now)
		return 1;
	return until - now < LM_ENGINE_LOOK_MS ? (uint64_t)(until - now) : LM_ENGINE_LOOK_MS;
}

// Is there nothing left that could go on without the batches whose calls failed for good?
static bool
only_parked(const struct lm_engine *engine)
{
	if (!engine->parked || may_build(engine))
		return false;
	for (size_t i = 0; i < engine->work_count; i++)
		if (!engine->works[i].parked && !engine->works[i].gone)
			return false;
	return true;
}

static void
look_when_due(struct lm_engine *engine)
{
	struct lm_err err = {};

	if (lm_cancel_check(&err) < 0 || lm_engine_renew(engine, &err) < 0)
		fail(engine, &err);
	bool due = engine->changed || lm_clock_monotonic_ms() - engine->looked_ms >= LM_ENGINE_LOOK_MS;
	if (due && lm_engine_look(engine, &err) < 0)
		fail(engine, &err);
}

// Nothing runs and nothing is due: is that the end? 2: no.
static int
come_to_an_end(const struct lm_engine *engine, int64_t deadline_ms, struct lm_err *err)
{
	if (engine->failed || only_parked(engine) || (engine->one_round && engine->parked)) {
		*err = engine->failure;
		return -1;
	}
	if (engine->run.finished)
		return 0;
	if (engine->one_round || engine->run.control == LM_CONTROL_PAUSED)
		return 1;
	return deadline_ms > 0 && lm_engine_now_ms(engine) >= deadline_ms ? 1 : 2;
}

int
lm_engine_loop(struct lm_engine *engine, int64_t deadline_ms, bool one_round, struct lm_err *err)
{
	engine->one_round = one_round;
	engine->stopping = false;
	for (size_t i = 0; i < engine->work_count; i++)
		engine->works[i].polled = false;
	if (deadline_ms > 0)
		deadline_ms += lm_engine_now_ms(engine) - lm_clock_now_ms();
	for (bool any = false;; any = false) {
		any = take_back(engine, 0);
		look_when_due(engine);
		bool stop = engine->stopping || engine->run.finished || engine->run.control == LM_CONTROL_PAUSED ||
			(deadline_ms > 0 && lm_engine_now_ms(engine) >= deadline_ms);
		struct lm_err why = {};
		if (!stop && start_due(engine, &any, &why) < 0)
			fail(engine, &why);
		if (any)
			continue;
		if (lm_calls_running(engine->calls) > 0) {
			(void)take_back(engine, pause_ms(engine, stop ? 0 : deadline_ms));
			continue;
		}
		int rc = engine->changed ? 2 : come_to_an_end(engine, deadline_ms, err);
		if (rc != 2)
			return rc;
		if (!engine->changed)
			(void)lm_clock_sleep_ms(pause_ms(engine, deadline_ms));
	}
}
