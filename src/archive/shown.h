// Names from archives, made fit for a message: they may hold anything.
#pragma once

#include "base/base.h"
#include "base/str.h"

enum { LM_SHOWN_MAX = 512 };

struct lm_shown {
	char text[LM_SHOWN_MAX];
};

// Control bytes, quotes, backslashes and bytes that are not UTF-8 become \xNN; a long name is cut and ends in "...".
// Use: lm_err_set(err, LM_E_SYNTAX, "unsafe name '%s'", lm_shown(name).text)
struct lm_shown lm_shown(struct lm_str name);
// The whole of it, appended: control bytes, backslashes and bytes that are not UTF-8 become \xNN.
void lm_shown_text(struct lm_str name, struct lm_buf *out);
