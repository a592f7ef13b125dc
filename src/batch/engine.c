#include "batch/engine_parts.h"

#include "batch/ingest.h"
#include "os/cancel.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/kill_point.h"
#include "os/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// ---- open and close

static int
read_config(struct lm_engine *engine, struct lm_err *err)
{
	if (lm_batch_config_parse(lm_str_of(engine->run.config_json), &engine->config, err) < 0)
		return lm_err_wrap(err, "configuration of run '%s'", engine->run_id);
	if (engine->options.poll_interval_ms > 0)
		engine->config.poll_interval_ms = engine->options.poll_interval_ms;
	if (engine->config.poll_interval_ms < LM_ENGINE_LEAST_POLL_MS)
		engine->config.poll_interval_ms = LM_ENGINE_LEAST_POLL_MS;
	if (engine->provider == nullptr)
		return 0;
	if (lm_prompts_new(&engine->prompts, &engine->config, err) < 0)
		return -1;
	if (engine->config.schema_json == nullptr)
		return 0;
	return lm_schema_new(&engine->schema, lm_str_of(engine->config.schema_json), err);
}

static int
tell_created(struct lm_engine *engine, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(engine->folder.path, "events.jsonl");
	if (lm_file_exists(path))
		return 0;
	return lm_engine_event(engine, err, "run_created", "{s:s, s:s, s:s*}", "run_id", engine->run_id, "provider",
		lm_provider_name(engine->config.provider), "model", engine->config.model);
}

// 0 ours, 1 another process has it, -1
static int
open_run(struct lm_engine *engine, char *holder, struct lm_err *err)
{
	const struct lm_engine_options *options = &engine->options;

	if (lm_engine_set_clock(engine, err) < 0 || lm_engine_look(engine, err) < 0 ||
		lm_run_folder_open(&engine->folder, options->artifacts, engine->run_id, true, err) < 0 ||
		read_config(engine, err) < 0 || lm_engine_own(engine, err) < 0 ||
		lm_run_folder_sweep(&engine->folder, err) < 0 || tell_created(engine, err) < 0)
		return -1;
	engine->calls = lm_calls_new(engine->provider, options->parallel_calls);
	if (engine->shared) {
		engine->lease = (struct lm_lease){ .run = engine->run.key, .unit = LM_UNIT_RUN };
		memcpy(engine->lease.owner, engine->owner, sizeof(engine->owner));
		return 0;
	}
	int rc = lm_engine_take(engine, LM_UNIT_RUN, &engine->lease, holder, err);
	engine->held = rc == 1;
	return rc < 0 ? -1 : rc == 1 ? 0 : 1;
}

int
lm_engine_open(struct lm_engine **out, const struct lm_engine_options *options, char *holder, struct lm_err *err)
{
	LM_AUTO(lm_engine_close_ptr) struct lm_engine *engine = lm_alloc(sizeof(*engine));

	engine->options = *options;
	if (engine->options.parallel_calls == 0)
		engine->options.parallel_calls = LM_ENGINE_CALLS;
	engine->runs = options->runs;
	engine->provider = options->provider;
	engine->run_id = lm_strdup(options->run_id);
	engine->lease_ms = options->lease_ms == 0 ? LM_ENGINE_LEASE_MS : options->lease_ms;
	engine->renewed_ms = lm_clock_monotonic_ms();
	engine->shared = lm_runs_shared(options->runs);
	int rc = open_run(engine, holder, err);
	if (rc < 0)
		return -1;
	LM_KILL_POINT("run: opened");
	*out = lm_take(&engine);
	return rc;
}

static void
drop_leases(struct lm_engine *engine)
{
	if (engine->held)
		lm_lease_drop(engine->runs, &engine->lease);
	for (size_t i = 0; engine->shared && i < engine->work_count; i++)
		if (!engine->works[i].gone)
			lm_lease_drop(engine->runs, &engine->works[i].lease);
}

void
lm_engine_close(struct lm_engine *engine)
{
	if (engine == nullptr)
		return;
	if (engine->calls != nullptr && !lm_cancel_requested()) {
		lm_engine_forget_files(engine);
		while (lm_calls_running(engine->calls) > 0)
			lm_job_free(lm_calls_take(engine->calls, LM_ENGINE_LOOK_MS));
	}
	lm_calls_free(engine->calls);
	drop_leases(engine);
	lm_engine_disown(engine);
	for (size_t i = 0; i < engine->work_count; i++)
		lm_work_release(&engine->works[i]);
	lm_free(engine->works);
	lm_line_reader_close(&engine->rows);
	lm_prompts_free(engine->prompts);
	lm_schema_free(engine->schema);
	lm_batch_config_release(&engine->config);
	lm_run_row_release(&engine->run);
	lm_run_folder_release(&engine->folder);
	lm_free(engine->run_id);
	lm_free(engine);
}

void
lm_engine_close_ptr(struct lm_engine **engine)
{
	lm_engine_close(*engine);
	*engine = nullptr;
}

// ---- ingestion

struct reading {
	struct lm_engine *engine;
	bool failed;
	struct lm_err err;
};

