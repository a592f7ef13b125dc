// Databases: statements, transactions, migrations. The only user of SQLite, and (db/postgres) of PostgreSQL's library.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "digest/sha256.h"

struct lm_db; // a connection; one thread at a time

// Open (and make) a database in WAL mode with a busy time-out of 30 s, and bring its schema up to date. Commits are
// flushed to disk (synchronous = FULL); foreign keys are enforced.
//   migrations  SQL scripts; PRAGMA user_version says how many have been applied. A database with a higher number is refused
//               (LM_E_UNSUPPORTED: "was written by a newer lamina"). Those that are missing are one transaction, applied once,
//               also when several processes open the database at the same time; none must begin or commit one.
// Errors of all calls: LM_E_INTEGRITY (not a database, or damaged), LM_E_CONFLICT (a constraint), LM_E_SYNTAX (a statement that
// does not fit the schema), LM_E_IO (all else; "another process holds it" after the time-out).
// For PostgreSQL see db/postgres/postgres.h; all other calls are the same for both.
[[nodiscard]] int lm_db_open(
	struct lm_db **out, const char *path, const char *const *migrations, size_t migration_count, struct lm_err *err);
// The same with what a new database (user_version 0) gets instead of all migrations; it has to come to the very same schema.
[[nodiscard]] int lm_db_open_newest(struct lm_db **out, const char *path, const char *newest, const char *const *migrations,
	size_t migration_count, struct lm_err *err);
void lm_db_close(struct lm_db *db);
void lm_db_close_ptr(struct lm_db **db); // for LM_AUTO

// Has an SQLite database all these tables? Its mode and schema stay as they are. `read_only`: so does all else, also a journal or log of
// a process that died; one with a journal that would have to be rolled back has no tables then.
[[nodiscard]] int lm_db_has_tables(
	const char *path, bool read_only, const char *const *tables, size_t count, bool *has, struct lm_err *err);

bool lm_db_is_postgres(const struct lm_db *db);
// Does a failure mean that the whole transaction may be tried again as it was: PostgreSQL ended it because of another one
// (serialisation, deadlock)?
bool lm_db_retryable(const struct lm_err *err);

[[nodiscard]] int lm_db_begin(struct lm_db *db, struct lm_err *err); // SQLite: BEGIN IMMEDIATE
[[nodiscard]] int lm_db_commit(struct lm_db *db, struct lm_err *err);
void lm_db_rollback(struct lm_db *db);

struct lm_stmt; // a prepared statement, cached in the connection by its text
// Get a statement ready to bind from 1; `sql` is one statement. Give it back with lm_stmt_done, at the latest before the
// end of the transaction.
[[nodiscard]] int lm_db_prepare(struct lm_db *db, const char *sql, struct lm_stmt **out, struct lm_err *err);
void lm_stmt_bind_text(struct lm_stmt *stmt, int index, const char *text); // null binds NULL; copied
void lm_stmt_bind_str(
	struct lm_stmt *stmt, int index, struct lm_str text); // ptr null binds NULL; not copied: yours until the step
void lm_stmt_bind_i64(struct lm_stmt *stmt, int index, int64_t value);
void lm_stmt_bind_digest(struct lm_stmt *stmt, int index, const struct lm_digest *digest); // as lower-case hex
// 1: a row, 0: done, -1: failed
[[nodiscard]] int lm_stmt_step(struct lm_stmt *stmt, struct lm_err *err);
const char *lm_stmt_text(struct lm_stmt *stmt, int column); // null for NULL; valid until the next step
int64_t lm_stmt_i64(struct lm_stmt *stmt, int column);
uint64_t lm_stmt_changes(struct lm_stmt *stmt); // rows inserted, changed or removed, after the last step
void lm_stmt_again(struct lm_stmt *stmt); // ready for another round; what is not bound anew stays
void lm_stmt_done(struct lm_stmt *stmt); // null is fine
void lm_stmt_done_ptr(struct lm_stmt **stmt); // for LM_AUTO
// Prepare, step to the end, done: for statements without parameters and rows.
[[nodiscard]] int lm_db_exec(struct lm_db *db, const char *sql, struct lm_err *err);
