#include "rows.h"

#include "text/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>

static void
formats(void **state)
{
	(void)state;
	static const struct {
		double number;
		const char *want; // what Python's repr() gives
	} rows[] = {
		{ 0.0, "0.0" },
		{ -0.0, "-0.0" },
		{ 1.0, "1.0" },
		{ 0.1, "0.1" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 123456.789, "123456.789" },
		{ 9007199254740993.0, "9007199254740992.0" },
		{ 1e15, "1000000000000000.0" },
		{ 9999999999999998.0, "9999999999999998.0" },
		{ 1e16, "1e+16" },
		{ 1.5e300, "1.5e+300" },
		{ 0.0001, "0.0001" },
		{ 0.00001, "1e-05" },
		{ -1.25e-7, "-1.25e-07" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ 5e-324, "5e-324" },
		{ INFINITY, "inf" },
		{ -INFINITY, "-inf" },
		{ NAN, "nan" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_number_format(&out, rows[i].number);
		row_str_equal(rows[i].want, lm_buf_cstr(&out), rows[i].want);
		if (!isnan(rows[i].number))
			row_true(rows[i].want, lm_number_parse(lm_buf_cstr(&out)) == rows[i].number);
	}
}

// The thread's locale is the caller's; it is not left changed.
static void
locale_stays(void **state)
{
	(void)state;
	locale_t mine = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t) nullptr);
	locale_t old = uselocale(mine);
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	lm_number_format(&out, 0.5);
	double parsed = lm_number_parse("2.25");
	locale_t after = uselocale(old);
	assert_true(after == mine);
	freelocale(mine);
	assert_string_equal(lm_buf_cstr(&out), "0.5");
	assert_true(parsed == 2.25);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(formats), cmocka_unit_test(locale_stays) };
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
