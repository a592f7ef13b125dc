#include "os/lock.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/kill_point.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LM_LOCK_TEXT_BYTES = 512, // of the holder's text
	LM_LOCK_ATTEMPTS = 100, // at a lock file that somebody removes
	LM_LOCK_POLL_MIN_MS = 10,
	LM_LOCK_POLL_MAX_MS = 200,
};

// Take it without waiting: 0, EWOULDBLOCK, or another errno.
static int
try_lock(int fd)
{
	while (flock(fd, LOCK_EX | LOCK_NB) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

// What the holder wrote, as far as it can be shown; another program may have written anything.
static void
read_holder(int fd, char out[static LM_LOCK_TEXT_BYTES])
{
	ssize_t got = pread(fd, out, LM_LOCK_TEXT_BYTES - 1, 0);
	size_t len = 0;
	while (got > 0 && len < (size_t)got && (unsigned char)out[len] >= 0x20 && out[len] != 0x7F)
		len++;
	out[len] = '\0';
	if (len == 0 || !lm_utf8_valid((struct lm_str){ out, len }))
		(void)snprintf(out, LM_LOCK_TEXT_BYTES, "another process");
}

// For others to read; a lock works without it, so that a full disk does not stop us here.
static void
write_holder(int fd, const char *what)
{
	char text[LM_LOCK_TEXT_BYTES];
	int len = snprintf(text, sizeof text, "process %" PRIdMAX ", which is %s\n", (intmax_t)getpid(), what);
	if (len >= (int)sizeof text)
		len = (int)sizeof text - 1;
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, (size_t)len, 0);
}

static void
tell(int fd, const char *path, bool folder, const struct lm_sink *sink)
{
	char holder[LM_LOCK_TEXT_BYTES];
	if (folder) {
		lm_emit_warning(sink, "waiting for another process, which is working in '%s'", path);
		return;
	}
	read_holder(fd, holder);
	lm_emit_warning(sink, "waiting for %s", holder);
}

// Returns 0, -1, or 1 where folders cannot be locked. `told`: whether the user knows that we wait.
static int
wait_for(int fd, const char *path, bool folder, const struct lm_sink *sink, bool *told, struct lm_err *err)
{
	uint64_t pause_ms = LM_LOCK_POLL_MIN_MS;
	for (;;) {
		int sys = try_lock(fd);
		if (sys == 0)
			return 0;
		if (folder && (sys == EBADF || sys == EINVAL || sys == ENOLCK || sys == ENOTSUP || sys == ENOSYS))
			return 1;
		if (sys != EWOULDBLOCK)
			return lm_err_sys(err, sys, "cannot lock '%s'", path);
		if (!*told) {
			tell(fd, path, folder, sink);
			*told = true;
		}
		(void)lm_clock_sleep_ms(pause_ms);
		if (lm_cancel_check(err) < 0)
			return -1;
		pause_ms = pause_ms * 2 > LM_LOCK_POLL_MAX_MS ? LM_LOCK_POLL_MAX_MS : pause_ms * 2;
	}
}

int
lm_lock_take(struct lm_lock *lock, const char *path, const char *what, const struct lm_sink *sink, struct lm_err *err)
{
	bool told = false;

	for (unsigned attempt = 0; attempt < LM_LOCK_ATTEMPTS; attempt++) {
		LM_AUTO(lm_fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
		if (fd < 0)
			return lm_fd_fail(err, errno, "open lock file", path);
		if (wait_for(fd, path, false, sink, &told, err) < 0)
			return -1;
		if (!lm_fd_is_named(fd, path)) // removed while we waited: others have locked a new file by now
			continue;
		LM_KILL_POINT("lock: taken");
		write_holder(fd, what);
		*lock = (struct lm_lock){ .fd = fd, .held = true, .waited = told };
		fd = -1;
		return 0;
	}
	return lm_err_set(err, LM_E_CONFLICT, "lock file is removed again and again: '%s'", path);
}

int
lm_lock_take_folder(struct lm_lock *lock, const char *folder, const struct lm_sink *sink, struct lm_err *err)
{
	bool told = false;

	for (unsigned attempt = 0; attempt < LM_LOCK_ATTEMPTS; attempt++) {
		LM_AUTO(lm_fd_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return lm_fd_fail(err, errno, "open", folder);
		int rc = wait_for(fd, folder, true, sink, &told, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		struct stat by_fd, by_name; // it may have been replaced while we waited; the name may be a link
		if (fstat(fd, &by_fd) < 0 || stat(folder, &by_name) < 0 || by_fd.st_ino != by_name.st_ino ||
			by_fd.st_dev != by_name.st_dev)
			continue;
		*lock = (struct lm_lock){ .fd = fd, .held = true, .waited = told };
		fd = -1;
		return 0;
	}
	return lm_err_set(err, LM_E_CONFLICT, "folder is replaced again and again: '%s'", folder);
}

void
lm_lock_free(struct lm_lock *lock)
{
	if (!lock->held)
		return;
	(void)ftruncate(lock->fd, 0);
	(void)flock(lock->fd, LOCK_UN); // closing would not do while a child that another thread forks has a copy
	(void)close(lock->fd);
	*lock = (struct lm_lock){};
}
