#include "rows.h"

#include "base/mem.h"
#include "python/version.h"

#include <stdlib.h>

// In the order of PEP 440's own list.
static const char *const ordered[] = { "1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12",
	"1.0b1.dev456", "1.0b2", "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5",
	"1.0+abc.7", "1.0+5", "1.0.post456.dev34", "1.0.post456", "1.0.15", "1.1.dev1", "2!0.1" };

static void
order(void **state)
{
	(void)state;
	for (size_t i = 0; i < LM_COUNT(ordered); i++) {
		for (size_t j = 0; j < LM_COUNT(ordered); j++) {
			struct lm_version a, b;
			row_true(ordered[i], lm_version_parse(lm_str_of(ordered[i]), &a));
			row_true(ordered[j], lm_version_parse(lm_str_of(ordered[j]), &b));
			int got = lm_version_compare(&a, &b), want = (i > j) - (i < j);
			row_int_equal(ordered[i], (got > 0) - (got < 0), want);
		}
	}
}

static void
format(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; // want null: no version
	} rows[] = {
		{ "1.0", "1.0" },
		{ " v1!02.3-ALPHA_4-5.DEV+Ab-01 ", "1!2.3a4.post5.dev0+ab.1" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "18446744073709551616", nullptr },
		{ "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16" },
		{ "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", nullptr },
		{ "", nullptr },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf text = {};
		struct lm_version version;
		bool valid = lm_version_parse(lm_str_of(rows[i].text), &version);
		row_int_equal(rows[i].text, valid, rows[i].want != nullptr);
		if (!valid)
			continue;
		lm_version_format(&version, &text);
		row_str_equal(rows[i].text, lm_buf_cstr(&text), rows[i].want);
	}
}

static void
malformed_specifiers_match_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *specifiers;
		bool want;
	} rows[] = { { "", true }, { ">=1", true }, { ">=1,", true }, { ">=1,x", false }, { ">1,,<3", false },
		{ "1.0", false } };
	struct lm_version version;
	assert_true(lm_version_parse(LM_STR("2.0"), &version));
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].specifiers, lm_specifiers_match(lm_str_of(rows[i].specifiers), &version), rows[i].want);
}

// Cut from memory of exactly that size, for the sanitizers.
static void
beginnings(void **state)
{
	(void)state;
	static const char text[] = "~=1!2.3rc4.post5.dev6,==1.*,!=1.0+a.1,===x";
	for (size_t len = 0; len < sizeof text; len++) {
		LM_AUTO(lm_free_ptr) char *copy = malloc(len == 0 ? 1 : len);
		struct lm_version version;
		struct lm_err err = {};
		memcpy(copy, text, len);
		(void)lm_version_parse((struct lm_str){ copy, len }, &version);
		int rc = lm_specifiers_check((struct lm_str){ copy, len }, &err);
		assert_true(rc == 0 || err.code == LM_E_SYNTAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(format),
		cmocka_unit_test(malformed_specifiers_match_nothing),
		cmocka_unit_test(beginnings),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
