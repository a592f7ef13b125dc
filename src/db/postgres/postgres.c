#include "db/postgres/postgres.h"

#include "base/mem.h"
#include "db/backend.h"
#include "db/postgres/libpq.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_NAME_MAX = 63, NAME_BYTES = 24, NUMBER_BYTES = 24 };

struct pg_db {
	struct lm_db base;
	PGconn *connection;
	unsigned statements; // prepared so far; names them
};

struct pg_value {
	struct lm_buf text;
	bool is_null;
};

struct pg_stmt {
	struct lm_stmt base;
	char name[NAME_BYTES];
	bool is_select;
	int value_count;
	struct pg_value *values;
	const char **pointers; // what libpq is given
	PGresult *result;      // null before the first step
	int row;
};

static void
result_clear(PGresult **result)
{
	PQclear(*result);
	*result = nullptr;
}

static bool
has_class(const char *state, const char *class)
{
	return strncmp(state, class, strlen(class)) == 0;
}

// Set err from what the server says, or (result null) the connection; `doing` as in sqlite.c.
static int
fail(const struct pg_db *db, const PGresult *result, const char *doing, struct lm_err *err)
{
	const char *state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	enum lm_code code = LM_E_IO;
	int sys = 0;
	if (state == nullptr)
		state = "";
	if (text == nullptr)
		text = PQerrorMessage(db->connection);
	if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
		sys = EAGAIN;
	else if (strcmp(state, "55P03") == 0)
		text = "another process holds it";
	else if (strcmp(state, "53100") == 0)
		sys = ENOSPC;
	else if (has_class(state, "23"))
		code = LM_E_CONFLICT;
	else if (has_class(state, "42"))
		code = LM_E_SYNTAX;
	else if (has_class(state, "54"))
		code = LM_E_LIMIT;
	else if (has_class(state, "XX"))
		code = LM_E_INTEGRITY;
	struct lm_str line = lm_str_of(text);
	line = lm_str_trim(lm_str_cut(&line, '\n'));
	lm_err_set(err, code, "cannot %s database '%s': %.*s", doing, db->base.name, LM_STR_ARG(line));
	err->sys = sys;
	return -1;
}

