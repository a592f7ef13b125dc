#include "rows.h"

#include "base/mem.h"
#include "text/json_scan.h"

static void
refused(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		const char *want;
	} rows[] = {
		{ "empty", LM_STR(""), "column 1: expected a value, found the end" },
		{ "blank", LM_STR(" \t"), "column 3: expected a value, found the end" },
		{ "word", LM_STR("[yes]"), "column 2: expected a value, found 'y'" },
		{ "NaN", LM_STR("{\"a\": NaN}"), "column 7: 'NaN' is not JSON" },
		{ "Infinity", LM_STR("[Infinity]"), "column 2: 'Infinity' is not JSON" },
		{ "-Infinity", LM_STR("[-Infinity]"), "column 2: '-Infinity' is not JSON" },
		{ "control outside", LM_STR("[\x1B]"), "column 2: expected a value, found byte 0x1B" },
		{ "BOM", LM_STR("\xEF\xBB\xBF{}"), "column 1: expected a value, found byte 0xEF" },
		{ "two documents", LM_STR("{} {}"), "column 4: expected the end, found '{'" },
		{ "comma at the end", LM_STR("[1,]"), "column 4: expected a value, found ']'" },
		{ "comma in object", LM_STR("{\"a\":1,}"), "column 8: expected a key in double quotes, found '}'" },
		{ "no comma", LM_STR("[1 2]"), "column 4: expected ',' or ']', found '2'" },
		{ "wrong bracket", LM_STR("{\"a\": 1]"), "column 8: expected ',' or '}', found ']'" },
		{ "array not closed", LM_STR("[1"), "column 3: expected ',' or ']', found the end" },
		{ "object not closed", LM_STR("{"), "column 2: expected a key in double quotes, found the end" },
		{ "bare key", LM_STR("{a: 1}"), "column 2: expected a key in double quotes, found 'a'" },
		{ "no colon", LM_STR("{\"a\" 1}"), "column 6: expected ':' after a key, found '1'" },
		{ "no value", LM_STR("{\"a\":}"), "column 6: expected a value, found '}'" },
		{ "second line", LM_STR("{\"\303\244\":\n  \"\303\244\" x}"),
			"line 2, column 7: expected ',' or '}', found 'x'" },
		{ "columns are characters", LM_STR("[\"\303\244\303\244\", x]"), "column 8: expected a value, found 'x'" },
		{ "leading zero", LM_STR("[01]"), "column 2: number with a leading zero" },
		{ "plus", LM_STR("[+1]"), "column 2: expected a value, found '+'" },
		{ "only minus", LM_STR("[-]"), "column 3: expected a digit, found ']'" },
		{ "point first", LM_STR("[.5]"), "column 2: expected a value, found '.'" },
		{ "point last", LM_STR("[1.]"), "column 4: expected a digit, found ']'" },
		{ "exponent empty", LM_STR("[1e+]"), "column 5: expected a digit, found ']'" },
		{ "hexadecimal", LM_STR("[0x10]"), "column 3: expected ',' or ']', found 'x'" },
		{ "string not closed", LM_STR("[\"abc"), "column 2: string is not closed" },
		{ "closed by escape", LM_STR("[\"abc\\\""), "column 2: string is not closed" },
		{ "escape cut", LM_STR("[\"abc\\"), "column 6: string is not closed" },
		{ "invalid escape", LM_STR("[\"a\\x\"]"), "column 4: invalid escape in a string" },
		{ "NUL escape", LM_STR("[\"a\\\0\"]"), "column 4: invalid escape in a string" },
		{ "short \\u", LM_STR("[\"\\u12g4\"]"), "column 3: '\\u' without four hexadecimal digits" },
		{ "cut \\u", LM_STR("[\"\\u12"), "column 3: '\\u' without four hexadecimal digits" },
		{ "lone high", LM_STR("[\"\\uD83D\"]"), "column 3: lone surrogate '\\uD83D'" },
		{ "lone low", LM_STR("[\"a\\uDE00\"]"), "column 4: lone surrogate '\\uDE00'" },
		{ "two high", LM_STR("[\"\\uD83D\\uD83D\"]"), "column 3: lone surrogate '\\uD83D'" },
		{ "high and text", LM_STR("[\"\\uD83Dabcdef\"]"), "column 3: lone surrogate '\\uD83D'" },
		{ "line feed in string", LM_STR("[\"a\nb\"]"), "column 4: control character 0x0A in a string" },
		{ "NUL in string", LM_STR("[\"12345678\0\"]"), "column 11: control character 0x00 in a string" },
		{ "not UTF-8", LM_STR("[\"\303\244\xFF\"]"), "column 4: byte 0xFF is not valid UTF-8" },
		{ "overlong", LM_STR("[\"\xC0\x80\"]"), "column 3: byte 0xC0 is not valid UTF-8" },
		{ "surrogate as bytes", LM_STR("[\"\xED\xA0\x80\"]"), "column 3: byte 0xED is not valid UTF-8" },
		{ "cut UTF-8", LM_STR("[\"\xE2\x82"), "column 3: byte 0xE2 is not valid UTF-8" },
		{ "duplicate key", LM_STR("{\"a\":1,\"b\":2,\"a\":3}"), "column 14: duplicate key 'a'" },
		{ "duplicate below", LM_STR("[{\"x\":{\"a\":1,\"a\":2}}]"), "column 14: duplicate key 'a'" },
		{ "duplicate by escape", LM_STR("{\"a\":1,\"\\u0061\":3}"), "column 8: duplicate key '\\u0061'" },
		{ "duplicate empty", LM_STR("{\"\":1,\"\":3}"), "column 7: duplicate key ''" },
		{ "duplicate of many",
			LM_STR("{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,\"k\":0,\"l\":"
			       "0,"
			       "\"m\":0,\"c\":1}"),
			"column 80: duplicate key 'c'" },
	};
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_json_scan(&scan, rows[i].text, &err), -1);
		row_str_equal(rows[i].row, err.text, rows[i].want);
		row_int_equal(rows[i].row, err.code, LM_E_SYNTAX);
	}
}

