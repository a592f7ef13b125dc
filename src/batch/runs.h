// The durable state of runs: SQLite or PostgreSQL, the same behaviour. Every change is one transaction, conditional on the
// lease of who makes it; nothing here knows a clock, a provider or a file's content. Schema: docs/formats/batch-run.md.
//
// Errors of all calls: LM_E_NOT_FOUND (no such run or batch), LM_E_CONFLICT (a lease that was lost, a state that does not allow it),
// LM_E_INTEGRITY (the store is damaged), LM_E_IO (the store cannot be used). A call that fails has changed nothing.
// Texts from outside may be any bytes: what is no UTF-8 becomes '?', error texts are cut at 2000 bytes, the others at 1000.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "digest/sha256.h"

struct lm_runs; // a connection; one thread at a time

// Open (and make, and migrate) a store.
//   where   path of an SQLite file, or "postgresql://..." (its tables live in `schema`)
//   schema  PostgreSQL: the schema's name; null: "lamina_batch"
// LM_E_UNSUPPORTED: written by a newer version; an SQLite database of another program.
[[nodiscard]] int lm_runs_open(struct lm_runs **out, const char *where, const char *schema, struct lm_err *err);
void lm_runs_close(struct lm_runs *runs);
void lm_runs_close_ptr(struct lm_runs **runs);
// The time: that of the PostgreSQL server, which all machines share, or of this machine.
[[nodiscard]] int lm_runs_now_ms(struct lm_runs *runs, int64_t *out, struct lm_err *err);
bool lm_runs_shared(const struct lm_runs *runs); // several processes may work on one run at a time (PostgreSQL)

// ---- runs

enum lm_item_status {
	LM_ITEM_PENDING,
	LM_ITEM_QUEUED,
	LM_ITEM_SUBMITTED,
	LM_ITEM_COMPLETED,
	LM_ITEM_RETRYABLE,
	LM_ITEM_PERMANENT,
	LM_ITEM_STATUS_COUNT
};
const char *lm_item_status_name(enum lm_item_status
		status); // "pending", "queued_local", "submitted", "completed", "failed_retryable", "failed_permanent"
enum lm_control { LM_CONTROL_RUNNING, LM_CONTROL_PAUSED, LM_CONTROL_CANCELLED };
const char *lm_control_name(enum lm_control control); // "running", "paused", "cancel_requested"

struct lm_run_row {
	int64_t key;
	char *run_id, *nonce, *config_json; // owned; nonce: 16 hexadecimal digits, makes intent ids unique
	enum lm_control control;
	char *control_reason; // owned, or null: "manual", "openai_insufficient_quota"
	int64_t created_at_s;
	bool ingest_complete;
	uint64_t item_count, counts[LM_ITEM_STATUS_COUNT]; // kept by every transaction: reading them costs one row
	uint64_t batch_count, active_batches; // created at the provider and not consumed yet, or of unknown outcome
	uint64_t unknown_batches; // wait for `resolve`
	uint64_t last_sequence; // of terminal results
	// back-off of submissions
	uint64_t consecutive_failures, total_failures;
	int64_t next_retry_at_ms; // 0: none
	char *last_error_class, *last_error_text; // owned, or null
	int64_t exported_at_s; // 0: never
	char *export_root; // owned, or null
	bool requests_pruned, raw_pruned;
	bool finished; // ingest complete, all items terminal, no active batch
};
void lm_run_row_release(struct lm_run_row *run);

// LM_E_CONFLICT: there is one with this id.
[[nodiscard]] int lm_runs_create(struct lm_runs *runs, const char *run_id, const char *nonce, const char *config_json,
	int64_t now_s, struct lm_err *err);
// LM_E_NOT_FOUND: "there is no run 'x'" (and the nearest name).
[[nodiscard]] int lm_runs_load(struct lm_runs *runs, const char *run_id, struct lm_run_row *out, struct lm_err *err);
// All, oldest first; *out is yours: release each, then lm_free.
[[nodiscard]] int lm_runs_list(struct lm_runs *runs, struct lm_run_row **out, size_t *count, struct lm_err *err);
[[nodiscard]] int lm_runs_set_config(struct lm_runs *runs, int64_t run, const char *config_json, struct lm_err *err);
// Forget a run that never submitted anything (its rows were refused). LM_E_CONFLICT when it did.
[[nodiscard]] int lm_runs_drop(struct lm_runs *runs, int64_t run, struct lm_err *err);
// A cancelled run stays cancelled (LM_E_CONFLICT). Needs no lease: from any process, at any time.
[[nodiscard]] int lm_runs_control(
	struct lm_runs *runs, int64_t run, enum lm_control control, const char *reason, struct lm_err *err);
