// What the reader makes of valid documents: values, order, places. Errors are in test_toml_errors.c.
#include "rows.h"

#include "base/mem.h"
#include "text/toml.h"

#include <math.h>

static struct lm_toml_doc *
parse(const char *row, const char *text)
{
	struct lm_toml_doc *doc = nullptr;
	struct lm_err err = {};
	struct lm_toml_place place;
	if (lm_toml_parse(lm_str_of(text), &doc, &place, &err) < 0)
		fail_msg("row '%s': %u:%u: %s", row, place.line, place.column, err.text);
	return doc;
}

// The whole tree, written inline, is compared with a literal.
static void
values(void **state)
{
	(void)state;
	static const struct {
		const char *row, *text, *want;
	} rows[] = {
		{ "empty", "", "{}" },
		{ "only a comment", "# nothing", "{}" },
		{ "string", "a = \"x\"", "{ a = \"x\" }" },
		{ "no spaces", "a=1", "{ a = 1 }" },
		{ "line ends with CR LF", "a = 1\r\nb = 2\r\n", "{ a = 1, b = 2 }" },
		{ "quoted keys", "\"a b\" = 1\n'' = 2\n\"\\u00e4\" = 3", "{ \"a b\" = 1, \"\" = 2, \"\303\244\" = 3 }" },
		{ "digits as key", "1.2 = 3", "{ 1 = { 2 = 3 } }" },
		{ "spaces around a dot", "a . b = 1", "{ a = { b = 1 } }" },
		{ "escapes", "a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u0041\\U0001F600\"",
			"{ a = \"\\b\\t\\n\\f\\r\\\"\\\\A\360\237\230\200\" }" },
		{ "literal string", "a = 'C:\\x\"'", "{ a = \"C:\\\\x\\\"\" }" },
		{ "tab in a string", "a = \"\t\"", "{ a = \"\\t\" }" },
		{ "multi-line", "a = \"\"\"\nx\ny\"\"\"", "{ a = \"x\\ny\" }" },
		{ "multi-line with CR LF", "a = \"\"\"\r\nx\r\n\r\ny\"\"\"", "{ a = \"x\\n\\ny\" }" },
		{ "multi-line continued", "a = \"\"\"x \\  \n\n   y\"\"\"", "{ a = \"x y\" }" },
		{ "multi-line with quotes", "a = \"\"\"\"\"x\"\"\"\"\"", "{ a = \"\\\"\\\"x\\\"\\\"\" }" },
		{ "multi-line, empty", "a = \"\"\"\"\"\"\nb = ''''''", "{ a = \"\", b = \"\" }" },
		{ "multi-line literal", "a = '''\nx\\\n'y''''", "{ a = \"x\\\\\\n'y'\" }" },
		{ "integers", "a = [0, -0, +17, 1_000, 0xDEAD_beef, 0o755, 0b1101]",
			"{ a = [0, 0, 17, 1000, 3735928559, 493, 13] }" },
		{ "integer limits", "a = [9223372036854775807, -9223372036854775808, 0x7fffffffffffffff]",
			"{ a = [9223372036854775807, -9223372036854775808, 9223372036854775807] }" },
		{ "floats", "a = [1.0, -0.01, 5e+22, 1e06, 6.626e-34, 224_617.445_991_228, inf, -inf, nan, -0.0]",
			"{ a = [1.0, -0.01, 5e+22, 1000000.0, 6.626e-34, 224617.445991228, inf, -inf, nan, -0.0] }" },
		{ "booleans", "a = [true, false]", "{ a = [true, false] }" },
		{ "times", "a = [1979-05-27T07:32:00Z, 1979-05-27 00:32:00.999999-07:00, 1979-05-27t07:32:00z]",
			"{ a = [1979-05-27T07:32:00Z, 1979-05-27T00:32:00.999999-07:00, 1979-05-27T07:32:00Z] }" },
		{ "local times", "a = [1979-05-27T07:32:00, 1979-05-27, 07:32:00, 00:32:00.5]",
			"{ a = [1979-05-27T07:32:00, 1979-05-27, 07:32:00, 00:32:00.5] }" },
		{ "29 February", "a = [2000-02-29, 2024-02-29]", "{ a = [2000-02-29, 2024-02-29] }" },
		{ "a date before a comment", "a = 1979-05-27 # x", "{ a = 1979-05-27 }" },
		{ "arrays", "a = [ 1, # one\n [],\n ['x', 2.5,],\n]", "{ a = [1, [], [\"x\", 2.5]] }" },
		{ "inline tables", "a = { b = 1, c.d = 2, c.e = {} }", "{ a = { b = 1, c = { d = 2, e = {} } } }" },
		{ "tables", "[a]\nx = 1\n[ b . c ]\ny = 2\n[b]\nz = 3", "{ a = { x = 1 }, b = { c = { y = 2 }, z = 3 } }" },
		{ "array of tables", "[[a]]\nx = 1\n[[a]]\n[a.b]\ny = 2", "{ a = [{ x = 1 }, { b = { y = 2 } }] }" },
		{ "dotted, then a table below", "[a]\nb.c = 1\n[a.b.d]\ne = 2", "{ a = { b = { c = 1, d = { e = 2 } } } }" },
		{ "an implicit table defined by a dotted key", "[a.b.c]\n[a]\nb.x = 1", "{ a = { b = { c = {}, x = 1 } } }" },
		{ "order of appearance", "z = 1\ny.b = 2\nx = 3\ny.a = 4", "{ z = 1, y = { b = 2, a = 4 }, x = 3 }" },
		{ "keys that begin alike", "a = 1\nab = 2\nabc = 3\n\"\" = 4\n\"a\\u0000\" = 5\nb = 6",
			"{ a = 1, ab = 2, abc = 3, \"\" = 4, \"a\\u0000\" = 5, b = 6 }" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = parse(rows[i].row, rows[i].text);
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_toml_write_value(&out, lm_toml_root(doc));
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

static void
typed_values(void **state)
{
	(void)state;
	LM_AUTO(lm_toml_free_ptr)
	struct lm_toml_doc *doc =
		parse("typed", "s = \"a\\u0000b\"\nf = -nan\nb = true\ni = -3\nd = 2020-01-01 10:00:00z\nl = [1]\nt = {}\n");
	const struct lm_toml *root = lm_toml_root(doc);
	const struct lm_toml *s = lm_toml_get(root, "s");
	assert_int_equal(s->type, LM_TOML_STRING);
	assert_int_equal(s->string.len, 3);
	assert_memory_equal(s->string.ptr, "a\0b", 4); // and the NUL that ends it
	const struct lm_toml *f = lm_toml_get(root, "f");
	assert_int_equal(f->type, LM_TOML_FLOAT);
	assert_true(isnan(f->number) && signbit(f->number));
	assert_true(lm_toml_get(root, "b")->boolean);
	assert_true(lm_toml_get(root, "i")->integer == -3);
	assert_int_equal(lm_toml_get(root, "d")->type, LM_TOML_DATETIME);
	assert_string_equal(lm_toml_get(root, "d")->time.ptr, "2020-01-01T10:00:00Z");
	assert_int_equal(lm_toml_get(root, "l")->array.count, 1);
	assert_int_equal(lm_toml_get(root, "t")->table.count, 0);
}

static void
look_up(void **state)
{
	(void)state;
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = parse("look-up", "a = 1\nt.b = 2\n");
	const struct lm_toml *root = lm_toml_root(doc);
	assert_string_equal(lm_toml_get_pair(root, "a")->key.ptr, "a");
	assert_true(lm_toml_get(lm_toml_get(root, "t"), "b")->integer == 2);
	assert_null(lm_toml_get(root, "b"));
	assert_null(lm_toml_get(lm_toml_get(root, "a"), "b"));
	assert_null(lm_toml_get(nullptr, "a"));
	assert_null(lm_toml_get_pair(root, ""));
}

static void
places(void **state)
{
	(void)state;
	LM_AUTO(lm_toml_free_ptr)
	struct lm_toml_doc *doc = parse("places",
		"# \303\244\n"
		"  'k\303\244' = [ 1,\n"
		"    \"\"\"x\n\ny\"\"\", { a = 2 } ]\n"
		"[t]\n"
		"b.c = true\n"
		"[[u.v]]\n"
		" [[u.v]]\n");
	const struct lm_toml *root = lm_toml_root(doc);
	const struct lm_toml_pair *k = lm_toml_get_pair(root, "k\303\244");
	const struct lm_toml *items = k->value.array.items;
	const struct lm_toml_pair *t = lm_toml_get_pair(root, "t");
	const struct lm_toml_pair *b = lm_toml_get_pair(&t->value, "b");
	const struct lm_toml_pair *u = lm_toml_get_pair(root, "u");
	const struct lm_toml_pair *v = lm_toml_get_pair(&u->value, "v");
	const struct {
		const char *row;
		struct lm_toml_place place;
		uint32_t line, column;
	} rows[] = {
		{ "root", root->place, 1, 1 },
		{ "key", k->place, 2, 3 },
		{ "array", k->value.place, 2, 10 },
		{ "element", items[0].place, 2, 12 },
		{ "string", items[1].place, 3, 5 },
		{ "inline table", items[2].place, 5, 7 },
		{ "key inside", items[2].table.pairs[0].place, 5, 9 },
		{ "value inside", items[2].table.pairs[0].value.place, 5, 13 },
		{ "name in a header", t->place, 6, 2 },
		{ "table", t->value.place, 6, 1 },
		{ "dotted key", b->place, 7, 1 },
		{ "dotted table", b->value.place, 7, 1 },
		{ "last part", b->value.table.pairs[0].place, 7, 3 },
		{ "implicit table", u->value.place, 8, 3 },
		{ "array of tables", v->value.place, 8, 1 },
		{ "first table", v->value.array.items[0].place, 8, 1 },
		{ "second table", v->value.array.items[1].place, 9, 2 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		row_int_equal(rows[i].row, rows[i].place.line, rows[i].line);
		row_int_equal(rows[i].row, rows[i].place.column, rows[i].column);
	}
}

static void
many_keys(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (int i = 0; i < 20'000; i++)
		lm_buf_format(&text, "key%d = %d\n", i, i);
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = parse("many", lm_buf_cstr(&text));
	const struct lm_toml *root = lm_toml_root(doc);
	assert_int_equal(root->table.count, 20'000);
	assert_true(lm_toml_get(root, "key19999")->integer == 19'999);
	lm_buf_text(&text, "key12345 = 0\n");
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *none = nullptr;
	struct lm_err err = {};
	assert_int_equal(lm_toml_parse(lm_buf_view(&text), &none, nullptr, &err), -1);
	assert_string_equal(err.text, "duplicate key 'key12345', first set at line 12346");
	assert_null(none);
}

static void
type_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum lm_toml_type type;
	} rows[] = {
		{ "string", LM_TOML_STRING },
		{ "integer", LM_TOML_INTEGER },
		{ "float", LM_TOML_FLOAT },
		{ "boolean", LM_TOML_BOOL },
		{ "offset date-time", LM_TOML_DATETIME },
		{ "local date-time", LM_TOML_DATETIME_LOCAL },
		{ "local date", LM_TOML_DATE_LOCAL },
		{ "local time", LM_TOML_TIME_LOCAL },
		{ "array", LM_TOML_ARRAY },
		{ "table", LM_TOML_TABLE },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_str_equal(rows[i].name, lm_toml_type_name(rows[i].type), rows[i].name);
}

static void
writing(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		struct lm_str text;
		const char *key, *string;
	} rows[] = {
		{ "bare", LM_STR("aZ0_-"), "aZ0_-", "\"aZ0_-\"" },
		{ "empty", LM_STR(""), "\"\"", "\"\"" },
		{ "dot", LM_STR("a.b"), "\"a.b\"", "\"a.b\"" },
		{ "unicode", LM_STR("\303\244"), "\"\303\244\"", "\"\303\244\"" },
		{ "controls", LM_STR("\0\x1F\x7F"), "\"\\u0000\\u001F\\u007F\"", "\"\\u0000\\u001F\\u007F\"" },
		{ "escapes", LM_STR("\b\t\n\f\r\"\\/"), "\"\\b\\t\\n\\f\\r\\\"\\\\/\"", "\"\\b\\t\\n\\f\\r\\\"\\\\/\"" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf key = {}, string = {};
		lm_toml_write_key(&key, rows[i].text);
		lm_toml_write_string(&string, rows[i].text);
		row_str_equal(rows[i].row, lm_buf_cstr(&key), rows[i].key);
		row_str_equal(rows[i].row, lm_buf_cstr(&string), rows[i].string);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(typed_values),
		cmocka_unit_test(look_up),
		cmocka_unit_test(places),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(type_names),
		cmocka_unit_test(writing),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
