#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void
lm_fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

bool
lm_fd_are_few(void)
{
	enum { FEW = 256 };
	long most = sysconf(_SC_OPEN_MAX);
	return most >= 0 && most < FEW;
}

int
lm_fd_fail(struct lm_err *err, int sys, const char *verb, const char *path)
{
	(void)lm_err_sys(err, sys, "cannot %s '%s'", verb, path);
	if (sys == ENOENT || sys == ENOTDIR)
		err->code = LM_E_NOT_FOUND;
	return -1;
}

int
lm_fd_open_regular(const char *path, int *fd, struct stat *status, struct lm_err *err)
{
	int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (opened < 0)
		return lm_fd_fail(err, errno, "open", path);
	if (fstat(opened, status) < 0) {
		int sys = errno;
		lm_fd_close(&opened);
		return lm_fd_fail(err, sys, "examine", path);
	}
	if (!S_ISREG(status->st_mode)) {
		lm_fd_close(&opened);
		return lm_err_set(err, LM_E_IO, "not a regular file: '%s'", path);
	}
	*fd = opened;
	return 0;
}

int
lm_fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	while (len > 0) {
		ssize_t done = write(fd, at, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		if (done == 0)
			return EIO;
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

bool
lm_fd_is_named(int fd, const char *path)
{
	struct stat by_fd, by_name;
	return fstat(fd, &by_fd) == 0 && lstat(path, &by_name) == 0 && by_fd.st_dev == by_name.st_dev &&
		by_fd.st_ino == by_name.st_ino && (S_ISREG(by_fd.st_mode) || S_ISDIR(by_fd.st_mode));
}
