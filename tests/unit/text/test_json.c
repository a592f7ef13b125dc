#include "rows.h"

#include "base/mem.h"
#include "text/json.h"

static void
refused(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		const char *want;
	} rows[] = {
		{ "empty", LM_STR(""), "line 1, column 0: unexpected token near end of file" },
		{ "not closed", LM_STR("{\"a\": 1,\n \"b\": [2"), "line 2, column 8: ']' expected near end of file" },
		{ "word", LM_STR("[yes]"), "line 1, column 4: invalid token near 'yes'" },
		{ "duplicate key", LM_STR("{\"a\": 1, \"a\": 2}"), "line 1, column 12: duplicate object key near '\"a\"'" },
		{ "escape cut in a character", LM_STR("[\"\\u07e\xCB\xA3t\"]"),
			"line 1, column 8: invalid escape near '\"\\u07e?'" },
		{ "terminal control", LM_STR("[\x1B[2J]"), "line 1, column 2: invalid token near '?'" },
		{ "long token",
			LM_STR("[\"\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244\\x\"]"),
			"line 1, column 14: invalid escape" },
		{ "more after the end", LM_STR("{} x"), "line 1, column 4: end of file expected near 'x'" },
		{ "comma at the end", LM_STR("[1,]"), "line 1, column 4: unexpected token near ']'" },
		{ "control character", LM_STR("[\"\x01\"]"), "line 1, column 2: control character 0x1 near '\"'" },
		{ "integer too large", LM_STR("[9223372036854775808]"),
			"line 1, column 20: too big integer near '9223372036854775808'" },
		{ "not a number", LM_STR("[NaN]"), "line 1, column 4: invalid token near 'NaN'" },
		{ "not UTF-8", LM_STR("[1,\n\"\303\244\xE4\"]"), "line 2, column 3: byte 0xE4 is not valid UTF-8" },
		{ "NUL after a number", LM_STR("[1,\n 0\0]"), "line 2, column 3: NUL byte" },
		{ "lone surrogate", LM_STR("[\"\\ud800\"]"), "line 1, column 9: invalid Unicode '\\uD800' near '\"\\ud800\"'" },
		{ "NUL in a key", LM_STR("{\"a\\u0000\": 1}"),
			"line 1, column 10: NUL byte in object key not supported near '\"a\\u0000\"'" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_json_parse(rows[i].text, &value, &err), -1);
		row_str_equal(rows[i].row, err.text, rows[i].want);
		row_int_equal(rows[i].row, err.code, LM_E_SYNTAX);
		row_true(rows[i].row, value == nullptr);
	}
}

static void
limits(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (int i = 0; i < 100'000; i++)
		lm_buf_byte(&text, '[');
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	struct lm_err err = {};
	assert_int_equal(lm_json_parse(lm_buf_view(&text), &value, &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_string_equal(err.text, "line 1, column 2049: maximum parsing depth reached near '['");
	// the length is looked at before the bytes
	assert_int_equal(lm_json_parse((struct lm_str){ text.ptr, LM_JSON_MAX_BYTES + 1 }, &value, &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_string_equal(err.text, "JSON document of 268435457 bytes, more than 268435456");
}

static void
formatted(void **state)
{
	(void)state;
	static const struct {
		const char *row, *text, *want;
	} rows[] = {
		{ "empty containers", "{\"b\": [ ], \"a\": { }}", "{\n  \"a\": {},\n  \"b\": []\n}\n" },
		{ "nested", "[1, [2, {\"x\": null}], true, false]",
			"[\n  1,\n  [\n    2,\n    {\n      \"x\": null\n    }\n  ],\n  true,\n  false\n]\n" },
		{ "sorted by byte", "{\"b\": 1, \"a\": 2, \"B\": 3, \"\\u00e4\": 4, \"aa\": 5, \"\": 6}",
			"{\n  \"\": 6,\n  \"B\": 3,\n  \"a\": 2,\n  \"aa\": 5,\n  \"b\": 1,\n  \"\303\244\": 4\n}\n" },
		{ "escapes", "\"\\u0000\\b\\t\\n\\f\\r\\u001f\\\"\\\\\\/\\u007f\\u00e4\"",
			"\"\\u0000\\b\\t\\n\\f\\r\\u001f\\\"\\\\/\x7F\303\244\"\n" },
		{ "numbers", "[0, -9223372036854775808, 1.0, 0.1, 1e16, 1.5e-7, -0.0]",
			"[\n  0,\n  -9223372036854775808,\n  1.0,\n  0.1,\n  1e+16,\n  1.5e-07,\n  -0.0\n]\n" },
		{ "a string alone", "\"x\"", "\"x\"\n" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_json_parse(lm_str_of(rows[i].text), &value, &err), 0);
		lm_json_format(value, &out);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

static void
look_up(void **state)
{
	(void)state;
	LM_AUTO(lm_json_decref_ptr) json_t *object = nullptr;
	struct lm_err err = {};
	uint64_t number = 7;
	assert_int_equal(
		lm_json_parse(LM_STR("{\"s\": \"x\", \"n\": 9223372036854775807, \"m\": -1, \"f\": 1.0}"), &object, &err), 0);
	assert_string_equal(lm_json_string(object, "s"), "x");
	assert_null(lm_json_string(object, "n"));
	assert_null(lm_json_string(object, "none"));
	assert_null(lm_json_string(nullptr, "s"));
	assert_false(lm_json_u64(object, "m", &number));
	assert_false(lm_json_u64(object, "f", &number));
	assert_false(lm_json_u64(object, "s", &number));
	assert_false(lm_json_u64(object, "none", &number));
	assert_true(number == 7);
	assert_true(lm_json_u64(object, "n", &number));
	assert_true(number == 9223372036854775807u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(formatted),
		cmocka_unit_test(look_up),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
