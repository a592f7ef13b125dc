#include "rows.h"

#include "base/err.h"

#include <errno.h>

static void
set_and_clear(void **state)
{
	(void)state;
	struct lm_err err = { .sys = EIO };
	assert_int_equal(lm_err_set(&err, LM_E_SPEC, "no layer '%s' of %d", "scipy", 3), -1);
	assert_int_equal(err.code, LM_E_SPEC);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.text, "no layer 'scipy' of 3");
	lm_err_clear(&err);
	assert_int_equal(err.code, LM_OK);
	assert_string_equal(err.text, "");
}

static void
sys(void **state)
{
	(void)state;
	static const struct {
		const char *want;
		int sys;
	} rows[] = {
		{ "cannot open 'a.toml': No such file or directory", ENOENT },
		{ "cannot open 'a.toml': Permission denied", EACCES },
		{ "cannot open 'a.toml': No space left on device", ENOSPC },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		row_int_equal(rows[i].want, lm_err_sys(&err, rows[i].sys, "cannot open '%s'", "a.toml"), -1);
		row_str_equal(rows[i].want, err.text, rows[i].want);
		row_int_equal(rows[i].want, err.code, LM_E_IO);
		row_int_equal(rows[i].want, err.sys, rows[i].sys);
	}
}

// A number that the system does not know gives a sentence too.
static void
unknown_sys(void **state)
{
	(void)state;
	struct lm_err err = {};
	assert_int_equal(lm_err_sys(&err, 9999, "cannot open '%s'", "x"), -1);
	assert_string_equal(err.text, "cannot open 'x': error 9999");
	assert_int_equal(err.sys, 9999);
}

static void
wrap(void **state)
{
	(void)state;
	struct lm_err err = {};
	(void)lm_err_sys(&err, EACCES, "cannot open 'a'");
	assert_int_equal(lm_err_wrap(&err, "loading the lock of layer '%s'", "scipy"), -1);
	assert_string_equal(err.text, "loading the lock of layer 'scipy': cannot open 'a': Permission denied");
	assert_int_equal(err.code, LM_E_IO);
	assert_int_equal(err.sys, EACCES);
}

// `count` times `unit` and a final "x" so that the cut falls inside of a sequence.
static void
fill(char *text, const char *unit, size_t count)
{
	size_t len = strlen(unit);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, unit, len);
	text[count * len] = '\0';
}

static void
too_long(void **state)
{
	(void)state;
	static char two[3 * LM_ERR_TEXT_MAX], want[3 * LM_ERR_TEXT_MAX];
	struct lm_err err = {};
	fill(two, "x", 4095);
	(void)lm_err_set(&err, LM_E_SYNTAX, "%s", two);
	assert_string_equal(err.text, two); // just fits
	fill(two, "x", 4096);
	fill(want, "x", 4092);
	memcpy(want + 4092, "...", 4);
	(void)lm_err_set(&err, LM_E_SYNTAX, "%s", two);
	assert_string_equal(err.text, want);
	// a two-byte character would be cut in its middle at 4092
	fill(two, "\303\244", 3000);
	fill(want, "\303\244", 2045);
	memmove(want + 1, want, 4091);
	want[0] = 'y';
	memcpy(want + 4091, "...", 4);
	(void)lm_err_set(&err, LM_E_SYNTAX, "y%s", two);
	assert_string_equal(err.text, want);
	fill(two, "w", 5000);
	(void)lm_err_wrap(&err, "%s", two);
	fill(want, "w", 4092);
	memcpy(want + 4092, "...", 4);
	assert_string_equal(err.text, want);
	(void)lm_err_sys(&err, EIO, "%s", two);
	assert_string_equal(err.text, want);
	fill(two, "w", 4000);
	(void)lm_err_set(&err, LM_E_SYNTAX, "%s", two);
	fill(two, "v", 200);
	(void)lm_err_wrap(&err, "%s", two);
	assert_int_equal(strlen(err.text), 4095);
	assert_memory_equal(err.text + 195, "vvvvv: ww", 9);
	assert_string_equal(err.text + 4090, "ww...");
	(void)lm_err_set(&err, LM_E_SYNTAX, "%s", want);
	(void)lm_err_sys(&err, EIO, "%.4090s", want);
	assert_int_equal(strlen(err.text), 4095);
	assert_string_equal(err.text + 4088, "ww: ...");
	(void)lm_err_set(&err, LM_E_SYNTAX, "%.4000s", want);
	lm_err_append(&err, "%.200s", two);
	assert_int_equal(strlen(err.text), 4095);
	assert_string_equal(err.text + 4090, "vv...");
	assert_memory_equal(err.text + 3998, "wwvv", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_clear),
		cmocka_unit_test(sys),
		cmocka_unit_test(unknown_sys),
		cmocka_unit_test(wrap),
		cmocka_unit_test(too_long),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
