// What is refused for its size, and that what is just within is not.
#include "rows.h"

#include "base/mem.h"
#include "text/toml.h"

static void
repeat(struct lm_buf *out, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		lm_buf_text(out, text);
}

static void
check(const char *row, const struct lm_buf *text, const char *want)
{
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
	struct lm_err err = {};
	int rc = lm_toml_parse(lm_buf_view(text), &doc, nullptr, &err);
	row_str_equal(row, err.text, want == nullptr ? "" : want);
	row_int_equal(row, rc, want == nullptr ? 0 : -1);
	row_int_equal(row, err.code, want == nullptr ? LM_OK : LM_E_LIMIT);
}

static void
depth(void **state)
{
	(void)state;
	static const struct {
		const char *row, *before, *open, *middle, *close;
		size_t most;
		const char *want;
	} rows[] = {
		{ "arrays", "a = ", "[", "", "]", 128, "more than 128 levels of arrays and tables" },
		{ "inline tables", "a = ", "{a=", "1", "}", 128, "more than 128 levels of arrays and tables" },
		{ "mixed", "a = ", "[{a=", "1", "}]", 64, "more than 128 levels of arrays and tables" },
		{ "dotted key", "a", ".a", "=1", "", 127, "more than 128 parts in a key" },
		{ "header", "[a", ".a", "]", "", 127, "more than 128 parts in a key" },
		{ "array of tables in itself", "", "[[a", "]]", "", 1, nullptr },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		for (size_t extra = 0; extra < (rows[i].want == nullptr ? 1 : 2); extra++) {
			LM_AUTO(lm_buf_release) struct lm_buf text = {};
			lm_buf_text(&text, rows[i].before);
			repeat(&text, rows[i].open, rows[i].most + extra);
			lm_buf_text(&text, rows[i].middle);
			repeat(&text, rows[i].close, rows[i].most + extra);
			check(rows[i].row, &text, extra == 0 ? nullptr : rows[i].want);
		}
	}
}

// The depth of a header and of what stands below it are one sum.
static void
depth_of_parts(void **state)
{
	(void)state;
	for (size_t extra = 0; extra < 2; extra++) {
		LM_AUTO(lm_buf_release) struct lm_buf text = {};
		lm_buf_text(&text, "[[a");
		repeat(&text, ".a", 99); // tables 1 to 99, the array 100, its table 101
		lm_buf_text(&text, "]]\nb");
		repeat(&text, ".b", 20); // 121
		lm_buf_text(&text, " = ");
		repeat(&text, "[", 7 + extra);
		repeat(&text, "]", 7 + extra);
		check("sum", &text, extra == 0 ? nullptr : "more than 128 levels of arrays and tables");
	}
}

static void
bytes(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	memset(lm_buf_reserve(&text, 16'777'217), ' ', 16'777'217);
	text.len = 16'777'216;
	check("most", &text, nullptr);
	text.len++;
	check("one more", &text, "TOML document of 16777217 bytes, more than 16777216");
}

static void
values(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_buf_text(&text, "a=[");
	repeat(&text, "1,", 1'999'998); // the root and the array are values too
	lm_buf_text(&text, "]");
	check("most", &text, nullptr);
	text.len--;
	lm_buf_text(&text, "1]");
	check("one more", &text, "more than 2000000 values");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(depth),
		cmocka_unit_test(depth_of_parts),
		cmocka_unit_test(bytes),
		cmocka_unit_test(values),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
