// Forms, given in pieces of every size.
#include "rows.h"

#include "base/mem.h"
#include "fake/multipart.h"
#include "folder.h"
#include "os/file.h"
#include "os/scratch.h"

#define TYPE "multipart/form-data; boundary=\"b-1\""

static const char form[] = "preamble\r\n--b-1\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
			   "--b-1\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nnobody asks\r\n"
			   "--b-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nX: y\r\n\r\n"
			   "\r\n--b-\r\n--b-2\r-\r\n--b-1--epilogue";
static const char content[] = "\r\n--b-\r\n--b-2\r-";

static void
every_cut(void **state)
{
	(void)state;
	LM_AUTO(lm_scratch_remove) struct lm_scratch scratch = {};
	struct lm_err err = {};
	assert_int_equal(lm_scratch_make(folder_parent(), "lamina-test-form-", &scratch, &err), 0);
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s/file", scratch.path);

	for (size_t piece = 1; piece < sizeof(form); piece++) {
		LM_AUTO(lm_form_release) struct lm_form got = {};
		LM_AUTO(lm_spool_abandon) struct lm_spool spool = {};
		LM_AUTO(lm_free_ptr) char *text = nullptr;
		size_t len = 0;
		assert_int_equal(lm_spool_open(&spool, path, &err), 0);
		assert_int_equal(lm_form_begin(&got, TYPE, &spool, &err), 0);
		for (size_t at = 0; at < sizeof(form) - 1; at += piece) {
			size_t rest = sizeof(form) - 1 - at;
			assert_int_equal(lm_form_feed(&got, form + at, rest < piece ? rest : piece, &err), 0);
		}
		assert_int_equal(lm_form_end(&got, &err), 0);
		assert_int_equal(spool.size_bytes, sizeof(content) - 1);
		assert_int_equal(lm_spool_close(&spool, &err), 0);
		assert_int_equal(lm_file_read(path, 1000, &text, &len, &err), 0);
		assert_int_equal(len, sizeof(content) - 1);
		assert_memory_equal(text, content, len);
		assert_string_equal(lm_buf_cstr(&got.purpose), "batch");
		assert_string_equal(lm_buf_cstr(&got.file_name), "a.jsonl");
	}
}

static void
bad_types(void **state)
{
	static const struct {
		const char *row, *type, *want;
	} rows[] = {
		{ "none", nullptr, "The Content-Type is not 'multipart/form-data' with a boundary." },
		{ "other", "application/json; boundary=b", "The Content-Type is not 'multipart/form-data' with a boundary." },
		{ "no boundary", "multipart/form-data", "The Content-Type is not 'multipart/form-data' with a boundary." },
		{ "empty", "multipart/form-data; boundary=", "The boundary of the form is empty or too long." },
		{ "empty in quotes", "multipart/form-data; boundary=\"\"", "The boundary of the form is empty or too long." },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_form_release) struct lm_form got = {};
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_form_begin(&got, rows[i].type, nullptr, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_SYNTAX);
		row_str_equal(rows[i].row, err.text, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut),
		cmocka_unit_test(bad_types),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
