// What the resolver says when it fails, in the words of a stack.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Set an error from the resolver's standard error output: LM_E_CONFLICT with its explanation when there is no solution,
// LM_E_NETWORK with one sentence when an index cannot be reached, LM_E_CHILD with what it said else. Names of platforms
// stand for the markers that the resolver was given for them, and neither the generated project nor a user name or password
// of a URL is in the text. Returns -1.
int lm_explain_failure(struct lm_str said, struct lm_err *err);
// From the explanation of a failed resolution for one platform alone: the package that has no wheel for it. False when that
// is not the reason. The parts point into `text`.
bool lm_explain_missing_wheel(const char *text, struct lm_str *name, struct lm_str *version);
