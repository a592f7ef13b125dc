// Every way to be refused, with the place and the words.
#include "rows.h"

#include "base/mem.h"
#include "text/toml.h"

struct row {
	const char *row;
	struct lm_str text;
	uint32_t line, column;
	const char *want;
};

static void
check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
		struct lm_err err = {};
		struct lm_toml_place place = {};
		row_int_equal(rows[i].row, lm_toml_parse(rows[i].text, &doc, &place, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_SYNTAX);
		row_str_equal(rows[i].row, err.text, rows[i].want);
		row_int_equal(rows[i].row, place.line, rows[i].line);
		row_int_equal(rows[i].row, place.column, rows[i].column);
		row_true(rows[i].row, doc == nullptr);
	}
}

static void
encoding(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "byte order mark",
			LM_STR("\xEF\xBB\xBF"
			       "a = 1"),
			1, 1, "a byte order mark is not allowed" },
		{ "UTF-16", LM_STR("\xFE\xFF\0a"), 1, 1, "byte 0xFE is not valid UTF-8" },
		{ "Latin 1", LM_STR("a = 1\n# \303\244 \xE4 x"), 2, 5, "byte 0xE4 is not valid UTF-8" },
		{ "overlong", LM_STR("a = '\xC0\x80'"), 1, 6, "byte 0xC0 is not valid UTF-8" },
		{ "surrogate", LM_STR("\n\n'\xED\xA0\x80'"), 3, 2, "byte 0xED is not valid UTF-8" },
		{ "cut at the end", LM_STR("a = '\xF0\x9F\x98"), 1, 6, "byte 0xF0 is not valid UTF-8" },
		{ "control character in a comment", LM_STR("a = 1 # \x01"), 1, 9,
			"control character U+0001 is not allowed in a comment" },
		{ "carriage return alone", LM_STR("a = 1\rb = 2"), 1, 6,
			"expected the end of the line after the value, found control character U+000D" },
		{ "NUL", LM_STR("a\0 = 1"), 1, 2, "expected '=' after the key 'a', found control character U+0000" },
		{ "no-break space", LM_STR("a =\302\2401"), 1, 4, "expected a value after '=', found character U+00A0" },
	};
	check(rows, LM_COUNT(rows));
}

static void
statements(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "no value", LM_STR("a ="), 1, 4, "expected a value after '=', found the end of the file" },
		{ "no value in this line", LM_STR("a = \n1"), 1, 5, "expected a value after '=', found the end of the line" },
		{ "a comment as value", LM_STR("a = # x"), 1, 5, "expected a value after '=', found '#'" },
		{ "no equals sign", LM_STR("a 1"), 1, 3, "expected '=' after the key 'a', found '1'" },
		{ "key alone", LM_STR("a.\"b c\""), 1, 8, "expected '=' after the key 'a.\"b c\"', found the end of the file" },
		{ "no key", LM_STR("= 1"), 1, 1, "expected a key, found '='" },
		{ "no part after the dot", LM_STR("a. = 1"), 1, 4, "expected a key, found '='" },
		{ "key with a letter beyond ASCII", LM_STR("na\303\257ve = 1"), 1, 3,
			"'\303\257' is not allowed in a key without quotes" },
		{ "multi-line key", LM_STR("\"\"\"a\"\"\" = 1"), 1, 1, "a multi-line string is not allowed as a key" },
		{ "newline in a key", LM_STR("\"a\n\" = 1"), 1, 3, "a newline is not allowed in a basic string" },
		{ "two in a line", LM_STR("a = 1 b = 2"), 1, 7, "expected the end of the line after the value, found 'b'" },
		{ "header and key", LM_STR("[a] b = 2"), 1, 5,
			"expected the end of the line after the table header, found 'b'" },
		{ "header not closed", LM_STR("[a"), 1, 3,
			"expected ']' after the name of the table, found the end of the file" },
		{ "array header half closed", LM_STR("[[a]"), 1, 4, "expected ']]' after the name of the table, found ']'" },
		{ "empty header", LM_STR("[]"), 1, 2, "expected a key, found ']'" },
		{ "header closed in the next line", LM_STR("[a\n]"), 1, 3,
			"expected ']' after the name of the table, found the end of the line" },
		{ "space between brackets", LM_STR("[ [a]]"), 1, 3, "expected a key, found '['" },
	};
	check(rows, LM_COUNT(rows));
}

