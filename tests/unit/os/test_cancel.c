#include "rows.h"

#include "os/cancel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// Each in a process of its own, since handlers and death are the process's.
static int
in_child(void (*body)(void))
{
	pid_t child = fork();
	if (child == 0) {
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

// No SA_RESTART: a blocking call ends with EINTR. The parent of the blocked one sends the signal when it sees it asleep.
static void
blocking_calls_wake(void)
{
	int ends[2];
	require(pipe(ends) == 0, 1);
	lm_cancel_install();
	pid_t us = getpid(), sender = fork();
	if (sender == 0) {
		for (;;) { // until the read has ended and we are killed
			(void)usleep(1000);
			char path[64], text[512] = "";
			(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)us);
			FILE *file = fopen(path, "re");
			size_t got = file == nullptr ? 0 : fread(text, 1, sizeof text - 1, file);
			if (file != nullptr)
				(void)fclose(file);
			const char *end = got == 0 ? nullptr : strrchr(text, ')');
			if (end != nullptr && end[2] == 'S')
				break;
		}
		(void)kill(us, SIGINT);
		_exit(0);
	}
	char byte;
	ssize_t got = read(ends[0], &byte, 1);
	require(got == -1 && errno == EINTR, 2);
	require(lm_cancel_requested(), 3);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals),
		cmocka_unit_test(requests),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