[[nodiscard]] int lm_runs_exported(struct lm_runs *runs, int64_t run, int64_t now_s, const char *root, struct lm_err *err);
[[nodiscard]] int lm_runs_pruned(struct lm_runs *runs, int64_t run, bool raw, struct lm_err *err);
// `retry`: failed_permanent items (but not run_cancelled ones) become pending with no attempts. *count: how many.
// The run is no longer exported then, and its back-off is over. LM_E_CONFLICT when it was cancelled.
[[nodiscard]] int lm_runs_retry(struct lm_runs *runs, int64_t run, uint64_t *count, struct lm_err *err);

// ---- leases

// Units of work that one process has at a time. On SQLite all is done under LM_UNIT_RUN; on PostgreSQL a process holds
// LM_UNIT_INGEST while it reads sources and the number of each batch it works on. Claiming, backing off and finishing a cancel need none
// there: a lease with fence 0 does, whose run and owner count. A batch is changed under its own lease or (SQLite) the run's.
enum { LM_UNIT_RUN = 0, LM_UNIT_INGEST = -1 }; // above 0: a batch

struct lm_lease {
	int64_t run, unit;
	uint64_t fence; // rises with each taking; a change with an old number is refused (LM_E_CONFLICT: "another process took over ...")
	char owner[64]; // "<host>:<pid>:<random>"
};
// 1: taken (free, expired, or ours); 0: somebody else has it, `holder` (64 bytes) says who and held_until_ms how long; or the unit is
// a batch that is done or gone (`holder` is empty).
[[nodiscard]] int lm_lease_take(struct lm_runs *runs, int64_t run, int64_t unit, const char *owner, int64_t now_ms,
	int64_t until_ms, struct lm_lease *out, char *holder, int64_t *held_until_ms, struct lm_err *err);
[[nodiscard]] int lm_lease_renew(struct lm_runs *runs, const struct lm_lease *lease, int64_t until_ms, struct lm_err *err);
void lm_lease_drop(struct lm_runs *runs, const struct lm_lease *lease);

// ---- ingestion

struct lm_ingest {
	uint32_t source; // index of the input being read
	char *checkpoint; // of it; null: from its beginning. Owned
	uint64_t rows_bytes; // length of rows.jsonl that counts; what is behind it was not committed
	uint64_t next_index; // of the next item
	bool complete;
};
void lm_ingest_release(struct lm_ingest *ingest);
[[nodiscard]] int lm_runs_ingest(struct lm_runs *runs, int64_t run, struct lm_ingest *out, struct lm_err *err);

struct lm_new_item {
	struct lm_str id;
	uint64_t row_offset; // of its line in rows.jsonl
	uint32_t row_length; // without LF
	uint64_t row_check; // lm_line_check of it; 0: none
};
struct lm_ingest_slice {
	uint32_t source;
	const struct lm_new_item *items; // get the next indexes in order
	size_t count;
	const char *checkpoint; // null: this source is at its end, go on with the next one
	bool complete; // that was the last one
	uint64_t rows_bytes; // of rows.jsonl with these rows, which is flushed to disk
	uint64_t begin, end; // what part of the source this was, and its digest
	struct lm_digest digest;
};
// All or nothing. Ids have 1 to 1024 bytes of UTF-8 without NUL (LM_E_LIMIT, LM_E_SYNTAX). When an id exists already: LM_E_CONFLICT with *duplicate its position in `items` and *first_source the input that had
// it before; nothing was changed.
[[nodiscard]] int lm_runs_add_slice(struct lm_runs *runs, const struct lm_lease *lease, const struct lm_ingest_slice *slice,
	size_t *duplicate, uint32_t *first_source, struct lm_err *err); // *duplicate is SIZE_MAX for any other conflict
// Which input had each of these ids before? UINT32_MAX: none.
[[nodiscard]] int lm_runs_known_ids(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err);
// The slices of a source so far, in order: 1 a slice, 0 the end.
struct lm_slice_mark {
	uint64_t begin, end;
	struct lm_digest digest;
};
[[nodiscard]] int lm_runs_slice_marks(
	struct lm_runs *runs, int64_t run, uint32_t source, struct lm_slice_mark **out, size_t *count, struct lm_err *err);
