#include "rows.h"

#include "base/mem.h"
#include "batch/redact.h"

static void
secrets_are_replaced(void **state)
{
	static const struct {
		const char *row, *text, *want;
	} rows[] = {
		{ "nothing", "", "" },
		{ "plain", "two words", "two words" },
		{ "known", "a canary-key b canary-key", "a REDACTED b REDACTED" },
		{ "known, in a word", "xcanary-keyx", "xREDACTEDx" },
		{ "header", "Authorization: Bearer testefgh12345678", "Authorization: Bearer REDACTED" },
		{ "header, small letters", "bearer testefgh12345678.", "bearer REDACTED." },
		{ "words after bearer", "Bearer authentication-is-needed", "Bearer authentication-is-needed" },
		{ "too short after bearer", "Bearer abc1", "Bearer abc1" },
		{ "key", "key sk-testdefghijk1, x", "key REDACTED, x" },
		{ "key of a project", "\"sk-proj-test-c_d123\"", "\"REDACTED\"" },
		{ "half hidden key", "sk-abcd********wxyz.", "REDACTED." },
		{ "no key: letters only", "sk-learn-estimators", "sk-learn-estimators" },
		{ "no key: inside of a word", "task-1234567890123", "task-1234567890123" },
		{ "Google's key", "AIza0123456789testefghijXYZ", "REDACTED" },
		{ "organisation", "in org-AbCdEfGhIjKlMnOp12 now", "in REDACTED now" },
		{ "no organisation: hyphens", "org-wide-policy-number-1234", "org-wide-policy-number-1234" },
		{ "project", "proj_AbCdEfGhIjKlMnOp12", "REDACTED" },
		{ "user", "user-AbCdEfGhIjKlMnOpQrSt12", "REDACTED" },
		{ "upload", "/up?upload_id=AbC_d-12345&x=1", "/up?upload_id=REDACTED&x=1" },
		{ "key in a URL", "/v1?key=abcdefghijklmno1&b", "/v1?key=REDACTED&b" },
		{ "two", "sk-testdefghijk1 sk-testdefghijk2", "REDACTED REDACTED" },
		{ "at the end of the text", "x sk-testdefghijk1", "x REDACTED" },
		{ "only the beginning", "sk-", "sk-" },
		{ "other languages", "ключ sk-testdefghijk1 é", "ключ REDACTED é" },
		{ "redacted already", "Bearer REDACTED key=REDACTED", "Bearer REDACTED key=REDACTED" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_redact(lm_str_of(rows[i].text), "canary-key", &out);
		row_str_equal(rows[i].row, lm_buf_cstr(&out), rows[i].want);
	}
}

static void
without_a_known_secret(void **state)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};

	(void)state;
	lm_redact(LM_STR("a canary-key"), nullptr, &out);
	lm_redact(LM_STR(", another"), "", &out);
	assert_string_equal(lm_buf_cstr(&out), "a canary-key, another");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_replaced),
		cmocka_unit_test(without_a_known_secret),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
