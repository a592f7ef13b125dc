// What the parts of the engine share. All of it belongs to the engine's thread, the only one that touches the store; the
// threads of engine_calls.c see a job and nothing else.
#pragma once

#include "batch/engine.h"

#include "base/mem.h"
#include "batch/prompt.h"
#include "batch/schema.h"
#include "digest/sha256.h"
#include "os/file.h"

#include "text/json.h"

#include <jansson.h>

enum {
	LM_ENGINE_CALLS = 8,           // at once, unless told
	LM_ENGINE_LEASE_MS = 30000,    // unless told
	LM_ENGINE_SENDING = 4,         // batches between claim and creation at a time
	LM_ENGINE_CONSUME_ROWS = 5000, // answers in one transaction
	LM_ENGINE_LOOK_MS = 500,       // the longest time between two looks at what other processes did
	LM_ENGINE_READ_MS = 100,       // ... while another process reads the sources
	LM_ENGINE_RETRY_AFTER_MAX_MS = 3600 * 1000, // no server makes us wait for longer
	LM_ENGINE_ADOPT_MS = 2000,     // between two looks for batches that another process left
	LM_ENGINE_FIRST_POLL_MS = 50,  // of a new batch; then twice as much each time up to poll_interval_ms
	LM_ENGINE_LEAST_POLL_MS = 10,
	LM_INTENT_DIGITS = 24,
	LM_INTENT_SHORT = 8, // of them in each custom id
};

// ---- calls: the network in threads of its own (engine_calls.c)

enum lm_job_kind {
	LM_JOB_UPLOAD,
	LM_JOB_CREATE,
	LM_JOB_FIND,
	LM_JOB_POLL,
	LM_JOB_FETCH,
	LM_JOB_CANCEL,
	LM_JOB_FORGET,
	LM_JOB_KIND_COUNT
};
const char *lm_job_name(enum lm_job_kind kind); // "upload", ...: for messages

struct lm_job {
	enum lm_job_kind kind;
	int64_t seq;

	// asked
	const char *run_id; // borrowed
	char intent_id[LM_INTENT_DIGITS + 1];
	uint64_t item_count;
	int64_t intent_at_s;
	int64_t started_ms;    // wall clock
	struct lm_strings known; // find: batches of this run that are known, and so are not it
	struct lm_search *search; // find: owned
	uint64_t not_after_ms; // monotonic: a create is not sent later, since another process may look for it by then
	char *path, *error_path; // owned: the request file; where answers go
	bool verify;             // the request file is another process's: is it what was recorded?
	struct lm_digest digest;
	char ref[LM_PROVIDER_REF_MAX], error_ref[LM_PROVIDER_REF_MAX], batch_id[LM_PROVIDER_REF_MAX];

	// answered
	bool done;    // it was; else call and err say why not
	bool damaged; // the request file is not what was recorded
	struct lm_digest answer_digests[2]; // of output and error file, when they were fetched
	struct lm_call call;
	struct lm_err err;
	enum lm_found found;
	struct lm_batch_status status;

	struct lm_job *next;
};

struct lm_calls;
struct lm_calls *lm_calls_new(struct lm_provider *provider, unsigned threads);
void lm_calls_free(struct lm_calls *calls); // waits for those that run; what is queued is not begun
void lm_calls_start(struct lm_calls *calls, struct lm_job *job); // takes the job
size_t lm_calls_running(const struct lm_calls *calls);           // started and not taken back
// The next that is done, yours to lm_job_free; null when there is none after `wait_ms`.
struct lm_job *lm_calls_take(struct lm_calls *calls, uint64_t wait_ms);
void lm_job_free(struct lm_job *job);

// ---- what is worked on

