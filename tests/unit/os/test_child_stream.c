#include "rows.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/child_stream.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct lm_child_stream *
start(const char *script)
{
	struct lm_child_stream *stream = nullptr;
	struct lm_err err = {};
	const char *argv[] = { "/bin/sh", "-c", script, nullptr };
	struct lm_process process = { .argv = argv };
	if (lm_child_stream_open(&stream, &process, &err) < 0)
		fail_msg("%s", err.text);
	return stream;
}

static void
read_all(struct lm_child_stream *stream, struct lm_buf *out)
{
	struct lm_err err = {};
	char chunk[1000];
	size_t got = 0;
	int rc;
	while ((rc = lm_child_stream_read(stream, chunk, sizeof chunk, &got, &err)) == 1)
		lm_buf_append(out, chunk, got);
	assert_int_equal(rc, 0);
}

static void
whole_output(void **state)
{
	(void)state;
	LM_AUTO(lm_child_stream_close_ptr) struct lm_child_stream *stream = start("echo one; echo said >&2; echo two; exit 5");
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	struct lm_err err = {};
	int code = 0;
	read_all(stream, &out);
	assert_string_equal(out.ptr, "one\ntwo\n");
	assert_int_equal(lm_child_stream_wait(stream, &code, &err), 0);
	assert_int_equal(code, 5);
	assert_string_equal(lm_child_stream_errors(stream), "said\n");
}

// It waits when nobody reads: what it says when it is through is not there before.
static void
back_pressure(void **state)
{
	(void)state;
	LM_AUTO(lm_child_stream_close_ptr)
	struct lm_child_stream *stream =
		start("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo through >&2");
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	struct lm_err err = {};
	char bytes[11];
	size_t got = 0;
	int code = -1;
	assert_int_equal(lm_child_stream_read(stream, bytes, sizeof bytes, &got, &err), 1);
	assert_memory_equal(bytes, "0123456789\n", 11);
	assert_string_equal(lm_child_stream_errors(stream), "");
	read_all(stream, &out);
	assert_int_equal(out.len, 19999 * 11);
	assert_int_equal(lm_child_stream_wait(stream, &code, &err), 0);
	assert_int_equal(code, 0);
	assert_string_equal(lm_child_stream_errors(stream), "through\n");
}

static void
much_on_standard_error(void **state)
{
	(void)state;
	static const char script[] = "i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end";
	static const char closed[] = "exec >&-; i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i+1)); done";
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	struct lm_err err = {};
	int code = -1;
	LM_AUTO(lm_child_stream_close_ptr) struct lm_child_stream *stream = start(script), *other = start(closed);
	read_all(stream, &out);
	assert_string_equal(out.ptr, "end\n");
	assert_int_equal(lm_child_stream_wait(stream, &code, &err), 0);
	assert_int_equal(strlen(lm_child_stream_errors(stream)), 64 << 10);
	assert_int_equal(lm_child_stream_wait(other, &code, &err), 0);
	assert_int_equal(code, 0);
}

static void
killed(void **state)
{
	(void)state;
	LM_AUTO(lm_child_stream_close_ptr) struct lm_child_stream *stream = start("kill -9 $$");
	struct lm_err err = {};
	int code = 0;
	assert_int_equal(lm_child_stream_wait(stream, &code, &err), 0);
	assert_int_equal(code, 137);
}

// Closing ends all that it started.
static void
closed_early(void **state)
{
	(void)state;
	struct lm_child_stream *stream = start("sleep 1000 & echo $!; exec sleep 1000");
	struct lm_err err = {};
	char bytes[32] = "";
	size_t got = 0;
	assert_int_equal(lm_child_stream_read(stream, bytes, sizeof bytes - 1, &got, &err), 1);
	pid_t pid = (pid_t)strtol(bytes, nullptr, 10);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, 0), 0);
	lm_child_stream_close(stream);
	// its parent was killed in the same instant: whoever inherited it reaps it, and a zombie ignores signals but has no command line
	char path[64], text[8];
	(void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	FILE *file = fopen(path, "r");
	while (file != nullptr && fread(text, 1, sizeof text, file) > 0) {
		(void)fclose(file);
		file = fopen(path, "r");
	}
	if (file != nullptr)
		(void)fclose(file);
	lm_child_stream_close(nullptr);
}

static void
interrupted(void **state)
{
	(void)state;
	LM_AUTO(lm_child_stream_close_ptr) struct lm_child_stream *stream = start("exec sleep 1000");
	struct lm_err err = {};
	char byte;
	size_t got = 0;
	int code = 0;
	lm_cancel_request();
	assert_int_equal(lm_child_stream_read(stream, &byte, 1, &got, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_int_equal(lm_child_stream_wait(stream, &code, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	lm_cancel_reset();
}

static void
no_such_program(void **state)
{
	(void)state;
	struct lm_child_stream *stream = nullptr;
	struct lm_err err = {};
	const char *argv[] = { "no-such-program", nullptr };
	assert_int_equal(lm_child_stream_open(&stream, &(struct lm_process){ .argv = argv }, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, "no such program: 'no-such-program'");
	assert_null(stream);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_output),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(much_on_standard_error),
		cmocka_unit_test(killed),
		cmocka_unit_test(closed_early),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(no_such_program),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
