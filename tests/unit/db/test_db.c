#include "rows.h"

#include "db/db.h"
#include "base/mem.h"
#include "folder.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pool.h"

#include <stdlib.h>

static const char *const schema[] = {
	"CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER NOT NULL, digest TEXT) STRICT",
	"ALTER TABLE thing ADD COLUMN colour TEXT; CREATE INDEX by_size ON thing (size)",
	"INSERT INTO thing (name, size) VALUES ('from a migration', 3)",
};

static char *path;
static char *folder;

static int
make_folder(void **)
{
	struct lm_err err = {};
	if (lm_dir_make_temp(folder_parent(), "db-", &folder, &err) < 0)
		return -1;
	path = lm_path_join(folder, "things.sqlite");
	return 0;
}

static int
remove_folder(void **)
{
	struct lm_err err = {};
	int rc = lm_dir_remove(folder, &err);
	lm_free(path);
	lm_free(folder);
	return rc;
}

static int64_t
number(struct lm_db *db, const char *sql)
{
	struct lm_err err = {};
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	assert_int_equal(lm_db_prepare(db, sql, &stmt, &err), 0);
	assert_int_equal(lm_stmt_step(stmt, &err), 1);
	return lm_stmt_i64(stmt, 0);
}

static void
migrations_are_applied_once(void **)
{
	for (size_t count = 1; count <= LM_COUNT(schema); count++) {
		struct lm_err err = {};
		LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
		assert_int_equal(lm_db_open(&db, path, schema, count, &err), 0);
		assert_int_equal(number(db, "PRAGMA user_version"), count);
		assert_int_equal(number(db, "SELECT count(*) FROM thing"), count == 3);
	}
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open(&db, path, schema, LM_COUNT(schema), &err), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM thing"), 1);
}

static void
a_newer_database_is_refused(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr, *old = nullptr;
	assert_int_equal(lm_db_open(&db, path, schema, 3, &err), 0);
	assert_int_equal(lm_db_open(&old, path, schema, 1, &err), -1);
	assert_null(old);
	assert_int_equal(err.code, LM_E_UNSUPPORTED);
	LM_AUTO(lm_free_ptr)
	char *want = lm_format("database '%s' was written by a newer lamina (format 3, this one knows 1)", path);
	assert_string_equal(err.text, want);
}

static void
a_new_database_gets_the_newest_at_once(void **)
{
	static const char newest[] =
		"CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER NOT NULL, digest TEXT, made_at_once INTEGER)";
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open_newest(&db, path, newest, schema, 3, &err), 0);
	assert_int_equal(number(db, "PRAGMA user_version"), 3);
	assert_int_equal(number(db, "SELECT count(made_at_once) FROM thing"), 0); // nor the row of the third
	lm_db_close(lm_take(&db));
	assert_int_equal(lm_db_open_newest(&db, path, newest, schema, 3, &err), 0);
	lm_db_close(lm_take(&db));

	LM_AUTO(lm_free_ptr) char *older = lm_format("%s.older", path);
	assert_int_equal(lm_db_open(&db, older, schema, 1, &err), 0);
	lm_db_close(lm_take(&db));
	assert_int_equal(lm_db_open_newest(&db, older, newest, schema, 3, &err), 0);
	assert_int_equal(number(db, "PRAGMA user_version"), 3);
	assert_int_equal(number(db, "SELECT count(colour) FROM thing"), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM thing"), 1);
}

static void
a_failing_migration_changes_nothing(void **)
{
	static const char *const broken[] = {
		"CREATE TABLE thing (name TEXT)",
		"CREATE TABLE other (name TEXT); CREATE TABLE thing (name TEXT)",
	};
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open(&db, path, broken, 2, &err), -1);
	assert_int_equal(err.code, LM_E_SYNTAX);
	LM_AUTO(lm_free_ptr) char *want = lm_format("cannot change database '%s': table thing already exists", path);
	assert_string_equal(err.text, want);
	assert_int_equal(lm_db_open(&db, path, nullptr, 0, &err), 0); // not the one before it either
	assert_int_equal(number(db, "PRAGMA user_version"), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 0);
	lm_db_close(lm_take(&db));
	assert_int_equal(lm_db_open(&db, path, broken, 1, &err), 0);
	assert_int_equal(number(db, "PRAGMA user_version"), 1);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void
values_go_in_and_out(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	struct lm_stmt *stmt = nullptr;
	struct lm_digest digest = {};
	assert_true(lm_digest_parse(LM_STR("2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"), &digest));
	assert_int_equal(lm_db_open(&db, path, schema, 1, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lm_db_prepare(db, "INSERT INTO thing VALUES (?, ?, ?)", &stmt, &err), 0);
		lm_stmt_bind_text(stmt, 1, i == 0 ? "gr\xc3\xbc\xc3\x9f" : "plain");
		lm_stmt_bind_i64(stmt, 2, i == 0 ? INT64_MIN : INT64_MAX);
		if (i == 0)
			lm_stmt_bind_digest(stmt, 3, &digest); // the second time it is NULL again
		assert_int_equal(lm_stmt_step(stmt, &err), 0);
		lm_stmt_done(stmt);
	}
	assert_int_equal(lm_db_prepare(db, "SELECT name, size, digest FROM thing ORDER BY size", &stmt, &err), 0);
	assert_int_equal(lm_stmt_step(stmt, &err), 1);
	assert_string_equal(lm_stmt_text(stmt, 0), "gr\xc3\xbc\xc3\x9f");
	assert_true(lm_stmt_i64(stmt, 1) == INT64_MIN);
	assert_string_equal(lm_stmt_text(stmt, 2), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	assert_int_equal(lm_stmt_step(stmt, &err), 1);
	assert_true(lm_stmt_i64(stmt, 1) == INT64_MAX);
	assert_null(lm_stmt_text(stmt, 2));
	assert_int_equal(lm_stmt_step(stmt, &err), 0);
	lm_stmt_done(stmt);
	lm_stmt_done(nullptr);
}

static void
one_text_can_be_used_twice_at_once(void **)
{
	static const char *const sql = "SELECT value FROM (SELECT 1 AS value UNION SELECT 2) ORDER BY value";
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open(&db, path, nullptr, 0, &err), 0);
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *a = nullptr, *b = nullptr;
	assert_int_equal(lm_db_prepare(db, sql, &a, &err), 0);
	assert_int_equal(lm_stmt_step(a, &err), 1);
	assert_int_equal(lm_db_prepare(db, sql, &b, &err), 0);
	assert_int_equal(lm_stmt_step(b, &err), 1);
	assert_int_equal(lm_stmt_step(a, &err), 1);
	assert_int_equal(lm_stmt_i64(a, 0), 2);
	assert_int_equal(lm_stmt_i64(b, 0), 1);
}

