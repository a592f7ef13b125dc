#include "rows.h"

#include "base/mem.h"
#include "net/url.h"

static void
shows_nothing_secret(void **state)
{
	static const struct {
		const char *row, *url;
		enum lm_url_scheme scheme;
		const char *shown;
	} rows[] = {
		{ "plain", "https://host/a/b.whl", LM_URL_HTTPS, "https://host/a/b.whl" },
		{ "port", "http://host:8080/a", LM_URL_HTTP, "http://host:8080/a" },
		{ "capitals", "HTTPS://host/A", LM_URL_HTTPS, "https://host/A" },
		{ "file", "file:///a/b", LM_URL_FILE, "file:///a/b" },
		{ "user and password", "https://me:secret@host/a", LM_URL_HTTPS, "https://host/a" },
		{ "user only", "https://secret@host/a", LM_URL_HTTPS, "https://host/a" },
		{ "query", "https://host/a?secret=1", LM_URL_HTTPS, "https://host/a" },
		{ "fragment", "https://host/a#secret", LM_URL_HTTPS, "https://host/a" },
		{ "all", "https://me:secret@host:1/a?secret#secret", LM_URL_HTTPS, "https://host:1/a" },
		{ "address", "http://[::1]:80/a", LM_URL_HTTP, "http://[::1]:80/a" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_free_ptr) char *shown = nullptr;
		enum lm_url_scheme scheme = LM_URL_FILE;
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_url_check(rows[i].url, &scheme, &shown, &err), 0);
		row_int_equal(rows[i].row, scheme, rows[i].scheme);
		row_str_equal(rows[i].row, shown, rows[i].shown);
	}
}

static void
refuses(void **state)
{
	static const struct {
		const char *row, *url;
		enum lm_code code;
		const char *text;
	} rows[] = {
		{ "empty", "", LM_E_SYNTAX, "the URL is malformed" },
		{ "no scheme", "host/a", LM_E_SYNTAX, "the URL is malformed" },
		{ "no host", "http://", LM_E_SYNTAX, "the URL is malformed" },
		{ "sign in the password", "https://me:se@cret@host/a", LM_E_SYNTAX, "the URL is malformed" },
		{ "line break", "http://host/secret\r\nX: y", LM_E_SYNTAX, "the URL is malformed" },
		{ "port", "http://host:secret/", LM_E_SYNTAX, "the URL is malformed" },
		{ "ftp", "ftp://me:secret@host/a", LM_E_UNSUPPORTED, "the URL is not one of http, https or file" },
		{ "unknown", "secret://host/a", LM_E_UNSUPPORTED, "the URL is not one of http, https or file" },
		{ "file on a host", "file://host/secret", LM_E_SYNTAX, "the URL is malformed" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		char *shown = nullptr;
		enum lm_url_scheme scheme;
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_url_check(rows[i].url, &scheme, &shown, &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_str_equal(rows[i].row, err.text, rows[i].text);
		row_true(rows[i].row, shown == nullptr);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_nothing_secret),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
