// Starting a child process with its guard, for process.c and child_stream.c only.
#pragma once

#include "os/process.h"

#include <sys/types.h>

// The guard leads the process group and holds the reading end of a pipe whose writing end only we have: when
// that pipe closes we are dead, and the guard kills the group, itself included. As long as we have not waited for it, no
// other group can get its number.
struct lm_child {
	pid_t guard, pid;
	int life;     // our writing end; closing it ends the group
	int out, err; // reading ends, not blocking
};

[[nodiscard]] int lm_child_start(const struct lm_process *process, struct lm_child *child, struct lm_err *err);
// Kill what is left of the group and wait for the guard. The child itself must have been waited for.
void lm_child_finish(struct lm_child *child);
