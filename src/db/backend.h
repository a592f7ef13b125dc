// What a database engine does for lm_db. The cache of statements and the calls themselves are common (db.c).
#pragma once

#include "db/db.h"

struct lm_db_backend {
	bool is_postgres;
	void (*close)(struct lm_db *db); // frees db itself, not what the common part has in it
	int (*begin)(struct lm_db *db, struct lm_err *err);
	int (*commit)(struct lm_db *db, struct lm_err *err);
	void (*rollback)(struct lm_db *db);
	int (*prepare)(struct lm_db *db, const char *sql, struct lm_stmt **out, struct lm_err *err);
	void (*finalize)(struct lm_stmt *stmt); // frees stmt itself
	void (*bind_str)(struct lm_stmt *stmt, int index, struct lm_str text, bool copy); // ptr null: NULL
	void (*bind_i64)(struct lm_stmt *stmt, int index, int64_t value);
	int (*step)(struct lm_stmt *stmt, struct lm_err *err);
	const char *(*text)(struct lm_stmt *stmt, int column);
	int64_t (*i64)(struct lm_stmt *stmt, int column);
	uint64_t (*changes)(struct lm_stmt *stmt);
	void (*reset)(struct lm_stmt *stmt);
	void (*clear)(struct lm_stmt *stmt); // reset, and no values
};

// The calls of an engine, in the file that has them under the names of the members.
#define LM_DB_CALLS \
	.close = close_db, .begin = begin, .commit = commit, .rollback = rollback, .prepare = prepare, .finalize = finalize, \
	.bind_str = bind_str, .bind_i64 = bind_i64, .step = step, .text = text, .i64 = i64, .changes = changes, \
	.reset = reset, .clear = clear

// First in what an engine keeps of a connection and of a statement.
struct lm_db {
	const struct lm_db_backend *backend;
	char *name; // for messages; without a password
	struct lm_stmt *stmts;
};

struct lm_stmt {
	struct lm_db *db;
	char *sql;
	size_t sql_len;
	bool in_use;
	struct lm_stmt *next;
};
