// One entry is one step from a version of the schema to the next; what is released never changes. A sample of each version is kept
// under tests/cases/batch.
#include "batch/runs_parts.h"

// clang-format off
// The tables with what later versions add to three of them, at the end of their columns: there ALTER TABLE puts it, too.
#define SQLITE_TABLES(items_more, results_more, batches_more) \
	"CREATE TABLE runs (" \
	" key INTEGER PRIMARY KEY," \
	" run_id TEXT NOT NULL UNIQUE," \
	" nonce TEXT NOT NULL," \
	" config TEXT NOT NULL," \
	" created_at_s INTEGER NOT NULL," \
	" control INTEGER NOT NULL DEFAULT 0," \
	" control_reason TEXT," \
	" ingest_complete INTEGER NOT NULL DEFAULT 0," \
	" ingest_source INTEGER NOT NULL DEFAULT 0," \
	" checkpoint TEXT," \
	" rows_bytes INTEGER NOT NULL DEFAULT 0," \
	" item_count INTEGER NOT NULL DEFAULT 0," \
	" pending INTEGER NOT NULL DEFAULT 0," \
	" queued INTEGER NOT NULL DEFAULT 0," \
	" submitted INTEGER NOT NULL DEFAULT 0," \
	" completed INTEGER NOT NULL DEFAULT 0," \
	" retryable INTEGER NOT NULL DEFAULT 0," \
	" permanent INTEGER NOT NULL DEFAULT 0," \
	" fresh_from INTEGER NOT NULL DEFAULT 0," \
	" batch_count INTEGER NOT NULL DEFAULT 0," \
	" active_batches INTEGER NOT NULL DEFAULT 0," \
	" unknown_batches INTEGER NOT NULL DEFAULT 0," \
	" last_sequence INTEGER NOT NULL DEFAULT 0," \
	" last_fence INTEGER NOT NULL DEFAULT 0," \
	" last_error INTEGER NOT NULL DEFAULT 0," \
	" consecutive_failures INTEGER NOT NULL DEFAULT 0," \
	" total_failures INTEGER NOT NULL DEFAULT 0," \
	" next_retry_at_ms INTEGER NOT NULL DEFAULT 0," \
	" error_class TEXT," \
	" error_text TEXT," \
	" exported_at_s INTEGER NOT NULL DEFAULT 0," \
	" export_root TEXT," \
	" requests_pruned INTEGER NOT NULL DEFAULT 0," \
	" raw_pruned INTEGER NOT NULL DEFAULT 0" \
	") STRICT;" \
	"CREATE TABLE items (" \
	" run INTEGER NOT NULL," \
	" idx INTEGER NOT NULL," \
	" item_id TEXT NOT NULL," \
	" source INTEGER NOT NULL," \
	" row_offset INTEGER NOT NULL," \
	" row_length INTEGER NOT NULL," \
	" status INTEGER NOT NULL," \
	" attempts INTEGER NOT NULL," \
	" returns INTEGER NOT NULL," \
	" batch INTEGER NOT NULL," \
	" sequence INTEGER NOT NULL," \
	" error INTEGER NOT NULL," \
	items_more \
	" PRIMARY KEY (run, idx)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE UNIQUE INDEX items_by_id ON items (run, item_id);" \
	"CREATE INDEX items_again ON items (run, idx) WHERE status IN (4, 6);" \
	"CREATE TABLE results (" \
	" run INTEGER NOT NULL," \
	" sequence INTEGER NOT NULL," \
	" idx INTEGER NOT NULL," \
	" file INTEGER NOT NULL," \
	" line_offset INTEGER NOT NULL," \
	" line_length INTEGER NOT NULL," \
	results_more \
	" PRIMARY KEY (run, sequence)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE TABLE errors (" \
	" run INTEGER NOT NULL," \
	" key INTEGER NOT NULL," \
	" class TEXT NOT NULL," \
	" text TEXT NOT NULL," \
	" PRIMARY KEY (run, key)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE TABLE batches (" \
	" run INTEGER NOT NULL," \
	" seq INTEGER NOT NULL," \
	" state INTEGER NOT NULL," \
	" item_count INTEGER NOT NULL," \
	" bytes INTEGER NOT NULL DEFAULT 0," \
	" tokens INTEGER NOT NULL DEFAULT 0," \
	" request_digest TEXT," \
	" scope TEXT," \
	" input_ref TEXT," \
	" provider_batch_id TEXT," \
	" status TEXT," \
	" output_ref TEXT," \
	" error_ref TEXT," \
	" intent_at_s INTEGER NOT NULL DEFAULT 0," \
	" next_try_at_ms INTEGER NOT NULL DEFAULT 0," \
	" failures INTEGER NOT NULL DEFAULT 0," \
	" error_class TEXT," \
	" error_text TEXT," \
	" output_consumed INTEGER NOT NULL DEFAULT 0," \
	" error_consumed INTEGER NOT NULL DEFAULT 0," \
	batches_more \
	" PRIMARY KEY (run, seq)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE INDEX batches_open ON batches (run, seq) WHERE state < 6;" \
	"CREATE TABLE ranges (" \
	" run INTEGER NOT NULL," \
	" batch INTEGER NOT NULL," \
	" first INTEGER NOT NULL," \
	" last INTEGER NOT NULL," \
	" PRIMARY KEY (run, batch, first)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE TABLE leases (" \
	" run INTEGER NOT NULL," \
	" unit INTEGER NOT NULL," \
	" fence INTEGER NOT NULL," \
	" owner TEXT NOT NULL," \
	" until_ms INTEGER NOT NULL," \
	" PRIMARY KEY (run, unit)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE TABLE slices (" \
	" run INTEGER NOT NULL," \
	" source INTEGER NOT NULL," \
	" number INTEGER NOT NULL," \
	" begins INTEGER NOT NULL," \
	" ends INTEGER NOT NULL," \
	" digest TEXT NOT NULL," \
	" PRIMARY KEY (run, source, number)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE TABLE stamps (" \
	" run INTEGER NOT NULL," \
	" source INTEGER NOT NULL," \
	" size_bytes INTEGER NOT NULL," \
	" mtime_s INTEGER NOT NULL," \
	" mtime_ns INTEGER NOT NULL," \
	" inode INTEGER NOT NULL," \
	" PRIMARY KEY (run, source)" \
	") STRICT, WITHOUT ROWID;" \
	"CREATE TABLE scopes (" \
	" scope TEXT NOT NULL PRIMARY KEY," \
	" reserved INTEGER NOT NULL" \
	") STRICT, WITHOUT ROWID"
