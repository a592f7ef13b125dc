// Requirements and environment markers: PEP 508 (packaging.python.org/.../dependency-specifiers).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

// "Foo.Bar_baz" -> "foo-bar-baz" (PEP 503). Appended.
void lm_name_normalize(struct lm_str name, struct lm_buf *out);

struct lm_requirement {
	char *name;       // normalised
	char *extras;     // "a,b" sorted, normalised; null when none
	char *specifiers; // ">=1,<2" as written without spaces; "" when none
	char *url;        // of "name @ url"; null when none
	struct lm_marker *marker; // null when none; owned by the arena
	char *marker_text;        // null when none
};

// Parse; all strings in `arena`. LM_E_SYNTAX: what is wrong and at which column (1-based) of the text.
[[nodiscard]] int lm_requirement_parse(
	struct lm_str text, struct lm_arena *arena, struct lm_requirement *out, struct lm_err *err);

// The values markers compare with.
struct lm_marker_env {
	const char *os_name, *sys_platform, *platform_machine, *platform_python_implementation, *platform_release,
		*platform_system, *platform_version, *python_version, *python_full_version, *implementation_name,
		*implementation_version;
	const char *extra; // null: no extra
};

[[nodiscard]] int lm_marker_parse(
	struct lm_str text, struct lm_arena *arena, struct lm_marker **out, struct lm_err *err);
// Never fails: a comparison that makes no sense as versions is one of strings, as in `packaging`.
bool lm_marker_eval(const struct lm_marker *marker, const struct lm_marker_env *env);
void lm_marker_format(const struct lm_marker *marker, struct lm_buf *out); // canonical text
