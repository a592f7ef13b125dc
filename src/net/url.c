#include "net/url.h"

#include "base/mem.h"
#include "base/str.h"
#include "net/curl.h"

static void
release_url(CURLU **handle)
{
	curl_url_cleanup(*handle);
}

static void
release_part(char **part)
{
	curl_free(*part);
}

static int
get_scheme(CURLU *handle, enum lm_url_scheme *scheme, struct lm_err *err)
{
	static const char *const names[] = { [LM_URL_HTTP] = "http", [LM_URL_HTTPS] = "https", [LM_URL_FILE] = "file" };
	LM_AUTO(release_part) char *name = nullptr;

	if (curl_url_get(handle, CURLUPART_SCHEME, &name, 0) == CURLUE_OK)
		for (size_t i = 0; i < LM_COUNT(names); i++)
			if (lm_cstr_equal(name, names[i])) {
				*scheme = (enum lm_url_scheme)i;
				return 0;
			}
	return lm_err_set(err, LM_E_UNSUPPORTED, "the URL is not one of http, https or file");
}

int
lm_url_check(const char *url, enum lm_url_scheme *scheme, char **shown, struct lm_err *err)
{
	static const CURLUPart hidden[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY,
		CURLUPART_FRAGMENT };
	if (lm_curl_load(err) < 0)
		return -1;
	LM_AUTO(release_url) CURLU *handle = curl_url();
	LM_AUTO(release_part) char *text = nullptr;

	if (handle == nullptr || curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return lm_err_set(err, LM_E_SYNTAX, "the URL is malformed");
	if (get_scheme(handle, scheme, err) < 0)
		return -1;
	for (size_t i = 0; i < LM_COUNT(hidden); i++)
		(void)curl_url_set(handle, hidden[i], nullptr, 0);
	if (curl_url_get(handle, CURLUPART_URL, &text, 0) != CURLUE_OK)
		return lm_err_set(err, LM_E_SYNTAX, "the URL is malformed");
	*shown = lm_strdup(text);
	return 0;
}
