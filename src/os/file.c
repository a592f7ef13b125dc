#include "os/file.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/fd.h"
#include "os/kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LM_FILE_CHUNK_BYTES = 64 * 1024 };

static int
too_large(const char *path, uint64_t max_bytes, struct lm_err *err)
{
	return lm_err_set(err, LM_E_LIMIT, "file of more than %" PRIu64 " bytes: '%s'", max_bytes, path);
}

// Read to the end, not to the size told before: the file may grow, and files of /proc say 0.
static int
read_all(int fd, const char *path, uint64_t max_bytes, struct lm_buf *text, struct lm_err *err)
{
	for (;;) {
		if (text->len == text->cap || text->cap - text->len < 2)
			(void)lm_buf_reserve(text, LM_FILE_CHUNK_BYTES);
		size_t room = text->cap - text->len - 1;
		ssize_t got = read(fd, text->ptr + text->len, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_fd_fail(err, errno, "read", path);
		if (got == 0)
			return 0;
		text->len += (size_t)got;
		if (text->len > max_bytes)
			return too_large(path, max_bytes, err);
	}
}

int
lm_file_read(const char *path, uint64_t max_bytes, char **out, size_t *out_len, struct lm_err *err)
{
	LM_AUTO(lm_fd_close) int fd = -1;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct stat status;

	if (lm_fd_open_regular(path, &fd, &status, err) < 0)
		return -1;
	if (status.st_size < 0 || (uint64_t)status.st_size > max_bytes || (uint64_t)status.st_size > SIZE_MAX / 4)
		return too_large(path, max_bytes, err);
	(void)lm_buf_reserve(&text, (size_t)status.st_size + 2); // the NUL, and a byte to see the end
	if (read_all(fd, path, max_bytes, &text, err) < 0)
		return -1;
	text.ptr[text.len] = '\0';
	if (out_len != nullptr)
		*out_len = text.len;
	*out = lm_take(&text.ptr);
	return 0;
}

int
lm_file_info(const char *path, struct lm_file_info *info, struct lm_err *err)
{
	struct stat status;

	*info = (struct lm_file_info){};
	if (lstat(path, &status) == 0)
		lm_fd_info(&status, info);
	else if (errno != ENOENT && errno != ENOTDIR)
		return lm_fd_fail(err, errno, "examine", path);
	return 0;
}

void
lm_fd_info(const struct stat *status, struct lm_file_info *info)
{
	*info = (struct lm_file_info){
		.exists = true,
		.is_file = S_ISREG(status->st_mode),
		.is_dir = S_ISDIR(status->st_mode),
		.is_link = S_ISLNK(status->st_mode),
		.mode = status->st_mode & 07777,
		.size_bytes = (uint64_t)status->st_size,
		.mtime_s = status->st_mtim.tv_sec,
		.mtime_ns = status->st_mtim.tv_nsec,
		.inode = status->st_ino,
		.device = status->st_dev,
	};
}

bool
lm_file_exists(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0;
}

int
lm_file_remove(const char *path, struct lm_err *err)
{
	struct stat status;
	if (unlink(path) < 0 && errno != ENOENT) {
		int sys = errno;
		if (sys == EROFS && lstat(path, &status) < 0 &&
			errno == ENOENT) // said before it was looked whether there is one
			return 0;
		return lm_fd_fail(err, sys, "remove", path);
	}
	LM_KILL_POINT("file: removed");
	return 0;
}

int
lm_file_rename(const char *from, const char *to, struct lm_err *err)
{
	if (rename(from, to) == 0) {
		LM_KILL_POINT("file: renamed");
		return 0;
	}
	int sys = errno;
	(void)lm_err_sys(err, sys, "cannot rename '%s' to '%s'", from, to);
	if (sys == ENOENT)
		err->code = LM_E_NOT_FOUND;
	return -1;
}

int
lm_file_exchange(const char *one, const char *other, struct lm_err *err)
{
	if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0) {
		LM_KILL_POINT("file: exchanged");
		return 0;
	}
	int sys = errno;
	if (sys == EINVAL || sys == ENOSYS)
		return 1;
	return lm_err_sys(err, sys, "cannot exchange '%s' and '%s'", one, other);
}

bool
lm_file_equals(const char *path, const void *bytes, size_t len)
{
	LM_AUTO(lm_fd_close) int fd = -1;
	struct lm_err ignored = {};
	struct stat status;
	char chunk[LM_FILE_CHUNK_BYTES];
	const char *expected = bytes;

	if (lm_fd_open_regular(path, &fd, &status, &ignored) < 0 || (uint64_t)status.st_size != len)
		return false;
	for (;;) {
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 && len == 0;
		if ((size_t)got > len || memcmp(chunk, expected, (size_t)got) != 0)
			return false;
		expected += got;
		len -= (size_t)got;
	}
}

void
lm_file_forget_cached(const char *path)
{
	LM_AUTO(lm_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}
