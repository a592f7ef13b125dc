#include "rows.h"

#include "base/mem.h"
#include "text/csv.h"

// All rows as "line:<field><field>" lines; an error ends them.
static void
read_all(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_csv_release) struct lm_csv_reader reader;
	lm_csv_init(&reader, text);
	int rc = 0;
	while ((rc = lm_csv_next(&reader, err)) == 1) {
		lm_buf_format(out, "%u:", reader.line);
		for (size_t i = 0; i < reader.count; i++) {
			assert_int_equal(strlen(reader.fields[i].ptr), reader.fields[i].len);
			lm_buf_format(out, "<%s>", reader.fields[i].ptr);
		}
		lm_buf_byte(out, '\n');
	}
	if (rc < 0)
		lm_buf_format(out, "error %d: %s", (int)err->code, err->text);
	else
		assert_int_equal(lm_csv_next(&reader, err), 0); // the end stays the end
}

static void
rows_read(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		const char *want;
	} rows[] = {
		{ "empty", LM_STR(""), "" },
		{ "RECORD", LM_STR("a/b.py,sha256=x,12\r\na/RECORD,,\n"), "1:<a/b.py><sha256=x><12>\n2:<a/RECORD><><>\n" },
		{ "no end of the last line", LM_STR("a\nb"), "1:<a>\n2:<b>\n" },
		{ "empty lines", LM_STR("\na\n\n\r\nb\n"), "1:\n2:<a>\n3:\n4:\n5:<b>\n" },
		{ "CR alone", LM_STR("a\rb\r\rc"), "1:<a>\n2:<b>\n3:\n4:<c>\n" },
		{ "only a comma", LM_STR(","), "1:<><>\n" },
		{ "quoted", LM_STR("\"a,b\",\"c\"\"d\",\"\"\n"), "1:<a,b><c\"d><>\n" },
		{ "line ends in quotes", LM_STR("\"a\nb\r\nc\",d\ne"), "1:<a\nb\r\nc><d>\n4:<e>\n" },
		{ "quotes inside", LM_STR("a\"b,c \"d\"\n"), "1:<a\"b><c \"d\">\n" },
		{ "text after a quote", LM_STR("\"a\"b\"c\",d"), "1:<ab\"c\"><d>\n" },
		{ "quote at the end of the input", LM_STR("\"a\""), "1:<a>\n" },
		{ "spaces stay", LM_STR(" a , b "), "1:< a >< b >\n" },
		{ "not closed", LM_STR("a\n\"b\nc"), "1:<a>\nerror 3: line 2: quoted field is not closed" },
		{ "NUL", LM_STR("a\nb\0"), "1:<a>\nerror 3: line 2: NUL byte" },
		{ "NUL in quotes", LM_STR("\"\n\0\""), "error 3: line 2: NUL byte" },
	};
	static_assert(LM_E_SYNTAX == 3);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		struct lm_err err = {};
		read_all(rows[i].text, &out, &err);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

// More and longer fields than the first allocation holds.
static void
growth(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (int i = 0; i < 1000; i++)
		lm_buf_format(&text, "%sfield%d", i == 0 ? "" : ",", i);
	LM_AUTO(lm_csv_release) struct lm_csv_reader reader;
	struct lm_err err = {};
	lm_csv_init(&reader, lm_buf_view(&text));
	assert_int_equal(lm_csv_next(&reader, &err), 1);
	assert_int_equal(reader.count, 1000);
	assert_string_equal(reader.fields[0].ptr, "field0");
	assert_string_equal(reader.fields[999].ptr, "field999");
}

static void
written(void **state)
{
	(void)state;
	static const struct {
		const char *row, *text, *want;
	} rows[] = {
		{ "plain", "a b", "a b" },
		{ "empty", "", "" },
		{ "comma", "a,b", "\"a,b\"" },
		{ "quote", "a\"b", "\"a\"\"b\"" },
		{ "CR", "a\rb", "\"a\rb\"" },
		{ "LF", "a\n", "\"a\n\"" },
		{ "unicode", "\303\244", "\303\244" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_csv_write_field(&out, lm_str_of(rows[i].text));
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_read),
		cmocka_unit_test(growth),
		cmocka_unit_test(written),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
