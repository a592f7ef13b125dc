#include "archive/content.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { INPUT_BYTES = 64 * 1024, PIECE_BYTES = 256 * 1024 };

struct lm_inflate {
	z_stream stream;
	bool ended;
	unsigned char input[INPUT_BYTES];
};

// Members up to this size are inflated in one call of libdeflate, which is more than twice as fast as zlib's stream.
enum { WHOLE_MAX_BYTES = 64 * 1024 * 1024 };

// As for all our small allocations: none left ends the program.
static void *
take_memory(void *context, uInt count, uInt size)
{
	(void)context;
	return lm_realloc_array(nullptr, count, size);
}

static void
give_memory(void *context, void *memory)
{
	(void)context;
	lm_free(memory);
}

static int
broken(const struct lm_entry *entry, struct lm_err *err, const char *what)
{
	return lm_err_set(
		err, LM_E_INTEGRITY, "%s: '%s' of '%s'", what, entry->path, entry->origin == nullptr ? "?" : entry->origin);
}

static void
close_file(struct lm_content_reader *reader)
{
	if (reader->file != nullptr)
		(void)close(reader->fd); // it was only read
	reader->file = nullptr;
}

void
lm_content_begin(struct lm_content_reader *reader, const struct lm_entry *entry)
{
	assert(entry->type == LM_ENTRY_FILE);
	assert(entry->content.kind != LM_CONTENT_NONE || entry->size == 0);
	reader->entry = entry;
	reader->done = 0;
	reader->stored_done = 0;
	if (entry->content.kind != LM_CONTENT_DEFLATE)
		return;

	if (reader->inflate == nullptr) {
		reader->inflate = lm_alloc(sizeof(*reader->inflate));
		reader->inflate->stream.zalloc = take_memory;
		reader->inflate->stream.zfree = give_memory;
		int rc = inflateInit2(&reader->inflate->stream, -MAX_WBITS);
		assert(rc == Z_OK);
		(void)rc;
	} else {
		(void)inflateReset(&reader->inflate->stream);
	}
	reader->inflate->stream.avail_in = 0;
	reader->inflate->ended = false;
}

static int
open_file(struct lm_content_reader *reader, struct lm_err *err)
{
	const char *file = reader->entry->content.file;
	if (reader->file != nullptr && (reader->file == file || strcmp(reader->file, file) == 0))
		return 0;
	close_file(reader);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return lm_err_sys(err, errno, "cannot open '%s'", file);
	reader->fd = fd;
	reader->file = file;
	return 0;
}

