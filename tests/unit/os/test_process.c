#include "rows.h"

#include "base/mem.h"
#include "folder.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/pool.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const sh_env[] = { "PATH=/usr/bin:/bin", "LM_TEST=yes", nullptr };
static const char *const no_env[] = { nullptr };
static const char *const relative_env[] = { "PATH=bin::.", nullptr };

static int
run_sh(const char *script, struct lm_process process, struct lm_process_result *result, struct lm_err *err)
{
	const char *argv[] = { "sh", "-c", script, nullptr };
	process.argv = argv;
	if (process.env == nullptr)
		process.env = sh_env;
	return lm_process_run(&process, result, err);
}

static void
outcomes(void **state)
{
	static const struct {
		const char *row, *script;
		struct lm_process process;
		int exit_code;
		const char *out, *err;
	} rows[] = {
		{ "nothing", ":", {}, 0, "", "" },
		{ "both streams", "echo out; echo err >&2", {}, 0, "out\n", "err\n" },
		{ "exit code", "exit 7", {}, 7, "", "" },
		{ "killed", "kill -9 $$", {}, 137, "", "" },
		{ "input", "cat", { .input = "some text" }, 0, "some text", "" },
		{ "no input", "cat", {}, 0, "", "" },
		{ "folder", "pwd", { .cwd = "/" }, 0, "/\n", "" },
		{ "environment", "echo $LM_TEST:$HOME", {}, 0, "yes:\n", "" },
		{ "closed streams", "exec >&- 2>&-; exit 3", {}, 3, "", "" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
		struct lm_err err = {};
		row_int_equal(rows[i].row, run_sh(rows[i].script, rows[i].process, &result, &err), 0);
		row_int_equal(rows[i].row, result.exit_code, rows[i].exit_code);
		row_str_equal(rows[i].row, lm_buf_cstr(&result.out), rows[i].out);
		row_str_equal(rows[i].row, lm_buf_cstr(&result.err), rows[i].err);
	}
}

static void
cannot_start(void **state)
{
	const struct {
		const char *row, *program, *cwd;
		const char *const *env;
		enum lm_code code;
		const char *text;
	} rows[] = {
		{ "not in PATH", "lm-no-such-program", nullptr, sh_env, LM_E_NOT_FOUND,
			"no such program: 'lm-no-such-program'" },
		{ "not in our PATH", "lm-no-such-program", nullptr, nullptr, LM_E_NOT_FOUND,
			"no such program: 'lm-no-such-program'" },
		{ "no PATH", "sh", nullptr, no_env, LM_E_NOT_FOUND, "no such program: 'sh'" },
		{ "relative PATH", "sh", "/usr", relative_env, LM_E_NOT_FOUND, "no such program: 'sh'" },
		{ "no such path", "/nowhere/at/all", nullptr, sh_env, LM_E_NOT_FOUND,
			"cannot run '/nowhere/at/all': No such file or directory" },
		{ "not executable", "/etc/passwd", nullptr, sh_env, LM_E_IO, "cannot run '/etc/passwd': Permission denied" },
		{ "a folder", "/etc", nullptr, sh_env, LM_E_IO, "cannot run '/etc': Permission denied" },
		{ "no such folder", "sh", "/nowhere", sh_env, LM_E_NOT_FOUND,
			"cannot enter folder '/nowhere': No such file or directory" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
		struct lm_err err = {};
		const char *argv[] = { rows[i].program, nullptr };
		struct lm_process process = { .argv = argv, .cwd = rows[i].cwd, .env = rows[i].env };
		row_int_equal(rows[i].row, lm_process_run(&process, &result, &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_str_equal(rows[i].row, err.text, rows[i].text);
	}
}

static void
large_output(void **state)
{
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	struct lm_err err = {};
	(void)state;
	assert_int_equal(
		run_sh("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2", (struct lm_process){}, &result, &err), 0);
	assert_int_equal(result.out.len, 3000000);
	assert_int_equal(result.err.len, 2000000);
}

static void
too_much_output(void **state)
{
	static const struct {
		const char *row, *script, *text;
	} rows[] = {
		{ "stdout for ever", "exec yes", "program wrote more than 1000 bytes to its standard output: 'sh'" },
		{ "stderr for ever", "trap '' TERM; yes >&2",
			"program wrote more than 1000 bytes to its standard error: 'sh'" },
		{ "at its end", "head -c 1001 /dev/zero", "program wrote more than 1000 bytes to its standard output: 'sh'" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
		struct lm_err err = {};
		struct lm_process process = { .output_max = 1000, .grace_ms = 20 };
		row_int_equal(rows[i].row, run_sh(rows[i].script, process, &result, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_LIMIT);
		row_str_equal(rows[i].row, err.text, rows[i].text);
		row_true(rows[i].row, result.out.len <= 1000 && result.err.len <= 1000);
	}
}

// The number a script printed first.
static pid_t
printed_pid(const struct lm_process_result *result)
{
	return (pid_t)strtol(lm_buf_cstr(&result->out), nullptr, 10);
}

// Does it run, as the system tells? One that is dead may wait for somebody to ask how it ended.
static bool
runs(pid_t pid)
{
	char state = 'X';
	LM_AUTO(lm_free_ptr) char *path = lm_format("/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == nullptr)
		return false;
	bool known = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
	(void)fclose(file);
	return known && state != 'Z' && state != 'X';
}

// Wait until a process of somebody else has died; the limit is only for a broken program.
static bool
dies(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 && errno == ENOSYS) { // valgrind has none
		for (time_t end = time(nullptr) + 60; runs(pid) && time(nullptr) < end;)
			(void)sched_yield();
		return !runs(pid);
	}
	struct pollfd event = { .fd = fd, .events = POLLIN };
	bool dead = fd < 0 ? errno == ESRCH : poll(&event, 1, 60000) == 1;
	if (fd >= 0)
		(void)close(fd);
	return dead;
}

static void
timeout_kills_the_group(void **state)
{
	static const struct {
		const char *row, *script;
		int exit_code;
		uint64_t grace_ms; // where TERM is obeyed, more than a busy machine needs for that
	} rows[] = {
		{ "obeys TERM", "sleep 1000 & echo $!; wait", 143, 20000 },
		{ "ignores TERM", "trap '' TERM; sleep 1000 & echo $!; while :; do wait; done", 137, 50 },
		{ "grandchild alone ignores TERM", "(trap '' TERM; exec sleep 1000) & echo $!; wait", 143, 20000 },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
		struct lm_err err = {};
		struct lm_process process = { .timeout_ms = 1000, .grace_ms = rows[i].grace_ms };
		row_int_equal(rows[i].row, run_sh(rows[i].script, process, &result, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_CHILD);
		row_str_equal(rows[i].row, err.text, "program did not end within 1000 ms: 'sh'");
		row_int_equal(rows[i].row, result.exit_code, rows[i].exit_code);
		row_true(rows[i].row, printed_pid(&result) > 1 && dies(printed_pid(&result)));
	}
}

static void
leftovers_die_with_the_child(void **state)
{
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	struct lm_err err = {};
	(void)state;
	assert_int_equal(run_sh("sleep 1000 & echo $!", (struct lm_process){}, &result, &err), 0);
	assert_int_equal(result.exit_code, 0);
	assert_true(printed_pid(&result) > 1 && dies(printed_pid(&result)));
}

static void *
cancel_when_told(void *argument)
{
	char byte;
	int *fd = argument;
	if (read(*fd, &byte, 1) == 1)
		lm_cancel_request();
	return nullptr;
}

// The script tells through a FIFO that it runs; then the interruption comes.
static void
cancel_ends_it(void **state)
{
	struct folder folder = folder_make();
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {}, refused = {};
	struct lm_err err = {};
	pthread_t thread;
	(void)state;

	const char *fifo = folder_at(&folder, "fifo");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	int fd = open(fifo, O_RDWR | O_CLOEXEC); // both ends, so that neither open waits
	assert_true(fd >= 0);
	assert_int_equal(pthread_create(&thread, nullptr, cancel_when_told, &fd), 0);
	LM_AUTO(lm_free_ptr) char *script = lm_format("echo x >%s; sleep 1000 & echo $!; wait", fifo);
	assert_int_equal(run_sh(script, (struct lm_process){ .grace_ms = 2000 }, &result, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_string_equal(err.text, "interrupted");
	assert_int_equal(pthread_join(thread, nullptr), 0);
	// and nothing starts any more
	assert_int_equal(run_sh(":", (struct lm_process){}, &refused, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	lm_cancel_reset();
	(void)close(fd);
	folder_remove(&folder);
}

// kill -9 of ourselves: the guard ends the child and what the child started.
static void
nothing_survives_our_death(void **state)
{
	struct folder folder = folder_make();
	char text[64] = "";
	int child = 0, grandchild = 0;
	(void)state;

	const char *fifo = folder_at(&folder, "fifo");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	LM_AUTO(lm_free_ptr) char *script = lm_format("sleep 1000 & echo $$ $! >%s; wait", fifo);
	pid_t us = fork();
	assert_true(us >= 0);
	if (us == 0) {
		struct lm_process_result result = {};
		struct lm_err err = {};
		(void)run_sh(script, (struct lm_process){}, &result, &err);
		_exit(0);
	}
	FILE *pids = fopen(fifo, "re");
	assert_non_null(pids);
	assert_non_null(fgets(text, sizeof text, pids));
	(void)fclose(pids);
	char *end = nullptr;
	child = (int)strtol(text, &end, 10);
	grandchild = (int)strtol(end, nullptr, 10);
	assert_true(child > 1 && grandchild > 1);
	assert_int_equal(kill(grandchild, 0), 0);
	assert_int_equal(kill(us, SIGKILL), 0);
	assert_int_equal(waitpid(us, nullptr, 0), us);
	assert_true(dies(child));
	assert_true(dies(grandchild));
	folder_remove(&folder);
}

static size_t
open_descriptors(void)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	struct lm_err err = {};
	assert_int_equal(lm_dir_list("/proc/self/fd", &names, &err), 0);
	return names.count;
}

// Whatever else is open in us, with or without close-on-exec: a child gets its three streams.
static void
no_descriptor_is_passed_on_or_lost(void **state)
{
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {}, failed = {};
	struct lm_err err = {};
	(void)state;
	int kept = open("/dev/null", O_RDONLY); // NOLINT: inheritable on purpose
	(void)lm_cancel_fd();
	size_t before = open_descriptors();
	assert_int_equal(run_sh("ls /proc/$$/fd", (struct lm_process){ .input = "x" }, &result, &err), 0);
	assert_string_equal(lm_buf_cstr(&result.out), "0\n1\n2\n");
	const char *argv[] = { "/nowhere", nullptr };
	assert_int_equal(lm_process_run(&(struct lm_process){ .argv = argv }, &failed, &err), -1);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(close(kept), 0);
}

static int
run_one(void *context, size_t index, struct lm_err *err)
{
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	LM_AUTO(lm_free_ptr) char *script = lm_format("cat; echo %zu; exit %zu", index, index % 7);
	(void)context;
	if (run_sh(script, (struct lm_process){ .input = "in " }, &result, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *want = lm_format("in %zu\n", index);
	if (strcmp(lm_buf_cstr(&result.out), want) != 0 || result.exit_code != (int)(index % 7))
		return lm_err_set(err, LM_E_CHILD, "run %zu: '%s'", index, lm_buf_cstr(&result.out));
	return 0;
}

static void
many_at_once(void **state)
{
	struct lm_err err = {};
	(void)state;
	int rc = lm_pool_run(8, 60, run_one, nullptr, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
}

// As a daemon may have them: closed. Our pipes must not land on 0, 1 and 2 then.
static void
works_without_streams(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct lm_process_result result = {};
		struct lm_err err = {};
		(void)close(0), (void)close(1), (void)close(2);
		bool right = run_sh("cat; echo b >&2", (struct lm_process){ .input = "a" }, &result, &err) == 0 &&
			strcmp(lm_buf_cstr(&result.out), "a") == 0 && strcmp(lm_buf_cstr(&result.err), "b\n") == 0;
		lm_process_result_release(&result);
		_exit(right ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
find(void **state)
{
	(void)state;
	LM_AUTO(lm_free_ptr) char *sh = lm_process_find("sh", "/nowhere:bin::/bin");
	assert_string_equal(sh, "/bin/sh");
	LM_AUTO(lm_free_ptr) char *ours = lm_process_find("sh", nullptr);
	assert_non_null(ours);
	assert_null(lm_process_find("lm-no-such-program", nullptr));
	assert_null(lm_process_find("passwd", "/etc")); // a file, not a program
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(cannot_start),
		cmocka_unit_test(large_output),
		cmocka_unit_test(too_much_output),
		cmocka_unit_test(timeout_kills_the_group),
		cmocka_unit_test(leftovers_die_with_the_child),
		cmocka_unit_test(cancel_ends_it),
		cmocka_unit_test(nothing_survives_our_death),
		cmocka_unit_test(no_descriptor_is_passed_on_or_lost),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(works_without_streams),
		cmocka_unit_test(find),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
