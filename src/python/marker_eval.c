#include "python/marker.h"

#include <string.h>

static const char *
value_of(const struct lm_operand *operand, const struct lm_marker_env *env)
{
	const char *const values[] = {
		[LM_VAR_LITERAL] = operand->text,
		[LM_VAR_OS_NAME] = env->os_name,
		[LM_VAR_SYS_PLATFORM] = env->sys_platform,
		[LM_VAR_PLATFORM_MACHINE] = env->platform_machine,
		[LM_VAR_PLATFORM_PYTHON_IMPLEMENTATION] = env->platform_python_implementation,
		[LM_VAR_PLATFORM_RELEASE] = env->platform_release,
		[LM_VAR_PLATFORM_SYSTEM] = env->platform_system,
		[LM_VAR_PLATFORM_VERSION] = env->platform_version,
		[LM_VAR_PYTHON_VERSION] = env->python_version,
		[LM_VAR_PYTHON_FULL_VERSION] = env->python_full_version,
		[LM_VAR_IMPLEMENTATION_NAME] = env->implementation_name,
		[LM_VAR_IMPLEMENTATION_VERSION] = env->implementation_version,
		[LM_VAR_EXTRA] = env->extra,
		[LM_VAR_DEPENDENCY_GROUPS] = nullptr,
	};
	const char *value = values[operand->variable];
	return value == nullptr ? "" : value;
}

static bool
compares_versions(enum lm_variable variable)
{
	return variable == LM_VAR_PYTHON_VERSION || variable == LM_VAR_PYTHON_FULL_VERSION ||
		variable == LM_VAR_IMPLEMENTATION_VERSION || variable == LM_VAR_PLATFORM_RELEASE;
}

// The right side taken as a specifier; false when it is none.
static bool
compare_versions(enum lm_operator operator, const char * left, const char *right, bool *result)
{
	struct lm_specifier specifier;
	struct lm_version version;
	struct lm_err ignored;
	if (lm_specifier_parse(operator, lm_str_trim(lm_str_of(right)), &specifier, &ignored) < 0)
		return false;
	*result = lm_version_parse(lm_str_of(left), &version) && lm_specifier_match(&specifier, &version);
	return true;
}

static bool
compare_strings(int comparison, const char *left, const char *right)
{
	switch (comparison) {
	case LM_IN:
		return strstr(right, left) != nullptr;
	case LM_NOT_IN:
		return strstr(right, left) == nullptr;
	case LM_OPERATOR_ARBITRARY:
		return lm_str_equal_nocase(lm_str_of(left), lm_str_trim(lm_str_of(right)));
	case LM_OPERATOR_EQUAL:
	case LM_OPERATOR_AT_MOST:
	case LM_OPERATOR_AT_LEAST:
		return strcmp(left, right) == 0;
	case LM_OPERATOR_NOT_EQUAL:
		return strcmp(left, right) != 0;
	default: // no order among strings
		return false;
	}
}

static bool
compare(const struct lm_marker *marker, const struct lm_marker_env *env)
{
	enum lm_variable variable = marker->left.variable != LM_VAR_LITERAL ? marker->left.variable : marker->right.variable;
	if (variable == LM_VAR_EXTRAS || variable == LM_VAR_DEPENDENCY_GROUPS)
		return marker->comparison == LM_NOT_IN;

	LM_AUTO(lm_buf_release) struct lm_buf extra = {}; // literals beside it are normalised already
	struct lm_marker_env normal = *env;
	if (variable == LM_VAR_EXTRA && env->extra != nullptr) {
		lm_name_normalize(lm_str_of(env->extra), &extra);
		normal.extra = lm_buf_cstr(&extra);
	}
	const char *left = value_of(&marker->left, &normal), *right = value_of(&marker->right, &normal);
	bool versions = compares_versions(variable) && marker->comparison <= LM_OPERATOR_ABOVE &&
		marker->comparison != LM_OPERATOR_ARBITRARY;
	bool result = false;
	if (versions && compare_versions((enum lm_operator)marker->comparison, left, right, &result))
		return result;
	return compare_strings(marker->comparison, left, right);
}

bool
lm_marker_eval(const struct lm_marker *marker, const struct lm_marker_env *env)
{
	if (marker->count == 0)
		return compare(marker, env);
	bool all = true; // of the group between two `or`
	for (size_t i = 0; i < marker->count; i++) {
		if (marker->items[i].after_or) {
			if (all)
				return true;
			all = true;
		}
		all = all && lm_marker_eval(marker->items[i].marker, env);
	}
	return all;
}

static void
format_operand(const struct lm_operand *operand, struct lm_buf *out)
{
	if (operand->variable != LM_VAR_LITERAL) {
		lm_buf_text(out, lm_variable_name(operand->variable));
		return;
	}
	char quote = strchr(operand->text, '"') == nullptr ? '"' : '\'';
	lm_buf_byte(out, quote);
	lm_buf_text(out, operand->text);
	lm_buf_byte(out, quote);
}

static const char *
comparison_text(int comparison)
{
	if (comparison == LM_IN)
		return "in";
	return comparison == LM_NOT_IN ? "not in" : lm_operator_text((enum lm_operator)comparison);
}

void
lm_marker_format(const struct lm_marker *marker, struct lm_buf *out)
{
	if (marker->count == 0) {
		format_operand(&marker->left, out);
		lm_buf_format(out, " %s ", comparison_text(marker->comparison));
		format_operand(&marker->right, out);
		return;
	}
	for (size_t i = 0; i < marker->count; i++) {
		const struct lm_marker *item = marker->items[i].marker;
		if (i > 0)
			lm_buf_text(out, marker->items[i].after_or ? " or " : " and ");
		if (item->count > 0)
			lm_buf_byte(out, '(');
		lm_marker_format(item, out);
		if (item->count > 0)
			lm_buf_byte(out, ')');
	}
}
