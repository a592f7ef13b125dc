// Interruption: one flag for the whole process, set by the first SIGINT, SIGTERM or SIGHUP.
#pragma once

#include "base/base.h"
#include "base/err.h"

#include <stdatomic.h>

void lm_cancel_install(void);   // install the signal handlers (programs only); a second signal ends us at once
void lm_cancel_request(void);   // as a signal would
bool lm_cancel_requested(void);
// A descriptor that is readable while an interruption is requested, for poll(2). Never read from it or close it.
int lm_cancel_fd(void);
void lm_cancel_reset(void); // tests
// -1 with LM_E_INTERRUPTED when requested, else 0.
[[nodiscard]] int lm_cancel_check(struct lm_err *err);

// What one thread does can be called off too: for that thread, between enter and leave, the three above answer as if the whole
// process were interrupted. Scopes nest. The threads of a pool (os/pool.h) are in those of its caller.
struct lm_cancel_scope {
	atomic_bool requested;
	int event_fd, fd; // readable when it is requested; when it or what is around it is. -1 for want of descriptors: what
			  // waits is then not woken, and notices at its next look
	struct lm_cancel_scope *outer;
};
void lm_cancel_enter(struct lm_cancel_scope *scope); // by the thread itself
void lm_cancel_leave(struct lm_cancel_scope *scope);
void lm_cancel_scope_request(struct lm_cancel_scope *scope); // by any thread, while it is entered
void lm_cancel_scope_reset(struct lm_cancel_scope *scope);
// For a thread that works for another, which waits for it: be in the scopes that the other is in.
struct lm_cancel_scope *lm_cancel_innermost(void); // by the other
void lm_cancel_join(struct lm_cancel_scope *innermost);
