#include "rows.h"

#include "base/mem.h"
#include "batch/folder.h"
#include "folder.h"

static unsigned
mode_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

static void
makes_folders(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_run_folder_release) struct lm_run_folder run = {};
	static const char *const made[] = { "x_artifacts", "x_artifacts/r-1", "x_artifacts/r-1/requests",
		"x_artifacts/r-1/answers" };
	struct lm_err err = {};

	(void)state;
	for (int again = 0; again < 2; again++) {
		mode_t before = umask(0);
		assert_int_equal(lm_run_folder_open(&run, folder_at(&folder, "x_artifacts"), "r-1", true, &err), 0);
		(void)umask(before);
		for (size_t i = 0; i < LM_COUNT(made); i++)
			row_int_equal(made[i], mode_of(folder_at(&folder, made[i])), 0700);
		assert_string_equal(run.path, folder_at(&folder, "x_artifacts/r-1"));
		lm_run_folder_release(&run);
	}
	assert_int_equal(lm_run_folder_open(&run, folder_at(&folder, "none"), "r", false, &err), 0);
	assert_int_equal(mode_of(folder_at(&folder, "none")), 0);
}

static void
refuses(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const struct {
		const char *row, *artifacts, *run;
		enum lm_code code;
		const char *text; // '@' stands for the folder
	} rows[] = {
		{ "up", "a", "../x", LM_E_USAGE,
			"run id: name with a character other than letters, digits and '-_.@+': '../x'" },
		{ "dots", "a", "..", LM_E_USAGE, "run id: name that starts with '.': '..'" },
		{ "empty", "a", "", LM_E_USAGE, "run id: the name is empty" },
		{ "artifacts is a file", "file", "r", LM_E_IO, "cannot make folder '@/file': Not a directory" },
		{ "run is a file", ".", "file", LM_E_IO, "cannot make folder '@/./file': Not a directory" },
	};

	(void)state;
	folder_write(&folder, "file", "");
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_run_folder run;
		struct lm_err err = {};
		char text[LM_ERR_TEXT_MAX] = "";
		row_int_equal(rows[i].row,
			lm_run_folder_open(&run, folder_at(&folder, rows[i].artifacts), rows[i].run, true, &err), -1);
		const char *at = strchr(rows[i].text, '@');
		if (at != nullptr && rows[i].code == LM_E_IO)
			(void)snprintf(
				text, sizeof(text), "%.*s%s%s", (int)(at - rows[i].text), rows[i].text, folder.path, at + 1);
		else
			(void)snprintf(text, sizeof(text), "%s", rows[i].text);
		row_str_equal(rows[i].row, err.text, text);
		row_true(rows[i].row, run.path == nullptr);
		if (rows[i].code == LM_E_USAGE)
			row_int_equal(rows[i].row, err.code, LM_E_USAGE);
	}
}

static void
names_files(void **state)
{
	static const struct {
		enum lm_batch_file kind;
		int64_t seq;
		const char *want;
	} rows[] = {
		{ LM_FILE_REQUEST, 1, "requests/000001.jsonl" },
		{ LM_FILE_ANSWER, 999999, "answers/999999_output.jsonl" },
		{ LM_FILE_ANSWER_ERROR, 12, "answers/000012_error.jsonl" },
		{ LM_FILE_RAW, 3, "outputs/000003_output.jsonl" },
		{ LM_FILE_RAW_ERROR, INT64_MAX, "outputs/9223372036854775807_error.jsonl" },
	};
	char path[] = "/a/r";
	struct lm_run_folder run = { .path = path };

	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		char name[LM_BATCH_FILE_NAME_MAX];
		lm_run_folder_name(rows[i].kind, rows[i].seq, name);
		row_str_equal(rows[i].want, name, rows[i].want);
	}
	LM_AUTO(lm_free_ptr) char *file = lm_run_folder_file(&run, LM_FILE_REQUEST, 7);
	LM_AUTO(lm_free_ptr) char *items = lm_run_folder_rows(&run);
	assert_string_equal(file, "/a/r/requests/000007.jsonl");
	assert_string_equal(items, "/a/r/rows.jsonl");
}

static void
adds_events(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_run_folder run = { .path = folder.path };
	struct lm_err err = {};

	(void)state;
	assert_int_equal(lm_run_folder_event(&run, LM_STR("{\"a\":1}"), &err), 0);
	assert_int_equal(lm_run_folder_event(&run, LM_STR("{\"a\":2}"), &err), 0);
	assert_string_equal(folder_read(&folder, "events.jsonl"), "{\"a\":1}\n{\"a\":2}\n");
	assert_int_equal(mode_of(folder_at(&folder, "events.jsonl")), 0600);
	folder_write(&folder, "events.jsonl", "{\"a\":1}\n{\"a");
	assert_int_equal(lm_run_folder_event(&run, LM_STR("{}"), &err), 0);
	assert_string_equal(folder_read(&folder, "events.jsonl"), "{\"a\":1}\n{\"a\n{}\n");
	assert_int_equal(unlink(folder_at(&folder, "events.jsonl")), 0);
	assert_int_equal(symlink("elsewhere", folder_at(&folder, "events.jsonl")), 0);
	assert_int_equal(lm_run_folder_event(&run, LM_STR("{}"), &err), -1);
	assert_int_equal(access(folder_at(&folder, "elsewhere"), F_OK), -1);
}

