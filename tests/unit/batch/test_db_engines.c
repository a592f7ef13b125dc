// The calls of db/db.h on both engines. Each test but the one of connections is in a transaction that is rolled back.
#include "folder.h"
#include "rows.h"

#include "base/mem.h"
#include "db/db.h"
#include "db/postgres/postgres.h"

static const char *const schema[] = {
	"CREATE TABLE thing (name TEXT PRIMARY KEY, size BIGINT NOT NULL, digest TEXT)",
	"ALTER TABLE thing ADD COLUMN colour TEXT; CREATE INDEX by_size ON thing (size)",
};

static struct folder folder;
static struct lm_db *db;

static const char *
dsn(void)
{
	return getenv("LM_TEST_POSTGRES");
}

static int
connect_to(struct lm_db **out, const char *name, const char *const *migrations, size_t count, struct lm_err *err)
{
	return dsn() != nullptr ? lm_db_open_postgres(out, dsn(), name, migrations, count, err)
				: lm_db_open(out, folder_at(&folder, name), migrations, count, err);
}

static int
group_begins(void **)
{
	struct lm_err err = {};
	folder = folder_make();
	return connect_to(&db, "engines", schema, LM_COUNT(schema), &err);
}

static int
group_ends(void **)
{
	lm_db_close(db);
	folder_remove(&folder);
	return 0;
}

static int
test_begins(void **)
{
	struct lm_err err = {};
	return lm_db_begin(db, &err);
}

static int
test_ends(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	lm_db_rollback(db);
	lm_db_rollback(db); // nothing to do
	if (lm_db_prepare(db, "SELECT count(*) FROM thing", &stmt, &err) < 0 || lm_stmt_step(stmt, &err) != 1)
		return -1;
	return lm_stmt_i64(stmt, 0) == 0 ? 0 : -1; // nothing is left of it
}

static void
values_go_in_and_out(void **)
{
	struct lm_err err = {};
	struct lm_stmt *stmt = nullptr;
	struct lm_digest digest = { { 0x2c, [31] = 0x24 } };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lm_db_prepare(db, "INSERT INTO thing VALUES (?, ?, ?, 'a?b')", &stmt, &err), 0);
		if (i == 0)
			lm_stmt_bind_str(stmt, 1, (struct lm_str){ "gr\xc3\xbc\xc3\x9f and more", 6 });
		else
			lm_stmt_bind_text(stmt, 1, "it's \\ plain");
		lm_stmt_bind_i64(stmt, 2, i == 0 ? INT64_MIN : INT64_MAX);
		if (i == 0)
			lm_stmt_bind_digest(stmt, 3, &digest); // the second time it is NULL again
		assert_int_equal(lm_stmt_step(stmt, &err), 0);
		assert_int_equal(lm_stmt_changes(stmt), 1);
		lm_stmt_done(stmt);
	}
	assert_int_equal(lm_db_prepare(db, "SELECT name, size, digest, colour FROM thing ORDER BY size", &stmt, &err), 0);
	assert_int_equal(lm_stmt_step(stmt, &err), 1);
	assert_string_equal(lm_stmt_text(stmt, 0), "gr\xc3\xbc\xc3\x9f");
	assert_true(lm_stmt_i64(stmt, 1) == INT64_MIN);
	assert_string_equal(lm_stmt_text(stmt, 2), "2c00000000000000000000000000000000000000000000000000000000000024");
	assert_string_equal(lm_stmt_text(stmt, 3), "a?b");
	assert_int_equal(lm_stmt_step(stmt, &err), 1);
	assert_string_equal(lm_stmt_text(stmt, 0), "it's \\ plain");
	assert_true(lm_stmt_i64(stmt, 1) == INT64_MAX);
	assert_null(lm_stmt_text(stmt, 2));
	assert_int_equal(lm_stmt_i64(stmt, 2), 0);
	assert_int_equal(lm_stmt_step(stmt, &err), 0);
	lm_stmt_done(stmt);
}

