// Locks between processes: an flock on a file that says who holds it. The kernel frees it when we die.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/event.h"

struct lm_lock {
	int fd;
	bool held;
	bool waited; // another process had it first: what it guards may have changed
};

// Take the lock. When another process has it, say so once as a warning event ("waiting for process 123, which is
// building 'x'": the holder's text) and wait; lm_cancel ends the wait.
//   path  the lock file; made when missing, never removed
//   what  what we do while we hold it, for others to read
[[nodiscard]] int lm_lock_take(
	struct lm_lock *lock, const char *path, const char *what, const struct lm_sink *sink, struct lm_err *err);
// The same of a folder as such: it holds against processes that come to it by another name, or know nothing of our lock
// files. Nothing says who has it: "waiting for another process, which is working in '<folder>'". Where the file system has no
// locks for folders nothing is held, and that is no error.
[[nodiscard]] int lm_lock_take_folder(struct lm_lock *lock, const char *folder, const struct lm_sink *sink, struct lm_err *err);
void lm_lock_free(struct lm_lock *lock); // safe on a zeroed one; fits LM_AUTO
