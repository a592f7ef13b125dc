// Copies that share blocks where the file system can.
#include "os/file.h"

#include "base/mem.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	LM_COPY_CHUNK_BYTES = 256 * 1024,
	LM_COPY_RANGE_BYTES = 1 << 30, // asked of copy_file_range at once
};

// In the kernel, as far as that goes; what is left (file systems that cannot, /proc) is for copy_bytes.
static void
copy_ranges(int from, int to)
{
	for (;;) {
		ssize_t done = copy_file_range(from, nullptr, to, nullptr, LM_COPY_RANGE_BYTES, 0);
		if (done == 0 || (done < 0 && errno != EINTR))
			return;
	}
}

// Returns 0, or an errno; *reading says which side failed.
static int
copy_bytes(int from, int to, bool *reading)
{
	LM_AUTO(lm_free_ptr) char *chunk = lm_alloc(LM_COPY_CHUNK_BYTES);
	for (;;) {
		ssize_t got = read(from, chunk, LM_COPY_CHUNK_BYTES);
		*reading = got < 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : 0;
		int sys = lm_fd_write_all(to, chunk, (size_t)got);
		if (sys != 0)
			return sys;
	}
}

static int
copy_content(int from, int to, const char *from_path, const char *to_path, unsigned mode, struct lm_err *err)
{
	bool reading = false;

	if (ioctl(to, FICLONE, from) < 0) {
		copy_ranges(from, to);
		int sys = copy_bytes(from, to, &reading);
		if (sys != 0)
			return reading ? lm_fd_fail(err, sys, "read", from_path) : lm_fd_fail(err, sys, "write", to_path);
	}
	if (fchmod(to, (mode_t)mode) < 0)
		return lm_fd_fail(err, errno, "write", to_path);
	return 0;
}

int
lm_file_copy(const char *from, const char *to, unsigned mode, struct lm_err *err)
{
	LM_AUTO(lm_fd_close) int source = -1;
	struct stat status;

	if (lm_fd_open_regular(from, &source, &status, err) < 0)
		return -1;
	int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (target < 0)
		return lm_fd_fail(err, errno, "write", to);
	int rc = copy_content(source, target, from, to, mode, err);
	if (close(target) < 0 && errno != EINTR && rc == 0)
		rc = lm_fd_fail(err, errno, "write", to);
	if (rc < 0)
		(void)unlink(to);
	return rc;
}
