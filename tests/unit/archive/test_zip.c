#include "rows.h"

#include "archive/shown.h"
#include "archive/zip.h"
#include "folder.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

#include <stdlib.h>

// "a.txt", stored, and "b.txt", deflated, both "hello\n"; made by Python's zipfile
static const char two_files[] =
	"\x50\x4b\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x20\x30\x3a\x36\x06\x00\x00\x00\x06\x00"
	"\x00\x00\x05\x00\x00\x00\x61\x2e\x74\x78\x74\x68\x65\x6c\x6c\x6f\x0a\x50\x4b\x03\x04\x14\x00\x00"
	"\x00\x08\x00\x00\x00\x21\x00\x20\x30\x3a\x36\x08\x00\x00\x00\x06\x00\x00\x00\x05\x00\x00\x00\x62"
	"\x2e\x74\x78\x74\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00"
	"\x00\x00\x21\x00\x20\x30\x3a\x36\x06\x00\x00\x00\x06\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\xa4\x81\x00\x00\x00\x00\x61\x2e\x74\x78\x74\x50\x4b\x01\x02\x14\x03\x14\x00\x00"
	"\x00\x08\x00\x00\x00\x21\x00\x20\x30\x3a\x36\x08\x00\x00\x00\x06\x00\x00\x00\x05\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\xed\x81\x29\x00\x00\x00\x62\x2e\x74\x78\x74\x50\x4b\x05\x06\x00\x00"
	"\x00\x00\x02\x00\x02\x00\x66\x00\x00\x00\x54\x00\x00\x00\x00\x00";

static char *
write_zip(const char *folder)
{
	struct lm_err err = {};
	char *path = lm_path_join(folder, "two.zip");
	assert_int_equal(lm_file_replace(path, two_files, sizeof two_files - 1, 0644, &err), 0);
	return path;
}

static int
make_folder(void **state)
{
	struct lm_err err = {};
	char *folder = nullptr;
	if (lm_dir_make_temp(folder_parent(), "zip-", &folder, &err) < 0)
		return -1;
	*state = folder;
	return 0;
}

static int
remove_folder(void **state)
{
	struct lm_err err = {};
	int rc = lm_dir_remove(*state, &err);
	lm_free(*state);
	return rc;
}

static void
members_are_listed_and_read(void **state)
{
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *path = write_zip(*state);
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	assert_int_equal(lm_zip_open(&zip, path, nullptr, &err), 0);
	assert_int_equal(zip.count, 2);
	assert_string_equal(zip.members[0].name, "a.txt");
	assert_false(zip.members[0].deflated);
	assert_int_equal(zip.members[0].offset, 35);
	assert_int_equal(zip.members[0].unix_mode, 0100644);
	assert_string_equal(zip.members[1].name, "b.txt");
	assert_true(zip.members[1].deflated);
	assert_int_equal(zip.members[1].offset, 76);
	assert_int_equal(zip.members[1].unix_mode, 0100755);
	assert_null(lm_zip_find(&zip, "c.txt"));
	for (size_t i = 0; i < 2; i++) {
		LM_AUTO(lm_free_ptr) char *bytes = nullptr;
		size_t len = 0;
		assert_ptr_equal(lm_zip_find(&zip, zip.members[i].name), &zip.members[i]);
		assert_int_equal(lm_zip_read(&zip, &zip.members[i], 6, &bytes, &len, &err), 0);
		assert_int_equal(len, 6);
		assert_string_equal(bytes, "hello\n");
	}
}

static void
a_large_member_is_not_read(void **state)
{
	struct lm_err err = {};
	char *bytes = nullptr;
	LM_AUTO(lm_free_ptr) char *path = write_zip(*state);
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	assert_int_equal(lm_zip_open_as(&zip, path, "two.zip", nullptr, &err), 0);
	assert_int_equal(lm_zip_read(&zip, &zip.members[1], 5, &bytes, nullptr, &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_string_equal(err.text, "member 'b.txt' of 'two.zip' has 6 bytes, the limit is 5");
	assert_null(bytes);
}

static int
stop(void *context, const void *, size_t, struct lm_err *err)
{
	(*(int *)context)++;
	return lm_err_set(err, LM_E_IO, "no more");
}

static void
a_failing_sink_ends_the_reading(void **state)
{
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *path = write_zip(*state);
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	assert_int_equal(lm_zip_open(&zip, path, nullptr, &err), 0);
	for (size_t i = 0; i < 2; i++) {
		int calls = 0;
		assert_int_equal(lm_zip_stream(&zip, &zip.members[i], stop, &calls, &err), -1);
		assert_int_equal(calls, 1);
		assert_string_equal(err.text, "no more");
	}
}

static void
names_fit_for_messages(void **)
{
	static const struct {
		const char *row;
		struct lm_str name;
		const char *want;
	} rows[] = {
		{ "plain", { "a/b.txt", 7 }, "a/b.txt" },
		{ "empty", { "", 0 }, "" },
		{ "UTF-8", { "\xc3\xa4\xe6\x97\xa5", 5 }, "\xc3\xa4\xe6\x97\xa5" },
		{ "control", { "\x1b[0m\n", 5 }, "\\x1b[0m\\x0a" },
		{ "NUL", { "a\0b", 3 }, "a\\x00b" },
		{ "quote", { "it's", 4 }, "it\\x27s" },
		{ "not UTF-8", { "\xff\xc3", 2 }, "\\xff\\xc3" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_shown shown = lm_shown(rows[i].name);
		row_str_equal(rows[i].row, shown.text, rows[i].want);
	}
	char name[2000];
	memset(name, 'x', sizeof name);
	struct lm_shown cut = lm_shown((struct lm_str){ name, sizeof name });
	assert_int_equal(strlen(cut.text), 508);
	assert_string_equal(cut.text + 504, "x...");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_are_listed_and_read, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_large_member_is_not_read, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_failing_sink_ends_the_reading, make_folder, remove_folder),
		cmocka_unit_test(names_fit_for_messages),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