// A batch that this process works on.
struct lm_work {
	int64_t seq;
	enum lm_batch_state state;
	struct lm_lease lease;
	uint64_t item_count, tokens;
	struct lm_digest digest;
	struct lm_digest answer_digests[2]; // of output and error file as they were fetched, if
	bool has_answer_digest[2];
	int64_t intent_at_s;
	char *input_ref, *batch_id, *status, *output_ref, *error_ref; // owned, or null
	char *error_class, *error_text;                               // of a batch that failed; owned, or null
	uint64_t consumed[2];
	uint64_t failures;      // of calls, in a row, as recorded
	uint64_t failures_here; // in this process
	int64_t next_at_ms;     // nothing is done with it before
	uint64_t poll_ms;       // until the next poll
	struct lm_search *search; // one that failed, to be gone on with; owned, or null
	int64_t search_ms;        // when it was begun; the engine's clock
	uint64_t search_steps;    // how far it was at the last failure
	bool busy;         // a job of it runs
	bool uploaded;     // input_ref is of this process and waits for its create
	bool made_here;    // the request file was written by this process: what is on disk is what we wrote
	bool fetched_here; // the answers' files were written by this process
	bool no_room;      // the scope had no room at last
	bool cancel_asked; // at the provider
	bool parked;       // its calls failed for good: nothing more is done with it in this process
	bool polled;       // in this round, and it had not ended
	bool gone;         // released, done, or another process's by now: forgotten at the end of the turn
};

struct lm_engine {
	struct lm_engine_options options;
	struct lm_runs *runs;
	struct lm_provider *provider;
	char *run_id;
	struct lm_run_folder folder;
	struct lm_batch_config config;
	struct lm_run_row run;
	struct lm_prompts *prompts;
	struct lm_schema *schema;
	struct lm_calls *calls;
	char owner[64];
	char *owner_path; // its file, locked while we live
	int owner_fd;
	bool shared;             // several processes may work on the run
	struct lm_lease lease;   // of the run (not shared), or who we are
	bool held;               // `lease` is held
	uint64_t lease_ms;
	uint64_t renewed_ms;     // monotonic
	int64_t ahead_ms;        // what lm_engine_now_ms adds to the monotonic clock
	struct lm_work *works;   // by seq, rising
	size_t work_count, work_cap;
	uint64_t looked_ms;      // monotonic: the run row was read
	uint64_t adopted_ms;     // monotonic: batches of others were looked at
	bool adopted;            // they were, once
	struct lm_line_reader rows;
	struct lm_lease *reading; // the lease of ingestion while it runs, where it is one of its own
	int64_t failed_ms;       // the engine's clock: the last failure of a submission was recorded
	uint64_t failed_here;    // such failures in a row in this process
	uint64_t claim_hint;     // how many items fit a batch, from the last one; 0: not known
	bool cancel_marked;      // what is not submitted was marked run_cancelled
	bool changed;            // since the last look
	bool one_round;          // a step: nothing is waited for but calls
	bool stopping;           // start nothing more
	bool final;              // an error is not one of the store's: no lost lease either
	bool failed;             // `failure` ends the command when all calls are back
	bool parked;             // `failure` ends the command when there is nothing else to do
	struct lm_err failure;
};

// ---- engine_lease.c

[[nodiscard]] int lm_engine_own(struct lm_engine *engine, struct lm_err *err); // become somebody: owner and its file
void lm_engine_disown(struct lm_engine *engine);
// Take a unit, at once when its holder is a dead process of this machine. 1 taken, 0 somebody else's (`holder` of 64 bytes).
[[nodiscard]] int lm_engine_take(
	struct lm_engine *engine, int64_t unit, struct lm_lease *lease, char *holder, struct lm_err *err);
// May we change the run? 1 yes, with its lease where processes do not share it, which is taken now if it is free; 0 no.
[[nodiscard]] int lm_engine_own_run(struct lm_engine *engine, struct lm_err *err);
[[nodiscard]] int lm_engine_renew(struct lm_engine *engine, struct lm_err *err); // all that we hold, when it is time
int64_t lm_engine_lease_until(const struct lm_engine *engine);
// The time of leases, intents and of all that is waited for: the store's, so that machines whose clocks differ agree, going on
// with the monotonic clock. It never goes back, whatever is done to this machine's clock.
int64_t lm_engine_now_ms(const struct lm_engine *engine);
[[nodiscard]] int lm_engine_set_clock(struct lm_engine *engine, struct lm_err *err); // follow the store's, forward
// An instant that was recorded for the next try; 0 when it is farther away than any wait: a clock was wrong then.
int64_t lm_engine_not_later(const struct lm_engine *engine, int64_t at_ms);

// ---- engine_loop.c

// Go on until the run is finished (0), or there is nothing to do before `deadline_ms` (1; wall clock, 0: none), or, as one
// round, before the next call is due (1). -1 failed.
[[nodiscard]] int lm_engine_loop(struct lm_engine *engine, int64_t deadline_ms, bool one_round, struct lm_err *err);
int64_t lm_engine_next_ms(const struct lm_engine *engine); // the engine's clock: when the next thing is due; INT64_MAX: none

