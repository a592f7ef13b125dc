#include "db/backend.h"

#include "base/mem.h"
#include "os/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

enum { BUSY_TIMEOUT_MS = 30'000, BUSY_STEP_MS = 20 };

struct sqlite_stmt {
	struct lm_stmt base;
	sqlite3_stmt *handle;
	int bind_status; // the first bind that failed; told by the next step
	uint64_t changes;
};

struct sqlite_db {
	struct lm_db base;
	sqlite3 *handle;
};

// Set err from what SQLite says; `doing` is what we wanted of the database: "cannot <doing> database '<path>': ...".
static int
fail(const struct sqlite_db *db, int status, const char *doing, struct lm_err *err)
{
	enum lm_code code = LM_E_IO;
	int sys = 0;
	switch (status & 0xff) {
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		code = LM_E_INTEGRITY;
		break;
	case SQLITE_CONSTRAINT:
		code = LM_E_CONFLICT;
		break;
	case SQLITE_TOOBIG:
		code = LM_E_LIMIT;
		break;
	case SQLITE_FULL:
		sys = ENOSPC;
		break;
	case SQLITE_ERROR: // the statement itself: our own mistake, or a schema that is not ours
		code = LM_E_SYNTAX;
		break;
	default:
		sys = db->handle == nullptr ? 0 : sqlite3_system_errno(db->handle);
		break;
	}
	const char *text = db->handle == nullptr ? sqlite3_errstr(status) : sqlite3_errmsg(db->handle);
	if ((status & 0xff) == SQLITE_BUSY)
		text = "another process holds it";
	if ((status & 0xff) == SQLITE_IOERR && db->handle != nullptr &&
		sqlite3_extended_errcode(db->handle) == SQLITE_IOERR_SHMSIZE) // without errno; it could not be made longer
		sys = ENOSPC;
	bool say_why = sys != 0 && (status & 0xff) != SQLITE_FULL;
	lm_err_set(err, code, "cannot %s database '%s': %s%s%s", doing, db->base.name, text, say_why ? ": " : "",
		say_why ? strerrordesc_np(sys) : "");
	err->sys = sys;
	return -1;
}

// Setting WAL mode needs the whole file for an instant, and SQLite's own time-out does not cover that.
static int
set_wal(struct sqlite_db *db, struct lm_err *err)
{
	uint64_t deadline = lm_clock_monotonic_ms() + BUSY_TIMEOUT_MS;
	for (;;) {
		int status = sqlite3_exec(db->handle, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
		if (status == SQLITE_OK)
			return 0;
		if ((status & 0xff) != SQLITE_BUSY || lm_clock_monotonic_ms() > deadline || lm_clock_sleep_ms(BUSY_STEP_MS))
			return fail(db, status, "open", err);
	}
}

static int
user_version(struct lm_db *db, uint64_t *out, struct lm_err *err)
{
	struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(db, "PRAGMA user_version", &stmt, err) < 0)
		return -1;
	int rc = lm_stmt_step(stmt, err);
	*out = rc == 1 ? (uint64_t)lm_stmt_i64(stmt, 0) : 0;
	lm_stmt_done(stmt);
	return rc < 0 ? -1 : 0;
}

static int
run_script(struct sqlite_db *db, const char *sql, struct lm_err *err)
{
	int status = sqlite3_exec(db->handle, sql, nullptr, nullptr, nullptr);
	return status == SQLITE_OK ? 0 : fail(db, status, "change", err);
}

// All that are missing (`newest`: of none there), and the number, in one transaction; which are is looked up inside it.
static int
apply(struct sqlite_db *db, const char *newest, const char *const *migrations, size_t count, struct lm_err *err)
{
	uint64_t version = 0;
	if (lm_db_begin(&db->base, err) < 0 || user_version(&db->base, &version, err) < 0)
		return -1;
	if (version > count)
		return lm_err_set(err, LM_E_UNSUPPORTED,
			"database '%s' was written by a newer lamina (format %llu, this one knows %zu)", db->base.name,
			(unsigned long long)version, count);
	if (version == count) { // another process was faster
		lm_db_rollback(&db->base);
		return 0;
	}
	if (version == 0 && newest != nullptr) {
		if (run_script(db, newest, err) < 0)
			return -1;
		version = count;
	}
	for (; version < count; version++)
		if (run_script(db, migrations[version], err) < 0)
			return -1;
	LM_AUTO(lm_free_ptr) char *mark = lm_format("PRAGMA user_version = %zu", count);
	if (run_script(db, mark, err) < 0)
		return -1;
	return lm_db_commit(&db->base, err);
}

static int
migrate(struct sqlite_db *db, const char *newest, const char *const *migrations, size_t count, struct lm_err *err)
{
	uint64_t version = 0;
	if (user_version(&db->base, &version, err) < 0)
		return -1;
	if (version == count || apply(db, newest, migrations, count, err) == 0)
		return 0;
	lm_db_rollback(&db->base);
	return -1;
}

static void
close_db(struct lm_db *base)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	(void)sqlite3_close(db->handle);
	lm_free(db);
}

static int
begin(struct lm_db *base, struct lm_err *err)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	int status = sqlite3_exec(db->handle, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
	return status == SQLITE_OK ? 0 : fail(db, status, "write to", err);
}

static int
commit(struct lm_db *base, struct lm_err *err)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	int status = sqlite3_exec(db->handle, "COMMIT", nullptr, nullptr, nullptr);
	return status == SQLITE_OK ? 0 : fail(db, status, "write to", err);
}

