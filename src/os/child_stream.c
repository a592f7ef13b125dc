#include "os/child_stream.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/fd.h"
#include "os/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LM_STREAM_ERRORS_MAX = 64 << 10 };

struct lm_child_stream {
	struct lm_child child;
	struct lm_buf errors;
	char *program;
	bool waited;
};

int
lm_child_stream_open(struct lm_child_stream **out, const struct lm_process *process, struct lm_err *err)
{
	struct lm_child child;
	if (lm_cancel_check(err) < 0 || lm_child_start(process, &child, err) < 0)
		return -1;
	struct lm_child_stream *stream = lm_alloc(sizeof *stream);
	stream->child = child;
	stream->program = lm_strdup(process->argv[0]);
	*out = stream;
	return 0;
}

// 1: got bytes; 0: the end, the descriptor is closed; -1: nothing there now.
static int
read_some(int *fd, void *bytes, size_t cap, size_t *got)
{
	ssize_t count;
	do
		count = read(*fd, bytes, cap);
	while (count < 0 && errno == EINTR);
	if (count < 0 && errno == EAGAIN)
		return -1;
	if (count <= 0) {
		lm_fd_close(fd);
		return 0;
	}
	*got = (size_t)count;
	return 1;
}

static void
read_errors(struct lm_child_stream *stream)
{
	char chunk[4096];
	size_t got = 0;
	while (stream->child.err >= 0 && read_some(&stream->child.err, chunk, sizeof chunk, &got) == 1) {
		size_t room = LM_STREAM_ERRORS_MAX - stream->errors.len;
		lm_buf_append(&stream->errors, chunk, got < room ? got : room);
	}
}

static int
wait_for_output(struct lm_child_stream *stream, struct lm_err *err)
{
	struct pollfd fds[] = {
		{ .fd = stream->child.out, .events = POLLIN },
		{ .fd = stream->child.err, .events = POLLIN },
		{ .fd = lm_cancel_fd(), .events = POLLIN },
	};
	if (poll(fds, LM_COUNT(fds), -1) < 0 && errno != EINTR)
		return lm_err_sys(err, errno, "cannot wait for '%s'", stream->program);
	read_errors(stream);
	return lm_cancel_check(err);
}

int
lm_child_stream_read(struct lm_child_stream *stream, void *bytes, size_t cap, size_t *got, struct lm_err *err)
{
	while (stream->child.out >= 0) {
		int rc = read_some(&stream->child.out, bytes, cap, got);
		if (rc >= 0)
			return rc;
		if (wait_for_output(stream, err) < 0)
			return -1;
	}
	return 0;
}

int
lm_child_stream_wait(struct lm_child_stream *stream, int *exit_code, struct lm_err *err)
{
	char chunk[4096];
	size_t got = 0;
	int rc = 1, status = 0;
	while (rc == 1)
		rc = lm_child_stream_read(stream, chunk, sizeof chunk, &got, err);
	read_errors(stream);
	while (rc == 0 && stream->child.err >= 0) // it must not wait for us to take what it says
		rc = wait_for_output(stream, err);
	if (rc < 0)
		return -1;
	pid_t ended;
	do
		ended = waitpid(stream->child.pid, &status, 0);
	while (ended < 0 && errno == EINTR && !lm_cancel_requested());
	if (ended < 0)
		return lm_cancel_check(err) < 0 ? -1 : lm_err_sys(err, errno, "cannot tell how '%s' ended", stream->program);
	stream->waited = true;
	read_errors(stream);
	*exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

const char *
lm_child_stream_errors(const struct lm_child_stream *stream)
{
	return lm_buf_cstr(&stream->errors);
}

void
lm_child_stream_close(struct lm_child_stream *stream)
{
	if (stream == nullptr)
		return;
	(void)kill(-stream->child.guard, SIGKILL);
	while (!stream->waited && waitpid(stream->child.pid, nullptr, 0) < 0 && errno == EINTR)
		continue;
	lm_child_finish(&stream->child);
	lm_buf_release(&stream->errors);
	lm_free(stream->program);
	lm_free(stream);
}

void
lm_child_stream_close_ptr(struct lm_child_stream **stream)
{
	lm_child_stream_close(*stream);
}
