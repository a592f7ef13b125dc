#include "os/spawn.h"

#include "base/mem.h"
#include "os/fd.h"
#include "os/kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LM_FD_CLOSE_MAX = 65536,        // closed one by one where the kernel has no close_range (before 5.9)
	LM_CLOSE_RANGE_CLOEXEC = 1 << 2 // CLOSE_RANGE_CLOEXEC of linux/close_range.h
};

enum stage { STAGE_SETUP, STAGE_CWD, STAGE_EXEC };

// How far the child came before exec, with errno; an empty report is a success.
struct report {
	enum stage stage;
	int sys;
};

// All that is needed after fork is made before it: other threads may hold the allocator's lock then.
struct plan {
	const struct lm_process *process;
	const char *program; // path for exec
	int input;
	int life[2], out[2], err[2], report[2];
	pid_t parent, guard;
};

static void
plan_release(struct plan *plan)
{
	int *pipes[] = { plan->life, plan->out, plan->err, plan->report };
	lm_fd_close(&plan->input);
	for (size_t i = 0; i < LM_COUNT(pipes); i++) {
		lm_fd_close(&pipes[i][0]);
		lm_fd_close(&pipes[i][1]);
	}
}

static void
close_from(unsigned first)
{
	if (syscall(SYS_close_range, first, UINT_MAX, 0) == 0)
		return;
	for (int fd = (int)first; fd < LM_FD_CLOSE_MAX; fd++)
		(void)close(fd);
}

[[noreturn]] static void
run_guard(const struct plan *plan)
{
	char byte;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_NAME, "lamina-guard");
	(void)dup2(plan->life[0], 0);
	close_from(1); // also the writing end, and whatever else we would keep open for others
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		continue;
	(void)kill(0, SIGKILL);
	_exit(0);
}

// Handlers of ours must not run in the child; what is ignored stays so, except SIGPIPE.
static void
reset_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;
		if (sigaction(number, nullptr, &action) < 0 || action.sa_handler == SIG_DFL)
			continue;
		if (action.sa_handler != SIG_IGN || number == SIGPIPE)
			(void)signal(number, SIG_DFL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] static void
give_up(const struct plan *plan, enum stage stage)
{
	struct report report = { stage, errno };
	(void)!write(plan->report[1], &report, sizeof report);
	_exit(127);
}

