// Regular expressions of JSON Schema (`pattern`): those of ECMA-262 with its flag `u`, as JSON Schema 2020-12, 6.4, has them, and a few
// that all dialects understand alike ('}', ']' and '{' as themselves, any escaped punctuation). What PCRE2, which matches them, would
// understand in another way is written as it understands it, or refused; so are back references.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct lm_pattern;
// LM_E_USAGE: no regular expression of that kind ("character 3: '\A' is no escape of ECMA-262"); LM_E_LIMIT: too large; LM_E_UNSUPPORTED:
// PCRE2 is not installed.
[[nodiscard]] int lm_pattern_new(struct lm_pattern **out, struct lm_str text, struct lm_err *err);
void lm_pattern_free(struct lm_pattern *pattern);
void lm_pattern_free_ptr(struct lm_pattern **pattern);
// Is it anywhere in a text (valid UTF-8)? 1 yes, 0 no, -1 with LM_E_LIMIT: that takes more steps than any sensible one.
[[nodiscard]] int lm_pattern_find(const struct lm_pattern *pattern, struct lm_str text, struct lm_err *err);

// What PCRE2 gets for a regular expression; for tests. Errors as lm_pattern_new.
[[nodiscard]] int lm_pattern_translate(struct lm_str text, struct lm_buf *out, struct lm_err *err);
