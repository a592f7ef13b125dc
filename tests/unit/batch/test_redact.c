#include "rows.h"

#include "base/mem.h"
#include "batch/redact.h"
#include "folder.h"
#include "os/file.h"

static void
secrets_are_replaced(void **state)
{
	static const struct {
		const char *row, *text, *want;
	} rows[] = {
		{ "nothing", "", "" },
		{ "plain", "two words", "two words" },
		{ "known", "a canary-key b canary-key", "a REDACTED b REDACTED" },
		{ "known, in a word", "xcanary-keyx", "xREDACTEDx" },
		{ "header", "Authorization: Bearer testefgh12345678", "Authorization: Bearer REDACTED" },
		{ "header, small letters", "bearer testefgh12345678.", "bearer REDACTED." },
		{ "words after bearer", "Bearer authentication-is-needed", "Bearer authentication-is-needed" },
		{ "too short after bearer", "Bearer abc1", "Bearer abc1" },
		{ "key", "key sk-testdefghijk1, x", "key REDACTED, x" },
		{ "key of a project", "\"sk-proj-test-c_d123\"", "\"REDACTED\"" },
		{ "half hidden key", "sk-abcd********wxyz.", "REDACTED." },
		{ "no key: letters only", "sk-learn-estimators", "sk-learn-estimators" },
		{ "no key: inside of a word", "task-1234567890123", "task-1234567890123" },
		{ "Google's key", "AIza0123456789testefghijXYZ", "REDACTED" },
		{ "organisation", "in org-AbCdEfGhIjKlMnOp12 now", "in REDACTED now" },
		{ "no organisation: hyphens", "org-wide-policy-number-1234", "org-wide-policy-number-1234" },
		{ "project", "proj_AbCdEfGhIjKlMnOp12", "REDACTED" },
		{ "user", "user-AbCdEfGhIjKlMnOpQrSt12", "REDACTED" },
		{ "upload", "/up?upload_id=AbC_d-12345&x=1", "/up?upload_id=REDACTED&x=1" },
		{ "key in a URL", "/v1?key=abcdefghijklmno1&b", "/v1?key=REDACTED&b" },
		{ "two", "sk-testdefghijk1 sk-testdefghijk2", "REDACTED REDACTED" },
		{ "at the end of the text", "x sk-testdefghijk1", "x REDACTED" },
		{ "only the beginning", "sk-", "sk-" },
		{ "other languages", "ключ sk-testdefghijk1 é", "ключ REDACTED é" },
		{ "redacted already", "Bearer REDACTED key=REDACTED", "Bearer REDACTED key=REDACTED" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_redact(lm_str_of(rows[i].text), "canary-key", &out);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

static void
without_a_known_secret(void **state)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};

	(void)state;
	lm_redact(LM_STR("a canary-key"), nullptr, &out);
	lm_redact(LM_STR(", another"), "", &out);
	assert_string_equal(lm_buf_cstr(&out), "a canary-key, another");
}

static const char key[] = "sk-0123456789-canary";

// A file of `size` dots with the key at these offsets, looked through for it; what is left of it must be the same with asterisks.
static void
check_file(const char *row, size_t size, const size_t *at, size_t count)
{
	LM_AUTO(lm_free_ptr) char *before = lm_alloc(size), *after = nullptr;
	struct folder folder = folder_make();
	const char *path = folder_at(&folder, "answers.jsonl");
	struct lm_err err = {};
	size_t len = 0;

	memset(before, '.', size);
	for (size_t i = 0; i < count; i++)
		memcpy(before + at[i], key, strlen(key));
	row_int_equal(row, lm_file_replace(path, before, size, 0600, &err), 0);
	row_int_equal(row, lm_redact_file(path, key, &err), 0);
	row_int_equal(row, lm_file_read(path, size + 1, &after, &len, &err), 0);
	memset(before, '.', size);
	for (size_t i = 0; i < count; i++)
		memset(before + at[i], '*', strlen(key));
	row_int_equal(row, len, size);
	row_int_equal(row, memcmp(before, after, size), 0);
	folder_remove(&folder);
}

static void
files_keep_their_places(void **state)
{
	enum { MIB = 1 << 20, LEN = sizeof(key) - 1 };
	(void)state;
	check_file("nothing", 100, nullptr, 0);
	check_file("whole", LEN, (size_t[]){ 0 }, 1);
	check_file("begin and end", 100, (size_t[]){ 0, 100 - LEN }, 2);
	check_file("one behind the other", 100, (size_t[]){ 7, 7 + LEN }, 2);
	check_file("before the bound", 2 * MIB, (size_t[]){ MIB - LEN }, 1);
	for (size_t i = 1; i < LEN; i++)
		check_file("across the bound", 2 * MIB, (size_t[]){ MIB - i, 2 * MIB - LEN }, 2);
	check_file("across the second", 3 * MIB, (size_t[]){ 5, 2 * MIB - LEN - 3, 3 * MIB - LEN }, 3);
}

static void
files_without_a_key(void **state)
{
	struct folder folder = folder_make();
	const char *path = folder_at(&folder, "short.jsonl");
	LM_AUTO(lm_free_ptr) char *after = nullptr;
	struct lm_err err = {};
	size_t len = 0;

	(void)state;
	assert_int_equal(lm_file_replace(path, "the word EMPTY", 14, 0600, &err), 0);
	assert_int_equal(lm_redact_file(path, "EMPTY", &err), 0);
	assert_int_equal(lm_redact_file(path, nullptr, &err), 0);
	assert_int_equal(lm_redact_file("/nowhere/at/all", nullptr, &err), 0);
	assert_int_equal(lm_file_read(path, 100, &after, &len, &err), 0);
	assert_memory_equal(after, "the word EMPTY", 14);
	assert_int_equal(lm_redact_file("/nowhere/at/all", key, &err), -1);
	assert_string_equal(err.text, "cannot open '/nowhere/at/all': No such file or directory");
	folder_remove(&folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_replaced),
		cmocka_unit_test(without_a_known_secret),
		cmocka_unit_test(files_keep_their_places),
		cmocka_unit_test(files_without_a_key),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
