// Errors: a value on the caller's stack that never allocates. `struct lm_err *err` comes last in a
// call; 0 is done, -1 failure with err set, 1 "one more" from an iterator. Set once, where the fault
// is seen; a caller that knows something new puts it in front with lm_err_wrap.
#pragma once

#include "base/base.h"

enum lm_code {
	LM_OK = 0,
	LM_E_IO,          // the operating system refused; `sys` has errno
	LM_E_LIMIT,       // larger than a named limit
	LM_E_SYNTAX,      // bytes from outside that do not follow their format (wheel, archive, JSON, ...)
	LM_E_SPEC,        // the stack spec or a lock file is invalid
	LM_E_USAGE,       // the caller asked for something that makes no sense
	LM_E_INTEGRITY,   // bytes differ from their recorded digest
	LM_E_NOT_FOUND,   // something named does not exist
	LM_E_CONFLICT,    // two things that exclude each other
	LM_E_NETWORK,     // a transfer failed for good
	LM_E_CHILD,       // a child process failed
	LM_E_UNSUPPORTED, // understood, but not possible here
	LM_E_DIFFERENT,   // output differs from the expected output
	LM_E_INTERRUPTED, // a signal asked us to stop
};

enum { LM_ERR_TEXT_MAX = 4096 };

struct lm_err {
	enum lm_code code;
	int sys; // errno, 0 where none
	char text[LM_ERR_TEXT_MAX];
};

// All return -1, so that `return lm_err_set(...)` reads well. A message names the fault, then the
// subject in single quotes, lower case, no full stop: `cannot open 'a.toml': Permission denied`.
// Text that does not fit is cut at a UTF-8 boundary and ends in "...".
int lm_err_set(struct lm_err *err, enum lm_code code, const char *format, ...) LM_PRINTF(3, 4);
// LM_E_IO with errno `sys`; ": <what the system says>" is added.
int lm_err_sys(struct lm_err *err, int sys, const char *format, ...) LM_PRINTF(3, 4);
// Put "<formatted>: " in front of the text there is; code and sys stay.
int lm_err_wrap(struct lm_err *err, const char *format, ...) LM_PRINTF(2, 3);
// Put text behind what there is.
void lm_err_append(struct lm_err *err, const char *format, ...) LM_PRINTF(2, 3);
void lm_err_clear(struct lm_err *err);
