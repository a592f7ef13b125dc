// Parallel work. One door for parallelism: whatever the number of threads, results are the same.
#pragma once

#include "base/base.h"
#include "base/err.h"

// Processors this process may use (affinity and cgroup quota), at least 1.
unsigned lm_cpu_count(void);

// The processors a cgroup v2 quota allows, rounded up; 0: no quota. The quotas of parent groups count too.
//   root    where cgroups are mounted ("/sys/fs/cgroup")
//   groups  the text of /proc/self/cgroup
unsigned lm_cpu_quota(const char *root, const char *groups);

// Run task(context, i) for i in 0..count-1 on up to `jobs` threads (the caller is one of them). Tasks are
// claimed in order of i. After a failure no further task is claimed; the error reported is that of the lowest i that
// failed. lm_cancel makes it stop with LM_E_INTERRUPTED.
typedef int lm_pool_task(void *context, size_t index, struct lm_err *err);
[[nodiscard]] int lm_pool_run(unsigned jobs, size_t count, lm_pool_task *task, void *context, struct lm_err *err);

// The same for tasks that need others, as libraries need those below them. A task is claimed when all it needs have succeeded,
// the lowest index first. After a failure only tasks of lower indexes are claimed, and those of higher ones that run are
// called off (os/cancel.h): the outcome and the error are those of `jobs` = 1, where the failure is the first in order.
//   needs  of each task; null: of none, and then nothing that runs is called off
struct lm_pool_needs {
	const size_t *items; // indexes lower than its own
	size_t count;
};
[[nodiscard]] int lm_pool_run_ordered(
	unsigned jobs, size_t count, const struct lm_pool_needs *needs, lm_pool_task *task, void *context, struct lm_err *err);