static void
transactions(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open(&db, path, schema, 1, &err), 0);
	assert_int_equal(lm_db_begin(db, &err), 0);
	assert_int_equal(lm_db_exec(db, "INSERT INTO thing VALUES ('a', 1, NULL)", &err), 0);
	lm_db_rollback(db);
	lm_db_rollback(db); // nothing to do
	assert_int_equal(number(db, "SELECT count(*) FROM thing"), 0);
	assert_int_equal(lm_db_begin(db, &err), 0);
	assert_int_equal(lm_db_exec(db, "INSERT INTO thing VALUES ('a', 1, NULL)", &err), 0);
	assert_int_equal(lm_db_commit(db, &err), 0);
	assert_int_equal(number(db, "SELECT count(*) FROM thing"), 1);
}

static void
errors_have_codes(void **)
{
	static const struct {
		const char *row, *sql, *want;
		enum lm_code code;
	} rows[] = {
		{ "twice", "INSERT INTO thing VALUES ('a', 1, NULL)",
			"cannot write to database '%s': UNIQUE constraint failed: thing.name", LM_E_CONFLICT },
		{ "null", "INSERT INTO thing VALUES ('b', NULL, NULL)",
			"cannot write to database '%s': NOT NULL constraint failed: thing.size", LM_E_CONFLICT },
		{ "no table", "SELECT * FROM missing", "cannot query database '%s': no such table: missing", LM_E_SYNTAX },
	};
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open(&db, path, schema, 1, &err), 0);
	assert_int_equal(lm_db_exec(db, "INSERT INTO thing VALUES ('a', 1, NULL)", &err), 0);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf want = {};
		struct lm_str rest = lm_str_of(rows[i].want);
		lm_buf_str(&want, lm_str_cut(&rest, '%'));
		lm_buf_text(&want, path);
		lm_buf_text(&want, rest.ptr + 1);
		row_int_equal(rows[i].row, lm_db_exec(db, rows[i].sql, &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_str_equal(rows[i].row, err.text, lm_buf_cstr(&want));
	}
}

static void
what_cannot_be_opened(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	LM_AUTO(lm_free_ptr) char *not_there = lm_path_join(folder, "none/things.sqlite");
	assert_int_equal(lm_db_open(&db, not_there, schema, 1, &err), -1);
	LM_AUTO(lm_free_ptr)
	char *want = lm_format("cannot open database '%s': unable to open database file: No such file or directory", not_there);
	assert_int_equal(err.code, LM_E_IO);
	assert_string_equal(err.text, want);

	static const char text[] = "this is a text file, and long enough to be looked at as a database: "
				   "................................................................";
	assert_int_equal(lm_file_replace(path, text, sizeof text, 0644, &err), 0);
	assert_int_equal(lm_db_open(&db, path, schema, 1, &err), -1);
	assert_int_equal(err.code, LM_E_INTEGRITY);
	lm_free(want);
	want = lm_format("cannot open database '%s': file is not a database", path);
	assert_string_equal(err.text, want);
}

static int
open_and_count(void *, size_t, struct lm_err *err)
{
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	if (lm_db_open(&db, path, schema, LM_COUNT(schema), err) < 0)
		return -1;
	return lm_db_exec(db, "UPDATE thing SET size = size + 1", err);
}

static void
many_open_a_new_one_at_once(void **)
{
	struct lm_err err = {};
	if (lm_pool_run(8, 24, open_and_count, nullptr, &err) < 0)
		fail_msg("%s", err.text);
	LM_AUTO(lm_db_close_ptr) struct lm_db *db = nullptr;
	assert_int_equal(lm_db_open(&db, path, schema, LM_COUNT(schema), &err), 0);
	assert_int_equal(number(db, "SELECT size FROM thing"), 27);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_FOLDER(migrations_are_applied_once),
		IN_FOLDER(a_newer_database_is_refused),
		IN_FOLDER(a_new_database_gets_the_newest_at_once),
		IN_FOLDER(a_failing_migration_changes_nothing),
		IN_FOLDER(values_go_in_and_out),
		IN_FOLDER(one_text_can_be_used_twice_at_once),
		IN_FOLDER(transactions),
		IN_FOLDER(errors_have_codes),
		IN_FOLDER(what_cannot_be_opened),
		IN_FOLDER(many_open_a_new_one_at_once),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
