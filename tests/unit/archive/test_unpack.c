#include "rows.h"

#include "archive/unpack.h"
#include "folder.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

#include <stdio.h>
#include <stdlib.h>

static char *folder;

static int
make_folder(void **)
{
	struct lm_err err = {};
	return lm_dir_make_temp(folder_parent(), "unpack-", &folder, &err);
}

static int
remove_folder(void **)
{
	struct lm_err err = {};
	int rc = lm_dir_remove(folder, &err);
	lm_free(folder);
	return rc;
}

// One entry of a ustar archive: a file of five bytes.
static void
add_file(struct lm_buf *tar, const char *name)
{
	enum { BLOCK = 512, CHECKSUM_AT = 148 };
	char header[BLOCK] = {}, data[BLOCK] = "hello";
	unsigned sum = 0;
	(void)snprintf(header, 100, "%s", name);
	memcpy(header + 100,
		"0000644\0"
		"0000000\0"
		"0000000\0"
		"00000000005\0"
		"00000000000\0"
		"        "
		"0",
		57);
	memcpy(header + 257,
		"ustar\0"
		"00",
		8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	(void)snprintf(header + CHECKSUM_AT, 8, "%06o", sum);
	lm_buf_append(tar, header, BLOCK);
	lm_buf_append(tar, data, BLOCK);
}

static char *
write_tar(const char *first, const char *second)
{
	static const char end[1024] = {};
	struct lm_err err = {};
	LM_AUTO(lm_buf_release) struct lm_buf tar = {};
	char *path = lm_path_join(folder, "archive.tar");
	add_file(&tar, first);
	add_file(&tar, second);
	lm_buf_append(&tar, end, sizeof end);
	assert_int_equal(lm_file_replace(path, tar.ptr, tar.len, 0644, &err), 0);
	return path;
}

static void
entries_are_added_to_those_there(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	LM_AUTO(lm_free_ptr) char *path = write_tar("python/a", "python/b"), *blob = lm_path_join(folder, "blob");
	lm_entries_add_text(&entries, "before", "x", 1, false, "test");
	if (lm_unpack(path, "python", blob, "test archive", nullptr, &entries, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(entries.count, 3);
	assert_string_equal(entries.items[0].path, "before");
	assert_string_equal(entries.items[1].path, "a");
	assert_string_equal(entries.items[2].path, "b");
	assert_int_equal(entries.items[2].content.kind, LM_CONTENT_FILE);
	assert_int_equal(entries.items[2].content.offset, 5);
	assert_true(lm_file_equals(blob, "hellohello", 10));
}

static void
a_failure_leaves_them_as_they_were(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	LM_AUTO(lm_free_ptr) char *path = write_tar("python/a", "python/a"), *blob = lm_path_join(folder, "blob");
	lm_entries_add_text(&entries, "before", "x", 1, false, "test");
	assert_int_equal(lm_unpack(path, "python", blob, "test archive", nullptr, &entries, &err), -1);
	assert_int_equal(err.code, LM_E_SYNTAX);
	assert_string_equal(err.text, "'test archive' is not a usable archive: entry 'python/a' is there twice");
	assert_int_equal(entries.count, 1);
	assert_false(lm_file_exists(blob));
}

static void
a_blob_that_is_there_stays_when_it_fails(void **)
{
	struct lm_err err = {};
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	LM_AUTO(lm_free_ptr) char *path = write_tar("a", "../b"), *blob = lm_path_join(folder, "blob");
	assert_int_equal(lm_file_replace(blob, "old", 3, 0644, &err), 0);
	assert_int_equal(lm_unpack(path, nullptr, blob, "test archive", nullptr, &entries, &err), -1);
	assert_true(lm_file_equals(blob, "old", 3));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_FOLDER(entries_are_added_to_those_there),
		IN_FOLDER(a_failure_leaves_them_as_they_were),
		IN_FOLDER(a_blob_that_is_there_stays_when_it_fails),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