static const char sqlite_1[] = SQLITE_TABLES("", "", "");

static const char postgres_1[] =
	"CREATE TABLE runs ("
	" key INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	" run_id TEXT COLLATE \"C\" NOT NULL UNIQUE,"
	" nonce TEXT COLLATE \"C\" NOT NULL,"
	" config TEXT COLLATE \"C\" NOT NULL,"
	" created_at_s BIGINT NOT NULL,"
	" control INTEGER NOT NULL DEFAULT 0,"
	" control_reason TEXT COLLATE \"C\","
	" ingest_complete INTEGER NOT NULL DEFAULT 0,"
	" ingest_source INTEGER NOT NULL DEFAULT 0,"
	" checkpoint TEXT COLLATE \"C\","
	" rows_bytes BIGINT NOT NULL DEFAULT 0,"
	" item_count BIGINT NOT NULL DEFAULT 0,"
	" pending BIGINT NOT NULL DEFAULT 0,"
	" queued BIGINT NOT NULL DEFAULT 0,"
	" submitted BIGINT NOT NULL DEFAULT 0,"
	" completed BIGINT NOT NULL DEFAULT 0,"
	" retryable BIGINT NOT NULL DEFAULT 0,"
	" permanent BIGINT NOT NULL DEFAULT 0,"
	" fresh_from BIGINT NOT NULL DEFAULT 0,"
	" batch_count INTEGER NOT NULL DEFAULT 0,"
	" active_batches INTEGER NOT NULL DEFAULT 0,"
	" unknown_batches INTEGER NOT NULL DEFAULT 0,"
	" last_sequence BIGINT NOT NULL DEFAULT 0,"
	" last_fence BIGINT NOT NULL DEFAULT 0,"
	" last_error INTEGER NOT NULL DEFAULT 0,"
	" consecutive_failures BIGINT NOT NULL DEFAULT 0,"
	" total_failures BIGINT NOT NULL DEFAULT 0,"
	" next_retry_at_ms BIGINT NOT NULL DEFAULT 0,"
	" error_class TEXT COLLATE \"C\","
	" error_text TEXT COLLATE \"C\","
	" exported_at_s BIGINT NOT NULL DEFAULT 0,"
	" export_root TEXT COLLATE \"C\","
	" requests_pruned INTEGER NOT NULL DEFAULT 0,"
	" raw_pruned INTEGER NOT NULL DEFAULT 0"
	");"
	"CREATE TABLE items ("
	" run INTEGER NOT NULL,"
	" idx BIGINT NOT NULL,"
	" item_id TEXT COLLATE \"C\" NOT NULL,"
	" source INTEGER NOT NULL,"
	" row_offset BIGINT NOT NULL,"
	" row_length INTEGER NOT NULL,"
	" status INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL,"
	" returns INTEGER NOT NULL,"
	" batch INTEGER NOT NULL,"
	" sequence BIGINT NOT NULL,"
	" error INTEGER NOT NULL,"
	" PRIMARY KEY (run, idx)"
	");"
	"CREATE UNIQUE INDEX items_by_id ON items (run, item_id);"
	"CREATE INDEX items_again ON items (run, idx) WHERE status IN (4, 6);"
	"CREATE TABLE results ("
	" run INTEGER NOT NULL,"
	" sequence BIGINT NOT NULL,"
	" idx BIGINT NOT NULL,"
	" file INTEGER NOT NULL,"
	" line_offset BIGINT NOT NULL,"
	" line_length INTEGER NOT NULL,"
	" PRIMARY KEY (run, sequence)"
	");"
	"CREATE TABLE errors ("
	" run INTEGER NOT NULL,"
	" key INTEGER NOT NULL,"
	" class TEXT COLLATE \"C\" NOT NULL,"
	" text TEXT COLLATE \"C\" NOT NULL,"
	" PRIMARY KEY (run, key)"
	");"
	"CREATE TABLE batches ("
	" run INTEGER NOT NULL,"
	" seq INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" item_count BIGINT NOT NULL,"
	" bytes BIGINT NOT NULL DEFAULT 0,"
	" tokens BIGINT NOT NULL DEFAULT 0,"
	" request_digest TEXT COLLATE \"C\","
	" scope TEXT COLLATE \"C\","
	" input_ref TEXT COLLATE \"C\","
	" provider_batch_id TEXT COLLATE \"C\","
	" status TEXT COLLATE \"C\","
	" output_ref TEXT COLLATE \"C\","
	" error_ref TEXT COLLATE \"C\","
	" intent_at_s BIGINT NOT NULL DEFAULT 0,"
	" next_try_at_ms BIGINT NOT NULL DEFAULT 0,"
	" failures INTEGER NOT NULL DEFAULT 0,"
	" error_class TEXT COLLATE \"C\","
	" error_text TEXT COLLATE \"C\","
	" output_consumed BIGINT NOT NULL DEFAULT 0,"
	" error_consumed BIGINT NOT NULL DEFAULT 0,"
	" PRIMARY KEY (run, seq)"
	");"
	"CREATE INDEX batches_open ON batches (run, seq) WHERE state < 6;"
	"CREATE TABLE ranges ("
	" run INTEGER NOT NULL,"
	" batch INTEGER NOT NULL,"
	" first BIGINT NOT NULL,"
	" last BIGINT NOT NULL,"
	" PRIMARY KEY (run, batch, first)"
	");"
	"CREATE TABLE leases ("
	" run INTEGER NOT NULL,"
	" unit INTEGER NOT NULL,"
	" fence BIGINT NOT NULL,"
	" owner TEXT COLLATE \"C\" NOT NULL,"
	" until_ms BIGINT NOT NULL,"
	" PRIMARY KEY (run, unit)"
	");"
	"CREATE TABLE slices ("
	" run INTEGER NOT NULL,"
	" source INTEGER NOT NULL,"
	" number INTEGER NOT NULL,"
	" begins BIGINT NOT NULL,"
	" ends BIGINT NOT NULL,"
	" digest TEXT COLLATE \"C\" NOT NULL,"
	" PRIMARY KEY (run, source, number)"
	");"
	"CREATE TABLE stamps ("
	" run INTEGER NOT NULL,"
	" source INTEGER NOT NULL,"
	" size_bytes BIGINT NOT NULL,"
	" mtime_s BIGINT NOT NULL,"
	" mtime_ns BIGINT NOT NULL,"
	" inode BIGINT NOT NULL,"
	" PRIMARY KEY (run, source)"
	");"
	"CREATE TABLE scopes ("
	" scope TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,"
	" reserved BIGINT NOT NULL"
	")";

