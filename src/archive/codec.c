#include "archive/codec.h"

#include "base/mem.h"

#include <assert.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

struct lm_level_range
lm_codec_levels(enum lm_format format)
{
	switch (format) {
	case LM_FORMAT_TAR_ZST:
		return (struct lm_level_range){ 1, 22, 3 };
	case LM_FORMAT_TAR_XZ:
		return (struct lm_level_range){ 0, 9, 6 };
	case LM_FORMAT_TAR_GZ:
	case LM_FORMAT_ZIP:
		return (struct lm_level_range){ 1, 9, 6 };
	case LM_FORMAT_TAR:
	case LM_FORMAT_COUNT:
		break;
	}
	return (struct lm_level_range){};
}

const char *
lm_codec_library(enum lm_format format)
{
	switch (format) {
	case LM_FORMAT_TAR_ZST:
		return "zstd";
	case LM_FORMAT_TAR_XZ:
		return "liblzma";
	case LM_FORMAT_TAR_GZ:
	case LM_FORMAT_ZIP:
		return "zlib";
	case LM_FORMAT_TAR:
	case LM_FORMAT_COUNT:
		break;
	}
	return nullptr;
}

const char *
lm_codec_version(enum lm_format format)
{
	switch (format) {
	case LM_FORMAT_TAR_ZST:
		return ZSTD_versionString();
	case LM_FORMAT_TAR_XZ:
		return lzma_version_string();
	case LM_FORMAT_TAR_GZ:
	case LM_FORMAT_ZIP:
		return zlibVersion();
	case LM_FORMAT_TAR:
	case LM_FORMAT_COUNT:
		break;
	}
	return nullptr;
}

// The codecs fail only when no memory is left (levels are checked, output has all the room it may need),
// and for that the rule of base/mem.h is: the program ends.
static void
must(bool done)
{
	if (!done)
		abort();
}

static void
compress_zstd(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out)
{
	if (codec->zstd == nullptr) {
		codec->zstd = ZSTD_createCCtx();
		must(codec->zstd != nullptr);
		must(!ZSTD_isError(ZSTD_CCtx_setParameter(codec->zstd, ZSTD_c_compressionLevel, codec->level)));
		must(!ZSTD_isError(ZSTD_CCtx_setParameter(codec->zstd, ZSTD_c_checksumFlag, 1)));
		must(!ZSTD_isError(ZSTD_CCtx_setParameter(codec->zstd, ZSTD_c_contentSizeFlag, 1)));
	}
	size_t room = ZSTD_compressBound(len);
	size_t made = ZSTD_compress2(codec->zstd, lm_buf_reserve(out, room), room, bytes, len);
	must(!ZSTD_isError(made));
	out->len += made;
}

// The dictionary of a level is 256 KiB to 64 MiB, its state about eleven times that. More than a segment of
// usual size would only cost memory.
static void
compress_xz(const struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out)
{
	lzma_options_lzma options;
	must(!lzma_lzma_preset(&options, (uint32_t)codec->level));
	if (options.dict_size > LM_SEGMENT_TARGET)
		options.dict_size = LM_SEGMENT_TARGET;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, nullptr } };

	size_t room = lzma_stream_buffer_bound(len), made = 0;
	uint8_t *target = (uint8_t *)lm_buf_reserve(out, room);
	must(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC64, nullptr, bytes, len, target, &made, room) == LZMA_OK);
	out->len += made;
}

static z_stream *
deflate_state(struct lm_codec *codec)
{
	enum { GZIP_WINDOW = MAX_WBITS + 16, RAW_WINDOW = -MAX_WBITS, MEMORY_LEVEL = 8 };
	if (codec->deflate != nullptr) {
		must(deflateReset(codec->deflate) == Z_OK);
		return codec->deflate;
	}
	codec->deflate = lm_alloc(sizeof(*codec->deflate));
	int window = codec->format == LM_FORMAT_ZIP ? RAW_WINDOW : GZIP_WINDOW;
	must(deflateInit2(codec->deflate, codec->level, Z_DEFLATED, window, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
	return codec->deflate;
}

static void
run_deflate(z_stream *stream, const void *bytes, size_t len, int flush, struct lm_buf *out)
{
	enum { FLUSH_MARK_BYTES = 16 };
	assert(len <= UINT32_MAX);
	size_t room = deflateBound(stream, (uLong)len) + FLUSH_MARK_BYTES;
	stream->next_in = (z_const Bytef *)(uintptr_t)bytes;
	stream->avail_in = (uInt)len;
	stream->next_out = (Bytef *)lm_buf_reserve(out, room);
	stream->avail_out = (uInt)room;
	int rc = deflate(stream, flush);
	must(rc == (flush == Z_FINISH ? Z_STREAM_END : Z_OK) && stream->avail_in == 0 && stream->avail_out > 0);
	out->len += room - stream->avail_out;
}

static void
compress_gzip(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out)
{
	gz_header header = { .os = 255 }; // "unknown", and no time
	z_stream *stream = deflate_state(codec);
	must(deflateSetHeader(stream, &header) == Z_OK);
	run_deflate(stream, bytes, len, Z_FINISH, out);
}

void
lm_codec_deflate(struct lm_codec *codec, const void *bytes, size_t len, bool last, struct lm_buf *out)
{
	assert(codec->format == LM_FORMAT_ZIP);
	run_deflate(deflate_state(codec), bytes, len, last ? Z_FINISH : Z_FULL_FLUSH, out);
}

void
lm_codec_compress(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out)
{
	switch (codec->format) {
	case LM_FORMAT_TAR_ZST:
		compress_zstd(codec, bytes, len, out);
		return;
	case LM_FORMAT_TAR_XZ:
		compress_xz(codec, bytes, len, out);
		return;
	case LM_FORMAT_TAR_GZ:
		compress_gzip(codec, bytes, len, out);
		return;
	case LM_FORMAT_TAR:
	case LM_FORMAT_ZIP:
	case LM_FORMAT_COUNT:
		break;
	}
	assert(false);
}

void
lm_codec_release(struct lm_codec *codec)
{
	(void)ZSTD_freeCCtx(codec->zstd);
	if (codec->deflate != nullptr)
		(void)deflateEnd(codec->deflate);
	lm_free(codec->deflate);
	codec->zstd = nullptr;
	codec->deflate = nullptr;
}
