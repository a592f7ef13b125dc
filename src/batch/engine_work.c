// The batches that this process works on, and what all steps with them share: intents, back-off, giving back.
#include "batch/engine_parts.h"

#include "os/clock.h"
#include "os/kill_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	LM_ADOPT_PAGE = 200,
	LM_BACKOFF_DOUBLINGS = 10,
};

void
lm_engine_intent(const struct lm_engine *engine, int64_t seq, char out[LM_INTENT_DIGITS + 1])
{
	LM_AUTO(lm_free_ptr) char *text = lm_format("%s:%s:%" PRId64, engine->run.nonce, engine->run_id, seq);
	char hex[LM_DIGEST_HEX];
	struct lm_digest digest;

	lm_sha256_bytes(text, strlen(text), &digest);
	lm_digest_hex(&digest, hex);
	memcpy(out, hex, LM_INTENT_DIGITS);
	out[LM_INTENT_DIGITS] = '\0';
}

// ---- the table of works

struct lm_work *
lm_engine_work(struct lm_engine *engine, int64_t seq)
{
	size_t low = 0, high = engine->work_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (engine->works[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < engine->work_count && engine->works[low].seq == seq ? &engine->works[low] : nullptr;
}

struct lm_work *
lm_engine_work_add(struct lm_engine *engine, int64_t seq, const struct lm_lease *lease)
{
	lm_grow(engine->works, engine->work_count, engine->work_cap);
	size_t at = engine->work_count++;
	for (; at > 0 && engine->works[at - 1].seq > seq; at--) // numbers rise: rarely more than one step
		engine->works[at] = engine->works[at - 1];
	engine->works[at] = (struct lm_work){
		.seq = seq,
		.lease = *lease,
		.poll_ms = LM_ENGINE_FIRST_POLL_MS,
	};
	return &engine->works[at];
}

void
lm_work_release(struct lm_work *work)
{
	lm_free(work->input_ref);
	lm_free(work->batch_id);
	lm_free(work->status);
	lm_free(work->output_ref);
	lm_free(work->error_ref);
	lm_free(work->error_class);
	lm_free(work->error_text);
	lm_search_free(work->search);
	*work = (struct lm_work){};
}

void
lm_engine_sweep_works(struct lm_engine *engine)
{
	size_t kept = 0;

	for (size_t i = 0; i < engine->work_count; i++)
		if (engine->works[i].gone && !engine->works[i].busy)
			lm_work_release(&engine->works[i]);
		else
			engine->works[kept++] = engine->works[i];
	engine->work_count = kept;
}

// ---- what dead processes left

static void
take_row(const struct lm_engine *engine, struct lm_work *work, struct lm_batch_row *row)
{
	work->state = row->state;
	work->item_count = row->item_count;
	work->tokens = row->tokens;
	work->digest = row->request_digest;
	for (size_t i = 0; i < LM_COUNT(work->answer_digests); i++) {
		work->answer_digests[i] = row->answer_digests[i];
		work->has_answer_digest[i] = row->has_answer_digest[i];
	}
	work->intent_at_s = row->intent_at_s;
	work->input_ref = lm_take(&row->input_ref);
	work->batch_id = lm_take(&row->provider_batch_id);
	work->status = lm_take(&row->status);
	work->output_ref = lm_take(&row->output_ref);
	work->error_ref = lm_take(&row->error_ref);
	work->consumed[0] = row->consumed_bytes[0];
	work->consumed[1] = row->consumed_bytes[1];
	work->failures = row->failures;
	work->next_at_ms = lm_engine_not_later(engine, row->next_try_at_ms);
	if (row->state == LM_BATCH_FETCHED) {
		work->error_class = lm_take(&row->error_class);
		work->error_text = lm_take(&row->error_text);
	}
}

static const unsigned left_behind = 1u << LM_BATCH_BUILDING | 1u << LM_BATCH_READY | 1u << LM_BATCH_CREATING |
	1u << LM_BATCH_UNKNOWN | 1u << LM_BATCH_ACTIVE | 1u << LM_BATCH_FETCHED;

// Take one over: its row is read again under the lease, since its owner may have gone on with it meanwhile.
static int
adopt_shared(struct lm_engine *engine, int64_t seq, struct lm_err *err)
{
	struct lm_batch_row *rows = nullptr;
	struct lm_lease lease;
	size_t count = 0;
	int rc = lm_engine_take(engine, seq, &lease, nullptr, err);

	if (rc <= 0)
		return rc;
	rc = lm_runs_batches(engine->runs, engine->run.key, left_behind, seq - 1, 1, &rows, &count, err);
	if (rc == 0 && count == 1 && rows[0].seq == seq)
		take_row(engine, lm_engine_work_add(engine, seq, &lease), &rows[0]);
	else
		lm_lease_drop(engine->runs, &lease);
	for (size_t i = 0; i < count; i++)
		lm_batch_row_release(&rows[i]);
	lm_free(rows);
	return rc;
}

// A page of batches; *after becomes the last of it. Returns how many there were, or -1.
static int
adopt_page(struct lm_engine *engine, int64_t *after, struct lm_err *err)
{
	struct lm_batch_row *rows = nullptr;
	size_t count = 0;
	int rc = lm_runs_batches(engine->runs, engine->run.key, left_behind, *after, LM_ADOPT_PAGE, &rows, &count, err);

	for (size_t i = 0; i < count; i++) {
		*after = rows[i].seq;
		if (rc == 0 && lm_engine_work(engine, rows[i].seq) == nullptr) {
			if (engine->shared)
				rc = adopt_shared(engine, rows[i].seq, err);
			else
				take_row(engine, lm_engine_work_add(engine, rows[i].seq, &engine->lease), &rows[i]);
		}
		lm_batch_row_release(&rows[i]);
	}
	lm_free(rows);
	return rc < 0 ? -1 : (int)count;
}

int
lm_engine_adopt(struct lm_engine *engine, struct lm_err *err)
{
	int64_t after = 0;
	int count;

	do {
		count = adopt_page(engine, &after, err);
		if (count < 0)
			return -1;
	} while (count == LM_ADOPT_PAGE);
	engine->adopted = true;
	engine->adopted_ms = lm_clock_monotonic_ms();
	return 0;
}

// ---- calls of a batch

struct lm_job *
lm_engine_job(struct lm_engine *engine, struct lm_work *work, enum lm_job_kind kind)
{
	struct lm_job *job = lm_alloc(sizeof(*job));

	job->kind = kind;
	job->seq = work->seq;
	job->run_id = engine->run_id;
	lm_engine_intent(engine, work->seq, job->intent_id);
	job->item_count = work->item_count;
	job->intent_at_s = work->intent_at_s;
	job->digest = work->digest;
	if (work->batch_id != nullptr)
		(void)snprintf(job->batch_id, sizeof(job->batch_id), "%s", work->batch_id);
	if (work->input_ref != nullptr)
		(void)snprintf(job->ref, sizeof(job->ref), "%s", work->input_ref);
	return job;
}

void
lm_engine_start(struct lm_engine *engine, struct lm_work *work, struct lm_job *job)
{
	work->busy = true;
	job->started_ms = lm_engine_now_ms(engine);
	lm_calls_start(engine->calls, job);
}

uint64_t
lm_engine_backoff_ms(const struct lm_engine *engine, uint64_t failures, uint64_t retry_after_ms)
{
	uint64_t doublings = failures == 0 ? 0 : failures - 1;
	uint64_t wait_ms = engine->config.base_backoff_ms;

	for (uint64_t i = 0; i < doublings && i < LM_BACKOFF_DOUBLINGS && wait_ms < engine->config.max_backoff_ms; i++)
		wait_ms *= 2;
	if (wait_ms > engine->config.max_backoff_ms)
		wait_ms = engine->config.max_backoff_ms;
	if (retry_after_ms > LM_ENGINE_RETRY_AFTER_MAX_MS)
		retry_after_ms = LM_ENGINE_RETRY_AFTER_MAX_MS;
	return retry_after_ms > wait_ms ? retry_after_ms : wait_ms;
}

// Nothing more is done with it here. Other batches go on; the command ends with this error when they are through.
static void
park(struct lm_engine *engine, struct lm_work *work, const struct lm_job *job)
{
	work->parked = true;
	if (engine->parked || engine->failed)
		return;
	engine->parked = true;
	engine->failure = job->err;
	(void)lm_err_wrap(
		&engine->failure, "cannot %s batch %" PRId64 " of run '%s'", lm_job_name(job->kind), work->seq, engine->run_id);
	if ((work->state == LM_BATCH_ACTIVE || work->state == LM_BATCH_FETCHED) &&
		lm_cstr_equal(job->call.error_class, "not_found"))
		lm_err_append(&engine->failure,
			"; if it is gone for good, 'lamina-batch resolve --run-id %s --batch %" PRId64
			" --not-created' has its items sent "
			"again",
			engine->run_id, work->seq);
}

int
lm_engine_try_later(struct lm_engine *engine, struct lm_work *work, const struct lm_job *job, struct lm_err *err)
{
	work->failures++;
	work->failures_here++;
	uint64_t wait_ms = lm_engine_backoff_ms(engine, work->failures, job->call.retry_after_ms);
	work->next_at_ms = lm_engine_now_ms(engine) + (int64_t)wait_ms;
	if (lm_batch_tried(engine->runs, &work->lease, work->seq, nullptr, job->call.error_class, job->err.text,
		    work->next_at_ms, err) < 0)
		return -1;
	uint64_t tries = engine->one_round ? work->failures : work->failures_here;
	if (job->call.fate == LM_CALL_REFUSED || tries >= engine->config.max_batch_attempts)
		park(engine, work, job);
	return lm_engine_event(engine, err, "batch_retry", "{s:I, s:s, s:s, s:s, s:I, s:I}", "batch", (json_int_t)work->seq,
		"call", lm_job_name(job->kind), "error_class", job->call.error_class, "error", job->err.text, "failures",
		(json_int_t)work->failures, "wait_ms", (json_int_t)wait_ms);
}

// ---- the run

static void
tell_progress(struct lm_engine *engine)
{
	const struct lm_run_row *run = &engine->run;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	uint64_t tokens = 0;

	if (!run->ingest_complete) // reading tells its own
		return;
	for (size_t i = 0; i < engine->work_count; i++)
		tokens += engine->works[i].state == LM_BATCH_ACTIVE && !engine->works[i].gone ? engine->works[i].tokens : 0;
	for (int i = 0; i < LM_ITEM_STATUS_COUNT; i++)
		if (run->counts[i] > 0)
			lm_buf_format(&text, "%" PRIu64 " %s, ", run->counts[i], lm_item_status_name((enum lm_item_status)i));
	lm_buf_format(&text, "%" PRIu64 " of %" PRIu64 " batches active", run->active_batches, run->batch_count);
	if (tokens > 0)
		lm_buf_format(&text, ", about %" PRIu64 " tokens", tokens);
	lm_emit(engine->options.sink,
		&(struct lm_event){ .kind = LM_EVENT_PROGRESS,
			.step = "run",
			.subject = engine->run_id,
			.text = lm_buf_cstr(&text),
			.items = true,
			.done_bytes = run->counts[LM_ITEM_COMPLETED] + run->counts[LM_ITEM_PERMANENT],
			.total_bytes = run->item_count });
}

int
lm_engine_look(struct lm_engine *engine, struct lm_err *err)
{
	struct lm_run_row run = {};

	if (lm_runs_load(engine->runs, engine->run_id, &run, err) < 0)
		return -1;
	lm_run_row_release(&engine->run);
	engine->run = run;
	engine->run.next_retry_at_ms = lm_engine_not_later(engine, run.next_retry_at_ms);
	engine->looked_ms = lm_clock_monotonic_ms();
	engine->changed = false;
	tell_progress(engine);
	return 0;
}

int
lm_engine_pause(struct lm_engine *engine, const char *text, struct lm_err *err)
{
	static const char reason[] = "openai_insufficient_quota";

	if (engine->run.control != LM_CONTROL_RUNNING) // a cancelled one goes on with what it has
		return 0;
	if (lm_runs_control(engine->runs, engine->run.key, LM_CONTROL_PAUSED, reason, err) < 0) {
		if (err->code != LM_E_CONFLICT)
			return -1;
		lm_err_clear(err);
		return lm_engine_look(engine, err);
	}
	LM_KILL_POINT("batch: paused");
	lm_emit_warning(engine->options.sink, "run '%s' is paused: %s", engine->run_id, text);
	if (lm_engine_event(engine, err, "run_auto_paused", "{s:s, s:s}", "control_reason", reason, "error", text) < 0)
		return -1;
	return lm_engine_look(engine, err);
}

int
lm_engine_release(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_run_folder_file(&engine->folder, LM_FILE_REQUEST, work->seq);

	// the file first: a number that is not used again must not leave one behind
	if (lm_file_remove(path, err) < 0)
		return -1;
	LM_KILL_POINT("batch: request file removed");
	if (lm_batch_release(engine->runs, &work->lease, work->seq, err) < 0)
		return -1;
	LM_KILL_POINT("batch: released");
	work->gone = true;
	engine->changed = true;
	return lm_engine_event(engine, err, "batch_released", "{s:I}", "batch", (json_int_t)work->seq);
}
