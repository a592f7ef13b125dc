// PCRE2, loaded when a schema has a `pattern`. lm_pcre2_load comes first.
#pragma once

#include "base/base.h"
#include "base/err.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define LM_PCRE2_FUNCTIONS(X) \
	X(code_free) \
	X(compile) \
	X(get_error_message) \
	X(match) \
	X(match_context_create) \
	X(match_context_free) \
	X(match_data_create) \
	X(match_data_free) \
	X(set_heap_limit) \
	X(set_match_limit)

// Its functions for UTF-8, without "pcre2_" and "_8".
extern struct lm_pcre2 {
#define LM_MEMBER(name) typeof(pcre2_##name##_8) *name;
	LM_PCRE2_FUNCTIONS(LM_MEMBER)
#undef LM_MEMBER
} lm_pcre2;

// Load it, once; any thread may. LM_E_UNSUPPORTED when it is not installed.
[[nodiscard]] int lm_pcre2_load(struct lm_err *err);
