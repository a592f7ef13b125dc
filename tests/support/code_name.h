// The name of an error code, as tests written in Python compare it.
#pragma once

#include "base/err.h"

static inline const char *
code_name(enum lm_code code)
{
	static const char *const names[] = {
		[LM_OK] = "ok",
		[LM_E_IO] = "io",
		[LM_E_LIMIT] = "limit",
		[LM_E_SYNTAX] = "syntax",
		[LM_E_SPEC] = "spec",
		[LM_E_USAGE] = "usage",
		[LM_E_INTEGRITY] = "integrity",
		[LM_E_NOT_FOUND] = "not-found",
		[LM_E_CONFLICT] = "conflict",
		[LM_E_NETWORK] = "network",
		[LM_E_CHILD] = "child",
		[LM_E_UNSUPPORTED] = "unsupported",
		[LM_E_DIFFERENT] = "different",
		[LM_E_INTERRUPTED] = "interrupted",
	};
	return names[code];
}
