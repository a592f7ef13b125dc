// Interruption: a flag, and an eventfd that wakes whoever waits in poll.
#include "os/cancel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static atomic_bool requested;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int event_fd = -1;

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
	return event_fd;
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
	(void)lm_cancel_fd();
	raise_flag();
}

bool
lm_cancel_requested(void)
{
	return atomic_load(&requested);
}

void
lm_cancel_reset(void)
{
	uint64_t count;
	(void)!read(lm_cancel_fd(), &count, sizeof count);
	atomic_store(&requested, false);
}

int
lm_cancel_check(struct lm_err *err)
{
	if (!lm_cancel_requested())
		return 0;
	return lm_err_set(err, LM_E_INTERRUPTED, "interrupted");
}
