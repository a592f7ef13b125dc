#include "net/partial.h"

#include "base/mem.h"
#include "os/fd.h"
#include "os/kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	LM_PARTIAL_CHUNK_BYTES = 64 * 1024,
	LM_PARTIAL_ATTEMPTS = 16, // at a file that others rename or remove meanwhile
};

// Returns the descriptor, -1 with errno, or -2 when another process has it.
static int
open_shared(const char *path)
{
	for (unsigned attempt = 0; attempt < LM_PARTIAL_ATTEMPTS; attempt++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			(void)close(fd);
			return -2;
		}
		if (lm_fd_is_named(fd, path))
			return fd;
		(void)close(fd);
	}
	return -2;
}

static int
open_own(struct lm_partial *partial)
{
	lm_free(lm_take(&partial->path));
	partial->shared = false;
	return lm_fd_make_partial(partial->final_path, &partial->path);
}

static int
hash_existing(struct lm_partial *partial, struct lm_err *err)
{
	for (;;) {
		char chunk[LM_PARTIAL_CHUNK_BYTES];
		ssize_t got = read(partial->fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_fd_fail(err, errno, "read", partial->path);
		if (got == 0)
			return 0;
		lm_sha256_update(&partial->hash, chunk, (size_t)got);
		partial->size_bytes += (uint64_t)got;
	}
}

int
lm_partial_open(struct lm_partial *partial, const char *final_path, bool resume, struct lm_err *err)
{
	*partial = (struct lm_partial){
		.shared = true,
		.final_path = lm_strdup(final_path),
		.path = lm_format("%s.partial", final_path),
	};
	partial->fd = open_shared(partial->path);
	if (partial->fd == -2)
		partial->fd = open_own(partial);
	if (partial->fd < 0) {
		(void)lm_fd_fail(err, errno, "write", partial->final_path);
		err->code = LM_E_IO;
		lm_partial_close(partial, true);
		return -1;
	}
	LM_KILL_POINT("download: made");
	partial->open = true;
	lm_sha256_init(&partial->hash);
	return resume ? hash_existing(partial, err) : lm_partial_restart(partial, err);
}

int
lm_partial_restart(struct lm_partial *partial, struct lm_err *err)
{
	if (ftruncate(partial->fd, 0) < 0 || lseek(partial->fd, 0, SEEK_SET) < 0)
		return lm_fd_fail(err, errno, "write", partial->path);
	lm_sha256_release(&partial->hash);
	lm_sha256_init(&partial->hash);
	partial->size_bytes = 0;
	return 0;
}

int
lm_partial_write(struct lm_partial *partial, const void *bytes, size_t len, struct lm_err *err)
{
	int sys = lm_fd_write_all(partial->fd, bytes, len);
	if (sys != 0)
		return lm_fd_fail(err, sys, "write", partial->path);
	LM_KILL_POINT("download: bytes written");
	lm_sha256_update(&partial->hash, bytes, len);
	partial->size_bytes += len;
	return 0;
}

void
lm_partial_digest(struct lm_partial *partial, struct lm_digest *out)
{
	lm_sha256_final(&partial->hash, out);
}

int
lm_partial_commit(struct lm_partial *partial, struct lm_err *err)
{
	int sys = 0;

	LM_KILL_POINT("download: complete");
	if (fchmod(partial->fd, 0644) < 0 || fsync(partial->fd) < 0 || rename(partial->path, partial->final_path) < 0)
		sys = errno;
	else
		sys = lm_fd_flush_folder(partial->final_path);
	if (sys != 0)
		return lm_fd_fail(err, sys, "write", partial->final_path);
	LM_KILL_POINT("download: renamed");
	partial->open = false; // the name is gone, nothing to remove
	(void)close(partial->fd);
	lm_partial_close(partial, true);
	return 0;
}

void
lm_partial_close(struct lm_partial *partial, bool keep)
{
	if (partial->open) {
		if (!keep || !partial->shared || partial->size_bytes == 0)
			(void)unlink(partial->path); // before the lock goes
		(void)close(partial->fd);
	}
	lm_sha256_release(&partial->hash);
	lm_free(partial->path);
	lm_free(partial->final_path);
	*partial = (struct lm_partial){};
}
