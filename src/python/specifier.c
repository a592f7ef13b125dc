#include "python/specifier.h"

// By enum lm_operator; a longer one stands before its own beginning.
static const char *const operators[] = { "", "===", "==", "~=", "!=", "<=", ">=", "<", ">" };

enum lm_operator
lm_operator_scan(struct lm_scan *scan)
{
	for (size_t i = 1; i < LM_COUNT(operators); i++)
		if (lm_scan_word(scan, operators[i]))
			return (enum lm_operator)i;
	return LM_OPERATOR_NONE;
}

const char *lm_operator_text(enum lm_operator
	operator)
{
	return operators[operator];
}

static int
check_version(const struct lm_specifier *specifier, struct lm_err *err)
{
	enum lm_operator operator= specifier->operator;
	bool equality = operator== LM_OPERATOR_EQUAL || operator== LM_OPERATOR_NOT_EQUAL;
	const struct lm_version *version = &specifier->version;

	if (specifier->prefix && !equality)
		return lm_err_set(err, LM_E_SYNTAX, "'.*' can only be used with '==' and '!=', not with '%s'",
			lm_operator_text(operator));
	if (specifier->prefix && (version->pre != 0 || version->has_post || version->has_dev || version->local[0] != '\0'))
		return lm_err_set(
			err, LM_E_SYNTAX, "'.*' must follow a release number, not '%.*s'", LM_STR_ARG(specifier->text));
	if (version->local[0] != '\0' && !equality)
		return lm_err_set(err, LM_E_SYNTAX,
			"a local version ('+%s') can only be used with '==' and '!=', not with '%s'", version->local,
			lm_operator_text(operator));
	if (operator== LM_OPERATOR_COMPATIBLE && version->release_count<2)
		return lm_err_set(err, LM_E_SYNTAX, "'~=' needs a release of two numbers or more, not '%.*s'",
			LM_STR_ARG(specifier->text));
	return 0;
}

int
lm_specifier_parse(enum lm_operator operator, struct lm_str version, struct lm_specifier *out, struct lm_err *err)
{
	*out = (struct lm_specifier){ .operator= operator, .text = version };
	if (version.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "no version after '%s'", lm_operator_text(operator));
	if (operator== LM_OPERATOR_ARBITRARY)
		return 0;
	struct lm_str number = version;
	if (lm_str_ends(version, LM_STR(".*"))) {
		out->prefix = true;
		number.len -= 2;
	}
	if (!lm_version_parse(number, &out->version))
		return lm_err_set(err, LM_E_SYNTAX, "'%.*s' is not a version", LM_STR_ARG(version));
	return check_version(out, err);
}

static int
compare_public(const struct lm_version *a, const struct lm_version *b)
{
	struct lm_version public = *a;
	public.local[0] = '\0';
	return lm_version_compare(&public, b);
}

// Does the version begin with the first `count` release numbers of `base`?
static bool
has_prefix(const struct lm_version *version, const struct lm_version *base, size_t count)
{
	if (version->epoch != base->epoch)
		return false;
	for (size_t i = 0; i < count; i++)
		if ((i < version->release_count ? version->release[i] : 0) != base->release[i])
			return false;
	return true;
}

static bool
equal(const struct lm_specifier *specifier, const struct lm_version *version)
{
	const struct lm_version *base = &specifier->version;
	if (specifier->prefix)
		return has_prefix(version, base, base->release_count);
	if (base->local[0] != '\0')
		return lm_version_compare(version, base) == 0;
	return compare_public(version, base) == 0;
}

// "<2" leaves out the pre-releases of 2.
static bool
below(const struct lm_version *version, const struct lm_version *base)
{
	struct lm_version bound = *base;
	if (!lm_version_is_prerelease(base)) {
		bound.has_dev = true;
		bound.dev = 0;
	}
	return lm_version_compare(version, &bound) < 0;
}

// ">2" leaves out the post-releases and local versions of 2.
static bool
above(const struct lm_version *version, const struct lm_version *base)
{
	if (compare_public(version, base) <= 0)
		return false;
	if (base->has_dev || base->has_post)
		return true;
	struct lm_version plain = *version;
	plain.has_post = plain.has_dev = false;
	plain.post = plain.dev = 0;
	return compare_public(&plain, base) != 0;
}

static bool
arbitrary(const struct lm_specifier *specifier, const struct lm_version *version)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_version_format(version, &text);
	return lm_str_equal_nocase(lm_buf_view(&text), specifier->text);
}

bool
lm_specifier_match(const struct lm_specifier *specifier, const struct lm_version *version)
{
	const struct lm_version *base = &specifier->version;
	switch (specifier->operator) {
	case LM_OPERATOR_NONE:
		return false;
	case LM_OPERATOR_ARBITRARY:
		return arbitrary(specifier, version);
	case LM_OPERATOR_EQUAL:
		return equal(specifier, version);
	case LM_OPERATOR_NOT_EQUAL:
		return !equal(specifier, version);
	case LM_OPERATOR_COMPATIBLE:
		return lm_version_compare(version, base) >= 0 && has_prefix(version, base, base->release_count - 1);
	case LM_OPERATOR_AT_MOST:
		return compare_public(version, base) <= 0;
	case LM_OPERATOR_AT_LEAST:
		return compare_public(version, base) >= 0;
	case LM_OPERATOR_BELOW:
		return below(version, base);
	case LM_OPERATOR_ABOVE:
		return above(version, base);
	}
	return false;
}

static int
parse_clause(struct lm_str clause, struct lm_specifier *out, struct lm_err *err)
{
	struct lm_scan scan = { clause, 0 };
	enum lm_operator operator= lm_operator_scan(&scan);
	if (operator== LM_OPERATOR_NONE)
		return lm_err_set(err, LM_E_SYNTAX, "'%.*s' does not begin with a comparison such as '>='", LM_STR_ARG(clause));
	struct lm_str version = lm_str_trim(lm_scan_rest(&scan));
	for (size_t i = 0; i < version.len; i++)
		if ((unsigned char)version.ptr[i] <= ' ' || version.ptr[i] == ';' || version.ptr[i] == ')')
			return lm_err_set(err, LM_E_SYNTAX, "'%.*s' is not a version", LM_STR_ARG(version));
	return lm_specifier_parse(operator, version, out, err);
}

// The next clause: 1, 0 at the end, -1.
static int
next_clause(struct lm_str *rest, struct lm_specifier *out, struct lm_err *err)
{
	*rest = lm_str_trim(*rest);
	if (rest->len == 0)
		return 0;
	struct lm_str clause = lm_str_trim(lm_str_cut(rest, ','));
	if (clause.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "a comma without a specifier before it");
	return parse_clause(clause, out, err) < 0 ? -1 : 1;
}

int
lm_specifiers_check(struct lm_str specifiers, struct lm_err *err)
{
	struct lm_specifier clause;
	int more = 0;
	if (!lm_utf8_valid(specifiers) || lm_find_control(specifiers) < specifiers.len)
		return lm_err_set(err, LM_E_SYNTAX, "a specifier with a control character, or not valid UTF-8");
	while ((more = next_clause(&specifiers, &clause, err)) > 0)
		continue;
	return more;
}

bool
lm_specifiers_match(struct lm_str specifiers, const struct lm_version *version)
{
	struct lm_specifier clause;
	struct lm_err ignored;
	bool match = true;
	int more = 0;
	while ((more = next_clause(&specifiers, &clause, &ignored)) > 0)
		match = match && lm_specifier_match(&clause, version);
	return more == 0 && match;
}
