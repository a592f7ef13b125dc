// What moves a run on: ingest, submit, poll, take in. All that is durable is in lm_runs and in the run's folder; the engine
// can be killed at any instant and made again.
#pragma once

#include "base/base.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/event.h"
#include "batch/config.h"
#include "batch/folder.h"
#include "batch/provider.h"
#include "batch/runs.h"
#include "batch/source.h"

struct lm_engine; // one process, one run

struct lm_engine_options {
	struct lm_runs *runs;         // borrowed
	struct lm_provider *provider; // borrowed; null: only what needs none
	const char *artifacts;        // folder above the run's
	const char *run_id;
	struct lm_source_env source;
	struct lm_diags *faults;      // borrowed: rows that cannot be used are added; null: they stand in the error
	const struct lm_sink *sink;
	unsigned parallel_calls;      // polls and downloads at once; 0: 8
	uint64_t lease_ms;            // 0: 30000
	uint64_t poll_interval_ms;    // 0: as the run was started
};

// Open a run that exists, and take it over as far as the store allows. 0; or 1 when another process works on it and it cannot be
// shared (SQLite): `holder` (64 bytes) says who, and the engine can only be looked at.
[[nodiscard]] int lm_engine_open(
	struct lm_engine **out, const struct lm_engine_options *options, char *holder, struct lm_err *err);
void lm_engine_close(struct lm_engine *engine);
void lm_engine_close_ptr(struct lm_engine **engine);

// Read the sources to their end (or to the next pause), checking every row, into rows.jsonl and the store. Nothing is submitted before
// all rows were read and are good. A first reading that finds faults tells up to 20 of them (LM_E_SYNTAX) and leaves nothing behind.
[[nodiscard]] int lm_engine_ingest(struct lm_engine *engine, struct lm_err *err);

struct lm_engine_progress {
	bool finished; // the run is terminal
	bool advanced; // something changed
	int64_t wake_at_ms; // when there is something to do next, wall clock; 0: now
};
// One round: recover what a dead process left, submit what there is room for, poll what is due, take in what ended. Errors of single
// batches are recorded there and do not hold up others; -1 is for what the user must see: a definite refusal of the provider,
// a failed store, a full disk, a lost lease. A paused run only says so (LM_E_CONFLICT is for `wait`).
[[nodiscard]] int lm_engine_step(struct lm_engine *engine, struct lm_engine_progress *progress, struct lm_err *err);
// Step until the run is finished, paused or `deadline_ms` (wall clock; 0: none). 0 finished, 1 not yet (deadline), -1
// (paused: LM_E_CONFLICT "run 'x' is paused: <reason>").
[[nodiscard]] int lm_engine_wait(struct lm_engine *engine, int64_t deadline_ms, struct lm_err *err);
// `resolve`: the outcome of a submission that stayed unknown, or, given by number, of a batch that the provider said it does not know, or
// whose answers are damaged here and could not be fetched again; seq 0: of the first one that is unknown. batch_id null: it was not
// created, or is gone.
[[nodiscard]] int lm_engine_resolve(struct lm_engine *engine, int64_t seq, const char *batch_id, struct lm_err *err);
