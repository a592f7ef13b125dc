#include "archive/extract_parts.h"
#include "archive/tar.h"
#include "archive/zip_parts.h"
#include "os/cancel.h"

#include <libdeflate.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY // ZSTD_d_stableOutBuffer: the same since 1.4.6
#include <zstd.h>

enum {
	XZ_MEMORY_MAX_BYTES = 80 << 20, // of a decoder: a dictionary of 64 MiB is more than ours have
	TAR_SEGMENT_BYTES = 8 << 20,
	GZIP_LEAST_BYTES = 18,
	ZSTD_PIECE_BYTES = 256 << 10, // of what is compressed
	READY_BYTES = 4 << 20,        // that are told as ready
	READY_FROM = 4 * READY_BYTES, // smaller segments are decompressed in one call
};

struct found {
	const struct lm_map *map;
	struct extract_segment *segments;
	size_t count, cap;
	uint64_t max_bytes; // of a segment
};

static bool
add(struct found *found, uint64_t offset, uint64_t size, uint64_t content_size, uint64_t memory_bytes)
{
	if (content_size > found->max_bytes || found->count == SEGMENTS_MAX)
		return false;
	lm_grow(found->segments, found->count, found->cap);
	found->segments[found->count++] = (struct extract_segment){
		.offset = offset, .size = size, .content_size = (size_t)content_size, .memory_bytes = (size_t)memory_bytes
	};
	return true;
}

// ---- zstd: frames that say how large their content is

static bool
find_zst(struct found *found)
{
	for (size_t at = 0; at < found->map->len;) {
		const unsigned char *frame = found->map->ptr + at;
		size_t size = ZSTD_findFrameCompressedSize(frame, found->map->len - at);
		unsigned long long content = ZSTD_getFrameContentSize(frame, found->map->len - at);
		if (ZSTD_isError(size) || content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR ||
			!add(found, at, size, content, 0))
			return false;
		at += size;
	}
	return true;
}

static bool
decode_zst_in_pieces(ZSTD_DCtx *codec, const unsigned char *from, const struct extract_segment *segment, unsigned char *out,
	extract_ready *ready, void *context)
{
	ZSTD_inBuffer in = { from, 0, 0 };
	ZSTD_outBuffer to = { out, segment->content_size, 0 };
	size_t left = 1, told = 0;
	while (left > 0 && in.pos < segment->size) {
		in.size = segment->size - in.pos < ZSTD_PIECE_BYTES ? segment->size : in.pos + ZSTD_PIECE_BYTES;
		left = ZSTD_decompressStream(codec, &to, &in);
		if (ZSTD_isError(left))
			return false;
		if (to.pos - told >= READY_BYTES)
			ready(context, told = to.pos);
	}
	return left == 0 && in.pos == segment->size && to.pos == segment->content_size;
}

// What is ready stays where it is (ZSTD_d_stableOutBuffer), so that no window is kept besides, however large the frame says it is.
static bool
decode_zst(const unsigned char *from, const struct extract_segment *segment, unsigned char *out, extract_ready *ready,
	void *context)
{
	enum { WINDOW_LOG_MAX = 31 };
	if (segment->content_size < READY_FROM) {
		size_t got = ZSTD_decompress(out, segment->content_size, from, segment->size);
		return !ZSTD_isError(got) && got == segment->content_size;
	}
	ZSTD_DCtx *codec = ZSTD_createDCtx();
	bool good = codec != nullptr && !ZSTD_isError(ZSTD_DCtx_setParameter(codec, ZSTD_d_stableOutBuffer, 1)) &&
		!ZSTD_isError(ZSTD_DCtx_setParameter(codec, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)) &&
		decode_zst_in_pieces(codec, from, segment, out, ready, context);
	(void)ZSTD_freeDCtx(codec);
	return good;
}

// ---- xz: streams, each with an index at its end, so that they are found from the last to the first

