// Requirements and environment markers: PEP 508 (packaging.python.org/.../dependency-specifiers).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

// Longer texts are refused with LM_E_LIMIT, deeper parentheses in a marker with LM_E_SYNTAX.
enum { LM_REQUIREMENT_MAX_BYTES = 64 * 1024, LM_MARKER_MAX_DEPTH = 64 };

// "Foo.Bar_baz" -> "foo-bar-baz" (PEP 503). Appended.
void lm_name_normalize(struct lm_str name, struct lm_buf *out);
// Letters, digits, '.', '-' and '_', beginning and ending with a letter or digit (ASCII).
bool lm_name_valid(struct lm_str name);

struct lm_requirement {
	char *name;       // normalised
	char *extras;     // "a,b" sorted, normalised; null when none
	char *specifiers; // ">=1,<2" in the order written, without spaces; "" when none
	char *url;        // of "name @ url"; null when none
	struct lm_marker *marker; // null when none; owned by the arena
	char *marker_text;        // in canonical form; null when none
};

// Parse; all strings in `arena`. LM_E_SYNTAX: "column N: " (1-based, in characters) and what is wrong there.
[[nodiscard]] int lm_requirement_parse(
	struct lm_str text, struct lm_arena *arena, struct lm_requirement *out, struct lm_err *err);
// "name[a,b]>=1,<2; marker" or "name[a,b] @ url ; marker". Appended.
void lm_requirement_format(const struct lm_requirement *requirement, struct lm_buf *out);

// The values markers compare with.
struct lm_marker_env {
	const char *os_name, *sys_platform, *platform_machine, *platform_python_implementation, *platform_release,
		*platform_system, *platform_version, *python_version, *python_full_version, *implementation_name,
		*implementation_version;
	const char *extra; // null: no extra, compares as ""
};

// A marker compares a variable with a quoted string, in either order; comparing two variables or two strings is
// refused. Strings hold no backslash and no control character. `extras` and `dependency_groups` (of lock files) stand
// on the right of `in` and `not in` only. Errors as lm_requirement_parse.
[[nodiscard]] int lm_marker_parse(struct lm_str text, struct lm_arena *arena, struct lm_marker **out, struct lm_err *err);
// Never fails: a comparison that makes no sense as versions is one of strings, as in `packaging`: then '<' and '>' are
// false, '<=' and '>=' mean equal, '~=' is false, '===' ignores case. No extras and no dependency groups are chosen.
bool lm_marker_eval(const struct lm_marker *marker, const struct lm_marker_env *env);
// Canonical text: single blanks, double quotes, current names of variables, no parentheses around the whole.
void lm_marker_format(const struct lm_marker *marker, struct lm_buf *out);
