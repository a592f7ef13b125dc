#include "batch/source_parts.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
	LM_WINDOW_BYTES = 1 << 20,
	LM_WINDOW_MAX_BYTES = LM_ROW_MAX_BYTES + 4096, // a row with its line end
};

int
lm_window_open(struct lm_source_window *window, const char *path, uint64_t offset, struct lm_err *err)
{
	struct stat status;
	*window = (struct lm_source_window){ .offset = offset, .slice_begin = offset };
	if (lm_fd_open_regular(path, &window->fd, &status, err) < 0)
		return -1;
	window->open = true;
	window->cap = LM_WINDOW_BYTES;
	window->bytes = lm_alloc(window->cap);
	lm_sha256_init(&window->hash);
	(void)posix_fadvise(window->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (offset > (uint64_t)status.st_size) {
		lm_window_close(window);
		return lm_err_set(err, LM_E_CONFLICT,
			"'%s' has changed: it ends before byte %" PRIu64 ", up to which it was read", path, offset);
	}
	return 0;
}

void
lm_window_close(struct lm_source_window *window)
{
	if (!window->open)
		return;
	lm_fd_close(&window->fd);
	lm_sha256_release(&window->hash);
	lm_free(window->bytes);
	*window = (struct lm_source_window){};
}

// Bytes of rows that were taken, before they leave the window.
static void
hash_taken(struct lm_source_window *window)
{
	if (window->at > window->hashed)
		lm_sha256_update(&window->hash, window->bytes + window->hashed, window->at - window->hashed);
	window->hashed = window->at;
}

static void
drop_taken(struct lm_source_window *window)
{
	hash_taken(window);
	if (window->at > 0)
		memmove(window->bytes, window->bytes + window->at, window->len - window->at);
	window->offset += window->at;
	window->len -= window->at;
	window->at = window->hashed = 0;
}

int
lm_window_more(struct lm_source_window *window, const char *path, struct lm_err *err)
{
	if (window->at_end)
		return 0;
	drop_taken(window);
	if (window->len == window->cap) {
		if (window->cap == LM_WINDOW_MAX_BYTES)
			return lm_err_set(err, LM_E_LIMIT, "row of more than %d bytes", LM_ROW_MAX_BYTES);
		window->cap *= 2;
		if (window->cap > LM_WINDOW_MAX_BYTES)
			window->cap = LM_WINDOW_MAX_BYTES;
		window->bytes = lm_realloc_array(window->bytes, window->cap, 1);
	}
	ssize_t got;
	do
		got = pread(window->fd, window->bytes + window->len, window->cap - window->len,
			(off_t)(window->offset + window->len));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return lm_fd_fail(err, errno, "read", path);
	window->at_end = got == 0;
	window->len += (size_t)got;
	return got > 0;
}

void
lm_window_slice(struct lm_source_window *window, uint64_t *begin, uint64_t *end, struct lm_digest *digest)
{
	hash_taken(window);
	*begin = window->slice_begin;
	*end = window->slice_begin = lm_window_offset(window);
	lm_sha256_final(&window->hash, digest);
	lm_sha256_init(&window->hash);
}
