#include "steps/explain.h"

#include "python/platform.h"

#include <string.h>

enum { EXPLANATION_MAX = 3000 }; // of an error text; what we add has room behind it

static void
replace_all(struct lm_buf *text, const char *from, const char *to)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	const char *rest = lm_buf_cstr(text);
	for (const char *at = strstr(rest, from); at != nullptr; at = strstr(rest, from)) {
		lm_buf_append(&out, rest, (size_t)(at - rest));
		lm_buf_text(&out, to);
		rest = at + strlen(from);
	}
	lm_buf_text(&out, rest);
	struct lm_buf old = *text;
	*text = out;
	out = old;
}

// The marker as the resolver writes it back: "platform_machine == 'x86_64' and sys_platform == 'linux'".
static char *
resolver_marker(enum lm_platform platform)
{
	const char *ours = lm_platform_marker(platform);
	const char *conjunction = strstr(ours, " and ");
	if (conjunction == nullptr)
		return lm_strdup(ours);
	return lm_format("%s and %.*s", conjunction + 5, (int)(conjunction - ours), ours);
}

static void
name_platforms(struct lm_buf *text)
{
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		const char *name = lm_platform_name((enum lm_platform)p);
		LM_AUTO(lm_free_ptr) char *marker = resolver_marker((enum lm_platform)p);
		LM_AUTO(lm_free_ptr) char *quoted = lm_format("`%s`", marker);
		replace_all(text, quoted, name);
		replace_all(text, marker, name);
	}
}

// "scheme://user:password@host" without what stands before the "@".
static void
hide_logins(struct lm_buf *text)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	const char *rest = lm_buf_cstr(text);
	for (const char *at = strstr(rest, "://"); at != nullptr; at = strstr(rest, "://")) {
		at += 3;
		lm_buf_append(&out, rest, (size_t)(at - rest));
		size_t authority = strcspn(at, "/ \t\n\"'`)<>?#");
		const char *login_end = memrchr(at, '@', authority);
		rest = login_end == nullptr ? at : login_end + 1;
	}
	lm_buf_text(&out, rest);
	struct lm_buf old = *text;
	*text = out;
	out = old;
}

// Advice that makes no sense here: what it names follows from the stack.
static bool
is_idle(struct lm_str line)
{
	return lm_str_starts(line, LM_STR("hint: The resolution failed for an environment that is not the current one")) ||
		lm_str_starts(line, LM_STR("hint: Wheels are required for "));
}

// "No solution found when resolving dependencies for split (markers: linux_x86_64)" as "no solution for linux_x86_64".
static void
head_line(struct lm_str line, struct lm_buf *out)
{
	static const char split[] = "for split (markers: ";
	LM_AUTO(lm_free_ptr) char *text = lm_strndup(line.ptr, line.len);
	const char *markers = strstr(text, split);
	lm_buf_text(out, "no solution");
	for (int p = 0; markers != nullptr && p < LM_PLATFORM_COUNT; p++)
		if (strstr(markers, lm_platform_name((enum lm_platform)p)) != nullptr)
			lm_buf_format(out, " for %s", lm_platform_name((enum lm_platform)p));
	lm_buf_byte(out, ':');
}

// The first line says that there is none, the others why: each paragraph of them as a line of its own, indented.
static int
no_solution(struct lm_str said, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	bool first = true;
	while (said.len > 0) {
		struct lm_str line = lm_str_trim(lm_str_cut(&said, '\n'));
		if (first)
			head_line(line, &out);
		first = false;
		if (line.len == 0 || out.len == 0 || lm_str_starts(line, LM_STR("No solution found")) || is_idle(line))
			continue;
		if (lm_str_starts(line, LM_STR("cause: ")))
			line = (struct lm_str){ line.ptr + 7, line.len - 7 };
		lm_buf_text(&out, "\n  ");
		lm_buf_str(&out, line);
	}
	bool is_long = out.len > EXPLANATION_MAX;
	return lm_err_set(err, LM_E_CONFLICT, "%.*s%s", is_long ? EXPLANATION_MAX : (int)out.len, lm_buf_cstr(&out),
		is_long ? " ..." : "");
}

// "cannot fetch 'URL': <the innermost cause>"
static int
no_network(const char *said, const char *failed, struct lm_err *err)
{
	struct lm_str rest = lm_str_of(failed + strlen("Failed to fetch: "));
	struct lm_str url = lm_str_trim(lm_str_cut(&rest, '\n')), cause = {};
	while (rest.len > 0) {
		struct lm_str line = lm_str_trim(lm_str_cut(&rest, '\n'));
		if (line.len == 0 || lm_str_starts(line, LM_STR("hint: ")))
			continue;
		cause = lm_str_starts(line, LM_STR("cause: ")) ? (struct lm_str){ line.ptr + 7, line.len - 7 } : line;
	}
	if (url.len > 1 && url.ptr[0] == '`' && url.ptr[url.len - 1] == '`')
		url = (struct lm_str){ url.ptr + 1, url.len - 2 };
	if (cause.len == 0)
		cause = lm_str_of(said);
	LM_AUTO(lm_free_ptr) char *of_url = lm_format(" for url (%.*s)", LM_STR_ARG(url)); // said already
	if (lm_str_ends(cause, lm_str_of(of_url)))
		cause.len -= strlen(of_url);
	return lm_err_set(err, LM_E_NETWORK, "cannot fetch '%.*s': %.*s", LM_STR_ARG(url), LM_STR_ARG(cause));
}

int
lm_explain_failure(struct lm_str said, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	said = lm_str_trim(said);
	if (lm_str_starts(said, LM_STR("error: ")))
		said = (struct lm_str){ said.ptr + 7, said.len - 7 };
	if (said.len == 0)
		return lm_err_set(err, LM_E_CHILD, "the resolver failed without a word");
	lm_buf_str(&text, said);
	hide_logins(&text);
	name_platforms(&text);
	replace_all(&text, "lamina-layer depends on ", "this layer needs ");
	replace_all(&text, "lamina-layer", "this layer");
	const char *failed = strstr(text.ptr, "Failed to fetch: ");
	if (lm_cstr_starts(text.ptr, "No solution found"))
		return no_solution(lm_buf_view(&text), err);
	if (failed != nullptr)
		return no_network(text.ptr, failed, err);
	return lm_err_set(err, LM_E_CHILD, "%s", text.ptr);
}

bool
lm_explain_missing_wheel(const char *text, struct lm_str *name, struct lm_str *version)
{
	for (const char *at = strstr(text, " has no "); at != nullptr; at = strstr(at + 1, " has no ")) {
		const char *wheels = strstr(at, "wheels"), *start = at;
		if (wheels == nullptr || (size_t)(wheels - at) > strcspn(at, ",\n"))
			continue;
		while (start > text && strchr(" \n`", start[-1]) == nullptr)
			start--;
		const char *equals = strstr(start, "==");
		if (equals == nullptr || equals >= at || equals == start)
			continue;
		*name = (struct lm_str){ start, (size_t)(equals - start) };
		*version = (struct lm_str){ equals + 2, (size_t)(at - equals) - 2 };
		return true;
	}
	return false;
}
