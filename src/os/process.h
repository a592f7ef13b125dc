// Child processes. Each runs in its own process group, which is gone when lm_process_run returns: when
// lm_cancel is requested or the timeout passes it gets TERM, after a grace period KILL; what a finished child
// left running gets KILL. A guard process of the group sees to the same when we die, even by kill -9. Only what moved to
// another session on purpose (setsid) escapes.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct lm_process {
	const char *const *argv; // null-terminated; argv[0] without a "/" is looked up in the PATH of `env`, or ours
	const char *const *env;  // null-terminated "NAME=VALUE" list, the whole environment; null: ours as it is
	const char *cwd;         // null: ours
	const char *input;       // its standard input (an unnamed file, not a pipe); null: /dev/null
	uint64_t timeout_ms;     // 0: none
	uint64_t grace_ms;       // between TERM and KILL; 0: LM_PROCESS_GRACE_MS
	uint64_t output_max; // of stdout and stderr, each, in bytes; more ends it with LM_E_LIMIT; 0: LM_PROCESS_OUTPUT_MAX
};

enum {
	LM_PROCESS_GRACE_MS = 5000,
	LM_PROCESS_OUTPUT_MAX = 64 << 20,
};

struct lm_process_result {
	int exit_code; // 128 + signal when it was killed
	struct lm_buf out, err;
};

// Run to the end. `result` is set in every case, on failure with the output until then; release it.
// Returns 0 whatever the exit code is; -1 when it could not be started (LM_E_NOT_FOUND: no
// such program; the message names it), was interrupted (LM_E_INTERRUPTED), timed out or wrote too much (LM_E_CHILD, LM_E_LIMIT).
[[nodiscard]] int lm_process_run(const struct lm_process *process, struct lm_process_result *result, struct lm_err *err);
void lm_process_result_release(struct lm_process_result *result);
// The absolute path of a program as PATH has it, or null. Yours to lm_free.
//   path_list  "folder:folder"; null: our PATH. Empty and relative folders are passed over.
char *lm_process_find(const char *program, const char *path_list);
// Our own environment, as a null-terminated "NAME=VALUE" list, borrowed: what children inherit.
const char *const *lm_process_environment(void);
