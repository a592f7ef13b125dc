#include "steps/login.h"

#include "os/process.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

// "scheme://login@host:port/path": the parts point into the text; login is empty when there is none.
struct place {
	struct lm_str scheme, login, host, rest;
};

static bool
split(const char *url, struct place *out)
{
	const char *colon = strstr(url, "://");
	if (colon == nullptr)
		return false;
	const char *authority = colon + 3;
	size_t len = strcspn(authority, "/?#");
	const char *at = memrchr(authority, '@', len);
	const char *host = at == nullptr ? authority : at + 1;
	*out = (struct place){ .scheme = { url, (size_t)(colon - url) },
		.login = { authority, at == nullptr ? 0 : (size_t)(at - authority) },
		.host = { host, len - (size_t)(host - authority) },
		.rest = lm_str_of(authority + len) };
	return true;
}

static bool
same_host(const struct place *a, const struct place *b)
{
	return a->scheme.len == b->scheme.len && a->host.len == b->host.len &&
		strncasecmp(a->scheme.ptr, b->scheme.ptr, a->scheme.len) == 0 &&
		strncasecmp(a->host.ptr, b->host.ptr, a->host.len) == 0;
}

// The value of UV_INDEX_<NAME>_<what>, as uv spells names: upper case, all but letters and digits as "_".
static const char *
from_environment(const char *index, const char *what)
{
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	lm_buf_text(&name, "UV_INDEX_");
	for (const char *p = index; *p != '\0'; p++)
		lm_buf_byte(&name, isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_');
	lm_buf_format(&name, "_%s=", what);
	for (const char *const *variable = lm_process_environment(); *variable != nullptr; variable++)
		if (lm_cstr_starts(*variable, name.ptr))
			return *variable + name.len;
	return nullptr;
}

static void
append_encoded(struct lm_buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (isalnum(*p) || strchr("-._~", *p) != nullptr)
			lm_buf_byte(out, (char)*p);
		else
			lm_buf_format(out, "%%%02X", *p);
	}
}

static void
find_login(const struct lm_package_index *index, const struct place *place, struct lm_buf *out)
{
	lm_buf_str(out, place->login);
	if (out->len > 0 || index->name == nullptr)
		return;
	const char *user = from_environment(index->name, "USERNAME"), *password = from_environment(index->name, "PASSWORD");
	if (user == nullptr && password == nullptr)
		return;
	append_encoded(out, user == nullptr ? "" : user);
	lm_buf_byte(out, ':');
	append_encoded(out, password == nullptr ? "" : password);
}

char *
lm_login_url(const struct lm_project *project, const char *url)
{
	struct place wanted = {}, place = {};
	if (!split(url, &wanted) || wanted.login.len > 0)
		return nullptr;
	for (size_t i = 0; i < project->spec.index_count; i++) {
		LM_AUTO(lm_buf_release) struct lm_buf login = {};
		if (!split(project->spec.indexes[i].url, &place) || !same_host(&wanted, &place))
			continue;
		find_login(&project->spec.indexes[i], &place, &login);
		if (login.len > 0)
			return lm_format("%.*s://%s@%.*s%s", LM_STR_ARG(wanted.scheme), login.ptr, LM_STR_ARG(wanted.host),
				wanted.rest.ptr);
	}
	return nullptr;
}