// Between slices: keep the lease, and see what other processes want.
static bool
stop_reading(void *context)
{
	struct reading *reading = context;
	struct lm_engine *engine = reading->engine;

	if (reading->failed || lm_engine_renew(engine, &reading->err) < 0 || lm_engine_look(engine, &reading->err) < 0)
		reading->failed = true;
	return reading->failed || engine->run.control != LM_CONTROL_RUNNING || lm_cancel_requested();
}

// Rows that cannot be used: say which, and leave nothing of this run behind.
static int
give_up(struct lm_engine *engine, const struct lm_diags *faults, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_err why = {};

	if (faults != engine->options.faults)
		lm_diags_format(faults, &text);
	while (text.len > 0 && text.ptr[text.len - 1] == '\n')
		text.len--;
	if (lm_runs_drop(engine->runs, engine->run.key, &why) < 0 || lm_dir_remove(engine->folder.path, &why) < 0)
		lm_emit_warning(engine->options.sink, "%s", why.text);
	engine->held = false;
	if (faults == engine->options.faults)
		return -1;
	return lm_err_set(err, LM_E_SYNTAX, "%.*s", (int)text.len, lm_buf_cstr(&text));
}

static int
read_sources(struct lm_engine *engine, const struct lm_lease *lease, struct lm_err *err)
{
	LM_AUTO(lm_diags_release) struct lm_diags own = {};
	struct lm_diags *faults = engine->options.faults != nullptr ? engine->options.faults : &own;
	struct reading reading = { .engine = engine };
	int rc = lm_ingest_run(engine->runs, lease, &engine->config, &engine->folder, &engine->options.source, stop_reading,
		&reading, faults, engine->options.sink, err);

	if (rc < 0)
		return faults->errors > 0 ? give_up(engine, faults, err) : -1;
	if (reading.failed) {
		*err = reading.err;
		return -1;
	}
	if (lm_cancel_check(err) < 0 || lm_engine_look(engine, err) < 0)
		return -1;
	return lm_engine_event(engine, err, "items_ingested", "{s:I, s:b}", "item_count", (json_int_t)engine->run.item_count,
		"complete", engine->run.ingest_complete);
}

// Where several processes share a run one of them reads; the others wait until it is through, or take over.
static int
read_sources_shared(struct lm_engine *engine, struct lm_err *err)
{
	struct lm_lease lease;

	for (;;) {
		int rc = lm_engine_take(engine, LM_UNIT_INGEST, &lease, nullptr, err);
		if (rc < 0 || lm_engine_look(engine, err) < 0)
			return -1;
		if (rc == 1)
			break;
		if (engine->run.ingest_complete || engine->run.control != LM_CONTROL_RUNNING)
			return 0;
		if (lm_clock_sleep_ms(LM_ENGINE_READ_MS))
			return lm_cancel_check(err);
	}
	engine->reading = &lease;
	int rc = engine->run.ingest_complete ? 0 : read_sources(engine, &lease, err);
	engine->reading = nullptr;
	lm_lease_drop(engine->runs, &lease);
	return rc;
}

int
lm_engine_ingest(struct lm_engine *engine, struct lm_err *err)
{
	if (lm_engine_look(engine, err) < 0 || lm_engine_own_run(engine, err) < 0)
		return -1;
	if (engine->run.ingest_complete || engine->run.control != LM_CONTROL_RUNNING)
		return 0;
	if (engine->shared)
		return read_sources_shared(engine, err);
	if (!engine->held)
		return lm_err_set(err, LM_E_CONFLICT, "another process works on run '%s'", engine->run_id);
	return read_sources(engine, &engine->lease, err);
}

// ---- going on

int
lm_engine_step(struct lm_engine *engine, struct lm_engine_progress *progress, struct lm_err *err)
{
	uint64_t before[LM_ITEM_STATUS_COUNT];
	uint64_t active = engine->run.active_batches;

	memcpy(before, engine->run.counts, sizeof(before));
	engine->changed = true; // another process may have changed it since
	int rc = lm_engine_loop(engine, 0, true, err);
	if (rc < 0)
		return -1;
	engine->one_round = false; // what had its turn is due again
	int64_t next_ms = lm_engine_next_ms(engine);
	if (next_ms != INT64_MAX)
		next_ms += lm_clock_now_ms() - lm_engine_now_ms(engine);
	*progress = (struct lm_engine_progress){
		.finished = engine->run.finished,
		.advanced = active != engine->run.active_batches || memcmp(before, engine->run.counts, sizeof(before)) != 0,
		.wake_at_ms = next_ms,
	};
	return 0;
}

int
lm_engine_wait(struct lm_engine *engine, int64_t deadline_ms, struct lm_err *err)
{
	engine->changed = true;
	int rc = lm_engine_loop(engine, deadline_ms, false, err);
	if (rc != 1 || engine->run.control != LM_CONTROL_PAUSED)
		return rc;
	return lm_err_set(err, LM_E_CONFLICT, "run '%s' is paused: %s", engine->run_id,
		engine->run.control_reason == nullptr ? "manual" : engine->run.control_reason);
}