[[noreturn]] static void
run_child(const struct plan *plan)
{
	const struct lm_process *process = plan->process;

	if (setpgid(0, plan->guard) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(plan, STAGE_SETUP);
	if (getppid() != plan->parent) // died before we asked to be told
		_exit(127);
	if (process->cwd != nullptr && chdir(process->cwd) < 0)
		give_up(plan, STAGE_CWD);
	if (dup2(plan->input, 0) < 0 || dup2(plan->out[1], 1) < 0 || dup2(plan->err[1], 2) < 0)
		give_up(plan, STAGE_SETUP);
	(void)syscall(SYS_close_range, 3U, UINT_MAX, LM_CLOSE_RANGE_CLOEXEC); // what libraries opened without it
	reset_signals();
	(void)execve(plan->program, (char *const *)(uintptr_t)process->argv,
		process->env == nullptr ? environ : (char *const *)(uintptr_t)process->env);
	give_up(plan, STAGE_EXEC);
}

static int
fork_both(struct plan *plan, struct lm_child *child)
{
	child->guard = fork();
	if (child->guard == 0)
		run_guard(plan);
	if (child->guard < 0)
		return errno;
	(void)setpgid(child->guard, child->guard); // whoever of the two comes first
	LM_KILL_POINT("child: guard started");
	plan->guard = child->guard;
	child->pid = fork();
	if (child->pid == 0)
		run_child(plan);
	LM_KILL_POINT("child: started");
	return child->pid < 0 ? errno : 0;
}

// Standard input with the given text: a file without a name, so that nobody has to feed a pipe.
static int
open_input(const char *text)
{
	if (text == nullptr)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("lamina-input", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	int sys = lm_fd_write_all(fd, text, strlen(text));
	if (sys == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	(void)close(fd);
	errno = sys;
	return -1;
}

// Descriptors 0 to 2 may be closed in us; the child's dup2 would then overwrite what it still needs.
static int
move_up(int *fd)
{
	if (*fd < 0 || *fd > 2)
		return *fd;
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	(void)close(*fd);
	*fd = moved;
	return moved;
}

static int
make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	return move_up(&ends[0]) < 0 || move_up(&ends[1]) < 0 ? -1 : 0;
}

static int
make_plan(struct plan *plan)
{
	plan->input = open_input(plan->process->input);
	if (move_up(&plan->input) < 0 || make_pipe(plan->life) < 0 || make_pipe(plan->out) < 0 || make_pipe(plan->err) < 0 ||
		make_pipe(plan->report) < 0)
		return errno;
	if (fcntl(plan->out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(plan->err[0], F_SETFL, O_NONBLOCK) < 0)
		return errno;
	return 0;
}

static char *
find_program(const struct lm_process *process)
{
	const char *path_list = nullptr;

	if (strchr(process->argv[0], '/') != nullptr)
		return lm_strdup(process->argv[0]);
	for (const char *const *at = process->env; at != nullptr && *at != nullptr; at++)
		if (lm_cstr_starts(*at, "PATH="))
			path_list = *at + 5;
	if (process->env != nullptr && path_list == nullptr)
		return nullptr;
	return lm_process_find(process->argv[0], path_list);
}

// Wait until the child has run exec, or said why not.
static int
read_report(struct plan *plan, struct lm_err *err)
{
	const struct lm_process *process = plan->process;
	struct report report;
	ssize_t got;

	lm_fd_close(&plan->report[1]);
	do
		got = read(plan->report[0], &report, sizeof report);
	while (got < 0 && errno == EINTR);
	if (got != sizeof report)
		return 0;
	if (report.stage == STAGE_CWD)
		return lm_fd_fail(err, report.sys, "enter folder", process->cwd);
	return lm_fd_fail(err, report.sys, "run", process->argv[0]);
}

int
lm_child_start(const struct lm_process *process, struct lm_child *child, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *program = find_program(process);
	if (program == nullptr)
		return lm_err_set(err, LM_E_NOT_FOUND, "no such program: '%s'", process->argv[0]);
	LM_AUTO(plan_release)
	struct plan plan = {
		.process = process,
		.program = program,
		.input = -1,
		.life = { -1, -1 },
		.out = { -1, -1 },
		.err = { -1, -1 },
		.report = { -1, -1 },
		.parent = getpid(),
	};
	*child = (struct lm_child){ .guard = -1, .pid = -1, .life = -1, .out = -1, .err = -1 };
	int sys = make_plan(&plan);
	if (sys != 0)
		return lm_err_sys(err, sys, "cannot run '%s'", process->argv[0]);

	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); // our handlers must not run between fork and exec
	sys = fork_both(&plan, child);
	(void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
	child->life = plan.life[1];
	plan.life[1] = -1;
	int rc = sys == 0 ? read_report(&plan, err) : lm_err_sys(err, sys, "cannot run '%s'", process->argv[0]);
	if (rc < 0) {
		while (child->pid > 0 && waitpid(child->pid, nullptr, 0) < 0 && errno == EINTR)
			continue;
		lm_child_finish(child);
		return -1;
	}
	child->out = plan.out[0];
	child->err = plan.err[0];
	plan.out[0] = plan.err[0] = -1;
	return 0;
}

void
lm_child_finish(struct lm_child *child)
{
	if (child->guard > 0) {
		(void)kill(-child->guard, SIGKILL);
		(void)kill(child->guard, SIGKILL); // should it not lead a group yet
		while (waitpid(child->guard, nullptr, 0) < 0 && errno == EINTR)
			continue;
	}
	lm_fd_close(&child->life);
	lm_fd_close(&child->out);
	lm_fd_close(&child->err);
}
