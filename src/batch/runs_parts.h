// What the files runs*.c share. Schema and meaning of the columns: docs/formats/batch-run.md.
#pragma once

#include "base/mem.h"
#include "batch/runs.h"
#include "db/db.h"

struct lm_runs {
	struct lm_db *db;
	bool shared; // PostgreSQL
};

// items.status. An item that waits for its first batch is PENDING and not below runs.fresh_from; one that came back is AGAIN (or
// RETRYABLE), and only those are in an index: the usual way through a run costs none.
enum {
	LM_STORED_PENDING = LM_ITEM_PENDING,
	LM_STORED_IN_BATCH = LM_ITEM_QUEUED, // queued or submitted: its batch knows
	LM_STORED_COMPLETED = LM_ITEM_COMPLETED,
	LM_STORED_RETRYABLE = LM_ITEM_RETRYABLE,
	LM_STORED_PERMANENT = LM_ITEM_PERMANENT,
	LM_STORED_AGAIN = 6,
};
enum { LM_RUNS_CHUNK = 5000 }; // rows in memory at a time

enum { LM_RUNS_APPLICATION_ID = 0x6C6D6261 }; // "lmba": SQLite files of ours, from version 2 on
extern const char *const lm_runs_sqlite_schema[];
extern const char lm_runs_sqlite_newest[]; // for lm_db_open_newest
extern const size_t lm_runs_sqlite_schema_count;
extern const char *const lm_runs_postgres_schema[];
extern const size_t lm_runs_postgres_schema_count;

// ---- statements with values

struct lm_value {
	enum { LM_VALUE_I64, LM_VALUE_TEXT, LM_VALUE_DIGEST } kind;
	int64_t number;
	const char *text;
	const struct lm_digest *digest;
};

static inline struct lm_value
lm_i(int64_t number)
{
	return (struct lm_value){ .kind = LM_VALUE_I64, .number = number };
}

static inline struct lm_value
lm_u(uint64_t number) // a limit or a place beyond all others is as good as the largest
{
	return lm_i(number > INT64_MAX ? INT64_MAX : (int64_t)number);
}

static inline struct lm_value
lm_t(const char *text) // null: NULL
{
	return (struct lm_value){ .kind = LM_VALUE_TEXT, .text = text };
}

static inline struct lm_value
lm_d(const struct lm_digest *digest)
{
	return (struct lm_value){ .kind = LM_VALUE_DIGEST, .digest = digest };
}

[[nodiscard]] int lm_runs_prepare(struct lm_runs *runs, struct lm_stmt **out, struct lm_err *err, const char *sql,
	const struct lm_value *values, size_t count);
[[nodiscard]] int lm_runs_run(struct lm_runs *runs, uint64_t *changes, struct lm_err *err, const char *sql,
	const struct lm_value *values, size_t count);

#define LM_VALUES(...) \
	(const struct lm_value[]){ __VA_ARGS__ }, sizeof((const struct lm_value[]){ __VA_ARGS__ }) / sizeof(struct lm_value)
// Get a statement with its values bound, to step through.
#define LM_QUERY(runs, out, err, sql, ...) lm_runs_prepare((runs), (out), (err), (sql), LM_VALUES(__VA_ARGS__))
// Run a statement to its end. `changes` (may be null): how many rows.
#define LM_DO(runs, changes, err, sql, ...) lm_runs_run((runs), (changes), (err), (sql), LM_VALUES(__VA_ARGS__))

char *lm_stmt_dup(struct lm_stmt *stmt, int column); // a copy, or null for NULL
uint64_t lm_stmt_u64(struct lm_stmt *stmt, int column);
// Text from outside as it may be kept: UTF-8, at most `max` bytes (then it ends in "..."). null gives null; else yours to lm_free.
char *lm_runs_clean(const char *text, size_t max);
enum { LM_RUNS_ERROR_MAX = 2000, LM_RUNS_REF_MAX = 1000, LM_RUNS_ITEM_ID_MAX = 1024 };

