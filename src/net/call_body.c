// Request bodies: pieces of memory and of files, one after the other.
#include "net/call_parts.h"

#include "base/mem.h"
#include "os/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct lm_call_part {
	int fd; // -1: from memory
	uint64_t length;
};

static int
read_at(const struct lm_http_piece *piece, int fd, uint64_t at, char *out, size_t cap, size_t *len, struct lm_err *err)
{
	ssize_t got;

	do
		got = pread(fd, out, cap, (off_t)(piece->offset + at));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return lm_fd_fail(err, errno, "read", piece->path);
	if (got == 0)
		return lm_err_set(err, LM_E_INTEGRITY, "'%s' became shorter while it was sent", piece->path);
	*len = (size_t)got;
	return 0;
}

static int
open_file(const struct lm_http_piece *piece, struct lm_call_part *part, struct lm_err *err)
{
	struct stat status;
	size_t len = 0;
	char last = 0;

	if (lm_fd_open_regular(piece->path, &part->fd, &status, err) < 0)
		return -1;
	uint64_t size = (uint64_t)status.st_size;
	if (piece->offset > size || piece->length > size - piece->offset)
		return lm_err_set(err, LM_E_INTEGRITY,
			"'%s' has %" PRIu64 " bytes, but %" PRIu64 " from %" PRIu64 " on are to be sent", piece->path, size,
			piece->length, piece->offset);
	part->length = piece->length;
	if (!piece->drop_last_newline || piece->length == 0)
		return 0;
	if (read_at(piece, part->fd, piece->length - 1, &last, 1, &len, err) < 0)
		return -1;
	part->length -= last == '\n' ? 1 : 0;
	return 0;
}

int
lm_call_body_open(struct lm_call_body *body, const struct lm_http_piece *pieces, size_t count, struct lm_err *err)
{
	*body = (struct lm_call_body){
		.pieces = pieces,
		.count = count,
		.parts = lm_alloc_array(count, sizeof(struct lm_call_part)),
	};
	for (size_t i = 0; i < count; i++)
		body->parts[i].fd = -1;
	for (size_t i = 0; i < count; i++) {
		body->parts[i].length = pieces[i].bytes.len;
		if (pieces[i].path != nullptr && open_file(&pieces[i], &body->parts[i], err) < 0) {
			lm_call_body_close(body);
			return -1;
		}
		body->total += body->parts[i].length;
	}
	return 0;
}

static void
replace_newlines(char *bytes, size_t len, char by)
{
	char *end = bytes + len;
	for (char *at = memchr(bytes, '\n', len); at != nullptr; at = memchr(at, '\n', (size_t)(end - at)))
		*at++ = by;
}

static int
read_piece(struct lm_call_body *body, char *out, size_t cap, size_t *len, struct lm_err *err)
{
	const struct lm_http_piece *piece = &body->pieces[body->at];
	const struct lm_call_part *part = &body->parts[body->at];
	uint64_t left = part->length - body->done;

	*len = left < cap ? (size_t)left : cap;
	if (part->fd < 0)
		memcpy(out, piece->bytes.ptr + body->done, *len);
	else if (read_at(piece, part->fd, body->done, out, *len, len, err) < 0)
		return -1;
	if (part->fd >= 0 && piece->newline_as != 0)
		replace_newlines(out, *len, piece->newline_as);
	body->done += *len;
	return 0;
}

int
lm_call_body_read(struct lm_call_body *body, char *out, size_t cap, size_t *len, struct lm_err *err)
{
	*len = 0;
	while (*len < cap && body->at < body->count) {
		size_t got = 0;
		if (body->done == body->parts[body->at].length) {
			body->at++;
			body->done = 0;
			continue;
		}
		if (read_piece(body, out + *len, cap - *len, &got, err) < 0)
			return -1;
		*len += got;
	}
	return 0;
}

void
lm_call_body_close(struct lm_call_body *body)
{
	for (size_t i = 0; i < body->count && body->parts != nullptr; i++)
		lm_fd_close(&body->parts[i].fd);
	lm_free(body->parts);
	*body = (struct lm_call_body){};
}

int
lm_http_call_body(const struct lm_http_call *call, uint64_t max_bytes, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_call_body_close) struct lm_call_body body = {};
	size_t len = 0;

	if (lm_call_body_open(&body, call->pieces, call->piece_count, err) < 0)
		return -1;
	if (body.total > max_bytes)
		return lm_err_set(err, LM_E_LIMIT, "the body has more than %" PRIu64 " bytes", max_bytes);
	(void)lm_buf_reserve(out, (size_t)body.total);
	for (uint64_t left = body.total; left > 0; left -= len) {
		if (lm_call_body_read(&body, out->ptr + out->len, (size_t)left, &len, err) < 0)
			return -1;
		out->len += len;
	}
	out->ptr[out->len] = '\0';
	return 0;
}