// What decoding the first block of a stream takes; the others, if there are some, are held to the same.
static uint64_t
xz_memory(const unsigned char *stream, size_t len)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block = { .version = 1, .check = LZMA_CHECK_CRC64, .filters = filters };
	if (len <= LZMA_STREAM_HEADER_SIZE || stream[LZMA_STREAM_HEADER_SIZE] == 0)
		return 0;
	block.header_size = lzma_block_header_size_decode(stream[LZMA_STREAM_HEADER_SIZE]);
	if (block.header_size > len - LZMA_STREAM_HEADER_SIZE ||
		lzma_block_header_decode(&block, nullptr, stream + LZMA_STREAM_HEADER_SIZE) != LZMA_OK)
		return UINT64_MAX;
	uint64_t memory = lzma_raw_decoder_memusage(filters);
	lzma_filters_free(filters, nullptr);
	return memory;
}

// The stream that ends at `end`: its start, or `end` when there is none.
static size_t
find_xz_stream(struct found *found, size_t end)
{
	const unsigned char *bytes = found->map->ptr;
	lzma_stream_flags flags;
	lzma_index *index = nullptr;
	uint64_t limit = XZ_MEMORY_MAX_BYTES;
	size_t start = end, at = 0;
	if (end < 2 * (size_t)LZMA_STREAM_HEADER_SIZE ||
		lzma_stream_footer_decode(&flags, bytes + end - LZMA_STREAM_HEADER_SIZE) != LZMA_OK ||
		flags.backward_size > end - 2 * (size_t)LZMA_STREAM_HEADER_SIZE)
		return end;
	const unsigned char *in = bytes + end - LZMA_STREAM_HEADER_SIZE - flags.backward_size;
	if (lzma_index_buffer_decode(&index, &limit, nullptr, in, &at, (size_t)flags.backward_size) != LZMA_OK)
		return end;
	uint64_t size = lzma_index_file_size(index), content = lzma_index_uncompressed_size(index);
	lzma_index_end(index, nullptr);
	if (size > end)
		return end;
	uint64_t memory = xz_memory(bytes + end - size, (size_t)size);
	if (memory <= XZ_MEMORY_MAX_BYTES && add(found, end - size, size, content, memory))
		start = end - (size_t)size;
	return start;
}

static bool
find_xz(struct found *found)
{
	for (size_t end = found->map->len; end > 0;) {
		size_t start = find_xz_stream(found, end);
		if (start == end)
			return false;
		end = start;
	}
	for (size_t i = 0; i < found->count / 2; i++) {
		struct extract_segment segment = found->segments[i];
		found->segments[i] = found->segments[found->count - 1 - i];
		found->segments[found->count - 1 - i] = segment;
	}
	return true;
}

static bool
decode_xz(const unsigned char *from, const struct extract_segment *segment, unsigned char *out)
{
	uint64_t limit = XZ_MEMORY_MAX_BYTES;
	size_t in = 0, done = 0;
	lzma_ret rc =
		lzma_stream_buffer_decode(&limit, 0, nullptr, from, &in, segment->size, out, &done, segment->content_size);
	return rc == LZMA_OK && in == segment->size && done == segment->content_size;
}

// ---- gzip: nothing says where a member ends. Ours all begin alike, and where the guess is wrong the pieces do not decompress.

static bool
find_gz(struct found *found)
{
	static const unsigned char start[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0 };
	const unsigned char *bytes = found->map->ptr;
	if (found->map->len < GZIP_LEAST_BYTES || memcmp(bytes, start, sizeof start) != 0 || bytes[9] != 255)
		return false;
	for (size_t at = 0; at < found->map->len;) {
		size_t end = at + GZIP_LEAST_BYTES;
		const unsigned char *next = nullptr;
		for (; next == nullptr && end < found->map->len; end = (size_t)(next - bytes) + 1, next = nullptr) {
			next = memmem(bytes + end, found->map->len - end, start, sizeof start);
			if (next == nullptr || (found->map->len - (size_t)(next - bytes) > 9 && next[9] == 255))
				break;
		}
		end = next == nullptr ? found->map->len : (size_t)(next - bytes);
		if (end - at < GZIP_LEAST_BYTES || !add(found, at, end - at, zip_u32(bytes + end - 4), 0))
			return false;
		at = end;
	}
	return true;
}

static bool
decode_gz(const unsigned char *from, const struct extract_segment *segment, unsigned char *out)
{
	size_t in = 0, done = 0;
	struct libdeflate_decompressor *codec = libdeflate_alloc_decompressor();
	if (codec == nullptr)
		return false;
	enum libdeflate_result rc =
		libdeflate_gzip_decompress_ex(codec, from, segment->size, out, segment->content_size, &in, &done);
	libdeflate_free_decompressor(codec);
	return rc == LIBDEFLATE_SUCCESS && in == segment->size && done == segment->content_size;
}

