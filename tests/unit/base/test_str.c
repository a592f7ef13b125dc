#include "rows.h"

#include "base/mem.h"
#include "base/str.h"

static void
compare(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str a, b;
		int order;
		bool starts, ends; // a with b
	} rows[] = {
		{ "equal", LM_STR("abc"), LM_STR("abc"), 0, true, true },
		{ "less", LM_STR("abc"), LM_STR("abd"), -1, false, false },
		{ "shorter", LM_STR("ab"), LM_STR("abc"), -1, false, false },
		{ "longer", LM_STR("abcab"), LM_STR("ab"), 1, true, true },
		{ "by unsigned byte", LM_STR("\xC3"), LM_STR("z"), 1, false, false },
		{ "empty", LM_STR(""), LM_STR(""), 0, true, true },
		{ "empty first", LM_STR(""), LM_STR("a"), -1, false, false },
		{ "empty second", LM_STR("a"), LM_STR(""), 1, true, true },
		{ "null is empty", { nullptr, 0 }, LM_STR(""), 0, true, true },
		{ "NUL counts", LM_STR("a\0b"), LM_STR("a\0c"), -1, false, false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		int order = lm_str_compare(rows[i].a, rows[i].b);
		row_int_equal(rows[i].row, (order > 0) - (order < 0), rows[i].order);
		row_int_equal(rows[i].row, lm_str_equal(rows[i].a, rows[i].b), rows[i].order == 0);
		row_int_equal(rows[i].row, lm_str_starts(rows[i].a, rows[i].b), rows[i].starts);
		row_int_equal(rows[i].row, lm_str_ends(rows[i].a, rows[i].b), rows[i].ends);
	}
}

static void
pieces(void **state)
{
	(void)state;
	assert_int_equal(lm_str_of(nullptr).len, 0);
	assert_int_equal(lm_str_of("ab").len, 2);
	assert_int_equal(lm_str_find(LM_STR("a=b=c"), '='), 1);
	assert_int_equal(lm_str_find(LM_STR("abc"), '='), 3);
	assert_int_equal(lm_str_find((struct lm_str){}, '='), 0);
	assert_true(lm_str_equal(lm_str_trim(LM_STR(" \t\r\n a b\v\f ")), LM_STR("a b")));
	assert_true(lm_str_equal(lm_str_trim(LM_STR("   ")), LM_STR("")));
	assert_true(lm_str_equal(lm_str_trim((struct lm_str){}), LM_STR("")));
	struct lm_str rest = LM_STR("a,,b");
	assert_true(lm_str_equal(lm_str_cut(&rest, ','), LM_STR("a")));
	assert_true(lm_str_equal(lm_str_cut(&rest, ','), LM_STR("")));
	assert_true(lm_str_equal(lm_str_cut(&rest, ','), LM_STR("b")));
	assert_int_equal(rest.len, 0);
	assert_true(lm_str_equal(lm_str_cut(&rest, ','), LM_STR("")));
	struct lm_str none = {};
	assert_int_equal(lm_str_cut(&none, ',').len, 0);
}

static void
c_strings(void **state)
{
	(void)state;
	assert_true(lm_cstr_equal("a", "a"));
	assert_false(lm_cstr_equal("a", "b"));
	assert_false(lm_cstr_equal("a", nullptr));
	assert_false(lm_cstr_equal(nullptr, "a"));
	assert_true(lm_cstr_equal(nullptr, nullptr));
	assert_true(lm_cstr_starts("abc", "ab"));
	assert_false(lm_cstr_starts("ab", "abc"));
	assert_true(lm_cstr_ends("a.toml", ".toml"));
	assert_false(lm_cstr_ends("toml", ".toml"));
}

static void
buffers(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf buf = {};
	assert_string_equal(lm_buf_cstr(&buf), "");
	assert_int_equal(lm_buf_view(&buf).len, 0);
	lm_buf_clear(&buf);
	lm_buf_text(&buf, "ab");
	lm_buf_byte(&buf, 'c');
	lm_buf_str(&buf, LM_STR("d\0e"));
	lm_buf_format(&buf, "%d%s", 12, "x");
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf.ptr, "abcd\0e12x", 10);
	lm_buf_append(&buf, nullptr, 0);
	assert_int_equal(buf.len, 9);
	memcpy(lm_buf_reserve(&buf, 5000), "yz", 3);
	buf.len += 2;
	assert_memory_equal(buf.ptr, "abcd\0e12xyz", 12);
	assert_true(lm_str_equal(lm_buf_view(&buf), LM_STR("abcd\0e12xyz")));
	lm_buf_clear(&buf);
	assert_string_equal(lm_buf_cstr(&buf), "");
	assert_true(buf.cap >= 5000);
}

static void
maximum(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf buf = { .max_bytes = 5 };
	lm_buf_text(&buf, "abc");
	lm_buf_text(&buf, "de");
	assert_false(buf.overflow);
	lm_buf_byte(&buf, 'f');
	assert_true(buf.overflow);
	lm_buf_text(&buf, "");
	assert_string_equal(lm_buf_cstr(&buf), "abcde");
	lm_buf_clear(&buf);
	assert_false(buf.overflow);
	lm_buf_text(&buf, "123456");
	assert_true(buf.overflow);
	lm_buf_text(&buf, "1"); // it would fit, but what went before is missing
	assert_string_equal(lm_buf_cstr(&buf), "");
}