// ---- a change: one transaction that has the run's row to itself

struct lm_run_state { // the part of a run's row that changes with its items; written back by lm_change_commit
	int64_t key;
	char *run_id; // owned
	enum lm_control control;
	bool ingest_complete;
	uint32_t source;
	uint64_t rows_bytes, item_count, counts[LM_ITEM_STATUS_COUNT], fresh_from;
	uint64_t batch_count, active_batches, unknown_batches, last_sequence;
	int64_t last_fence, last_error;
};

struct lm_change {
	struct lm_runs *runs;
	struct lm_run_state run;
	bool open;
	int64_t error_keys[16]; // errors of this change, to name each once
	uint64_t error_hashes[16];
	size_t error_count;
};

// LM_AUTO(lm_change_end) struct lm_change change = {}: rolled back unless committed.
[[nodiscard]] int lm_change_begin(struct lm_change *change, struct lm_runs *runs, int64_t run, struct lm_err *err);
// The same, and LM_E_CONFLICT when the lease is no longer what it was.
[[nodiscard]] int lm_change_begin_leased(
	struct lm_change *change, struct lm_runs *runs, const struct lm_lease *lease, struct lm_err *err);
// The same for a change of batch `seq`, which has to be in one of `states` (mask); row may be null.
[[nodiscard]] int lm_change_begin_batch(struct lm_change *change, struct lm_runs *runs, const struct lm_lease *lease,
	int64_t seq, unsigned states, struct lm_err *err);
[[nodiscard]] int lm_change_commit(struct lm_change *change, struct lm_err *err);
void lm_change_end(struct lm_change *change);

// Keep an error and give its number; 0 for a null class.
[[nodiscard]] int lm_change_error(
	struct lm_change *change, const char *error_class, const char *text, int64_t *key, struct lm_err *err);

int lm_lease_lost(struct lm_runs *runs, const struct lm_lease *lease, struct lm_err *err); // sets err, -1

// ---- ranges of items in a batch

struct lm_range {
	uint64_t first, last;
};
[[nodiscard]] int lm_ranges_read(
	struct lm_change *change, int64_t seq, struct lm_range **out, size_t *count, struct lm_err *err);
// Make the items of a batch above `after` (-1: all) wait again, and forget them in its ranges. *count: how many.
[[nodiscard]] int lm_ranges_give_back(
	struct lm_change *change, int64_t seq, int64_t after, uint64_t *count, struct lm_err *err);
// The batch's row, lease and ranges are gone.
[[nodiscard]] int lm_batch_forget(struct lm_change *change, int64_t seq, struct lm_err *err);
// Give back what the batch has reserved in its scope.
[[nodiscard]] int lm_scope_release(struct lm_change *change, int64_t seq, struct lm_err *err);

// ---- many rows at once

[[nodiscard]] int lm_bulk_insert_items(struct lm_change *change, const struct lm_ingest_slice *slice, size_t *duplicate,
	uint32_t *first_source, bool *conflict, struct lm_err *err);

// first_sources[i]: of the item that has ids[i], or UINT32_MAX.
[[nodiscard]] int lm_bulk_known(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err);

struct lm_settled {
	uint64_t index;
	uint32_t attempts, returns;
	uint8_t status; // as stored
	uint8_t was; // LM_ITEM_...: the counter it leaves
	uint8_t file;
	uint64_t sequence; // set by lm_bulk_settle for terminal ones
	int64_t error;
	uint64_t offset, check;
	uint32_t length;
};
// Which outcomes are waited for in this batch? attempts[i] and returns[i] of the item, or attempts[i] UINT32_MAX.
[[nodiscard]] int lm_bulk_match(struct lm_change *change, int64_t seq, const struct lm_outcome *outcomes, size_t count,
	uint32_t *attempts, uint32_t *returns, struct lm_err *err);
// Change items (each index once), count them, and give the terminal ones the next sequences.
[[nodiscard]] int lm_bulk_settle(struct lm_change *change, struct lm_settled *rows, size_t count, struct lm_err *err);