// Files that sources were when they were read: size, mtime, inode; for noticing a change without reading. Kept per source.
struct lm_source_stamp {
	uint64_t size_bytes;
	int64_t mtime_s, mtime_ns;
	uint64_t inode;
};
[[nodiscard]] int lm_runs_set_stamp(
	struct lm_runs *runs, int64_t run, uint32_t source, const struct lm_source_stamp *stamp, struct lm_err *err);
[[nodiscard]] int lm_runs_stamp(
	struct lm_runs *runs, int64_t run, uint32_t source, struct lm_source_stamp *out, bool *has, struct lm_err *err);

// ---- batches

enum lm_batch_state {
	LM_BATCH_BUILDING, // items are claimed, the request file is being written
	LM_BATCH_READY, // the request file is on disk, flushed
	LM_BATCH_CREATING, // about to be created, or of unknown outcome after a crash
	LM_BATCH_UNKNOWN, // looked for in vain where it cannot be told: waits for `resolve`
	LM_BATCH_ACTIVE, // created; polled
	LM_BATCH_FETCHED, // ended, its answers are on disk
	LM_BATCH_DONE, // its answers are in the items
};
const char *lm_batch_state_name(enum lm_batch_state state);

struct lm_batch_row {
	int64_t seq; // from 1; names its files: requests/000001.jsonl, answers/000001_output.jsonl, answers/000001_error.jsonl
	enum lm_batch_state state;
	uint64_t item_count, bytes, tokens;
	struct lm_digest request_digest;
	struct lm_digest answer_digests[2]; // of output and error file as they were fetched, if
	bool has_request_digest, has_answer_digest[2];
	char *input_ref, *provider_batch_id, *status, *output_ref, *error_ref; // owned, or null
	int64_t intent_at_s; // when CREATING was recorded
	int64_t next_try_at_ms; // no call of it before; 0: at once
	uint64_t failures; // of its calls, in a row
	char *error_class, *error_text; // owned, or null: of the last failure
	uint64_t consumed_bytes[2]; // of output and error file, how far they are in the items
	bool has_lease;
	int64_t lease_until_ms;
};
void lm_batch_row_release(struct lm_batch_row *batch);

struct lm_claimed {
	uint64_t index, row_offset, row_check;
	uint32_t row_length;
	uint32_t attempts;
};

// Claim up to `limit` items that are pending or may be retried, lowest index first, for a new batch, and lease it. *seq is 0
// and *count 0 when there is none, or the run is paused or cancelled. batch_lease: what to change the batch with. *items is yours to lm_free. Several processes never get the same item.
[[nodiscard]] int lm_batch_claim(struct lm_runs *runs, const struct lm_lease *lease, uint64_t limit, int64_t now_ms,
	int64_t until_ms, int64_t *seq, struct lm_claimed **items, size_t *count, struct lm_lease *batch_lease,
	struct lm_err *err);
// The request file holds the first `used` of the claimed items but those in `refused` (in order of index, each one of the first `used`),
// which are permanent; the others are pending again. When that leaves none (used == refused_count), the batch is gone, its number free.
struct lm_refused_item {
	uint64_t index;
	const char *error_class;
	const char *text;
};
[[nodiscard]] int lm_batch_ready(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq,
	const struct lm_claimed *items, size_t used, const struct lm_refused_item *refused, size_t refused_count,
	uint64_t bytes, uint64_t tokens, const struct lm_digest *digest, struct lm_err *err);
// Items of a batch that was never sent (BUILDING, READY, or a create that was refused) are pending again; the batch is gone, its number is free.
[[nodiscard]] int lm_batch_release(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err);
// READY -> CREATING, reserving the batch's tokens in the scope (null: none): 1 done; 0 when `scope_limit` (0: none) leaves no room now, or
// the run is paused or cancelled. A batch above the limit goes when nothing else is reserved: it would wait for ever.
[[nodiscard]] int lm_batch_creating(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *input_ref,
	const char *scope, uint64_t scope_limit, int64_t now_s, struct lm_err *err);
// CREATING or UNKNOWN -> READY (it is known not to exist), giving the reservation back.
[[nodiscard]] int lm_batch_not_created(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err);
// CREATING or UNKNOWN -> UNKNOWN, with what there is to say of it now.
[[nodiscard]] int lm_batch_unknown(
	struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *text, struct lm_err *err);
// ACTIVE -> UNKNOWN: a person says that it is not there (any more), or that it was another. Only where the last call about it failed with
// `not_found`; else LM_E_CONFLICT.
[[nodiscard]] int lm_batch_lost(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, struct lm_err *err);
// CREATING or UNKNOWN -> ACTIVE; its items are submitted.
[[nodiscard]] int lm_batch_active(
	struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *provider_batch_id, struct lm_err *err);