// Statements without values, in one go.
static int
run_script(struct pg_db *db, const char *sql, const char *doing, struct lm_err *err)
{
	LM_AUTO(result_clear) PGresult *result = PQexec(db->connection, sql);
	ExecStatusType status = PQresultStatus(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : fail(db, result, doing, err);
}

static void
close_db(struct lm_db *base)
{
	struct pg_db *db = (struct pg_db *)base;
	PQfinish(db->connection);
	lm_free(db);
}

static int
begin(struct lm_db *base, struct lm_err *err)
{
	return run_script((struct pg_db *)base, "BEGIN", "write to", err);
}

static int
commit(struct lm_db *base, struct lm_err *err)
{
	struct pg_db *db = (struct pg_db *)base;
	LM_AUTO(result_clear) PGresult *result = PQexec(db->connection, "COMMIT");
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return fail(db, result, "write to", err);
	if (strcmp(PQcmdStatus(result), "COMMIT") != 0) // after a failed statement it is a rollback, and no error
		return lm_err_set(err, LM_E_IO, "cannot write to database '%s': the transaction had failed", db->base.name);
	return 0;
}

static void
rollback(struct lm_db *base)
{
	struct pg_db *db = (struct pg_db *)base;
	struct lm_err err;
	if (PQtransactionStatus(db->connection) != PQTRANS_IDLE)
		(void)run_script(db, "ROLLBACK", "write to", &err);
}

// '?' outside of quotes becomes $1, $2, ...; *count: how many.
static void
translate(const char *sql, struct lm_buf *out, int *count)
{
	char quote = '\0';
	*count = 0;
	for (const char *c = sql; *c != '\0'; c++) {
		if (quote == '\0' && *c == '?') {
			lm_buf_format(out, "$%d", ++*count);
			continue;
		}
		if (quote == '\0' && (*c == '\'' || *c == '"'))
			quote = *c;
		else if (*c == quote)
			quote = '\0';
		lm_buf_byte(out, *c);
	}
}

static int
prepare(struct lm_db *base, const char *sql, struct lm_stmt **out, struct lm_err *err)
{
	struct pg_db *db = (struct pg_db *)base;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	char name[NAME_BYTES];
	int count = 0;
	translate(sql, &text, &count);
	(void)snprintf(name, sizeof name, "lm%u", ++db->statements);
	LM_AUTO(result_clear) PGresult *result = PQprepare(db->connection, name, lm_buf_cstr(&text), 0, nullptr);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		return fail(db, result, "query", err);
	struct pg_stmt *stmt = lm_alloc(sizeof *stmt);
	memcpy(stmt->name, name, sizeof name);
	stmt->is_select = strncmp(sql, "SELECT", 6) == 0;
	stmt->value_count = count;
	stmt->values = lm_alloc_array((size_t)count, sizeof *stmt->values);
	stmt->pointers = lm_alloc_array((size_t)count, sizeof *stmt->pointers);
	for (int i = 0; i < count; i++)
		stmt->values[i].is_null = true;
	*out = &stmt->base;
	return 0;
}

static void
finalize(struct lm_stmt *base)
{
	struct pg_stmt *stmt = (struct pg_stmt *)base;
	for (int i = 0; i < stmt->value_count; i++)
		lm_buf_release(&stmt->values[i].text);
	lm_free(stmt->values);
	lm_free(stmt->pointers);
	PQclear(stmt->result);
	lm_free(stmt); // the server forgets it with the connection
}

static void
bind_str(struct lm_stmt *base, int index, struct lm_str text, bool)
{
	struct pg_stmt *stmt = (struct pg_stmt *)base;
	assert(index >= 1 && index <= stmt->value_count);
	struct pg_value *value = &stmt->values[index - 1];
	lm_buf_clear(&value->text);
	value->is_null = text.ptr == nullptr;
	if (!value->is_null)
		lm_buf_str(&value->text, text);
}

static void
bind_i64(struct lm_stmt *base, int index, int64_t number)
{
	char digits[NUMBER_BYTES];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)number);
	bind_str(base, index, (struct lm_str){ digits, (size_t)len }, true);
}

