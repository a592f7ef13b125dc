#include "rows.h"

#include "base/str.h"
#include "os/library.h"

static void
a_symbol(void **)
{
	struct lm_err err = {};
	double (*root)(double) = nullptr;
	const struct lm_symbol symbols[] = { { "sqrt", &root } };
	struct lm_library library = { .name = "libm.so.6", .symbols = symbols, .symbol_count = 1 };
	assert_int_equal(lm_library_use(&library, &err), 0);
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
		struct lm_library library = { .name = rows[i].library, .symbols = symbols, .symbol_count = 1 };
		row_int_equal(rows[i].row, lm_library_use(&library, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_UNSUPPORTED);
		row_true(rows[i].row, lm_cstr_starts(err.text, rows[i].begin));
		row_true(rows[i].row, lm_cstr_ends(err.text, rows[i].end));
	}
}

static unsigned loaded_count;

static void
count_loaded(void)
{
	loaded_count++;
}

static void
used_many_times(void **)
{
	loaded_count = 0;
	void *slot = nullptr;
	struct lm_err err = {};
	const struct lm_symbol symbols[] = { { "cos", &slot } };
	struct lm_library library = { .name = "libm.so.6", .symbols = symbols, .symbol_count = 1, .loaded = count_loaded };
	for (int i = 0; i < 3; i++)
		assert_int_equal(lm_library_use(&library, &err), 0);
	assert_non_null(slot);
	assert_int_equal(loaded_count, 1);
}

static void
never_usable(void **)
{
	loaded_count = 0;
	struct lm_library library = { .name = "libnowhere.so.1", .loaded = count_loaded };
	for (int i = 0; i < 2; i++) {
		struct lm_err err = {};
		assert_int_equal(lm_library_use(&library, &err), -1);
		assert_int_equal(err.code, LM_E_UNSUPPORTED);
		assert_string_equal(err.text,
			"cannot load a library: libnowhere.so.1: cannot open shared object file: No such file or directory");
	}
	assert_int_equal(loaded_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_symbol),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(used_many_times),
		cmocka_unit_test(never_usable),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
