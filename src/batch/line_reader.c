// Lines of a large file by offset, through a window that grows while neighbours are asked for.
#include "batch/folder.h"

#include "base/mem.h"
#include "digest/sha256.h"
#include "os/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
	LM_WINDOW_LEAST_BYTES = 16 << 10, // after a jump
	LM_WINDOW_MOST_BYTES = 256 << 10,
	LM_WINDOW_NEAR_BYTES = 64 << 10, // so far behind the window is no jump
	LM_CHECK_BITS = 47, // a positive number that SQLite keeps in 6 bytes
};

int
lm_line_reader_open(struct lm_line_reader *reader, const char *path, struct lm_err *err)
{
	struct stat status;
	int fd = -1;

	*reader = (struct lm_line_reader){};
	if (lm_fd_open_regular(path, &fd, &status, err) < 0)
		return -1;
	*reader = (struct lm_line_reader){
		.fd = fd,
		.open = true,
		.path = lm_strdup(path),
		.ahead = LM_WINDOW_LEAST_BYTES,
	};
	return 0;
}

void
lm_line_reader_close(struct lm_line_reader *reader)
{
	if (reader->open)
		(void)close(reader->fd);
	lm_free(reader->path);
	lm_free(reader->window);
	*reader = (struct lm_line_reader){};
}

// Keep what the window has from `offset` on, at its front.
static void
keep_from(struct lm_line_reader *reader, uint64_t offset)
{
	if (offset >= reader->begin && offset < reader->end) {
		memmove(reader->window, reader->window + (offset - reader->begin), (size_t)(reader->end - offset));
		reader->begin = offset;
		return;
	}
	reader->begin = reader->end = offset;
}

// How much to read at once: more and more while it goes forward.
static void
look_ahead(struct lm_line_reader *reader, uint64_t offset)
{
	bool forward = offset >= reader->begin && offset <= reader->end + LM_WINDOW_NEAR_BYTES;
	if (!forward)
		reader->ahead = LM_WINDOW_LEAST_BYTES;
	else if (reader->ahead < LM_WINDOW_MOST_BYTES)
		reader->ahead *= 2;
}

// Have `wanted` bytes from `offset` on in the window, or all there are. Returns 0, or -1 with err.
static int
fill(struct lm_line_reader *reader, uint64_t offset, size_t wanted, struct lm_err *err)
{
	if (offset >= reader->begin && offset + wanted <= reader->end)
		return 0;
	look_ahead(reader, offset);
	keep_from(reader, offset);
	size_t room = wanted > reader->ahead ? wanted : reader->ahead;
	if (room > reader->cap) {
		reader->window = lm_realloc_array(reader->window, room, 1);
		reader->cap = room;
	}
	while (reader->end - reader->begin < room) {
		size_t have = (size_t)(reader->end - reader->begin);
		ssize_t got = pread(reader->fd, reader->window + have, room - have, (off_t)reader->end);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_fd_fail(err, errno, "read", reader->path);
		if (got == 0)
			break;
		reader->end += (uint64_t)got;
	}
	return 0;
}

uint64_t
lm_line_check(struct lm_str line)
{
	struct lm_digest digest;
	uint64_t check = 0;
	lm_sha256_bytes(line.ptr, line.len, &digest);
	for (size_t i = 0; i < sizeof check; i++)
		check = check << 8 | digest.bytes[i];
	check >>= 64 - LM_CHECK_BITS;
	return check == 0 ? 1 : check;
}

int
lm_line_reader_at(struct lm_line_reader *reader, uint64_t offset, uint32_t length, uint64_t check, struct lm_str *line,
	struct lm_err *err)
{
	if (length > LM_LINE_MAX_BYTES || offset > INT64_MAX - LM_LINE_MAX_BYTES - 1)
		return lm_err_set(err, LM_E_INTEGRITY, "no line of %" PRIu32 " bytes at byte %" PRIu64 " of '%s'", length,
			offset, reader->path);
	if (fill(reader, offset, (size_t)length + 1, err) < 0)
		return -1;
	const char *at = reader->window + (offset - reader->begin);
	uint64_t have = reader->end - offset;
	bool whole = have == length || (have > length && at[length] == '\n');
	if (!whole || (length > 0 && memchr(at, '\n', length) != nullptr))
		return lm_err_set(err, LM_E_INTEGRITY, "no line of %" PRIu32 " bytes at byte %" PRIu64 " of '%s'", length,
			offset, reader->path);
	*line = (struct lm_str){ at, length };
	if (check != 0 && lm_line_check(*line) != check)
		return lm_err_set(err, LM_E_INTEGRITY, "the line at byte %" PRIu64 " of '%s' was changed after it was recorded",
			offset, reader->path);
	return 0;
}

int
lm_line_reader_next(struct lm_line_reader *reader, uint64_t offset, uint64_t max_bytes, struct lm_str *line, uint64_t *next,
	struct lm_err *err)
{
	uint64_t max = max_bytes == 0 || max_bytes > LM_LINE_MAX_BYTES ? LM_LINE_MAX_BYTES : max_bytes;

	for (size_t seen = 0, wanted = 1;; wanted = seen + LM_WINDOW_LEAST_BYTES) {
		if (fill(reader, offset, wanted, err) < 0)
			return -1;
		const char *at = reader->window == nullptr ? "" : reader->window + (offset - reader->begin);
		size_t have = (size_t)(reader->end - offset);
		const char *newline = have > seen ? memchr(at + seen, '\n', have - seen) : nullptr;
		size_t length = newline != nullptr ? (size_t)(newline - at) : have;
		if (length > max)
			return lm_err_set(err, LM_E_LIMIT, "line of more than %" PRIu64 " bytes at byte %" PRIu64 " of '%s'",
				max, offset, reader->path);
		if (newline == nullptr && have >= wanted) { // there may be more
			seen = have;
			continue;
		}
		if (have == 0)
			return 0;
		*line = (struct lm_str){ at, length };
		*next = offset + length + (newline != nullptr ? 1 : 0);
		return 1;
	}
}
