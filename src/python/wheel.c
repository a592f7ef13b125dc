#include "python/wheel.h"

#include "python/scan.h"
#include "python/version.h"

#include <string.h>

enum { MAX_PARTS = 6 };

static int
fail(struct lm_str file_name, struct lm_err *err, const char *reason)
{
	return lm_err_set(err, LM_E_SYNTAX, "wheel file name '%.*s': %s", LM_STR_ARG(file_name), reason);
}

static bool
is_safe(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!lm_is_alnum(text.ptr[i]) && memchr("-_.+!", text.ptr[i], 5) == nullptr)
			return false;
	return true;
}

// Tags joined by dots: each of letters, digits and '_'.
static bool
is_tag_set(struct lm_str set)
{
	for (size_t i = 0; i < set.len; i++) {
		bool dot = set.ptr[i] == '.';
		if (dot && (i == 0 || i + 1 == set.len || set.ptr[i - 1] == '.'))
			return false;
		if (!dot && !lm_is_alnum(set.ptr[i]) && set.ptr[i] != '_')
			return false;
	}
	return set.len > 0;
}

static bool
is_python_set(struct lm_str set)
{
	if (!is_tag_set(set))
		return false;
	for (size_t i = 0; i < set.len; i++)
		if ((i == 0 || set.ptr[i - 1] == '.') && lm_is_digit(set.ptr[i]))
			return false;
	return true;
}

// Cut at the dashes; more parts than fit give MAX_PARTS + 1.
static size_t
split(struct lm_str stem, struct lm_str parts[MAX_PARTS])
{
	size_t count = 0;
	while (lm_str_find(stem, '-') < stem.len && count < MAX_PARTS)
		parts[count++] = lm_str_cut(&stem, '-');
	if (count < MAX_PARTS)
		parts[count] = stem;
	return count + 1;
}

static void
copy_lower(char out[256], struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++)
		out[i] = lm_lower(text.ptr[i]);
	out[text.len] = '\0';
}

static const char *
check_parts(const struct lm_str parts[MAX_PARTS], bool has_build, const struct lm_str tags[3])
{
	struct lm_version version;
	for (size_t i = 0; i + 1 < parts[0].len; i++)
		if (parts[0].ptr[i] == '_' && parts[0].ptr[i + 1] == '_')
			return "the package name holds '__'";
	if (!lm_name_valid(parts[0]))
		return "the package name is not valid";
	if (!lm_version_parse(parts[1], &version))
		return "the version is not valid";
	if (has_build && (parts[2].len == 0 || !lm_is_digit(parts[2].ptr[0])))
		return "the build number does not begin with a digit";
	if (!is_python_set(tags[0]) || !is_tag_set(tags[1]) || !is_tag_set(tags[2]))
		return "the compatibility tags are not valid";
	return nullptr;
}

int
lm_wheel_name_parse(struct lm_str file_name, struct lm_wheel_name *out, struct lm_err *err)
{
	if (file_name.len > LM_WHEEL_NAME_MAX_BYTES)
		return lm_err_set(err, LM_E_SYNTAX, "wheel file name longer than %d bytes", LM_WHEEL_NAME_MAX_BYTES);
	if (!is_safe(file_name))
		return lm_err_set(err, LM_E_SYNTAX, "wheel file name with a character besides letters, digits and '-_.+!'");
	struct lm_str suffix = LM_STR(".whl");
	if (!lm_str_ends(file_name, suffix))
		return fail(file_name, err, "it does not end in '.whl'");

	struct lm_str parts[MAX_PARTS] = {};
	size_t count = split((struct lm_str){ file_name.ptr, file_name.len - suffix.len }, parts);
	if (count != 5 && count != 6)
		return fail(file_name, err, "expected NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl");
	const char *reason = check_parts(parts, count == 6, parts + count - 3);
	if (reason != nullptr)
		return fail(file_name, err, reason);

	*out = (struct lm_wheel_name){};
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	lm_name_normalize(parts[0], &name);
	memcpy(out->name, name.ptr, name.len);
	memcpy(out->version, parts[1].ptr, parts[1].len);
	if (count == 6)
		memcpy(out->build, parts[2].ptr, parts[2].len);
	copy_lower(out->python, parts[count - 3]);
	copy_lower(out->abi, parts[count - 2]);
	copy_lower(out->platform, parts[count - 1]);
	return 0;
}

// The leading digits as a number of any length: without leading zeros, a longer one is larger.
static struct lm_str
build_number(const char *build, const char **rest)
{
	while (*build == '0')
		build++;
	size_t len = 0;
	while (lm_is_digit(build[len]))
		len++;
	*rest = build + len;
	return (struct lm_str){ build, len };
}

int
lm_wheel_compare_build(const struct lm_wheel_name *a, const struct lm_wheel_name *b)
{
	if ((a->build[0] == '\0') != (b->build[0] == '\0'))
		return a->build[0] == '\0' ? 1 : -1;
	const char *a_rest = nullptr, *b_rest = nullptr;
	struct lm_str x = build_number(a->build, &a_rest), y = build_number(b->build, &b_rest);
	if (x.len != y.len)
		return x.len > y.len ? -1 : 1;
	int order = lm_str_compare(y, x);
	return order != 0 ? order : strcmp(b_rest, a_rest);
}