// ---- lines

// Lines of all lengths around the window's sizes: line i has length lengths[i] and is made of one letter.
static const uint32_t lengths[] = { 0, 1, 16383, 16384, 16385, 0, 65535, 65536, 65537, 1048575, 1048576, 1048577, 5, 3000000, 0,
	7 };

static void
write_lines(const char *path, bool last_newline)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	for (size_t i = 0; i < LM_COUNT(lengths); i++) {
		for (uint32_t k = 0; k < lengths[i]; k++)
			(void)fputc('a' + (int)i, file);
		if (i + 1 < LM_COUNT(lengths) || last_newline)
			(void)fputc('\n', file);
	}
	assert_int_equal(fclose(file), 0);
}

static bool
is_line(struct lm_str line, size_t i)
{
	if (line.len != lengths[i])
		return false;
	for (size_t k = 0; k < line.len; k++)
		if (line.ptr[k] != 'a' + (int)i)
			return false;
	return true;
}

static void
reads_lines(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	const char *path = folder_at(&folder, "lines");

	(void)state;
	for (int last_newline = 0; last_newline < 2; last_newline++) {
		LM_AUTO(lm_line_reader_close) struct lm_line_reader reader = {};
		uint64_t offsets[LM_COUNT(lengths) + 1] = {};
		struct lm_err err = {};
		struct lm_str line;
		size_t count = 0;

		write_lines(path, last_newline == 1);
		assert_int_equal(lm_line_reader_open(&reader, path, &err), 0);
		for (uint64_t at = 0; lm_line_reader_next(&reader, at, 0, &line, &at, &err) == 1; count++) {
			assert_true(count < LM_COUNT(lengths) && is_line(line, count));
			offsets[count + 1] = at;
		}
		assert_int_equal(count, LM_COUNT(lengths));
		for (size_t k = 0; k < 5 * LM_COUNT(lengths); k++) { // 5 is prime to 16: in a jumping order
			size_t i = k * 5 % LM_COUNT(lengths);
			assert_int_equal(lm_line_reader_at(&reader, offsets[i], lengths[i], 0, &line, &err), 0);
			assert_true(is_line(line, i));
		}
		assert_int_equal(lm_line_reader_next(&reader, offsets[LM_COUNT(lengths)], 0, &line, &offsets[0], &err), 0);
		assert_int_equal(lm_line_reader_next(&reader, 1u << 30, 0, &line, &offsets[0], &err), 0);
	}
}

static void
reads_no_lines(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_line_reader_close) struct lm_line_reader reader = {};
	static const struct {
		const char *row;
		uint64_t offset;
		uint32_t length;
		const char *text;
	} rows[] = {
		{ "behind the end", 8, 1, "no line of 1 bytes at byte 8 of '@'" },
		{ "too short", 0, 2, "no line of 2 bytes at byte 0 of '@'" },
		{ "too long", 0, 4, "no line of 4 bytes at byte 0 of '@'" },
		{ "two lines", 0, 7, "no line of 7 bytes at byte 0 of '@'" },
		{ "beyond the end", 4, 4, "no line of 4 bytes at byte 4 of '@'" },
		{ "huge", 0, UINT32_MAX, "no line of 4294967295 bytes at byte 0 of '@'" },
		{ "far", UINT64_MAX, 1, "no line of 1 bytes at byte 18446744073709551615 of '@'" },
	};
	struct lm_err err = {};
	struct lm_str line;
	uint64_t next = 0;

	(void)state;
	const char *path = folder_at(&folder, "lines");
	assert_int_equal(lm_line_reader_open(&reader, path, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	folder_write(&folder, "lines", "abc\ndef");
	assert_int_equal(lm_line_reader_open(&reader, path, &err), 0);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		char text[LM_ERR_TEXT_MAX];
		row_int_equal(rows[i].row, lm_line_reader_at(&reader, rows[i].offset, rows[i].length, 0, &line, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_INTEGRITY);
		(void)snprintf(
			text, sizeof(text), "%.*s%s'", (int)(strchr(rows[i].text, '@') - rows[i].text), rows[i].text, path);
		row_str_equal(rows[i].row, err.text, text);
	}
	assert_int_equal(lm_line_reader_next(&reader, 0, 2, &line, &next, &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_int_equal(lm_line_reader_next(&reader, 4, 3, &line, &next, &err), 1);
	assert_int_equal(next, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_folders),
		cmocka_unit_test(refuses),
		cmocka_unit_test(names_files),
		cmocka_unit_test(adds_events),
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(reads_no_lines),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