static void
rollback(struct lm_db *base)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	if (sqlite3_get_autocommit(db->handle) == 0) // some errors have rolled back already
		(void)sqlite3_exec(db->handle, "ROLLBACK", nullptr, nullptr, nullptr);
}

static int
prepare(struct lm_db *base, const char *sql, struct lm_stmt **out, struct lm_err *err)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	sqlite3_stmt *handle = nullptr;
	const char *rest = nullptr;
	int status = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &rest);
	if (status != SQLITE_OK)
		return fail(db, status, "query", err);
	assert(handle != nullptr && *rest == '\0'); // one statement, not empty, and no more
	struct sqlite_stmt *stmt = lm_alloc(sizeof *stmt);
	stmt->handle = handle;
	*out = &stmt->base;
	return 0;
}

static void
finalize(struct lm_stmt *base)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	(void)sqlite3_finalize(stmt->handle);
	lm_free(stmt);
}

static void
note_bind(struct sqlite_stmt *stmt, int status)
{
	assert(status != SQLITE_RANGE && status != SQLITE_MISUSE);
	if (stmt->bind_status == SQLITE_OK)
		stmt->bind_status = status;
}

static void
bind_str(struct lm_stmt *base, int index, struct lm_str text, bool copy)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	note_bind(stmt,
		text.ptr == nullptr ? sqlite3_bind_null(stmt->handle, index)
				    : sqlite3_bind_text64(stmt->handle, index, text.ptr, text.len,
					      copy ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8));
}

static void
bind_i64(struct lm_stmt *base, int index, int64_t value)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	note_bind(stmt, sqlite3_bind_int64(stmt->handle, index, value));
}

static int
step(struct lm_stmt *base, struct lm_err *err)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	struct sqlite_db *db = (struct sqlite_db *)base->db;
	if (stmt->bind_status != SQLITE_OK)
		return fail(db, stmt->bind_status, "query", err);
	int status = sqlite3_step(stmt->handle);
	if (status == SQLITE_ROW)
		return 1;
	if (status == SQLITE_DONE) {
		stmt->changes = (uint64_t)sqlite3_changes64(db->handle);
		return 0;
	}
	return fail(db, status, sqlite3_stmt_readonly(stmt->handle) != 0 ? "read" : "write to", err);
}

static const char *
text(struct lm_stmt *base, int column)
{
	return (const char *)sqlite3_column_text(((struct sqlite_stmt *)base)->handle, column);
}

static int64_t
i64(struct lm_stmt *base, int column)
{
	return sqlite3_column_int64(((struct sqlite_stmt *)base)->handle, column);
}

static uint64_t
changes(struct lm_stmt *base)
{
	return ((struct sqlite_stmt *)base)->changes;
}

static void
reset(struct lm_stmt *base)
{
	(void)sqlite3_reset(((struct sqlite_stmt *)base)->handle); // repeats the error of the last step
}

static void
clear(struct lm_stmt *base)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	reset(base);
	(void)sqlite3_clear_bindings(stmt->handle);
	stmt->bind_status = SQLITE_OK;
}

static const struct lm_db_backend backend = { LM_DB_CALLS };

// Nobody asks how much memory SQLite has: keeping count is a lock around each allocation.
static void
configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void
close_ptr(struct sqlite_db **db)
{
	if (*db != nullptr)
		lm_db_close(&(*db)->base);
}

static int
connect_to(struct sqlite_db **out, const char *path, int flags, struct lm_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	LM_AUTO(close_ptr) struct sqlite_db *db = lm_alloc(sizeof *db);
	(void)pthread_once(&once, configure);
	db->base.backend = &backend;
	db->base.name = lm_strdup(path);
	int status = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
	if (status != SQLITE_OK)
		return fail(db, status, "open", err);
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	*out = lm_take(&db);
	return 0;
}

// 1 yes, 0 no, -1
static int
has_table(const struct sqlite_db *db, const char *name, struct lm_err *err)
{
	sqlite3_stmt *stmt = nullptr;
	int status = sqlite3_prepare_v2(
		db->handle, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", -1, &stmt, nullptr);
	if (status == SQLITE_OK)
		status = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (status == SQLITE_OK)
		status = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	if (status == SQLITE_ROW || status == SQLITE_DONE || sqlite3_extended_errcode(db->handle) == SQLITE_READONLY_ROLLBACK)
		return status == SQLITE_ROW ? 1 : 0;
	return fail(db, status, "read", err);
}

int
lm_db_has_tables(const char *path, bool read_only, const char *const *tables, size_t count, bool *has, struct lm_err *err)
{
	LM_AUTO(close_ptr) struct sqlite_db *db = nullptr;
	int rc = connect_to(&db, path, read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = has_table(db, tables[i], err);
		*has = rc == 1;
		if (rc == 0)
			return 0;
		rc = rc == 1 ? 0 : -1;
	}
	return rc;
}

int
lm_db_open(struct lm_db **out, const char *path, const char *const *migrations, size_t migration_count, struct lm_err *err)
{
	return lm_db_open_newest(out, path, nullptr, migrations, migration_count, err);
}

int
lm_db_open_newest(struct lm_db **out, const char *path, const char *newest, const char *const *migrations,
	size_t migration_count, struct lm_err *err)
{
	LM_AUTO(close_ptr) struct sqlite_db *db = nullptr;
	if (connect_to(&db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) < 0)
		return -1;
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
	(void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
	if (set_wal(db, err) < 0 || run_script(db, "PRAGMA foreign_keys = ON", err) < 0 ||
		migrate(db, newest, migrations, migration_count, err) < 0)
		return -1;
	*out = &lm_take(&db)->base;
	return 0;
}