// What lines and files have to be when they are read again, as far as it was recorded; and whose file this is.
#define CHECKS(integer, text) \
	"ALTER TABLE items ADD COLUMN row_check " integer " NOT NULL DEFAULT 0;" \
	"ALTER TABLE results ADD COLUMN line_check " integer " NOT NULL DEFAULT 0;" \
	"ALTER TABLE batches ADD COLUMN output_digest " text ";" \
	"ALTER TABLE batches ADD COLUMN error_digest " text
#define OF_A_RUNNER "PRAGMA application_id = 1819107937"
static const char sqlite_2[] = CHECKS("INTEGER", "TEXT") ";" OF_A_RUNNER;
static const char postgres_2[] = CHECKS("BIGINT", "TEXT COLLATE \"C\"");

// What a new store gets instead of all steps. To add a column SQLite parses all tables again, as often as there are columns to add.
const char lm_runs_sqlite_newest[] = SQLITE_TABLES(
	" row_check INTEGER NOT NULL DEFAULT 0,",
	" line_check INTEGER NOT NULL DEFAULT 0,",
	" output_digest TEXT, error_digest TEXT,") ";" OF_A_RUNNER;
// clang-format on

const char *const lm_runs_sqlite_schema[] = { sqlite_1, sqlite_2 };
const size_t lm_runs_sqlite_schema_count = LM_COUNT(lm_runs_sqlite_schema);
const char *const lm_runs_postgres_schema[] = { postgres_1, postgres_2 };
const size_t lm_runs_postgres_schema_count = LM_COUNT(lm_runs_postgres_schema);