// ---- tar: whoever goes through the members reads the headers; here it is cut anywhere between blocks

static bool
find_tar(struct found *found)
{
	for (size_t at = 0; at < found->map->len; at += TAR_SEGMENT_BYTES) {
		size_t size = found->map->len - at < TAR_SEGMENT_BYTES ? found->map->len - at : TAR_SEGMENT_BYTES;
		if (!add(found, at, size, size, 0))
			return false;
	}
	return found->map->len % LM_TAR_BLOCK == 0;
}

// libarchive does not look at the checksums of gzip.
bool
extract_gzip_is_whole(const struct lm_map *map)
{
	enum { GZIP_WINDOW = 15 + 16, PIECE_BYTES = 1 << 30 };
	static thread_local unsigned char out[65536];
	z_stream stream = {};
	int rc = inflateInit2(&stream, GZIP_WINDOW);
	size_t at = 0;
	while (rc == Z_OK && at < map->len && !lm_cancel_requested()) {
		size_t len = map->len - at < PIECE_BYTES ? map->len - at : PIECE_BYTES;
		stream.next_in = (unsigned char *)(uintptr_t)(map->ptr + at);
		stream.avail_in = (unsigned)len;
		stream.next_out = out;
		stream.avail_out = sizeof out;
		rc = inflate(&stream, Z_NO_FLUSH);
		at += len - stream.avail_in;
		bool more = at + 2 < map->len && map->ptr[at] == 0x1f && map->ptr[at + 1] == 0x8b;
		if (rc == Z_STREAM_END && more)
			rc = inflateReset(&stream);
	}
	(void)inflateEnd(&stream);
	return rc == Z_STREAM_END;
}

enum extract_format
extract_find(const struct lm_map *map, struct extract_segment **segments, size_t *count)
{
	static const struct {
		enum extract_format format;
		size_t at, len;
		const char *magic;
		bool (*find)(struct found *found);
	} formats[] = {
		{ EXTRACT_ZST, 0, 4, "\x28\xb5\x2f\xfd", find_zst },
		{ EXTRACT_XZ, 0, 6,
			"\xfd"
			"7zXZ",
			find_xz },
		{ EXTRACT_GZ, 0, 3, "\x1f\x8b\x08", find_gz },
		{ EXTRACT_TAR, 257, 8,
			"ustar\0"
			"00",
			find_tar },
		{ EXTRACT_ZIP, 0, 4, "PK\3\4", nullptr },
		{ EXTRACT_ZIP, 0, 4, "PK\5\6", nullptr },
	};
	*segments = nullptr;
	*count = 0;
	for (size_t i = 0; i < LM_COUNT(formats); i++) {
		struct found found = {
			.map = map,
			.max_bytes = formats[i].format == EXTRACT_ZST ? ZSTD_SEGMENT_MAX_BYTES : SEGMENT_MAX_BYTES,
		};
		if (map->len < formats[i].at + formats[i].len ||
			memcmp(map->ptr + formats[i].at, formats[i].magic, formats[i].len) != 0)
			continue;
		if (formats[i].find == nullptr)
			return formats[i].format;
		if (!formats[i].find(&found)) {
			lm_free(found.segments);
			return EXTRACT_NONE;
		}
		*segments = found.segments;
		*count = found.count;
		return formats[i].format;
	}
	return EXTRACT_NONE;
}

bool
extract_decode(enum extract_format format, const struct lm_map *map, const struct extract_segment *segment, unsigned char *out,
	extract_ready *ready, void *context)
{
	const unsigned char *from = map->ptr + segment->offset;
	switch (format) {
	case EXTRACT_ZST:
		return decode_zst(from, segment, out, ready, context);
	case EXTRACT_XZ:
		return decode_xz(from, segment, out);
	case EXTRACT_GZ:
		return decode_gz(from, segment, out);
	case EXTRACT_TAR:
		memcpy(out, from, segment->size);
		return true;
	case EXTRACT_ZIP:
	case EXTRACT_NONE:
		break;
	}
	return false;
}
