// Instances of schemas: what is refused, and that no schema takes for ever.
#include "rows.h"

#include "base/mem.h"
#include "text/json_instance.h"

static void
refused(void **state)
{
	static const struct {
		const char *row, *schema;
		enum lm_code code;
		const char *want;
	} rows[] = {
		{ "not json", "{", LM_E_SYNTAX, "line 1, column 1: string or '}' expected near end of file" },
		{ "pattern", "{\"type\":\"string\",\"pattern\":\"a+\"}", LM_E_UNSUPPORTED,
			"no text is made for the pattern 'a+'" },
		{ "not", "{\"not\":{}}", LM_E_UNSUPPORTED, "no instance is made for 'not'" },
		{ "false", "false", LM_E_UNSUPPORTED, "a schema that is no object" },
		{ "type", "{\"type\":\"thing\"}", LM_E_UNSUPPORTED, "a type that JSON Schema does not have" },
		{ "no such reference", "{\"$ref\":\"#/$defs/x\"}", LM_E_UNSUPPORTED, "the schema has no '#/$defs/x'" },
		{ "other document", "{\"$ref\":\"http://x/y\"}", LM_E_UNSUPPORTED, "the schema has no 'http://x/y'" },
		{ "itself", "{\"$ref\":\"#\"}", LM_E_UNSUPPORTED, "the schema does not come to an end" },
		{ "no choice", "{\"anyOf\":[]}", LM_E_UNSUPPORTED, "a choice of nothing" },
		{ "required, without end", "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
			LM_E_UNSUPPORTED, "the schema does not come to an end" },
		{ "many without end",
			"{\"$ref\":\"#/x\",\"x\":{\"type\":\"array\",\"minItems\":9,\"items\":{\"anyOf\":[{\"$ref\":\"#/"
			"x\"},{\"$ref\":\"#/x\"}]}}}",
			LM_E_UNSUPPORTED, "the schema does not come to an end" },
		{ "lengths", "{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", LM_E_UNSUPPORTED,
			"no text has the lengths 3 to 2" },
		{ "long", "{\"type\":\"string\",\"minLength\":1e99}", LM_E_UNSUPPORTED, "no text has the lengths 1e+99 to -1" },
		{ "bounds", "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", LM_E_UNSUPPORTED,
			"no number is made for these bounds" },
		{ "between", "{\"type\":\"integer\",\"exclusiveMinimum\":3,\"exclusiveMaximum\":4}", LM_E_UNSUPPORTED,
			"no number is made for these bounds" },
		{ "shorter than nothing", "{\"type\":\"string\",\"minLength\":-1}", LM_E_UNSUPPORTED,
			"no text has the lengths -1 to -1" },
		{ "part of all that is no schema", "{\"allOf\":[3]}", LM_E_UNSUPPORTED, "a part of allOf is no schema" },
		{ "part of all that is not there", "{\"allOf\":[{\"$ref\":\"#/x\"}]}", LM_E_UNSUPPORTED,
			"a part of allOf is no schema" },
		{ "first item", "{\"type\":\"array\",\"prefixItems\":[{\"not\":{}}]}", LM_E_UNSUPPORTED,
			"no instance is made for 'not'" },
		{ "few items", "{\"type\":\"array\",\"minItems\":3,\"maxItems\":2}", LM_E_UNSUPPORTED,
			"no list has 3 to 2 items" },
		{ "huge", "{\"type\":\"number\",\"minimum\":1e300}", LM_E_UNSUPPORTED, "no number is made for these bounds" },
		{ "many items", "{\"type\":\"array\",\"minItems\":1e9}", LM_E_UNSUPPORTED, "no list has 1e+09 to 20000 items" },
		{ "different items", "{\"type\":\"array\",\"minItems\":2,\"uniqueItems\":true}", LM_E_UNSUPPORTED,
			"no list of 2 different items is made" },
		{ "large", "{\"type\":\"array\",\"minItems\":3,\"items\":{\"type\":\"string\",\"minLength\":500000}}",
			LM_E_UNSUPPORTED, "the instance would be larger than 1048576 bytes" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_json_instance(lm_str_of(rows[i].schema), &out, &err), -1);
		row_str_equal(rows[i].row, err.text, rows[i].want);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_int_equal(rows[i].row, out.len, 0);
	}
}

static void
made(void **state)
{
	static const struct {
		const char *row, *schema, *want;
	} rows[] = {
		{ "anything", "{}", "\"\x01\"" },
		{ "true", "true", "null" },
		{ "first type", "{\"type\":[\"integer\",\"null\"]}", "0" },
		{ "capitals", "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\"}}}", "{\"a\":\"\x01\"}" },
		{ "one letter at most", "{\"type\":\"string\",\"maxLength\":1}", "\"x\"" },
		{ "no letter", "{\"type\":\"string\",\"maxLength\":0}", "\"\"" },
		{ "at least", "{\"type\":\"string\",\"minLength\":2}", "\"xx\x01\"" },
		{ "no item", "{\"type\":\"array\",\"maxItems\":0,\"items\":{}}", "[]" },
		{ "list without end",
			"{\"type\":\"array\",\"items\":{\"$ref\":\"#/items/items\",\"items\":{\"$ref\":\"#/items\"}}}", "[]" },
		{ "optional without end",
			"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/properties/a\"},\"b\":{\"const\":1}}}",
			"{\"b\":1}" },
		{ "names", "{\"properties\":{\"a\\\"b\":{\"const\":\"c\\nd\"}}}", "{\"a\\\"b\":\"c\\nd\"}" },
		{ "steps", "{\"type\":\"number\",\"minimum\":0.3,\"multipleOf\":0.25}", "0.5" },
		{ "above", "{\"type\":\"number\",\"exclusiveMinimum\":5}", "6" },
		{ "above, and at least more", "{\"type\":\"number\",\"minimum\":5,\"exclusiveMinimum\":1}", "5" },
		{ "below, and at most less", "{\"type\":\"number\",\"maximum\":-5,\"exclusiveMaximum\":0}", "-5" },
		{ "between", "{\"type\":\"number\",\"exclusiveMinimum\":1,\"exclusiveMaximum\":2}", "1.5" },
		{ "below, in steps of any size", "{\"type\":\"number\",\"exclusiveMaximum\":-5}", "-6" },
		{ "half", "{\"type\":\"number\",\"minimum\":0.5}", "0.5" },
		{ "another is required", "{\"properties\":{\"a\":{\"not\":{}}},\"required\":[\"b\"]}", "{}" },
		{ "items of any kind", "{\"type\":\"array\"}", "[]" },
		{ "below", "{\"type\":\"integer\",\"exclusiveMaximum\":-5}", "-6" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_json_instance(lm_str_of(rows[i].schema), &out, &err), 0);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(made),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