static void
a_statement_again(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *insert = nullptr, *update = nullptr, *a = nullptr, *b = nullptr;
	assert_int_equal(lm_db_prepare(db, "INSERT INTO thing (name, size) VALUES (?, ?)", &insert, &err), 0);
	lm_stmt_bind_i64(insert, 2, 7); // stays
	for (char name[] = "a"; name[0] < 'f'; name[0]++) {
		lm_stmt_bind_text(insert, 1, name);
		assert_int_equal(lm_stmt_step(insert, &err), 0);
		lm_stmt_again(insert);
	}
	assert_int_equal(lm_db_prepare(db, "UPDATE thing SET size = 8 WHERE size = ? AND name < ?", &update, &err), 0);
	lm_stmt_bind_i64(update, 1, 7);
	lm_stmt_bind_text(update, 2, "d");
	assert_int_equal(lm_stmt_step(update, &err), 0);
	assert_int_equal(lm_stmt_changes(update), 3);
	lm_stmt_again(update);
	assert_int_equal(lm_stmt_step(update, &err), 0);
	assert_int_equal(lm_stmt_changes(update), 0);
	// one text can be used twice at once
	static const char sql[] = "SELECT name FROM thing ORDER BY name";
	assert_int_equal(lm_db_prepare(db, sql, &a, &err), 0);
	assert_int_equal(lm_stmt_step(a, &err), 1);
	assert_int_equal(lm_db_prepare(db, sql, &b, &err), 0);
	assert_ptr_not_equal(a, b);
	assert_int_equal(lm_stmt_step(b, &err), 1);
	assert_int_equal(lm_stmt_step(a, &err), 1);
	assert_string_equal(lm_stmt_text(a, 0), "b");
	assert_string_equal(lm_stmt_text(b, 0), "a");
}