static void
strings(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "newline", LM_STR("a = \"x\ny\""), 1, 7, "a newline is not allowed in a basic string" },
		{ "newline in a literal string", LM_STR("a = 'x\r\ny'"), 1, 7, "a newline is not allowed in a literal string" },
		{ "not closed", LM_STR("a = \"x"), 1, 5, "this basic string is not closed" },
		{ "literal not closed", LM_STR("a = 'x"), 1, 5, "this literal string is not closed" },
		{ "multi-line not closed", LM_STR("a = \"\"\"\nx\n\"\""), 1, 5, "this multi-line basic string is not closed" },
		{ "multi-line literal not closed", LM_STR("\na = '''x''"), 2, 5,
			"this multi-line literal string is not closed" },
		{ "control character", LM_STR("a = \"\x7F\""), 1, 6,
			"control character U+007F is not allowed in a basic string" },
		{ "control character in multi-line", LM_STR("a = '''\n\r'''"), 2, 1,
			"control character U+000D is not allowed in a multi-line literal string" },
		{ "six quotes at the end", LM_STR("a = \"\"\"x\"\"\"\"\"\""), 1, 14,
			"expected the end of the line after the value, found '\"'" },
		{ "unknown escape", LM_STR("a = \"\\x41\""), 1, 6, "unknown escape: '\\' before 'x'" },
		{ "escaped tab", LM_STR("a = \"\\\t\""), 1, 6, "unknown escape: '\\' before a tab" },
		{ "escape of 1.1", LM_STR("a = \"b\\e\""), 1, 7, "unknown escape: '\\' before 'e'" },
		{ "escape of a letter beyond ASCII", LM_STR("a = \"\\\303\244\""), 1, 6,
			"unknown escape: '\\' before '\303\244'" },
		{ "escaped newline in one line", LM_STR("a = \"\\\n\""), 1, 6,
			"incomplete escape: '\\' before the end of the line" },
		{ "escape at the end", LM_STR("a = \"\\"), 1, 6, "incomplete escape: '\\' before the end of the file" },
		{ "few digits", LM_STR("a = \"\\u12\""), 1, 6, "'\\u' needs 4 hexadecimal digits" },
		{ "few digits in eight", LM_STR("a = \"\\U0001F60\""), 1, 6, "'\\U' needs 8 hexadecimal digits" },
		{ "surrogate", LM_STR("a = \"\\uD800\""), 1, 6, "U+D800 is not a Unicode scalar value" },
		{ "beyond Unicode", LM_STR("a = \"\\U00110000\""), 1, 6, "U+110000 is not a Unicode scalar value" },
		{ "largest number", LM_STR("a = \"\\UFFFFFFFF\""), 1, 6, "U+FFFFFFFF is not a Unicode scalar value" },
		{ "text after a continuation", LM_STR("a = \"\"\"\\ x\"\"\""), 1, 10,
			"expected the end of the line after '\\', found 'x'" },
	};
	check(rows, LM_COUNT(rows));
}