// Up to `len` bytes from where the last read ended. Returns how many, 0 at the end of the file, -1 with err set.
static ssize_t
read_stored(struct lm_content_reader *reader, void *out, size_t len, struct lm_err *err)
{
	const struct lm_content *content = &reader->entry->content;
	uint64_t at = 0;
	if (__builtin_add_overflow(content->offset, reader->stored_done, &at) || at > INT64_MAX)
		return 0;
	if (open_file(reader, err) < 0)
		return -1;
	for (;;) {
		ssize_t got = pread(reader->fd, out, len, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_err_sys(err, errno, "cannot read '%s'", content->file);
		reader->stored_done += (uint64_t)got;
		return got;
	}
}

static int
read_plain(struct lm_content_reader *reader, unsigned char *out, size_t len, struct lm_err *err)
{
	while (len > 0) {
		ssize_t got = read_stored(reader, out, len, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return broken(reader->entry, err, "the source ends early");
		out += got;
		len -= (size_t)got;
	}
	return 0;
}

static int
refill(struct lm_content_reader *reader, struct lm_err *err)
{
	struct lm_inflate *state = reader->inflate;
	uint64_t left = reader->entry->content.stored_size - reader->stored_done;
	if (left == 0)
		return 0;
	ssize_t got = read_stored(reader, state->input, left < INPUT_BYTES ? (size_t)left : INPUT_BYTES, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return broken(reader->entry, err, "the source ends early");
	state->stream.next_in = state->input;
	state->stream.avail_in = (uInt)got;
	return 0;
}

// One call of inflate. It may have something to give when its input is used up, so only a call without any
// progress means that there is no more.
static int
inflate_step(struct lm_content_reader *reader, struct lm_err *err)
{
	struct lm_inflate *state = reader->inflate;
	if (state->stream.avail_in == 0 && refill(reader, err) < 0)
		return -1;
	int rc = inflate(&state->stream, Z_NO_FLUSH);
	if (rc == Z_STREAM_END)
		state->ended = true;
	else if (rc == Z_BUF_ERROR)
		return broken(reader->entry, err, "the source ends early");
	else if (rc != Z_OK)
		return broken(reader->entry, err, "the source does not inflate");
	return 0;
}

static int
read_inflated(struct lm_content_reader *reader, unsigned char *out, size_t len, struct lm_err *err)
{
	struct lm_inflate *state = reader->inflate;
	while (len > 0) {
		uInt piece = len < UINT32_MAX ? (uInt)len : UINT32_MAX;
		state->stream.next_out = out;
		state->stream.avail_out = piece;
		while (state->stream.avail_out > 0) {
			if (state->ended)
				return broken(reader->entry, err, "the source ends early");
			if (inflate_step(reader, err) < 0)
				return -1;
		}
		out += piece;
		len -= piece;
	}
	return 0;
}

// The whole member at once: its stored bytes are in memory then, so only for one of moderate size.
static int
inflate_whole(struct lm_content_reader *reader, unsigned char *out, struct lm_err *err)
{
	const struct lm_entry *entry = reader->entry;
	size_t stored_size = (size_t)entry->content.stored_size, used = 0, made = 0;
	lm_buf_clear(&reader->stored);
	unsigned char *stored = (unsigned char *)lm_buf_reserve(&reader->stored, stored_size);
	if (read_plain(reader, stored, stored_size, err) < 0)
		return -1;
	if (reader->whole == nullptr)
		reader->whole = libdeflate_alloc_decompressor();
	if (reader->whole == nullptr)
		return lm_err_set(err, LM_E_LIMIT, "no memory to inflate '%s'", entry->path);
	enum libdeflate_result rc =
		libdeflate_deflate_decompress_ex(reader->whole, stored, stored_size, out, (size_t)entry->size, &used, &made);
	if (rc == LIBDEFLATE_INSUFFICIENT_SPACE)
		return broken(entry, err, "the source is longer than its size");
	if (rc != LIBDEFLATE_SUCCESS)
		return broken(entry, err, "the source does not inflate");
	if (made != entry->size)
		return broken(entry, err, "the source ends early");
	reader->inflate->ended = true;
	return 0;
}

static bool
fits_whole(const struct lm_content_reader *reader, size_t len)
{
	const struct lm_entry *entry = reader->entry;
	return reader->done == 0 && len == entry->size && len <= WHOLE_MAX_BYTES &&
		entry->content.stored_size <= WHOLE_MAX_BYTES;
}

int
lm_content_read(struct lm_content_reader *reader, void *out, size_t len, struct lm_err *err)
{
	const struct lm_entry *entry = reader->entry;
	assert(len <= entry->size - reader->done);
	if (len == 0)
		return 0;

	int rc = 0;
	switch (entry->content.kind) {
	case LM_CONTENT_NONE:
		break;
	case LM_CONTENT_MEMORY:
		memcpy(out, (const char *)entry->content.memory + reader->done, len);
		break;
	case LM_CONTENT_FILE:
		rc = read_plain(reader, out, len, err);
		break;
	case LM_CONTENT_DEFLATE:
		rc = fits_whole(reader, len) ? inflate_whole(reader, out, err) : read_inflated(reader, out, len, err);
		break;
	}
	reader->done += len;
	return rc;
}

int
lm_content_end(struct lm_content_reader *reader, const struct lm_digest *digest, struct lm_err *err)
{
	const struct lm_entry *entry = reader->entry;
	assert(reader->done == entry->size);
	struct lm_inflate *state = entry->content.kind == LM_CONTENT_DEFLATE ? reader->inflate : nullptr;
	while (state != nullptr && !state->ended) {
		unsigned char more = 0;
		state->stream.next_out = &more;
		state->stream.avail_out = 1;
		if (inflate_step(reader, err) < 0)
			return -1;
		if (state->stream.avail_out == 0)
			return broken(entry, err, "the source is longer than its size");
	}
	if (!lm_digest_equal(digest, &entry->digest))
		return broken(entry, err, "the bytes do not match their digest");
	return 0;
}

void
lm_content_rest(struct lm_content_reader *reader)
{
	close_file(reader);
	reader->entry = nullptr;
}

void
lm_content_release(struct lm_content_reader *reader)
{
	close_file(reader);
	if (reader->inflate != nullptr)
		(void)inflateEnd(&reader->inflate->stream);
	lm_free(reader->inflate);
	libdeflate_free_decompressor(reader->whole);
	lm_buf_release(&reader->stored);
	*reader = (struct lm_content_reader){};
}

static int
read_entry(struct lm_content_reader *reader, lm_content_sink *chunk, void *context, struct lm_err *err)
{
	const struct lm_entry *entry = reader->entry;
	size_t size = entry->size < PIECE_BYTES ? (size_t)entry->size : PIECE_BYTES;
	LM_AUTO(lm_free_ptr) unsigned char *piece = lm_realloc_array(nullptr, size + 1, 1);
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	for (uint64_t left = entry->size; left > 0;) {
		size_t len = left < size ? (size_t)left : size;
		if (lm_content_read(reader, piece, len, err) < 0)
			return -1;
		lm_sha256_update(&hash, piece, len);
		if (chunk(context, piece, len, err) < 0)
			return -1;
		left -= len;
	}
	struct lm_digest digest;
	lm_sha256_final(&hash, &digest);
	return lm_content_end(reader, &digest, err);
}

int
lm_entry_read(const struct lm_entry *entry, lm_content_sink *chunk, void *context, struct lm_err *err)
{
	LM_AUTO(lm_content_release) struct lm_content_reader reader = {};
	lm_content_begin(&reader, entry);
	return read_entry(&reader, chunk, context, err);
}
