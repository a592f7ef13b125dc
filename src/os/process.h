// Child processes. Each runs in its own process group and dies with us (PR_SET_PDEATHSIG, and the group is
// ended when lm_cancel is requested or the timeout passes: TERM, then after 5 s KILL).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct lm_process {
	const char *const *argv; // null-terminated; argv[0] is looked up in PATH when it has no '/'
	const char *const *env;  // null-terminated "NAME=VALUE" list, the whole environment; null: ours as it is
	const char *cwd;         // null: ours
	const char *input;       // written to its standard input; null: /dev/null
	uint64_t timeout_ms;     // 0: none
	uint64_t output_max;     // of stdout and stderr, each, in bytes; more ends it with LM_E_LIMIT; 0: 64 MiB
};

struct lm_process_result {
	int exit_code;      // 128 + signal when it was killed
	struct lm_buf out, err;
};

// Run to the end. Returns 0 whatever the exit code is; -1 when it could not be started (LM_E_NOT_FOUND: no
// such program; the message names it), was interrupted (LM_E_INTERRUPTED), timed out or wrote too much (LM_E_CHILD, LM_E_LIMIT).
[[nodiscard]] int lm_process_run(
	const struct lm_process *process, struct lm_process_result *result, struct lm_err *err);
void lm_process_result_release(struct lm_process_result *result);
// The path of a program as PATH has it, or null. Yours to lm_free.
char *lm_process_find(const char *program, const char *path_list);
