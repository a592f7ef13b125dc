#include "rows.h"

#include "os/cancel.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

// Each in a process of its own, since handlers and death are the process's.
static int
in_child(void (*body)(void))
{
	pid_t child = fork();
	if (child == 0) {
		for (size_t i = 0; i < LM_COUNT(numbers); i++) // whoever started us may ignore some, as nohup does
			(void)signal(numbers[i], SIG_DFL);
		body();
		_exit(0);
	}
	int status = -1;
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
require(bool condition, int code)
{
	if (!condition)
		_exit(code);
}

static void
first_signal_sets_the_flag(void)
{
	struct lm_err err = {};
	lm_cancel_install();
	require(!lm_cancel_requested() && lm_cancel_check(&err) == 0, 1);
	require(raise(SIGTERM) == 0, 2);
	require(lm_cancel_requested(), 3);
	require(lm_cancel_check(&err) == -1 && err.code == LM_E_INTERRUPTED && strcmp(err.text, "interrupted") == 0, 4);
	struct pollfd fd = { .fd = lm_cancel_fd(), .events = POLLIN };
	require(poll(&fd, 1, 0) == 1, 5);
	lm_cancel_reset();
	require(!lm_cancel_requested() && poll(&fd, 1, 0) == 0, 6);
}

static void
second_signal_ends_us(void)
{
	lm_cancel_install();
	(void)raise(SIGINT);
	(void)raise(SIGTERM);
	_exit(1);
}

static void
nohup_stays(void)
{
	(void)signal(SIGHUP, SIG_IGN);
	lm_cancel_install();
	(void)raise(SIGHUP);
	require(!lm_cancel_requested(), 1);
}

static void
hangup_counts(void)
{
	lm_cancel_install();
	(void)raise(SIGHUP);
	require(lm_cancel_requested(), 1);
}

// No SA_RESTART: a call that blocks ends with EINTR.
static void
blocking_calls_wake(void)
{
	lm_cancel_install();
	for (size_t i = 0; i < LM_COUNT(numbers); i++) {
		struct sigaction action;
		require(sigaction(numbers[i], nullptr, &action) == 0, 1);
		require(action.sa_handler != SIG_DFL && (action.sa_flags & SA_RESTART) == 0, 2);
	}
}

static void
signals(void **state)
{
	(void)state;
	assert_int_equal(in_child(first_signal_sets_the_flag), 0);
	int status = in_child(second_signal_ends_us);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(in_child(nohup_stays), 0);
	assert_int_equal(in_child(hangup_counts), 0);
	assert_int_equal(in_child(blocking_calls_wake), 0);
}

static void
requests(void **state)
{
	struct lm_err err = {};
	(void)state;
	assert_int_equal(lm_cancel_check(&err), 0);
	lm_cancel_request();
	lm_cancel_request();
	assert_int_equal(lm_cancel_check(&err), -1);
	lm_cancel_reset();
	assert_int_equal(lm_cancel_check(&err), 0);
}

static bool
is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	return poll(&poll_fd, 1, 0) == 1;
}

static void *
is_requested(void *found)
{
	*(bool *)found = lm_cancel_requested() || is_readable(lm_cancel_fd());
	return nullptr;
}

// Whether it is requested for a thread other than this one.
static bool
elsewhere(void)
{
	pthread_t thread;
	bool found = false;
	assert_int_equal(pthread_create(&thread, nullptr, is_requested, &found), 0);
	assert_int_equal(pthread_join(thread, nullptr), 0);
	return found;
}

static void
for_one_thread(void **state)
{
	struct lm_cancel_scope outer = {}, inner = {};
	struct lm_err err = {};
	(void)state;
	lm_cancel_enter(&outer);
	lm_cancel_enter(&inner);
	assert_false(lm_cancel_requested());
	assert_false(is_readable(lm_cancel_fd()));
	lm_cancel_scope_request(&inner);
	assert_int_equal(lm_cancel_check(&err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_true(is_readable(lm_cancel_fd()));
	assert_false(elsewhere());
	lm_cancel_scope_reset(&inner);
	assert_int_equal(lm_cancel_check(&err), 0);
	assert_false(is_readable(lm_cancel_fd()));
	lm_cancel_scope_request(&outer); // holds inside it too
	assert_true(lm_cancel_requested());
	assert_true(is_readable(lm_cancel_fd()));
	lm_cancel_leave(&inner);
	assert_true(lm_cancel_requested());
	assert_true(is_readable(lm_cancel_fd()));
	lm_cancel_scope_reset(&outer);
	lm_cancel_request(); // so does that of the process
	assert_true(lm_cancel_requested());
	assert_true(is_readable(lm_cancel_fd()));
	assert_true(elsewhere());
	lm_cancel_reset();
	assert_false(lm_cancel_requested());
	assert_false(is_readable(lm_cancel_fd()));
	lm_cancel_scope_request(&outer);
	lm_cancel_leave(&outer);
	assert_false(lm_cancel_requested());
	assert_false(is_readable(lm_cancel_fd()));
}

// Then nobody is woken, but who looks sees it.
static void
for_one_thread_without_descriptors(void)
{
	struct lm_cancel_scope scope = {};
	struct rlimit limit = {};
	(void)lm_cancel_fd();
	require(getrlimit(RLIMIT_NOFILE, &limit) == 0, 1);
	limit.rlim_cur = 0;
	require(setrlimit(RLIMIT_NOFILE, &limit) == 0, 1);
	lm_cancel_enter(&scope);
	require(!lm_cancel_requested(), 2);
	lm_cancel_scope_request(&scope);
	require(lm_cancel_requested() && lm_cancel_fd() >= 0, 3);
	lm_cancel_leave(&scope);
	require(!lm_cancel_requested(), 4);
}

static void
without_descriptors(void **state)
{
	(void)state;
	assert_int_equal(in_child(for_one_thread_without_descriptors), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals),
		cmocka_unit_test(requests),
		cmocka_unit_test(for_one_thread),
		cmocka_unit_test(without_descriptors),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
