#include "db/backend.h"

#include "base/mem.h"
#include "os/kill_point.h"

#include <errno.h>
#include <string.h>

void
lm_db_close(struct lm_db *db)
{
	if (db == nullptr)
		return;
	while (db->stmts != nullptr) {
		struct lm_stmt *stmt = db->stmts;
		db->stmts = stmt->next;
		lm_free(stmt->sql);
		db->backend->finalize(stmt);
	}
	lm_free(db->name);
	db->backend->close(db);
}

void
lm_db_close_ptr(struct lm_db **db)
{
	lm_db_close(*db);
}

bool
lm_db_is_postgres(const struct lm_db *db)
{
	return db->backend->is_postgres;
}

bool
lm_db_retryable(const struct lm_err *err)
{
	return err->code == LM_E_IO && err->sys == EAGAIN;
}

int
lm_db_begin(struct lm_db *db, struct lm_err *err)
{
	int rc = db->backend->begin(db, err);
	LM_KILL_POINT("database: transaction begun");
	return rc;
}

int
lm_db_commit(struct lm_db *db, struct lm_err *err)
{
	LM_KILL_POINT("database: before commit");
	int rc = db->backend->commit(db, err);
	LM_KILL_POINT("database: committed");
	return rc;
}

void
lm_db_rollback(struct lm_db *db)
{
	db->backend->rollback(db);
}

int
lm_db_prepare(struct lm_db *db, const char *sql, struct lm_stmt **out, struct lm_err *err)
{
	size_t len = strlen(sql);
	for (struct lm_stmt *stmt = db->stmts; stmt != nullptr; stmt = stmt->next) {
		if (!stmt->in_use && stmt->sql_len == len && memcmp(stmt->sql, sql, len) == 0) {
			stmt->in_use = true;
			*out = stmt;
			return 0;
		}
	}
	struct lm_stmt *stmt = nullptr;
	if (db->backend->prepare(db, sql, &stmt, err) < 0)
		return -1;
	stmt->db = db;
	stmt->sql = lm_strdup(sql);
	stmt->sql_len = len;
	stmt->in_use = true;
	stmt->next = db->stmts;
	db->stmts = stmt;
	*out = stmt;
	return 0;
}

void
lm_stmt_bind_text(struct lm_stmt *stmt, int index, const char *text)
{
	stmt->db->backend->bind_str(stmt, index, text == nullptr ? (struct lm_str){} : lm_str_of(text), true);
}

void
lm_stmt_bind_str(struct lm_stmt *stmt, int index, struct lm_str text)
{
	stmt->db->backend->bind_str(stmt, index, text, false);
}

void
lm_stmt_bind_i64(struct lm_stmt *stmt, int index, int64_t value)
{
	stmt->db->backend->bind_i64(stmt, index, value);
}

void
lm_stmt_bind_digest(struct lm_stmt *stmt, int index, const struct lm_digest *digest)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(digest, hex);
	lm_stmt_bind_text(stmt, index, hex);
}

int
lm_stmt_step(struct lm_stmt *stmt, struct lm_err *err)
{
	return stmt->db->backend->step(stmt, err);
}

const char *
lm_stmt_text(struct lm_stmt *stmt, int column)
{
	return stmt->db->backend->text(stmt, column);
}

int64_t
lm_stmt_i64(struct lm_stmt *stmt, int column)
{
	return stmt->db->backend->i64(stmt, column);
}

uint64_t
lm_stmt_changes(struct lm_stmt *stmt)
{
	return stmt->db->backend->changes(stmt);
}

void
lm_stmt_again(struct lm_stmt *stmt)
{
	stmt->db->backend->reset(stmt);
}

void
lm_stmt_done(struct lm_stmt *stmt)
{
	if (stmt == nullptr)
		return;
	stmt->db->backend->clear(stmt);
	stmt->in_use = false;
}

void
lm_stmt_done_ptr(struct lm_stmt **stmt)
{
	lm_stmt_done(*stmt);
}

int
lm_db_exec(struct lm_db *db, const char *sql, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(db, sql, &stmt, err) < 0)
		return -1;
	int rc = 1;
	while (rc == 1)
		rc = lm_stmt_step(stmt, err);
	return rc;
}
