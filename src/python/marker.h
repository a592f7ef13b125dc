// The tree of a parsed marker, for the parser and the evaluator.
#pragma once

#include "python/reader.h"
#include "python/specifier.h"

enum lm_variable {
	LM_VAR_LITERAL, // not a variable: a quoted string
	LM_VAR_OS_NAME,
	LM_VAR_SYS_PLATFORM,
	LM_VAR_PLATFORM_MACHINE,
	LM_VAR_PLATFORM_PYTHON_IMPLEMENTATION,
	LM_VAR_PLATFORM_RELEASE,
	LM_VAR_PLATFORM_SYSTEM,
	LM_VAR_PLATFORM_VERSION,
	LM_VAR_PYTHON_VERSION,
	LM_VAR_PYTHON_FULL_VERSION,
	LM_VAR_IMPLEMENTATION_NAME,
	LM_VAR_IMPLEMENTATION_VERSION,
	LM_VAR_EXTRA,
	LM_VAR_EXTRAS,
	LM_VAR_DEPENDENCY_GROUPS,
};

struct lm_operand {
	enum lm_variable variable;
	const char *text; // of a literal
	size_t at;        // where it was read
};

// What a marker has beyond the operators of specifiers.
enum lm_membership { LM_IN = LM_OPERATOR_ABOVE + 1, LM_NOT_IN };

struct lm_marker_item {
	const struct lm_marker *marker;
	bool after_or; // the word before it; else `and`, which binds closer
};

struct lm_marker {
	size_t count; // of items; 0: a comparison
	struct lm_marker_item *items;
	struct lm_operand left, right;
	int comparison; // enum lm_operator or enum lm_membership
};

// The current name of a variable.
const char *lm_variable_name(enum lm_variable variable);
