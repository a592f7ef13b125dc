// Interruption: a flag, and an eventfd that wakes whoever waits in poll; for the process, and for a thread.
#include "os/cancel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static atomic_bool requested;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int event_fd = -1;
static thread_local struct lm_cancel_scope *innermost;

static void
make_event(void)
{
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		abort(); // out of descriptors before anything began
}

int
lm_cancel_fd(void)
{
	(void)pthread_once(&once, make_event);
	return innermost != nullptr && innermost->fd >= 0 ? innermost->fd : event_fd;
}

// Async-signal-safe once the eventfd is there.
static void
raise_flag(void)
{
	uint64_t one = 1;
	atomic_store(&requested, true);
	(void)!write(event_fd, &one, sizeof one);
}

static void
on_signal(int number)
{
	int saved = errno;
	if (atomic_load(&requested)) {
		(void)signal(number, SIG_DFL);
		(void)raise(number); // delivered as soon as this handler returns
	} else {
		raise_flag();
	}
	errno = saved;
}

void
lm_cancel_install(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal }; // no SA_RESTART: what blocks shall wake

	(void)lm_cancel_fd();
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < LM_COUNT(numbers); i++) {
		struct sigaction old = {};
		// ignored from the start (nohup, background jobs of a shell) stays ignored
		if (sigaction(numbers[i], nullptr, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, nullptr);
	}
}

void
lm_cancel_request(void)
{
	(void)pthread_once(&once, make_event); // and nothing of a thread's own: this may be a signal handler
	raise_flag();
}

bool
lm_cancel_requested(void)
{
	bool found = atomic_load(&requested);
	for (struct lm_cancel_scope *scope = innermost; scope != nullptr && !found; scope = scope->outer)
		found = atomic_load(&scope->requested);
	return found;
}

void
lm_cancel_reset(void)
{
	uint64_t count;
	(void)pthread_once(&once, make_event);
	(void)!read(event_fd, &count, sizeof count);
	atomic_store(&requested, false);
}

int
lm_cancel_check(struct lm_err *err)
{
	if (!lm_cancel_requested())
		return 0;
	return lm_err_set(err, LM_E_INTERRUPTED, "interrupted");
}

// A descriptor that is readable when one of the two is, or -1.
static int
either(int a, int b)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = a < 0 || b < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
	if (fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, a, &event) == 0 && epoll_ctl(fd, EPOLL_CTL_ADD, b, &event) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

void
lm_cancel_enter(struct lm_cancel_scope *scope)
{
	atomic_init(&scope->requested, false);
	scope->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	scope->fd = either(scope->event_fd, lm_cancel_fd());
	scope->outer = innermost;
	innermost = scope;
}

struct lm_cancel_scope *
lm_cancel_innermost(void)
{
	return innermost;
}

void
lm_cancel_join(struct lm_cancel_scope *scope)
{
	innermost = scope;
}

void
lm_cancel_leave(struct lm_cancel_scope *scope)
{
	innermost = scope->outer;
	if (scope->fd >= 0)
		(void)close(scope->fd);
	if (scope->event_fd >= 0)
		(void)close(scope->event_fd);
}

void
lm_cancel_scope_request(struct lm_cancel_scope *scope)
{
	uint64_t one = 1;
	atomic_store(&scope->requested, true);
	(void)!write(scope->event_fd, &one, sizeof one);
}

void
lm_cancel_scope_reset(struct lm_cancel_scope *scope)
{
	uint64_t count;
	(void)!read(scope->event_fd, &count, sizeof count);
	atomic_store(&scope->requested, false);
}