static void
numbers(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "word", LM_STR("a = yes"), 1, 5, "not a value (a string needs quotes): 'yes'" },
		{ "True", LM_STR("a = True"), 1, 5, "not a value (a string needs quotes): 'True'" },
		{ "sign alone", LM_STR("a = +"), 1, 5, "not a value (a string needs quotes): '+'" },
		{ "two signs", LM_STR("a = --1"), 1, 5, "not a value (a string needs quotes): '--1'" },
		{ "leading zero", LM_STR("a = 012"), 1, 5, "a number must not begin with a zero: '012'" },
		{ "leading zero of a float", LM_STR("a = -01.5"), 1, 5, "a number must not begin with a zero: '-01.5'" },
		{ "underscore at the end", LM_STR("a = 1_"), 1, 5,
			"invalid number, where '_' may only stand between two digits: '1_'" },
		{ "two underscores", LM_STR("a = 1__0"), 1, 5,
			"invalid number, where '_' may only stand between two digits: '1__0'" },
		{ "underscore at the beginning", LM_STR("a = _1"), 1, 5, "not a value (a string needs quotes): '_1'" },
		{ "underscore after 0x", LM_STR("a = 0x_1"), 1, 5,
			"invalid number, where '_' may only stand between two digits: '0x_1'" },
		{ "upper case base", LM_STR("a = 0X1"), 1, 5, "invalid number: '0X1'" },
		{ "digit beyond the base", LM_STR("a = 0b12"), 1, 5, "invalid number: '0b12'" },
		{ "octal 8", LM_STR("a = 0o8"), 1, 5, "invalid number: '0o8'" },
		{ "no digits", LM_STR("a = 0x"), 1, 5, "invalid number: '0x'" },
		{ "signed base", LM_STR("a = +0x1"), 1, 5, "invalid number: '+0x1'" },
		{ "too large", LM_STR("a = 9223372036854775808"), 1, 5,
			"integer does not fit in 64 bits: '9223372036854775808'" },
		{ "too small", LM_STR("a = -9223372036854775809"), 1, 5,
			"integer does not fit in 64 bits: '-9223372036854775809'" },
		{ "too large, hexadecimal", LM_STR("a = 0x8000000000000000"), 1, 5,
			"integer does not fit in 64 bits: '0x8000000000000000'" },
		{ "long token", LM_STR("a = 1234567890123456789012345678901234567890123456789012345678901234567890"), 1, 5,
			"integer does not fit in 64 bits: '123456789012345678901234567890123456789012345678901234567890'..." },
		{ "point at the end", LM_STR("a = 1."), 1, 5, "digits are needed on both sides of the point: '1.'" },
		{ "point before the exponent", LM_STR("a = 1.e5"), 1, 5,
			"digits are needed on both sides of the point: '1.e5'" },
		{ "point at the beginning", LM_STR("a = .5"), 1, 5, "not a value (a string needs quotes): '.5'" },
		{ "empty exponent", LM_STR("a = 1e"), 1, 5, "the exponent has no digits: '1e'" },
		{ "fraction in the exponent", LM_STR("a = 1e2.3"), 1, 5, "invalid number: '1e2.3'" },
		{ "two points", LM_STR("a = 1.2.3"), 1, 5, "invalid number: '1.2.3'" },
		{ "unit", LM_STR("a = 10MB"), 1, 5, "invalid number: '10MB'" },
		{ "Inf", LM_STR("a = Inf"), 1, 5, "not a value (a string needs quotes): 'Inf'" },
	};
	check(rows, LM_COUNT(rows));
}

