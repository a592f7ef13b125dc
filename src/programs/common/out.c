#include "out.h"

#include "os/cancel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct lm_buf gathered;

void
lm_out_init(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY }; // the wrong way round: using one still is an error
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			_exit(1);
	(void)signal(SIGPIPE, SIG_IGN);
}

void
lm_out_text(const char *text)
{
	lm_buf_text(&gathered, text);
}

void
lm_out_format(const char *format, ...)
{
	va_list args;
	char *text = nullptr;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	lm_buf_text(&gathered, text);
	free(text);
}

static int
write_all(struct lm_str rest)
{
	while (rest.len > 0) {
		ssize_t done = write(STDOUT_FILENO, rest.ptr, rest.len);
		if (done >= 0) {
			rest.ptr += done;
			rest.len -= (size_t)done;
		} else if (errno == EAGAIN) { // somebody made the terminal non-blocking
			struct pollfd ready = { .fd = STDOUT_FILENO, .events = POLLOUT };
			(void)poll(&ready, 1, -1);
		} else if (errno != EINTR || lm_cancel_requested()) {
			return -1;
		}
	}
	return 0;
}

int
lm_out_write(struct lm_str bytes, struct lm_err *err)
{
	if (gathered.len > 0 && lm_out_flush(err) < 0)
		return -1;
	if (write_all(bytes) == 0)
		return 0;
	int sys = errno;
	return sys == EINTR ? lm_cancel_check(err) : lm_err_sys(err, sys, "cannot write to standard output");
}

int
lm_out_flush(struct lm_err *err)
{
	struct lm_buf text = gathered;
	gathered = (struct lm_buf){};
	int rc = lm_out_write(lm_buf_view(&text), err);
	lm_buf_release(&text);
	return rc;
}

void
lm_out_drop(void)
{
	lm_buf_release(&gathered);
}

size_t
lm_out_columns(void)
{
	struct winsize size = {};
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SIZE_MAX;
}