static int
execute(struct pg_stmt *stmt, struct lm_err *err)
{
	struct pg_db *db = (struct pg_db *)stmt->base.db;
	for (int i = 0; i < stmt->value_count; i++)
		stmt->pointers[i] = stmt->values[i].is_null ? nullptr : lm_buf_cstr(&stmt->values[i].text);
	stmt->result = PQexecPrepared(db->connection, stmt->name, stmt->value_count, stmt->pointers, nullptr, nullptr, 0);
	stmt->row = -1;
	ExecStatusType status = PQresultStatus(stmt->result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return 0;
	fail(db, stmt->result, stmt->is_select ? "read" : "write to", err);
	result_clear(&stmt->result);
	return -1;
}

static int
step(struct lm_stmt *base, struct lm_err *err)
{
	struct pg_stmt *stmt = (struct pg_stmt *)base;
	if (stmt->result == nullptr && execute(stmt, err) < 0)
		return -1;
	return ++stmt->row < PQntuples(stmt->result) ? 1 : 0;
}

static const char *
text(struct lm_stmt *base, int column)
{
	struct pg_stmt *stmt = (struct pg_stmt *)base;
	return PQgetisnull(stmt->result, stmt->row, column) ? nullptr : PQgetvalue(stmt->result, stmt->row, column);
}

static int64_t
i64(struct lm_stmt *base, int column)
{
	const char *digits = text(base, column);
	return digits == nullptr ? 0 : strtoll(digits, nullptr, 10);
}

static uint64_t
changes(struct lm_stmt *base)
{
	struct pg_stmt *stmt = (struct pg_stmt *)base;
	return strtoull(PQcmdTuples(stmt->result), nullptr, 10);
}

static void
reset(struct lm_stmt *base)
{
	result_clear(&((struct pg_stmt *)base)->result);
}

static void
clear(struct lm_stmt *base)
{
	struct pg_stmt *stmt = (struct pg_stmt *)base;
	reset(base);
	for (int i = 0; i < stmt->value_count; i++) {
		lm_buf_clear(&stmt->values[i].text);
		stmt->values[i].is_null = true;
	}
}

static const struct lm_db_backend backend = { .is_postgres = true, LM_DB_CALLS };

// ---- connecting

static void
no_notice(void *, const char *)
{
}

static const char *
option(const PQconninfoOption *options, const char *keyword)
{
	for (; options != nullptr && options->keyword != nullptr; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return nullptr;
}

static void
options_free(PQconninfoOption **options)
{
	PQconninfoFree(*options);
}

// A password with '@', '/', '?' or '#' as it is moves the places of all that follows, and then stands in libpq's messages as a
// host, a port or an option. An '@' that is not the one behind the password shows it.
static bool
has_bare_password(const char *dsn)
{
	const char *authority = strstr(dsn, "://");
	if (authority == nullptr)
		return false;
	authority += strlen("://");
	const char *at = strchr(authority, '@');
	return at != nullptr && (at > authority + strcspn(authority, "/?#") || strchr(at + 1, '@') != nullptr);
}

// What the database is called in messages. libpq's own words about a string it cannot read may hold a part of the password.
static int
name_database(struct pg_db *db, const char *dsn, struct lm_err *err)
{
	if (has_bare_password(dsn))
		return lm_err_set(err, LM_E_USAGE,
			"the connection string of the PostgreSQL database is not valid: what is no letter or digit in a user "
			"or password is"
			" written %%XX");
	LM_AUTO(options_free) PQconninfoOption *options = PQconninfoParse(dsn, nullptr);
	if (options == nullptr)
		return lm_err_set(err, LM_E_USAGE, "the connection string of the PostgreSQL database is not valid");
	const char *host = option(options, "host"), *database = option(options, "dbname");
	db->base.name = lm_format("postgresql://%s/%s", host == nullptr ? "" : host, database == nullptr ? "" : database);
	return 0;
}

static int
connect_to(struct pg_db *db, const char *dsn, struct lm_err *err)
{
	static const char *const keywords[] = { "connect_timeout", "fallback_application_name", "dbname", "client_encoding",
		nullptr };
	const char *values[] = { "10", "lamina-batch", dsn, "UTF8", nullptr };
	db->connection = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(db->connection) != CONNECTION_OK)
		return fail(db, nullptr, "open", err);
	(void)PQsetNoticeProcessor(db->connection, no_notice, nullptr);
	return 0;
}

static int
enter_schema(struct pg_db *db, const char *schema, char **quoted, struct lm_err *err)
{
	size_t len = strlen(schema);
	if (len == 0 || len > SCHEMA_NAME_MAX)
		return lm_err_set(err, LM_E_USAGE, "the name of a schema has 1 to %d bytes: '%s'", SCHEMA_NAME_MAX, schema);
	char *identifier = PQescapeIdentifier(db->connection, schema, len);
	if (identifier == nullptr)
		return lm_err_set(err, LM_E_USAGE, "this is no name of a schema: '%s'", schema);
	*quoted = lm_strdup(identifier);
	PQfreemem(identifier);
	LM_AUTO(lm_free_ptr)
	char *sql =
		lm_format("SET search_path TO %s; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';"
			  " SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning'",
			*quoted);
	return run_script(db, sql, "open", err);
}

// *version is -1 where the schema or its table of versions is not there.
static int
read_version(struct pg_db *db, const char *schema, long long *version, struct lm_err *err)
{
	static const char sql[] =
		"SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1::text AND tablename = 'schema_version'";
	const char *values[] = { schema };
	*version = -1;
	LM_AUTO(result_clear)
	PGresult *there = PQexecParams(db->connection, sql, 1, nullptr, values, nullptr, nullptr, 0);
	if (PQresultStatus(there) != PGRES_TUPLES_OK)
		return fail(db, there, "open", err);
	if (PQntuples(there) == 0)
		return 0;
	LM_AUTO(result_clear) PGresult *result = PQexec(db->connection, "SELECT version FROM schema_version");
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return fail(db, result, "open", err);
	if (PQntuples(result) != 1)
		return lm_err_set(err, LM_E_INTEGRITY, "database '%s' does not say what format it has", db->base.name);
	*version = strtoll(PQgetvalue(result, 0, 0), nullptr, 10);
	return 0;
}

static int
check_version(const struct pg_db *db, long long version, size_t count, struct lm_err *err)
{
	if (version <= (long long)count)
		return 0;
	return lm_err_set(err, LM_E_UNSUPPORTED,
		"database '%s' was written by a newer lamina (format %lld, this one knows %zu)", db->base.name, version, count);
}

// All that is missing, in the transaction that has the lock.
static int
apply(struct pg_db *db, const char *schema, const char *quoted, const char *const *migrations, size_t count, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr)
	char *make = lm_format("CREATE SCHEMA IF NOT EXISTS %s; CREATE TABLE schema_version (version INTEGER NOT NULL);"
			       " INSERT INTO schema_version VALUES (0)",
		quoted);
	long long version = 0;
	if (read_version(db, schema, &version, err) < 0)
		return -1;
	if (version < 0 && run_script(db, make, "change", err) < 0)
		return -1;
	if (version < 0)
		version = 0;
	if (check_version(db, version, count, err) < 0)
		return -1;
	for (size_t i = (size_t)version; i < count; i++)
		if (run_script(db, migrations[i], "change", err) < 0)
			return -1;
	LM_AUTO(lm_free_ptr) char *mark = lm_format("UPDATE schema_version SET version = %zu", count);
	return run_script(db, mark, "change", err);
}