// ---- engine_work.c

void lm_engine_intent(const struct lm_engine *engine, int64_t seq, char out[LM_INTENT_DIGITS + 1]);
struct lm_work *lm_engine_work(struct lm_engine *engine, int64_t seq); // null: not ours
struct lm_work *lm_engine_work_add(struct lm_engine *engine, int64_t seq, const struct lm_lease *lease);
void lm_work_release(struct lm_work *work);
void lm_engine_sweep_works(struct lm_engine *engine); // forget what is gone
[[nodiscard]] int lm_engine_adopt(struct lm_engine *engine, struct lm_err *err); // batches that nobody works on
struct lm_job *lm_engine_job(struct lm_engine *engine, struct lm_work *work, enum lm_job_kind kind);
void lm_engine_start(struct lm_engine *engine, struct lm_work *work, struct lm_job *job);
// A call failed and may be tried again: record it, with the next try after a back-off. -1 when the failure is final.
[[nodiscard]] int lm_engine_try_later(
	struct lm_engine *engine, struct lm_work *work, const struct lm_job *job, struct lm_err *err);
uint64_t lm_engine_backoff_ms(const struct lm_engine *engine, uint64_t failures, uint64_t retry_after_ms);
[[nodiscard]] int lm_engine_look(struct lm_engine *engine, struct lm_err *err); // at the run's row
[[nodiscard]] int lm_engine_pause(struct lm_engine *engine, const char *text, struct lm_err *err); // no credit left
// Give the items of a batch that is not at the provider back.
[[nodiscard]] int lm_engine_release(struct lm_engine *engine, struct lm_work *work, struct lm_err *err);

// ---- engine_build.c

// Claim items and write the next request file: 1 one was made (or all that were claimed were refused), 0 nothing to claim.
[[nodiscard]] int lm_engine_build(struct lm_engine *engine, struct lm_err *err);
uint64_t lm_engine_scope_limit(const struct lm_engine *engine); // 0: none
char *lm_engine_scope(const struct lm_engine *engine);          // yours to lm_free

// ---- engine_submit.c, engine_collect.c: what to do next with a batch, and what came of a call

[[nodiscard]] int lm_engine_submit(struct lm_engine *engine, struct lm_work *work, struct lm_err *err);
[[nodiscard]] int lm_engine_submit_done(struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err);
// Submissions wait after a failure that was none of a call; all is well again.
[[nodiscard]] int lm_engine_back_off(
	struct lm_engine *engine, struct lm_work *work, const char *error_class, const char *text, struct lm_err *err);
[[nodiscard]] int lm_engine_well(struct lm_engine *engine, struct lm_err *err);
// Remove a file at the provider: one that no batch needs (any more); all that were uploaded and not used.
void lm_engine_forget_file(struct lm_engine *engine, struct lm_work *work);
void lm_engine_forget_files(struct lm_engine *engine);
[[nodiscard]] int lm_engine_collect(struct lm_engine *engine, struct lm_work *work, struct lm_err *err);
[[nodiscard]] int lm_engine_collect_done(
	struct lm_engine *engine, struct lm_work *work, struct lm_job *job, struct lm_err *err);

// Is a file of answers (0 output, 1 errors) gone, or another than was fetched? Of one that an older version fetched (no digest: null) only a
// cut in a line can be seen, and that it has less than was taken in before.
bool lm_engine_is_damaged(
	const struct lm_engine *engine, int64_t seq, int which, const struct lm_digest *fetched, uint64_t consumed);

// ---- engine_consume.c

// Take the answers of a fetched batch into its items; the batch is done then.
[[nodiscard]] int lm_engine_consume(struct lm_engine *engine, struct lm_work *work, struct lm_err *err);
// Give the user what the provider sent, as raw files, if they are to be kept: of those that there are.
[[nodiscard]] int lm_engine_keep_raw(
	struct lm_engine *engine, int64_t seq, bool has_output, bool has_errors, struct lm_err *err);

// ---- engine_events.c

// Add an event: `format` and what follows as json_pack wants it for an object ("{s:i, ...}"). The time is put in front.
[[nodiscard]] int lm_engine_event(struct lm_engine *engine, struct lm_err *err, const char *event, const char *format, ...);
