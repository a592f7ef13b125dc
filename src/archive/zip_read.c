// The bytes of a member.
#include "archive/shown.h"
#include "archive/zip.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

enum { PIECE = 256 * 1024, QUICK_MAX_BYTES = 32 * 1024 * 1024 };

static int
bad_data(const struct lm_zip *zip, const struct lm_zip_member *member, struct lm_err *err, const char *what)
{
	return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable zip file: member '%s' %s", zip->label,
		lm_shown(lm_str_of(member->name)).text, what);
}

// What is known while a member is read.
struct reading {
	const struct lm_zip *zip;
	const struct lm_zip_member *member;
	lm_content_sink *chunk;
	void *context;
	uint64_t done;
	uint32_t crc;
};

static int
hand_out(struct reading *reading, const unsigned char *bytes, size_t len, struct lm_err *err)
{
	if (len > reading->member->size - reading->done)
		return bad_data(reading->zip, reading->member, err, "holds more bytes than it says");
	reading->done += len;
	reading->crc = libdeflate_crc32(reading->crc, bytes, len);
	return len == 0 ? 0 : reading->chunk(reading->context, bytes, len, err);
}

static int
hand_out_all(struct reading *reading, const unsigned char *bytes, uint64_t left, struct lm_err *err)
{
	while (left > 0) {
		size_t len = left < PIECE ? (size_t)left : PIECE;
		if (hand_out(reading, bytes, len, err) < 0)
			return -1;
		bytes += len;
		left -= len;
	}
	return 0;
}

// All of it in one call, in less than half the time that pieces take. False when it is too large, or not as it should be: then
// read_deflated says what is wrong.
static bool
inflate_whole(const struct lm_zip_member *member, const unsigned char *bytes, unsigned char **out)
{
	size_t used = 0, made = 0;
	if (member->size > QUICK_MAX_BYTES || member->stored_size > QUICK_MAX_BYTES)
		return false;
	struct libdeflate_decompressor *state = libdeflate_alloc_decompressor();
	if (state == nullptr)
		return false;
	LM_AUTO(lm_free_ptr) unsigned char *whole = lm_realloc_array(nullptr, (size_t)member->size + 1, 1);
	enum libdeflate_result result = libdeflate_deflate_decompress_ex(
		state, bytes, (size_t)member->stored_size, whole, (size_t)member->size, &used, &made);
	libdeflate_free_decompressor(state);
	if (result != LIBDEFLATE_SUCCESS || used != member->stored_size || made != member->size)
		return false;
	*out = lm_take(&whole);
	return true;
}

static void
end_inflate(z_stream *stream)
{
	(void)inflateEnd(stream);
}

static int
read_deflated(struct reading *reading, const unsigned char *bytes, struct lm_err *err)
{
	uint64_t left = reading->member->stored_size;
	size_t room = reading->member->size < PIECE ? (size_t)reading->member->size + 1 : PIECE;
	LM_AUTO(lm_free_ptr) unsigned char *piece = lm_alloc(room);
	LM_AUTO(end_inflate) z_stream stream = {};
	if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
		return lm_err_set(err, LM_E_LIMIT, "out of memory while inflating '%s'", reading->zip->label);
	int status = Z_OK;
	while (status == Z_OK) {
		if (stream.avail_in == 0) {
			stream.avail_in = left < UINT32_MAX / 2 ? (uInt)left : UINT32_MAX / 2;
			stream.next_in = (z_const Bytef *)(uintptr_t)bytes; // zlib reads only
			bytes += stream.avail_in;
			left -= stream.avail_in;
		}
		stream.next_out = piece;
		stream.avail_out = (uInt)room;
		status = inflate(&stream, Z_NO_FLUSH);
		if (hand_out(reading, piece, room - stream.avail_out, err) < 0)
			return -1;
	}
	if (status == Z_BUF_ERROR)
		return bad_data(reading->zip, reading->member, err, "ends in the middle of its deflate stream");
	if (status != Z_STREAM_END)
		return bad_data(reading->zip, reading->member, err, "is not a deflate stream");
	if (left + stream.avail_in != 0)
		return bad_data(reading->zip, reading->member, err, "has bytes after its deflate stream");
	return 0;
}

int
lm_zip_stream(
	const struct lm_zip *zip, const struct lm_zip_member *member, lm_content_sink *chunk, void *context, struct lm_err *err)
{
	struct reading reading = { .zip = zip, .member = member, .chunk = chunk, .context = context };
	const unsigned char *bytes = zip->map.ptr + member->offset;
	LM_AUTO(lm_free_ptr) unsigned char *whole = nullptr;
	int rc = 0;
	if (!member->deflated)
		rc = hand_out_all(&reading, bytes, member->stored_size, err);
	else if (inflate_whole(member, bytes, &whole))
		rc = hand_out_all(&reading, whole, member->size, err);
	else
		rc = read_deflated(&reading, bytes, err);
	if (rc < 0)
		return -1;
	if (reading.done != member->size)
		return bad_data(zip, member, err, "holds fewer bytes than it says");
	if (reading.crc != member->crc32)
		return bad_data(zip, member, err, "has another CRC than its bytes");
	return 0;
}

struct whole {
	char *bytes;
	size_t len;
};

static int
append(void *context, const void *bytes, size_t len, struct lm_err *)
{
	struct whole *whole = context;
	memcpy(whole->bytes + whole->len, bytes, len); // lm_zip_stream hands out no more than `size` bytes
	whole->len += len;
	return 0;
}

int
lm_zip_read(const struct lm_zip *zip, const struct lm_zip_member *member, uint64_t max_bytes, char **out, size_t *out_len,
	struct lm_err *err)
{
	if (member->size > max_bytes)
		return lm_err_set(err, LM_E_LIMIT, "member '%s' of '%s' has %llu bytes, the limit is %llu",
			lm_shown(lm_str_of(member->name)).text, zip->label, (unsigned long long)member->size,
			(unsigned long long)max_bytes);
	LM_AUTO(lm_free_ptr) char *bytes = lm_alloc((size_t)member->size + 1);
	struct whole whole = { .bytes = bytes };
	if (lm_zip_stream(zip, member, append, &whole, err) < 0)
		return -1;
	if (out_len != nullptr)
		*out_len = whole.len;
	*out = lm_take(&bytes);
	return 0;
}