static void
limits(void **state)
{
	(void)state;
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_err err = {};
	for (int i = 0; i < LM_JSON_SCAN_DEPTH_MAX; i++)
		lm_buf_byte(&text, '[');
	for (int i = 0; i < LM_JSON_SCAN_DEPTH_MAX; i++)
		lm_buf_byte(&text, ']');
	assert_int_equal(lm_json_scan(&scan, lm_buf_view(&text), &err), 0);
	lm_buf_clear(&text);
	for (int i = 0; i < 100'000; i++)
		lm_buf_byte(&text, '[');
	assert_int_equal(lm_json_scan(&scan, lm_buf_view(&text), &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_string_equal(err.text, "column 513: more than 512 levels of arrays and objects");

	lm_buf_clear(&text);
	lm_buf_byte(&text, '{');
	for (int i = 0; i <= LM_JSON_SCAN_KEYS_MAX; i++)
		lm_buf_format(&text, "%s\"%06d\":1", i == 0 ? "" : ",", i);
	lm_buf_byte(&text, '}');
	assert_int_equal(lm_json_scan(&scan, lm_buf_view(&text), &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_string_equal(err.text, "column 2200002: more than 200000 keys");
}

static void
members(void **state)
{
	(void)state;
	static const struct lm_str text = LM_STR(
		" { \"id\" : 1e400 , \"n\\u0061me\": \"x\\n\\\"\\ud83d\\ude00\", \"e\":{ } , \"a\" :[ [1 , 2],{\"z\":null} ],\n"
		"\"t\":true,\"f\":false,\"n\":null}\r\n ");
	static const struct {
		const char *key;
		enum lm_json_kind kind;
		const char *raw;
	} want[] = {
		{ "id", LM_JSON_NUMBER, "1e400" },
		{ "name", LM_JSON_STRING, "\"x\\n\\\"\\ud83d\\ude00\"" },
		{ "e", LM_JSON_OBJECT, "{ }" },
		{ "a", LM_JSON_ARRAY, "[ [1 , 2],{\"z\":null} ]" },
		{ "t", LM_JSON_TRUE, "true" },
		{ "f", LM_JSON_FALSE, "false" },
		{ "n", LM_JSON_NULL, "null" },
	};
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	struct lm_err err = {};
	assert_int_equal(lm_json_scan(&scan, text, &err), 0);
	assert_int_equal(scan.value.kind, LM_JSON_OBJECT);
	assert_ptr_equal(scan.value.raw.ptr, text.ptr + 1);
	assert_int_equal(scan.value.raw.len, text.len - 4);
	assert_int_equal(scan.member_count, LM_COUNT(want));
	for (size_t i = 0; i < LM_COUNT(want); i++) {
		row_true(want[i].key, lm_str_equal(scan.members[i].key, lm_str_of(want[i].key)));
		row_int_equal(want[i].key, scan.members[i].value.kind, want[i].kind);
		row_true(want[i].key, lm_str_equal(scan.members[i].value.raw, lm_str_of(want[i].raw)));
		struct lm_json_value found = {};
		row_true(want[i].key, lm_json_get(scan.value, want[i].key, &found));
		row_true(want[i].key, lm_str_equal(found.raw, lm_str_of(want[i].raw)));
		row_int_equal(want[i].key, found.kind, want[i].kind);
	}
	LM_AUTO(lm_buf_release) struct lm_buf scratch = {};
	assert_true(lm_str_equal(lm_json_text(scan.members[1].value, &scratch), LM_STR("x\n\"\xF0\x9F\x98\x80")));
	assert_ptr_equal(lm_json_scan_find(&scan, LM_STR("name")), &scan.members[1]);
	assert_null(lm_json_scan_find(&scan, LM_STR("nam")));
	assert_int_equal(scan.space_bytes, 20);

	lm_buf_clear(&scratch);
	lm_json_compact(text, &scratch);
	assert_string_equal(scratch.ptr,
		"{\"id\":1e400,\"n\\u0061me\":\"x\\n\\\"\\ud83d\\ude00\",\"e\":{},\"a\":[[1,2],{\"z\":null}],\"t\":true,\"f\":"
		"false,"
		"\"n\":null}");
	// all of the memory is ready for another document
	assert_int_equal(lm_json_scan(&scan, LM_STR("[1]"), &err), 0);
	assert_int_equal(scan.value.kind, LM_JSON_ARRAY);
	assert_int_equal(scan.member_count, 0);
	assert_int_equal(scan.space_bytes, 0);
	assert_int_equal(lm_json_scan(&scan, LM_STR("-0.5E-3"), &err), 0);
	assert_int_equal(scan.value.kind, LM_JSON_NUMBER);
}

static struct lm_json_value
value_of(const char *text, enum lm_json_kind kind)
{
	return (struct lm_json_value){ kind, lm_str_of(text) };
}

static void
elements(void **state)
{
	(void)state;
	struct lm_json_value array = value_of("[ 1,\"]\\\"\" ,[2,[3]],{\"a\":[\"}\"]}, null ]", LM_JSON_ARRAY), got;
	static const char *const want[] = { "1", "\"]\\\"\"", "[2,[3]]", "{\"a\":[\"}\"]}", "null" };
	size_t at = 0;
	for (size_t i = 0; i < LM_COUNT(want); i++) {
		row_true(want[i], lm_json_next_element(array, &at, &got));
		row_true(want[i], lm_str_equal(got.raw, lm_str_of(want[i])));
	}
	assert_false(lm_json_next_element(array, &at, &got));
	at = 0;
	assert_false(lm_json_next_element(value_of("[ ]", LM_JSON_ARRAY), &at, &got));
	at = 0;
	assert_false(lm_json_next_element(value_of("{}", LM_JSON_OBJECT), &at, &got));
	assert_false(lm_json_get(value_of("[\"a\",1]", LM_JSON_ARRAY), "a", &got));
	assert_false(lm_json_get(value_of("{\"ab\":1}", LM_JSON_OBJECT), "a", &got));
	assert_true(lm_json_get(
		value_of("{\"a\":1,\"\\u00e4\\ud83d\\ude00\":2}", LM_JSON_OBJECT), "\303\244\xF0\x9F\x98\x80", &got));
	assert_true(lm_str_equal(got.raw, LM_STR("2")));
	uint64_t number = 0;
	assert_true(lm_json_value_u64(got, &number));
	assert_int_equal(number, 2);
	assert_false(lm_json_value_u64(value_of("-1", LM_JSON_NUMBER), &number));
	assert_false(lm_json_value_u64(value_of("\"1\"", LM_JSON_STRING), &number));
}

// The members again, with the same texts and slices.
static void
again(void **state)
{
	(void)state;
	static const struct {
		const char *row, *key, *raw;
	} want[] = {
		{ "number", "a", "-1.50e3" },
		{ "word", "b]", "null" },
		{ "string", "", "\"}\\\\\\\"\"" },
		{ "nested", "\xC3\xA4\n", "{\"a\":[1,{\"}\":\"]\"}],\"b\":{}}" },
		{ "last", "c", "[ ]" },
	};
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	struct lm_str text = LM_STR("{\"a\": -1.50e3 ,\"b]\":null,\"\":\"}\\\\\\\"\","
				    " \"\\u00e4\\n\":{\"a\":[1,{\"}\":\"]\"}],\"b\":{}},\"c\":[ ]}");
	struct lm_err err = {};
	for (int round = 0; round < 3; round++) {
		if (round == 0)
			assert_int_equal(lm_json_scan(&scan, text, &err), 0);
		else
			lm_json_scan_again(&scan, text);
		assert_int_equal(scan.member_count, LM_COUNT(want));
		for (size_t i = 0; i < LM_COUNT(want); i++) {
			row_true(want[i].row, lm_str_equal(scan.members[i].key, lm_str_of(want[i].key)));
			row_true(want[i].row, lm_str_equal(scan.members[i].value.raw, lm_str_of(want[i].raw)));
		}
		assert_int_equal(scan.value.kind, LM_JSON_OBJECT);
	}
	lm_json_scan_again(&scan, LM_STR("{}"));
	assert_int_equal(scan.member_count, 0);
	assert_null(lm_json_scan_find(&scan, LM_STR("a")));
}

// What was never scanned: nothing outside of the bytes is read (the address sanitizer sees to it), and it comes to an end.
static void
any_bytes(void **state)
{
	(void)state;
	static const char *const texts[] = { "[", "{", "[1,", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"\\", "{\"a\":[{\"b", "[[[",
		"{a:1}", "[\"\\u12", "{\"\\u\":1}", "[\"\\ud83d\"]", "]", "", "[,]", "{\"\\" };
	for (size_t i = 0; i < LM_COUNT(texts); i++) {
		struct lm_json_value key, value;
		size_t at = 0, count = 0, len = strlen(texts[i]);
		LM_AUTO(lm_free_ptr) char *exact = lm_alloc(len);
		memcpy(exact, texts[i], len);
		struct lm_str raw = { exact, len };
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		while (lm_json_next_element((struct lm_json_value){ LM_JSON_ARRAY, raw }, &at, &value)) {
			lm_json_append_text(value, &out);
			row_true(texts[i], count++ < 10);
		}
		at = 0;
		while (lm_json_next_member((struct lm_json_value){ LM_JSON_OBJECT, raw }, &at, &key, &value)) {
			(void)lm_json_text_equal(key, LM_STR("a"));
			row_true(texts[i], count++ < 10);
		}
		(void)lm_json_get((struct lm_json_value){ LM_JSON_OBJECT, raw }, "a", &value);
		LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
		lm_json_scan_again(&scan, raw);
		row_true(texts[i], scan.member_count < 10);
		lm_json_compact(raw, &out);
		(void)lm_json_text((struct lm_json_value){ LM_JSON_STRING, raw }, &out);
	}
}

static void
quote(void **state)
{
	(void)state;
	static const struct {
		struct lm_str text;
		const char *want;
	} rows[] = {
		{ LM_STR(""), "\"\"" },
		{ LM_STR("plain text, longer than a word"), "\"plain text, longer than a word\"" },
		{ LM_STR("a\"b\\c/d\b\f\n\r\te\x01\x1F\x7F"), "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\te\\u0001\\u001f\x7F\"" },
		{ LM_STR("\303\244\xE2\x80\xA8\xF0\x9F\x98\x80"), "\"\303\244\xE2\x80\xA8\xF0\x9F\x98\x80\"" },
		{ LM_STR("NUL \0 here"), "\"NUL \\u0000 here\"" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_json_quote(&out, rows[i].text);
		row_str_equal(rows[i].want, out.ptr, rows[i].want);
		LM_AUTO(lm_buf_release) struct lm_buf back = {};
		lm_json_append_text((struct lm_json_value){ LM_JSON_STRING, lm_buf_view(&out) }, &back);
		row_true(rows[i].want, lm_str_equal(lm_buf_view(&back), rows[i].text));
		row_true(rows[i].want,
			lm_json_text_equal((struct lm_json_value){ LM_JSON_STRING, lm_buf_view(&out) }, rows[i].text));
	}
	assert_string_equal(lm_json_kind_name(LM_JSON_OBJECT), "object");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(members),
		cmocka_unit_test(elements),
		cmocka_unit_test(again),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(quote),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
