// Interruption: one flag for the whole process, set by the first SIGINT, SIGTERM or SIGHUP.
#pragma once

#include "base/base.h"
#include "base/err.h"

void lm_cancel_install(void);   // install the signal handlers (programs only); a second signal ends us at once
void lm_cancel_request(void);   // as a signal would
bool lm_cancel_requested(void);
// A descriptor that is readable while an interruption is requested, for poll(2). Never read from it or close it.
int lm_cancel_fd(void);
void lm_cancel_reset(void); // tests
// -1 with LM_E_INTERRUPTED when requested, else 0.
[[nodiscard]] int lm_cancel_check(struct lm_err *err);