static int
migrate(struct pg_db *db, const char *schema, const char *quoted, const char *const *migrations, size_t count,
	struct lm_err *err)
{
	static const char lock[] =
		"SELECT pg_advisory_xact_lock(hashtext('lamina schema'), hashtext(current_setting('search_path')))";
	long long version = 0;
	if (read_version(db, schema, &version, err) < 0 || check_version(db, version, count, err) < 0)
		return -1;
	if (version == (long long)count)
		return 0;
	if (lm_db_begin(&db->base, err) < 0)
		return -1;
	if (run_script(db, lock, "open", err) < 0 || apply(db, schema, quoted, migrations, count, err) < 0 ||
		lm_db_commit(&db->base, err) < 0) {
		lm_db_rollback(&db->base);
		return -1;
	}
	return 0;
}

static void
close_ptr(struct pg_db **db)
{
	if (*db != nullptr)
		lm_db_close(&(*db)->base);
}

int
lm_db_open_postgres(struct lm_db **out, const char *dsn, const char *schema, const char *const *migrations,
	size_t migration_count, struct lm_err *err)
{
	if (lm_libpq_load(err) < 0)
		return -1;
	LM_AUTO(close_ptr) struct pg_db *db = lm_alloc(sizeof *db);
	LM_AUTO(lm_free_ptr) char *quoted = nullptr;
	db->base.backend = &backend;
	if (name_database(db, dsn, err) < 0 || connect_to(db, dsn, err) < 0 || enter_schema(db, schema, &quoted, err) < 0 ||
		migrate(db, schema, quoted, migrations, migration_count, err) < 0)
		return -1;
	*out = &lm_take(&db)->base;
	return 0;
}
