#include "fake/spool.h"

#include "base/mem.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LM_SPOOL_BUFFER = 256 * 1024 };

int
lm_spool_open(struct lm_spool *spool, const char *path, struct lm_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return lm_err_sys(err, errno, "cannot write '%s'", path);
	*spool = (struct lm_spool){ .fd = fd, .open = true, .path = lm_strdup(path) };
	return 0;
}

static int
write_buffer(struct lm_spool *spool, struct lm_err *err)
{
	int sys = lm_fd_write_all(spool->fd, spool->buffer.ptr, spool->buffer.len);
	if (sys != 0)
		return lm_err_sys(err, sys, "cannot write '%s'", spool->path);
	lm_buf_clear(&spool->buffer);
	return 0;
}

int
lm_spool_added(struct lm_spool *spool, struct lm_err *err)
{
	return spool->buffer.len >= LM_SPOOL_BUFFER ? write_buffer(spool, err) : 0;
}

int
lm_spool_write(struct lm_spool *spool, const void *bytes, size_t len, struct lm_err *err)
{
	lm_buf_append(&spool->buffer, bytes, len);
	spool->size_bytes += len;
	return lm_spool_added(spool, err);
}

int
lm_spool_close(struct lm_spool *spool, struct lm_err *err)
{
	int rc = write_buffer(spool, err);
	if (close(spool->fd) < 0 && rc == 0)
		rc = lm_err_sys(err, errno, "cannot write '%s'", spool->path);
	spool->open = false;
	lm_buf_release(&spool->buffer);
	lm_free(lm_take(&spool->path));
	return rc;
}

void
lm_spool_abandon(struct lm_spool *spool)
{
	if (!spool->open)
		return;
	(void)close(spool->fd);
	(void)unlink(spool->path);
	lm_buf_release(&spool->buffer);
	lm_free(spool->path);
	*spool = (struct lm_spool){};
}
