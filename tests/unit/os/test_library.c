#include "rows.h"

#include "base/str.h"
#include "os/library.h"

static void
a_symbol(void **)
{
	struct lm_err err = {};
	double (*root)(double) = nullptr;
	const struct lm_symbol symbols[] = { { "sqrt", &root } };
	assert_int_equal(lm_library_load("libm.so.6", symbols, 1, &err), 0);
	assert_non_null(root);
	assert_true(root(9) == 3);
}

static void
what_is_not_there(void **)
{
	static const struct {
		const char *row, *library, *symbol, *begin, *end;
	} rows[] = {
		{ "library", "liblm-none.so.1", "sqrt", "cannot load a library: liblm-none.so.1: ",
			": cannot open shared object file: No such file or directory" },
		{ "symbol", "libm.so.6", "lm_none", "cannot load a library: ", "libm.so.6: undefined symbol: lm_none" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		double (*slot)(double) = nullptr;
		const struct lm_symbol symbols[] = { { rows[i].symbol, &slot } };
		row_int_equal(rows[i].row, lm_library_load(rows[i].library, symbols, 1, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_UNSUPPORTED);
		row_true(rows[i].row, lm_cstr_starts(err.text, rows[i].begin));
		row_true(rows[i].row, lm_cstr_ends(err.text, rows[i].end));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_symbol),
		cmocka_unit_test(what_is_not_there),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