// ---- resolve

// Is a file of answers here as it was fetched?
static bool
is_whole(const struct lm_engine *engine, const struct lm_batch_row *batch, int which)
{
	return (which == 0 ? batch->output_ref : batch->error_ref) != nullptr &&
		!lm_engine_is_damaged(engine, batch->seq, which,
			batch->has_answer_digest[which] ? &batch->answer_digests[which] : nullptr,
			batch->consumed_bytes[which]);
}

// Of a batch whose answers were fetched nothing is to be said, unless they are damaged here and could not be fetched again.
static bool
is_known(const struct lm_engine *engine, const struct lm_batch_row *batch, const char *batch_id)
{
	return batch->state == LM_BATCH_FETCHED &&
		(batch_id != nullptr || batch->failures == 0 ||
			((batch->output_ref == nullptr || is_whole(engine, batch, 0)) &&
				(batch->error_ref == nullptr || is_whole(engine, batch, 1))));
}

// Its answers were damaged here and are gone there: what was not taken in of them is sent again.
static int
give_up_answers(struct lm_engine *engine, const struct lm_lease *lease, const struct lm_batch_row *batch, struct lm_err *err)
{
	int64_t seq = batch->seq;

	if (lm_engine_keep_raw(engine, seq, is_whole(engine, batch, 0), is_whole(engine, batch, 1), err) < 0 ||
		lm_batch_tried(engine->runs, lease, seq, nullptr, nullptr, nullptr, 0, err) < 0)
		return -1;
	LM_KILL_POINT("run: answers given up");
	return lm_batch_finish(engine->runs, lease, seq, true, "answers_lost", "its answers are gone", 0, err);
}

static int
settle(struct lm_engine *engine, const struct lm_lease *lease, const struct lm_batch_row *batch, const char *batch_id,
	struct lm_err *err)
{
	if (batch->state == LM_BATCH_FETCHED)
		return give_up_answers(engine, lease, batch, err);
	if (batch->state == LM_BATCH_ACTIVE) {
		if (lm_batch_lost(engine->runs, lease, batch->seq, err) < 0)
			return -1;
		LM_KILL_POINT("run: batch lost");
	}
	return batch_id == nullptr ? lm_batch_not_created(engine->runs, lease, batch->seq, err)
				   : lm_batch_active(engine->runs, lease, batch->seq, batch_id, err);
}

static int
resolve(struct lm_engine *engine, const struct lm_lease *lease, const struct lm_batch_row *batch, const char *batch_id,
	struct lm_err *err)
{
	int64_t seq = batch->seq;

	if (settle(engine, lease, batch, batch_id, err) < 0)
		return -1;
	LM_KILL_POINT("run: resolved");
	if (batch_id != nullptr && lm_engine_well(engine, err) < 0) // the creation that failed did not fail
		return -1;
	struct lm_work *work = lm_engine_work(engine, seq);
	if (work != nullptr) // read again when it goes on
		work->gone = true;
	lm_engine_sweep_works(engine);
	engine->adopted = false;
	engine->changed = true;
	return lm_engine_event(
		engine, err, "batch_resolved", "{s:I, s:s*}", "batch", (json_int_t)seq, "provider_batch_id", batch_id);
}

int
lm_engine_resolve(struct lm_engine *engine, int64_t seq, const char *batch_id, struct lm_err *err)
{
	struct lm_batch_row *rows = nullptr;
	struct lm_lease lease = engine->lease;
	size_t count = 0;
	int rc = 1;

	if (!engine->shared && !engine->held)
		return lm_err_set(err, LM_E_CONFLICT, "another process works on run '%s'", engine->run_id);
	unsigned states = 1u << LM_BATCH_CREATING | 1u << LM_BATCH_UNKNOWN |
		(seq > 0 ? 1u << LM_BATCH_ACTIVE | 1u << LM_BATCH_FETCHED : 0);
	if (lm_runs_batches(engine->runs, engine->run.key, states, seq > 0 ? seq - 1 : 0, 1, &rows, &count, err) < 0)
		return -1;
	if (count == 0)
		rc = lm_err_set(err, LM_E_CONFLICT, "run '%s' has no submission of unknown outcome", engine->run_id);
	else if (seq > 0 && (rows[0].seq != seq || is_known(engine, &rows[0], batch_id)))
		rc = lm_err_set(
			err, LM_E_CONFLICT, "the outcome of batch %" PRId64 " of run '%s' is known", seq, engine->run_id);
	else if (engine->shared)
		rc = lm_engine_take(engine, rows[0].seq, &lease, nullptr, err);
	if (rc == 0)
		rc = lm_err_set(err, LM_E_CONFLICT, "another process works on batch %" PRId64 " of run '%s'", rows[0].seq,
			engine->run_id);
	if (rc > 0)
		rc = resolve(engine, &lease, &rows[0], batch_id, err);
	if (engine->shared && rc == 0)
		lm_lease_drop(engine->runs, &lease);
	for (size_t i = 0; i < count; i++)
		lm_batch_row_release(&rows[i]);
	lm_free(rows);
	return rc;
}