static void
errors_have_codes(void **)
{
	static const struct {
		const char *row, *sql, *sqlite, *postgres;
		enum lm_code code;
	} rows[] = {
		{ "null", "INSERT INTO thing (name, size) VALUES ('b', NULL)", "NOT NULL constraint failed: thing.size",
			"null value in column \"size\" of relation \"thing\" violates not-null constraint", LM_E_CONFLICT },
		{ "no table", "SELECT * FROM missing", "no such table: missing", "relation \"missing\" does not exist",
			LM_E_SYNTAX },
		{ "not SQL", "SELEKT 1", "near \"SELEKT\": syntax error", "syntax error at or near \"SELEKT\"", LM_E_SYNTAX },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_db_exec(db, rows[i].sql, &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_true(rows[i].row, !lm_db_retryable(&err));
		const char *want = lm_db_is_postgres(db) ? rows[i].postgres : rows[i].sqlite;
		row_true(err.text, lm_cstr_starts(err.text, "cannot "));
		row_true(err.text, lm_cstr_ends(err.text, want));
		lm_db_rollback(db); // PostgreSQL takes nothing else after an error
		row_int_equal(rows[i].row, lm_db_begin(db, &err), 0);
	}
}

static void
a_failed_transaction_cannot_be_committed(void **)
{
	struct lm_err err = {};
	assert_int_equal(lm_db_exec(db, "INSERT INTO thing (name, size) VALUES ('a', 1)", &err), 0);
	assert_int_equal(lm_db_exec(db, "INSERT INTO thing (name, size) VALUES ('a', 1)", &err), -1);
	assert_int_equal(err.code, LM_E_CONFLICT);
	if (!lm_db_is_postgres(db))
		return; // a failed statement has failed alone there
	assert_int_equal(lm_db_commit(db, &err), -1);
	assert_int_equal(err.code, LM_E_IO);
	assert_true(lm_cstr_ends(err.text, ": the transaction had failed"));
	assert_int_equal(lm_db_begin(db, &err), 0);
}

static void
connections_at_the_same_time(void **)
{
	static const char *const broken[] = { "CREATE TABLE one (name TEXT)",
		"CREATE TABLE two (name TEXT); CREATE TABLE one (name TEXT)" };
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *a = nullptr, *b = nullptr;
	assert_int_equal(connect_to(&a, "broken", broken, 2, &err), -1);
	assert_int_equal(err.code, LM_E_SYNTAX);
	assert_int_equal(connect_to(&a, "broken", broken, 1, &err), 0);
	assert_int_equal(lm_db_exec(a, "INSERT INTO one VALUES ('x')", &err), 0);
	assert_int_equal(lm_db_exec(a, "SELECT * FROM two", &err), -1); // all or nothing
	assert_int_equal(connect_to(&b, "broken", broken, 0, &err), -1);
	assert_int_equal(err.code, LM_E_UNSUPPORTED);
	assert_true(lm_cstr_ends(err.text, "was written by a newer lamina (format 1, this one knows 0)"));
	assert_null(b);
}

static void
another_transaction_was_faster(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *a = nullptr, *b = nullptr;
	if (dsn() == nullptr)
		return; // SQLite has one writer at a time
	assert_int_equal(connect_to(&a, "faster", schema, 2, &err), 0);
	assert_int_equal(connect_to(&b, "faster", schema, 2, &err), 0);
	assert_int_equal(lm_db_exec(a, "INSERT INTO thing (name, size) VALUES ('a', 1)", &err), 0);
	assert_int_equal(lm_db_exec(a, "SET default_transaction_isolation = 'repeatable read'", &err), 0);
	assert_int_equal(lm_db_begin(a, &err), 0);
	assert_int_equal(lm_db_exec(a, "SELECT size FROM thing", &err), 0);
	assert_int_equal(lm_db_exec(b, "UPDATE thing SET size = 2", &err), 0);
	assert_int_equal(lm_db_exec(a, "UPDATE thing SET size = size + 1", &err), -1);
	assert_true(lm_db_retryable(&err));
	assert_int_equal(err.code, LM_E_IO);
	assert_true(lm_cstr_ends(err.text, ": could not serialize access due to concurrent update"));
	lm_db_rollback(a);
	assert_int_equal(lm_db_begin(a, &err), 0);
	assert_int_equal(lm_db_exec(a, "UPDATE thing SET size = size + 1", &err), 0);
	assert_int_equal(lm_db_commit(a, &err), 0);

	assert_int_equal(lm_db_exec(b, "SET lock_timeout = '1ms'", &err), 0);
	assert_int_equal(lm_db_begin(a, &err), 0);
	assert_int_equal(lm_db_exec(a, "UPDATE thing SET size = size + 1", &err), 0);
	assert_int_equal(lm_db_exec(b, "UPDATE thing SET size = 2", &err), -1);
	assert_int_equal(err.code, LM_E_IO);
	assert_true(lm_cstr_ends(err.text, ": another process holds it"));
	assert_false(lm_db_retryable(&err));
	lm_db_rollback(a);
}

#define BARE \
	"the connection string of the PostgreSQL database is not valid: what is no letter or digit in a user or password is " \
	"written %XX"

static void
a_password_is_never_told(void **)
{
	static const struct {
		const char *row, *dsn, *schema, *want;
		enum lm_code code;
	} rows[] = {
		{ "nobody there", "postgresql://user:s3cret@/x?host=/nowhere/at/all", "s",
			"cannot open database 'postgresql:///nowhere/at/all/x': connection to server on socket "
			"\"/nowhere/at/all/.s.PGSQL.5432\""
			" failed: No such file or directory",
			LM_E_IO },
		{ "port", "postgresql://user:s3cret:x@host:y/db", "s", "", LM_E_IO },
		{ "slash", "postgresql://user:s3/cret@host/db", "s", BARE, LM_E_USAGE },
		{ "question", "postgresql://user:s3?cret@host/db", "s", BARE, LM_E_USAGE },
		{ "hash", "postgresql://user:s3#cret@host/db", "s", BARE, LM_E_USAGE },
		{ "at", "postgresql://user:p@s3cret@host/db", "s", BARE, LM_E_USAGE },
		{ "option", "postgresql://user:s3cret@host/db?s3cret", "s",
			"the connection string of the PostgreSQL database is not valid", LM_E_USAGE },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		struct lm_db *none = nullptr;
		row_int_equal(rows[i].row, lm_db_open_postgres(&none, rows[i].dsn, rows[i].schema, nullptr, 0, &err), -1);
		if (rows[i].want[0] != '\0') {
			row_str_equal(rows[i].row, err.text, rows[i].want);
			row_int_equal(rows[i].row, err.code, rows[i].code);
		}
		row_true(err.text, strstr(err.text, "s3") == nullptr && strstr(err.text, "cret") == nullptr);
	}
}

static void
names_of_schemas(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *other = nullptr;
	char name[65] = {};
	if (dsn() == nullptr)
		return;
	assert_int_equal(connect_to(&other, "", schema, 2, &err), -1);
	assert_int_equal(err.code, LM_E_USAGE);
	assert_string_equal(err.text, "the name of a schema has 1 to 63 bytes: ''");
	memset(name, 'x', 64);
	assert_int_equal(connect_to(&other, name, schema, 2, &err), -1);
	assert_int_equal(err.code, LM_E_USAGE);
	assert_int_equal(connect_to(&other, "We\"ird; name'", schema, 2, &err), 0);
	assert_int_equal(lm_db_exec(other, "INSERT INTO thing (name, size) VALUES ('only here', 1)", &err), 0);
	lm_db_close(lm_take(&other));
	assert_int_equal(connect_to(&other, "We\"ird; name'", schema, 2, &err), 0);
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	assert_int_equal(lm_db_prepare(other, "SELECT name FROM thing", &stmt, &err), 0);
	assert_int_equal(lm_stmt_step(stmt, &err), 1);
	assert_string_equal(lm_stmt_text(stmt, 0), "only here");
}

#define in_transaction(test) cmocka_unit_test_setup_teardown(test, test_begins, test_ends)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_transaction(values_go_in_and_out),
		in_transaction(a_statement_again),
		in_transaction(errors_have_codes),
		in_transaction(a_failed_transaction_cannot_be_committed),
		cmocka_unit_test(connections_at_the_same_time),
		cmocka_unit_test(another_transaction_was_faster),
		cmocka_unit_test(a_password_is_never_told),
		cmocka_unit_test(names_of_schemas),
	};
	return cmocka_run_group_tests(tests, group_begins, group_ends);
}
