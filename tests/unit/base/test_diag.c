#include "rows.h"

#include "base/diag.h"

static void
empty(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	struct lm_diags diags = {};
	lm_diags_format(&diags, &out);
	assert_string_equal(lm_buf_cstr(&out), "");
	lm_diags_release(&diags);
}

static void
in_order(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	LM_AUTO(lm_diags_release) struct lm_diags diags = {};
	lm_diags_add(&diags, false, "s.toml", 9, 3, "scipy", "unknown key '%s'", "nam");
	lm_diags_add(&diags, true, "s.toml", 2, 7, nullptr, "old name");
	lm_diags_add(&diags, false, "s.toml", 9, 1, "scipy", "first of two");
	lm_diags_add(&diags, false, "s.toml", 9, 1, nullptr, "second of two");
	lm_diags_add(&diags, false, "s.toml", 0, 0, nullptr, "no runtimes");
	assert_int_equal(diags.count, 5);
	assert_int_equal(diags.errors, 4);
	lm_diags_format(&diags, &out);
	assert_string_equal(lm_buf_cstr(&out),
		"s.toml: error: no runtimes\n"
		"s.toml:2:7: warning: old name\n"
		"s.toml:9:1: error: layer 'scipy': first of two\n"
		"s.toml:9:1: error: second of two\n"
		"s.toml:9:3: error: layer 'scipy': unknown key 'nam'\n");
	lm_diags_release(&diags);
	assert_int_equal(diags.count, 0);
	assert_int_equal(diags.errors, 0);
}

// More than the first allocation, all of one place: the order of finding stays.
static void
stable(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {}, want = {};
	LM_AUTO(lm_diags_release) struct lm_diags diags = {};
	for (int i = 0; i < 100; i++) {
		lm_diags_add(&diags, true, "a", 1, 1, nullptr, "number %d", i);
		lm_buf_format(&want, "a:1:1: warning: number %d\n", i);
	}
	assert_int_equal(diags.errors, 0);
	lm_diags_format(&diags, &out);
	assert_string_equal(lm_buf_cstr(&out), lm_buf_cstr(&want));
}

// File by file, in the order of the first finding; a column that is not known is left out.
static void
several_files(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	LM_AUTO(lm_diags_release) struct lm_diags diags = {};
	lm_diags_add(&diags, false, "b.csv", 7, 0, nullptr, "one");
	lm_diags_add(&diags, false, "a.csv", 1, 2, nullptr, "two");
	lm_diags_add(&diags, false, "b.csv", 2, 0, nullptr, "three");
	lm_diags_format(&diags, &out);
	assert_string_equal(out.ptr, "b.csv:2: error: three\nb.csv:7: error: one\na.csv:1:2: error: two\n");
}

static void
moved(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	LM_AUTO(lm_diags_release) struct lm_diags to = {}, from = {};
	lm_diags_add(&to, true, "a", 1, 1, nullptr, "one");
	lm_diags_add(&from, false, "a", 1, 1, "x", "two");
	lm_diags_add(&from, true, "a", 1, 1, nullptr, "three");
	lm_diags_move(&to, &from);
	assert_int_equal(to.errors, 1);
	assert_int_equal(from.count, 0);
	assert_int_equal(from.errors, 0);
	lm_diags_move(&to, &from);
	lm_diags_format(&to, &out);
	assert_string_equal(out.ptr, "a:1:1: warning: one\na:1:1: error: layer 'x': two\na:1:1: warning: three\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(in_order),
		cmocka_unit_test(stable),
		cmocka_unit_test(several_files),
		cmocka_unit_test(moved),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
