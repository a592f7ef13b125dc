#include "rows.h"

#include "archive/tar.h"
#include "archive/writer.h"
#include "base/mem.h"
#include "folder.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

static void
formats(void **state)
{
	(void)state;
	static const struct {
		enum lm_format format;
		const char *extension;
	} rows[] = {
		{ LM_FORMAT_TAR_ZST, "tar.zst" },
		{ LM_FORMAT_TAR_XZ, "tar.xz" },
		{ LM_FORMAT_TAR_GZ, "tar.gz" },
		{ LM_FORMAT_ZIP, "zip" },
		{ LM_FORMAT_TAR, "tar" },
	};
	assert_int_equal(LM_COUNT(rows), LM_FORMAT_COUNT);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		enum lm_format format = LM_FORMAT_COUNT;
		row_str_equal(rows[i].extension, lm_format_extension(rows[i].format), rows[i].extension);
		row_true(rows[i].extension, lm_format_parse(rows[i].extension, &format));
		row_int_equal(rows[i].extension, format, rows[i].format);
	}
	static const char *const unknown[] = { "", "zst", ".tar", "tar.bz2", "TAR", "tar.zst " };
	for (size_t i = 0; i < LM_COUNT(unknown); i++) {
		enum lm_format format = LM_FORMAT_TAR;
		row_true(unknown[i], !lm_format_parse(unknown[i], &format));
		row_int_equal(unknown[i], format, LM_FORMAT_TAR);
	}
}

// What does not fit into eleven octal digits; the fields of the block are at fixed places.
static void
large_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		uint64_t size;
		const char *field;   // size in the last block
		const char *records; // of the pax header, null: none
	} rows[] = {
		{ "small", 1, "00000000001", nullptr },
		{ "8 GiB - 1", 8589934591, "77777777777", nullptr },
		{ "8 GiB", 8589934592, "00000000000", "19 size=8589934592\n" },
		{ "12 digits", 100000000000, "00000000000", "21 size=100000000000\n" },
		{ "most", UINT64_MAX, "00000000000", "29 size=18446744073709551615\n" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf header = {};
		struct lm_tar_member member = { .path = LM_STR("a/b"), .type = '0', .mode = 0644, .size = rows[i].size };
		lm_tar_header(&header, &member);
		row_int_equal(rows[i].row, header.len, rows[i].records == nullptr ? 512 : 3 * 512);
		row_str_equal(rows[i].row, header.ptr + header.len - 512 + 124, rows[i].field);
		row_str_equal(rows[i].row, header.ptr + header.len - 512, "a/b");
		if (rows[i].records == nullptr)
			continue;
		row_str_equal(rows[i].row, header.ptr, "a/PaxHeaders/b");
		row_int_equal(rows[i].row, header.ptr[156], 'x');
		row_str_equal(rows[i].row, header.ptr + 512, rows[i].records);
	}
}

// "<length> path=...\n": the length counts its own digits.
static void
record_lengths(void **state)
{
	(void)state;
	static const struct {
		size_t path_len;
		const char *start;
	} rows[] = {
		{ 2, "11 path=" },
		{ 90, "99 path=" },
		{ 91, "101 path=" }, // there is no length 100
		{ 988, "998 path=" },
		{ 989, "999 path=" },
		{ 990, "1001 path=" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf path = {};
		LM_AUTO(lm_buf_release) struct lm_buf header = {};
		for (size_t n = 0; n + 2 < rows[i].path_len; n++)
			lm_buf_byte(&path, 'x');
		lm_buf_text(&path, "\xc3\xa9");
		lm_tar_header(&header, &(struct lm_tar_member){ .path = lm_buf_view(&path), .type = '0', .mode = 0644 });
		header.ptr[512 + strlen(rows[i].start)] = '\0';
		row_str_equal(rows[i].start, header.ptr + 512, rows[i].start);
	}
}

static void
interrupted(void **state)
{
	(void)state;
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *folder = nullptr;
	assert_int_equal(lm_dir_make_temp(folder_parent(), "lm-writer-", &folder, &err), 0);
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, "a.tar");
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	lm_entries_add_text(&entries, "a", "1", 1, false, "x");
	assert_int_equal(lm_entries_finish(&entries, true, &err), 0);

	struct lm_archive_options options = { .format = LM_FORMAT_TAR, .level = LM_LEVEL_DEFAULT };
	struct lm_archive_result result = {};
	lm_cancel_request();
	assert_int_equal(lm_archive_write(&entries, &options, path, &result, &err), -1);
	lm_cancel_reset();
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_null(result.segments);
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	assert_int_equal(lm_dir_list(folder, &names, &err), 0);
	assert_int_equal(names.count, 0);

	assert_int_equal(lm_archive_write(&entries, &options, path, &result, &err), 0);
	assert_int_equal(result.size, 512 + 512 + 1024);
	assert_int_equal(result.segment_count, 1);
	assert_int_equal(result.entry_count, 1);
	lm_archive_result_release(&result);
	assert_int_equal(lm_dir_remove(folder, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(large_sizes),
		cmocka_unit_test(record_lengths),
		cmocka_unit_test(interrupted),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
