#include "os/process.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/kill_point.h"
#include "os/spawn.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LM_PIPE_CHUNK_BYTES = 64 * 1024,
	LM_DRAIN_CHUNKS = 64, // at once, more than a pipe holds: a child that never stops writing must not keep us there
	LM_CHILD_TICK_MS = 20, // how often we look where the kernel has no pidfd (before 5.3)
};

struct run {
	const struct lm_process *process;
	struct lm_process_result *result;
	struct lm_err *err; // set by the first reason to stop
	struct lm_child child;
	int pidfd;
	uint64_t output_max, deadline_ms, kill_ms; // 0: none
	bool stopping, exited;
	int status; // of waitpid
};

static uint64_t
or_default(uint64_t value, uint64_t otherwise)
{
	return value == 0 ? otherwise : value;
}

// Ask the group to end; run->err has the reason.
static void
stop(struct run *run)
{
	run->stopping = true;
	run->kill_ms = lm_clock_monotonic_ms() + or_default(run->process->grace_ms, LM_PROCESS_GRACE_MS);
	(void)kill(-run->child.guard, SIGTERM); // the guard itself has it blocked
}

static void
check_reasons(struct run *run)
{
	const char *program = run->process->argv[0];
	uint64_t now = lm_clock_monotonic_ms();

	if (run->stopping) {
		if (run->kill_ms != 0 && now >= run->kill_ms) {
			(void)kill(-run->child.guard, SIGKILL);
			run->kill_ms = 0;
		}
	} else if (lm_cancel_requested()) {
		(void)lm_cancel_check(run->err);
		stop(run);
	} else if (run->deadline_ms != 0 && now >= run->deadline_ms) {
		(void)lm_err_set(run->err, LM_E_CHILD, "program did not end within %" PRIu64 " ms: '%s'",
			run->process->timeout_ms, program);
		stop(run);
	}
}

// Take what there is. The descriptor becomes -1 at its end.
static void
drain(struct run *run, int *fd, struct lm_buf *to, const char *stream)
{
	char chunk[LM_PIPE_CHUNK_BYTES];

	for (unsigned i = 0; *fd >= 0 && i < LM_DRAIN_CHUNKS; i++) {
		ssize_t got = read(*fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			lm_fd_close(fd);
			return;
		}
		size_t room = run->output_max - to->len;
		lm_buf_append(to, chunk, (size_t)got < room ? (size_t)got : room);
		if ((size_t)got <= room || run->stopping)
			continue;
		(void)lm_err_set(run->err, LM_E_LIMIT, "program wrote more than %" PRIu64 " bytes to its %s: '%s'",
			run->output_max, stream, run->process->argv[0]);
		stop(run);
	}
}

static void
drain_both(struct run *run)
{
	drain(run, &run->child.out, &run->result->out, "standard output");
	drain(run, &run->child.err, &run->result->err, "standard error");
}

static int
wait_ms(const struct run *run)
{
	uint64_t until = run->stopping ? run->kill_ms : run->deadline_ms;
	uint64_t now = lm_clock_monotonic_ms();
	uint64_t wait = until == 0 ? INT_MAX : until <= now ? 0 : until - now;

	if (run->pidfd < 0 && wait > LM_CHILD_TICK_MS)
		wait = LM_CHILD_TICK_MS;
	if (wait >= INT_MAX)
		return until == 0 ? -1 : INT_MAX;
	return (int)wait;
}

static void
reap(struct run *run, int options)
{
	pid_t got;
	do
		got = waitpid(run->child.pid, &run->status, options);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return;
	run->exited = true;
	if (got < 0 && !run->stopping) { // somebody else waited for it, or SIGCHLD is ignored
		(void)lm_err_sys(run->err, errno, "cannot tell how '%s' ended", run->process->argv[0]);
		run->stopping = true;
	}
}

static void
pump(struct run *run)
{
	while (!run->exited) {
		struct pollfd fds[] = {
			{ .fd = run->child.out, .events = POLLIN },
			{ .fd = run->child.err, .events = POLLIN },
			{ .fd = run->pidfd, .events = POLLIN },
			{ .fd = run->stopping ? -1 : lm_cancel_fd(), .events = POLLIN },
		};
		(void)poll(fds, LM_COUNT(fds), wait_ms(run));
		drain_both(run);
		check_reasons(run);
		if (run->pidfd < 0 || fds[2].revents != 0)
			reap(run, WNOHANG);
	}
}

static int
exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int
lm_process_run(const struct lm_process *process, struct lm_process_result *result, struct lm_err *err)
{
	struct run run = {
		.process = process,
		.result = result,
		.err = err,
		.output_max = or_default(process->output_max, LM_PROCESS_OUTPUT_MAX),
	};

	*result = (struct lm_process_result){};
	if (lm_cancel_check(err) < 0)
		return -1;
	if (lm_child_start(process, &run.child, err) < 0)
		return -1;
	if (process->timeout_ms != 0)
		run.deadline_ms = lm_clock_monotonic_ms() + process->timeout_ms;
	run.pidfd = (int)syscall(SYS_pidfd_open, run.child.pid, 0);
	pump(&run);
	LM_KILL_POINT("child: ended");
	(void)kill(-run.child.guard, SIGKILL); // nobody writes any more, what is in the pipes is all
	drain_both(&run);
	lm_fd_close(&run.pidfd);
	lm_child_finish(&run.child);
	result->exit_code = exit_code(run.status);
	return run.stopping ? -1 : 0;
}

void
lm_process_result_release(struct lm_process_result *result)
{
	lm_buf_release(&result->out);
	lm_buf_release(&result->err);
}
