#include "rows.h"

#include "text/unicode.h"

static void
folding(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		const char *want;
	} rows[] = {
		{ "empty", LM_STR(""), "" },
		{ "ASCII", LM_STR("README.Md"), "readme.md" },
		{ "umlaut", LM_STR("\303\204"), "\303\244" },
		{ "umlaut of two parts", LM_STR("A\314\210"), "\303\244" },
		{ "sharp s", LM_STR("Stra\303\237e"), "strasse" },
		{ "final sigma", LM_STR("\316\243\317\202"), "\317\203\317\203" },
		{ "Kelvin sign", LM_STR("\342\204\252"), "k" },
		{ "ligature", LM_STR("\357\254\201"), "fi" },
		{ "dotted capital I", LM_STR("\304\260"), "i\314\207" },
		{ "Cyrillic", LM_STR("\320\220"), "\320\260" },
		{ "no case", LM_STR("\346\274\242"), "\346\274\242" },
		{ "not UTF-8", LM_STR("A\xE4"), "A\xE4" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_casefold(&out, rows[i].text);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

static void
appends(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	lm_casefold(&out, LM_STR("Ab/"));
	lm_casefold(&out, LM_STR("CD"));
	assert_string_equal(lm_buf_cstr(&out), "ab/cd");
}

static void
widths(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		size_t want;
	} rows[] = {
		{ "empty", LM_STR(""), 0 },
		{ "ASCII", LM_STR("abc d"), 5 },
		{ "wide", LM_STR("\346\274\242\345\255\227"), 4 },
		{ "combining", LM_STR("a\314\210"), 1 },
		{ "zero width space", LM_STR("a\342\200\213b"), 2 },
		{ "control",
			LM_STR("a\x1B"
			       "b"),
			2 },
		{ "emoji", LM_STR("\360\237\230\200"), 2 },
		{ "not UTF-8",
			LM_STR("a\xE4"
			       "b"),
			3 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].row, lm_text_width(rows[i].text), rows[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folding),
		cmocka_unit_test(appends),
		cmocka_unit_test(widths),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