static void
times(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "month 13", LM_STR("a = 2020-13-01"), 1, 5, "invalid date or time '2020-13-01': the month must be 01 to 12" },
		{ "month 0", LM_STR("a = 2020-00-01"), 1, 5, "invalid date or time '2020-00-01': the month must be 01 to 12" },
		{ "31 April", LM_STR("a = 2020-04-31"), 1, 5, "invalid date or time '2020-04-31': this month has no such day" },
		{ "day 0", LM_STR("a = 2020-04-00"), 1, 5, "invalid date or time '2020-04-00': this month has no such day" },
		{ "no leap year", LM_STR("a = 1900-02-29"), 1, 5,
			"invalid date or time '1900-02-29': this month has no such day" },
		{ "one digit", LM_STR("a = 2020-4-01"), 1, 5,
			"invalid date or time '2020-4-01': a date is written YYYY-MM-DD" },
		{ "more after a date", LM_STR("a = 2020-04-01x"), 1, 5,
			"invalid date or time '2020-04-01x': a date is written YYYY-MM-DD" },
		{ "T without time", LM_STR("a = 2020-04-01T"), 1, 5,
			"invalid date or time '2020-04-01T': a time is written HH:MM:SS" },
		{ "no seconds", LM_STR("a = 10:00"), 1, 5, "invalid date or time '10:00': a time is written HH:MM:SS" },
		{ "hour 24", LM_STR("a = 24:00:00"), 1, 5, "invalid date or time '24:00:00': the hour must be 00 to 23" },
		{ "minute 60", LM_STR("a = 23:60:00"), 1, 5, "invalid date or time '23:60:00': the minute must be 00 to 59" },
		{ "second 60", LM_STR("a = 2016-12-31 23:59:60Z"), 1, 5,
			"invalid date or time '2016-12-31 23:59:60Z': the second must be 00 to 59" },
		{ "empty fraction", LM_STR("a = 10:00:00."), 1, 5,
			"invalid date or time '10:00:00.': digits are needed after the point" },
		{ "local time with offset", LM_STR("a = 10:00:00Z"), 1, 5,
			"invalid date or time '10:00:00Z': a time is written HH:MM:SS" },
		{ "offset without colon", LM_STR("a = 2020-04-01T10:00:00+0100"), 1, 5,
			"invalid date or time '2020-04-01T10:00:00+0100': an offset is written Z, +HH:MM or -HH:MM" },
		{ "offset too large", LM_STR("a = 2020-04-01T10:00:00-24:00"), 1, 5,
			"invalid date or time '2020-04-01T10:00:00-24:00': the offset must be at most 23:59" },
		{ "more after the offset", LM_STR("a = 2020-04-01T10:00:00Z1"), 1, 5,
			"invalid date or time '2020-04-01T10:00:00Z1': an offset is written Z, +HH:MM or -HH:MM" },
	};
	check(rows, LM_COUNT(rows));
}

static void
arrays(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "not closed", LM_STR("a = [1\nb = 2"), 2, 1, "expected ',' or ']' in the array of line 1, found 'b'" },
		{ "not closed at the end", LM_STR("a = [1,"), 1, 8, "expected a value after ',', found the end of the file" },
		{ "empty and not closed", LM_STR("a = ["), 1, 6, "expected a value after '[', found the end of the file" },
		{ "comma first", LM_STR("a = [,1]"), 1, 6, "expected a value after '[', found ','" },
		{ "two commas", LM_STR("a = [1,,2]"), 1, 8, "expected a value after ',', found ','" },
		{ "bad comment", LM_STR("a = [1 # \x02\n]"), 1, 10, "control character U+0002 is not allowed in a comment" },
		{ "newline in an inline table", LM_STR("a = { b = 1,\n c = 2 }"), 1, 13,
			"a newline is not allowed in an inline table" },
		{ "newline after a value", LM_STR("a = { b = 1\n}"), 1, 12, "a newline is not allowed in an inline table" },
		{ "comma at the end", LM_STR("a = { b = 1, }"), 1, 14,
			"a comma is not allowed after the last value of an inline table" },
		{ "no comma", LM_STR("a = { b = 1 c = 2 }"), 1, 13, "expected ',' or '}' in the inline table, found 'c'" },
		{ "inline table not closed", LM_STR("a = { b = 1"), 1, 12,
			"expected ',' or '}' in the inline table, found the end of the file" },
		{ "key expected", LM_STR("a = { , }"), 1, 7, "expected a key, found ','" },
	};
	check(rows, LM_COUNT(rows));
}