// A call of it failed (class not null) or went well (null): failures counted, next try not before. Of a batch that is FETCHED the reason why
// it ended stays.
[[nodiscard]] int lm_batch_tried(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *status,
	const char *error_class, const char *text, int64_t next_try_at_ms, struct lm_err *err);
// ACTIVE -> FETCHED with the provider's final status. digests: of output and error file; null (each of them, or both): not known.
[[nodiscard]] int lm_batch_fetched(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, const char *status,
	const char *output_ref, const char *error_ref, const char *error_class, const char *error_text,
	const struct lm_digest *const digests[2], struct lm_err *err);

// What an answer line came to.
struct lm_outcome {
	uint64_t index;
	uint32_t attempt; // of the request that was answered: `attempts` as claimed, + 1; another than the item waits for: ignored
	enum lm_item_status status; // COMPLETED, RETRYABLE or PERMANENT
	bool counts; // attempts + 1 (RETRYABLE becomes PERMANENT at max_attempts; 0: never)
	uint32_t max_returns; // does not count: coming back so often without an attempt makes RETRYABLE PERMANENT; 0: never
	uint8_t file; // 0 output, 1 error
	uint64_t offset;
	uint32_t length; // of the line
	uint64_t check; // lm_line_check of it; 0: none
	const char *error_class, *error_text; // null when COMPLETED
};
// Take answers into items that are submitted in this batch (others are left as they are: a replay changes nothing), in this order, and
// record how far the file is consumed. Terminal ones get the next result sequences. Of two answers to one item the first counts.
// The batch is FETCHED; a few thousand outcomes a call.
[[nodiscard]] int lm_batch_consume(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq,
	const struct lm_outcome *outcomes, size_t count, uint8_t file, uint64_t consumed_bytes, uint64_t max_attempts,
	struct lm_err *err);
// FETCHED -> DONE: items without an answer are pending (status_ended_early) or retryable (a completed batch left a row out), without
// an attempt; those that came back so `max_batch_attempts` times (0: no limit, and it is not counted) are permanent. The reservation is given back.
[[nodiscard]] int lm_batch_finish(struct lm_runs *runs, const struct lm_lease *lease, int64_t seq, bool ended_early,
	const char *error_class, const char *error_text, uint64_t max_batch_attempts, struct lm_err *err);
// Cancelled run: all items that are not in a batch at the provider become permanent (run_cancelled); batches that were never sent are
// gone, whoever works on them; ingestion is closed. To be called again when a batch that was at the provider has given items back.
[[nodiscard]] int lm_runs_finish_cancel(struct lm_runs *runs, const struct lm_lease *lease, struct lm_err *err);
// Back-off of the run's submissions (class null: all is well again).
[[nodiscard]] int lm_runs_backoff(struct lm_runs *runs, const struct lm_lease *lease, const char *error_class, const char *text,
	int64_t next_retry_at_ms, struct lm_err *err);

// Batches in one of the states (bit mask of 1 << state), lowest seq first, above after_seq; *out is yours: release each, then lm_free.
[[nodiscard]] int lm_runs_batches(struct lm_runs *runs, int64_t run, unsigned states, int64_t after_seq, size_t limit,
	struct lm_batch_row **out, size_t *count, struct lm_err *err);

// ---- reading items

struct lm_item {
	uint64_t index, sequence; // sequence 0: not terminal
	char *item_id; // owned
	enum lm_item_status status;
	uint32_t attempts, source;
	uint64_t row_offset, row_check;
	uint32_t row_length;
	int64_t batch; // whose answer ended it; 0: none, or not terminal
	uint8_t file;
	uint64_t offset, check;
	uint32_t length; // the answer's line; length 0: none
	char *error_class, *error_text; // owned, or null: of RETRYABLE and PERMANENT
};
struct lm_items {
	struct lm_item *rows;
	size_t count, cap;
}; // reused from page to page
void lm_items_release(struct lm_items *items);
// Up to `limit` items by index (from `from_index` on) or terminal ones by sequence (above after_sequence).
[[nodiscard]] int lm_runs_items(
	struct lm_runs *runs, int64_t run, uint64_t from_index, size_t limit, struct lm_items *out, struct lm_err *err);
[[nodiscard]] int lm_runs_results(
	struct lm_runs *runs, int64_t run, uint64_t after_sequence, size_t limit, struct lm_items *out, struct lm_err *err);
