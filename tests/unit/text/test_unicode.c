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

static void
escapes(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		const char *want;
	} rows[] = {
		{ "empty", LM_STR(""), "" },
		{ "plain", LM_STR("a 'b'\\c\n\td"), "a 'b'\\c\n\td" },
		{ "letters and signs", LM_STR("\303\244\346\274\242\342\224\224"), "\303\244\346\274\242\342\224\224" },
		{ "colour", LM_STR("\033[31mred"), "\\x1b[31mred" },
		{ "title", LM_STR("\033]0;t\007"), "\\x1b]0;t\\x07" },
		{ "carriage return", LM_STR("a\rb\b"), "a\\x0db\\x08" },
		{ "DEL", LM_STR("\177"), "\\x7f" },
		{ "NUL", LM_STR("a\0"), "a\\x00" },
		{ "C1: CSI", LM_STR("\302\2332J"), "\\u009b2J" },
		{ "C1: last", LM_STR("\302\237\302\240"), "\\u009f\302\240" },
		{ "a C1 byte", LM_STR("\2332J"), "\\x9b2J" },
		{ "override", LM_STR("\342\200\256gpj.exe\342\200\254"), "\\u202egpj.exe\\u202c" },
		{ "isolates", LM_STR("\342\201\246\342\201\251"), "\\u2066\\u2069" },
		{ "marks", LM_STR("\342\200\216\342\200\217\330\234"), "\\u200e\\u200f\\u061c" },
		{ "separators", LM_STR("\342\200\250\342\200\251"), "\\u2028\\u2029" },
		{ "not UTF-8", LM_STR("\344\355\240\200"), "\\xe4\\xed\\xa0\\x80" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_text_escape(&out, rows[i].text);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

static void
fits(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		size_t columns, want;
	} rows[] = {
		{ "empty", LM_STR(""), 3, 0 },
		{ "all", LM_STR("abc"), 3, 3 },
		{ "cut", LM_STR("abcd"), 3, 3 },
		{ "nothing", LM_STR("abc"), 0, 0 },
		{ "not half a wide one", LM_STR("a\346\274\242b"), 2, 1 },
		{ "marks stay with their letter", LM_STR("a\314\210b"), 1, 3 },
		{ "not UTF-8", LM_STR("\344\344\344"), 2, 2 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].row, lm_text_fit(rows[i].text, rows[i].columns), rows[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folding),
		cmocka_unit_test(appends),
		cmocka_unit_test(widths),
		cmocka_unit_test(escapes),
		cmocka_unit_test(fits),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
