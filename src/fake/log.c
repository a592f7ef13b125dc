#include "fake/log.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
lm_fake_log_open(struct lm_fake_log *log, const char *path, struct lm_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return lm_err_sys(err, errno, "cannot write '%s'", path);
	*log = (struct lm_fake_log){ .fd = fd, .path = lm_strdup(path), .start_ms = lm_clock_monotonic_ms() };
	pthread_mutex_init(&log->lock, nullptr);
	return 0;
}

void
lm_fake_log_add(struct lm_fake_log *log, struct lm_str members)
{
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	pthread_mutex_lock(&log->lock);
	lm_buf_format(&line, "{\"n\":%llu,\"ms\":%llu,%.*s}\n", (unsigned long long)++log->count,
		(unsigned long long)(lm_clock_monotonic_ms() - log->start_ms), LM_STR_ARG(members));
	// a log that cannot be written is no reason to stop
	if (log->size_bytes + line.len <= LM_FAKE_LOG_MAX_BYTES && lm_fd_write_all(log->fd, line.ptr, line.len) == 0)
		log->size_bytes += line.len;
	pthread_mutex_unlock(&log->lock);
}

void
lm_fake_log_clear(struct lm_fake_log *log)
{
	pthread_mutex_lock(&log->lock);
	if (ftruncate(log->fd, 0) == 0)
		log->count = log->size_bytes = 0;
	pthread_mutex_unlock(&log->lock);
}

uint64_t
lm_fake_log_size(struct lm_fake_log *log)
{
	pthread_mutex_lock(&log->lock);
	uint64_t size_bytes = log->size_bytes;
	pthread_mutex_unlock(&log->lock);
	return size_bytes;
}

void
lm_fake_log_close(struct lm_fake_log *log)
{
	if (log->path == nullptr)
		return;
	lm_fd_close(&log->fd);
	lm_free(log->path);
	pthread_mutex_destroy(&log->lock);
	*log = (struct lm_fake_log){};
}
