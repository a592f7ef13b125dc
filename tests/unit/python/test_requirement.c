// The tables of tests/python compare these parsers with another implementation; here is what only C code can ask.
#include "rows.h"

#include <stdlib.h>

#include "python/requirement.h"

static void
names(void **state)
{
	(void)state;
	static const struct {
		const char *row, *name, *want;
		bool valid;
	} rows[] = {
		{ "plain", "numpy", "numpy", true },
		{ "case", "Foo", "foo", true },
		{ "separators", "a.b_c-d", "a-b-c-d", true },
		{ "runs", "a-._b", "a-b", true },
		{ "empty", "", "", false },
		{ "ends", "a-", "a-", false },
		{ "begins", "_a", "-a", false },
		{ "slash", "a/b", "a/b", false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf text = {};
		lm_name_normalize(lm_str_of(rows[i].name), &text);
		row_str_equal(rows[i].row, lm_buf_cstr(&text), rows[i].want);
		row_int_equal(rows[i].row, lm_name_valid(lm_str_of(rows[i].name)), rows[i].valid);
	}
}

static void
fields(void **state)
{
	(void)state;
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_requirement got;
	struct lm_err err = {};
	static const char text[] = "Foo.Bar [B, a] ( >=1.0 , <2 ) ; os.name=='nt' and (extra=='X_y')";
	assert_int_equal(lm_requirement_parse(lm_str_of(text), &arena, &got, &err), 0);
	assert_string_equal(got.name, "foo-bar");
	assert_string_equal(got.extras, "a,b");
	assert_string_equal(got.specifiers, ">=1.0,<2");
	assert_null(got.url);
	assert_string_equal(got.marker_text, "os_name == \"nt\" and extra == \"x-y\"");

	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	lm_requirement_format(&got, &out);
	assert_string_equal(out.ptr, "foo-bar[a,b]>=1.0,<2; os_name == \"nt\" and extra == \"x-y\"");

	assert_int_equal(lm_requirement_parse(LM_STR("a"), &arena, &got, &err), 0);
	assert_null(got.extras);
	assert_string_equal(got.specifiers, "");
	assert_null(got.marker);
	assert_null(got.marker_text);
}

// Values a caller does not know are null, and compare as "".
static void
unknown_values(void **state)
{
	(void)state;
	static const struct {
		const char *row, *marker;
		bool want;
	} rows[] = {
		{ "no extra", "extra == 'a'", false },
		{ "extra empty", "extra == ''", true },
		{ "no release", "platform_release >= '5'", false },
		{ "in", "os_name in 'posix'", true },
		{ "precedence", "os_name == 'x' and os_name == 'y' or extra == ''", true },
		{ "precedence right", "extra == '' or os_name == 'x' and os_name == 'y'", true },
		{ "parentheses", "(extra == '' or os_name == 'x') and os_name == 'y'", false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_arena_release) struct lm_arena arena = {};
		struct lm_marker *marker = nullptr;
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_marker_parse(lm_str_of(rows[i].marker), &arena, &marker, &err), 0);
		row_int_equal(rows[i].row, lm_marker_eval(marker, &(struct lm_marker_env){}), rows[i].want);
	}
}

// Every proper beginning of a text, cut from memory of exactly that size (for the sanitizers).
static void
beginnings(void **state)
{
	(void)state;
	static const char text[] = "a_b[x,y]~=1.2.*,!=1!2.0a1.post2.dev3+l.1;(os_name not in 'a b'or'3'<=python_version)";
	for (size_t len = 0; len < sizeof text; len++) {
		LM_AUTO(lm_arena_release) struct lm_arena arena = {};
		LM_AUTO(lm_free_ptr) char *copy = malloc(len == 0 ? 1 : len);
		struct lm_requirement got;
		struct lm_err err = {};
		memcpy(copy, text, len);
		int rc = lm_requirement_parse((struct lm_str){ copy, len }, &arena, &got, &err);
		assert_true(rc == 0 || (err.code == LM_E_SYNTAX && strncmp(err.text, "column ", 7) == 0));
	}
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_requirement got;
	struct lm_err err = {};
	assert_int_equal(lm_requirement_parse((struct lm_str){}, &arena, &got, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(fields),
		cmocka_unit_test(unknown_values),
		cmocka_unit_test(beginnings),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