static void
numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t max;
		bool good;
		uint64_t want;
	} rows[] = {
		{ "0", 0, true, 0 },
		{ "007", 10, true, 7 },
		{ "10", 10, true, 10 },
		{ "11", 10, false, 0 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "99999999999999999999", UINT64_MAX, false, 0 },
		{ "", 10, false, 0 },
		{ "-1", 10, false, 0 },
		{ "+1", 10, false, 0 },
		{ " 1", 10, false, 0 },
		{ "1x", 10, false, 0 },
		{ "0x1", 10, false, 0 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		uint64_t out = 77;
		row_int_equal(rows[i].text, lm_parse_u64(lm_str_of(rows[i].text), rows[i].max, &out), rows[i].good);
		row_true(rows[i].text, out == (rows[i].good ? rows[i].want : 77));
	}
}

static void
lists(void **state)
{
	(void)state;
	LM_AUTO(lm_strings_release) struct lm_strings list = {};
	lm_strings_sort(&list);
	assert_false(lm_strings_has(&list, "a"));
	lm_strings_add(&list, "b");
	lm_strings_add_str(&list, (struct lm_str){ "abc", 2 });
	lm_strings_add(&list, "\303\244");
	lm_strings_add(&list, "B");
	lm_strings_sort(&list);
	static const char *const want[] = { "B", "ab", "b", "\303\244" };
	assert_int_equal(list.count, LM_COUNT(want));
	for (size_t i = 0; i < LM_COUNT(want); i++)
		assert_string_equal(list.items[i], want[i]);
	assert_true(lm_strings_has(&list, "ab"));
	assert_false(lm_strings_has(&list, "abc"));
}

static void
suggestions(void **state)
{
	(void)state;
	static const char *const candidates[] = { "name", "requirements", "runtime", "frameworks" };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "nam", "name" },
		{ "nmae", nullptr }, // two edits in four letters
		{ "requirement", "requirements" },
		{ "requiremnets", "requirements" },
		{ "framework", "frameworks" },
		{ "runtimes", "runtime" },
		{ "x", nullptr },
		{ "", nullptr },
		{ "something else", nullptr },
		{ "requirementsrequirementsrequirementsrequirementsrequirementsrequirements", nullptr },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_str_equal(rows[i].word, lm_nearest(rows[i].word, candidates, LM_COUNT(candidates)), rows[i].want);
	assert_null(lm_nearest("a", candidates, 0));
	static const char *const long_ones[] = { "requirementsrequirementsrequirementsrequirementsrequirementsrequirements" };
	assert_null(lm_nearest("requirements", long_ones, 1));
}

static void
globs(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *text;
		bool want; // what Python's fnmatch.fnmatchcase says
	} rows[] = {
		{ "*.so", "a.so", true },
		{ "*.so", "a/b.so", true },
		{ "*.so", "a.so.1", false },
		{ "lib?.so", "liba.so", true },
		{ "lib?.so", "lib.so", false },
		{ "[ab]*", "bx", true },
		{ "[!ab]*", "bx", false },
		{ "[!ab]*", "cx", true },
		{ "*", ".hidden", true },
		{ "", "", true },
		{ "a\\*", "a\\x", true },
		{ "[", "[", true },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].pattern, lm_glob_match(rows[i].pattern, rows[i].text), rows[i].want);
}

static void
utf8(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		bool want;
	} rows[] = {
		{ "empty", LM_STR(""), true },
		{ "ASCII and NUL", LM_STR("a\0\x7F"), true },
		{ "two bytes", LM_STR("\xC2\x80\xDF\xBF"), true },
		{ "three bytes", LM_STR("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"), true },
		{ "four bytes", LM_STR("\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"), true },
		{ "continuation alone", LM_STR("\x80"), false },
		{ "overlong, two", LM_STR("\xC1\xBF"), false },
		{ "overlong, three", LM_STR("\xE0\x9F\xBF"), false },
		{ "overlong, four", LM_STR("\xF0\x8F\xBF\xBF"), false },
		{ "surrogate", LM_STR("\xED\xA0\x80"), false },
		{ "beyond U+10FFFF", LM_STR("\xF4\x90\x80\x80"), false },
		{ "F5", LM_STR("\xF5\x80\x80\x80"), false },
		{ "cut after one of two", LM_STR("a\xC3"), false },
		{ "cut after two of three", LM_STR("\xE2\x82"), false },
		{ "cut after three of four", LM_STR("\xF0\x9F\x98"), false },
		{ "wrong third byte", LM_STR("\xE2\x82\x41"), false },
		{ "wrong fourth byte", LM_STR("\xF0\x9F\x98\xC0"), false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].row, lm_utf8_valid(rows[i].text), rows[i].want);
	assert_true(lm_utf8_valid((struct lm_str){}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compare),
		cmocka_unit_test(pieces),
		cmocka_unit_test(c_strings),
		cmocka_unit_test(buffers),
		cmocka_unit_test(maximum),
		cmocka_unit_test(numbers),
		cmocka_unit_test(lists),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(globs),
		cmocka_unit_test(utf8),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