static void
duplicates(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "key", LM_STR("x = 0\na = 1\n\n\"a\" = 2"), 4, 1, "duplicate key 'a', first set at line 2" },
		{ "the value is not read", LM_STR("a = 1\na = \""), 2, 1, "duplicate key 'a', first set at line 1" },
		{ "in an inline table", LM_STR("t = { a = 1, a = 2 }"), 1, 14, "duplicate key 'a', first set at line 1" },
		{ "dotted", LM_STR("a.b = 1\na.b = 2"), 2, 3, "duplicate key 'a.b', first set at line 1" },
		{ "dotted table", LM_STR("a.b = 1\na = 2"), 2, 1, "duplicate key 'a', first set at line 1" },
		{ "table", LM_STR("[a]\n[b]\n[a]"), 3, 1, "duplicate table 'a', first defined at line 1" },
		{ "table made by a dotted key", LM_STR("[a]\nb.c = 1\n[a.b]"), 3, 1,
			"duplicate table 'a.b', first defined at line 2" },
		{ "table over a value", LM_STR("[a]\nb = 1\n[a.b]"), 3, 1, "duplicate key 'a.b', first set at line 2" },
		{ "array of tables over a value", LM_STR("a = 1\n[[a]]"), 2, 1, "duplicate key 'a', first set at line 1" },
		{ "array of tables over a table", LM_STR("[a]\n[[a]]"), 2, 1,
			"'a' is a table since line 1, not an array of tables" },
		{ "array of tables over an implicit table", LM_STR("[a.b]\n[[a]]"), 2, 1,
			"'a' is a table since line 1, not an array of tables" },
		{ "table over an array of tables", LM_STR("[[a]]\n[[a]]\n[a]"), 3, 1,
			"'a' is an array of tables since line 1, not a table" },
		{ "below a value", LM_STR("a = 1\na.b = 2"), 2, 1,
			"cannot add to 'a', which is set at line 1 to a value of type integer" },
		{ "header below a value", LM_STR("a.x = 'y'\n[a.x.z]"), 2, 4,
			"cannot add to 'a.x', which is set at line 1 to a value of type string" },
		{ "below an array", LM_STR("a = []\n[[a]]"), 2, 1, "duplicate key 'a', first set at line 1" },
		{ "below the tables of an array", LM_STR("a = [{}]\n[a.b]"), 2, 2,
			"cannot add to 'a', which is set at line 1 to a value of type array" },
		{ "below an inline table", LM_STR("a = {}\n[a.b]"), 2, 2, "cannot add to 'a', an inline table of line 1" },
		{ "dotted below an inline table", LM_STR("a = { b = {}, b.c = 1 }"), 1, 15,
			"cannot add to 'b', an inline table of line 1" },
		{ "dotted into a table with a header", LM_STR("[a.b]\n[a]\nb.c = 1"), 3, 1,
			"cannot add to 'b', a table defined at line 1" },
		{ "dotted into an array of tables", LM_STR("[[a.b]]\n[a]\nb.c = 1"), 3, 1,
			"cannot add to 'b', an array of tables begun at line 1" },
	};
	check(rows, LM_COUNT(rows));
}

// A name that is too long for a message is cut between characters.
static void
long_names(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, want = {};
	for (int i = 0; i < 2; i++) {
		lm_buf_text(&text, "\"x");
		for (int j = 0; j < 200; j++)
			lm_buf_text(&text, "\303\244");
		lm_buf_text(&text, "\" = 1\n");
	}
	lm_buf_text(&want, "duplicate key '\"x");
	for (int j = 0; j < 99; j++)
		lm_buf_text(&want, "\303\244");
	lm_buf_text(&want, "...', first set at line 1");
	const struct row row = { "long", lm_buf_view(&text), 2, 1, lm_buf_cstr(&want) };
	check(&row, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding),
		cmocka_unit_test(statements),
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
		cmocka_unit_test(times),
		cmocka_unit_test(arrays),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(long_names),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
