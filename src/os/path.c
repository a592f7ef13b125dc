#include "os/path.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
lm_path_join(const char *a, const char *b)
{
	if (a == nullptr || a[0] == '\0' || b[0] == '/')
		return lm_strdup(b);
	if (b[0] == '\0')
		return lm_strdup(a);
	return lm_format("%s%s%s", a, a[strlen(a) - 1] == '/' ? "" : "/", b);
}

char *
lm_path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == nullptr)
		return lm_strdup(".");
	while (slash > path && slash[-1] == '/')
		slash--;
	return slash == path ? lm_strdup("/") : lm_strndup(path, (size_t)(slash - path));
}

const char *
lm_path_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == nullptr ? path : slash + 1;
}

// Take the last component off again; false when there is none, or only ".." ones.
static bool
drop_last(struct lm_buf *out, size_t root_len)
{
	size_t at = out->len;
	while (at > root_len && out->ptr[at - 1] != '/')
		at--;
	if (at == out->len || lm_cstr_equal(out->ptr + at, ".."))
		return false;
	out->len = at > root_len ? at - 1 : root_len;
	out->ptr[out->len] = '\0';
	return true;
}

char *
lm_path_normal(const char *path)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	size_t root_len = path[0] == '/' ? 1 : 0;

	if (root_len == 1)
		lm_buf_byte(&out, '/');
	for (struct lm_str rest = lm_str_of(path); rest.len > 0;) {
		struct lm_str part = lm_str_cut(&rest, '/');
		if (part.len == 0 || lm_str_equal(part, LM_STR(".")))
			continue;
		if (lm_str_equal(part, LM_STR("..")) && (drop_last(&out, root_len) || root_len == 1))
			continue;
		if (out.len > root_len)
			lm_buf_byte(&out, '/');
		lm_buf_str(&out, part);
	}
	return lm_strdup(out.len == 0 ? "." : out.ptr);
}

char *
lm_path_absolute(const char *path)
{
	if (path[0] == '/')
		return lm_path_normal(path);
	LM_AUTO(lm_free_ptr) char *here = getcwd(nullptr, 0);
	LM_AUTO(lm_free_ptr) char *joined = lm_path_join(here, path);
	return lm_path_normal(joined);
}

char *
lm_path_relative(const char *from, const char *to)
{
	struct lm_str a = lm_str_of(lm_cstr_equal(from, ".") ? "" : from);
	struct lm_str b = lm_str_of(lm_cstr_equal(to, ".") ? "" : to);

	while (a.len > 0 && b.len > 0) {
		struct lm_str a_rest = a, b_rest = b;
		if (!lm_str_equal(lm_str_cut(&a_rest, '/'), lm_str_cut(&b_rest, '/')))
			break;
		a = a_rest;
		b = b_rest;
	}
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	while (a.len > 0) {
		(void)lm_str_cut(&a, '/');
		lm_buf_text(&out, out.len == 0 ? ".." : "/..");
	}
	if (b.len > 0 && out.len > 0)
		lm_buf_byte(&out, '/');
	lm_buf_str(&out, b);
	return lm_strdup(out.len == 0 ? "." : out.ptr);
}
