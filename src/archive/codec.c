#include "archive/codec.h"

#include "base/mem.h"
#include "os/pages.h"

#include <assert.h>
#include <libdeflate.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY // ZSTD_createCCtx_advanced: the same since 2018
#include <zstd.h>

enum {
	MIB = 1024 * 1024,
	ZSTD_WIDE_FROM = 7,    // levels that look for matches in the whole segment, and up to
	ZSTD_SHORT_UNTIL = 12, // this one for shorter ones than usual
	ZSTD_LARGE_FROM = 16,  // levels that take minutes, and get larger segments for it, up to
	ZSTD_MAX = 17,         // this one tuned for what takes as long as people wait
	XZ_LARGE_FROM = 7,
	ZLIB_MOST = 9,
};

struct lm_level_range
lm_codec_levels(enum lm_format format)
{
	switch (format) {
	case LM_FORMAT_TAR_ZST:
		return (struct lm_level_range){ .least = 1, .most = 22, .usual = 8, .fast = 3, .max = ZSTD_MAX };
	case LM_FORMAT_TAR_XZ:
		return (struct lm_level_range){ .least = 0, .most = 9, .usual = 6, .fast = 1, .max = 9 };
	case LM_FORMAT_TAR_GZ:
	case LM_FORMAT_ZIP:
		return (struct lm_level_range){ .least = 1, .most = 12, .usual = 6, .fast = 1, .max = 12 };
	case LM_FORMAT_TAR:
	case LM_FORMAT_COUNT:
		break;
	}
	return (struct lm_level_range){};
}

int
lm_codec_level(const struct lm_archive_options *options)
{
	struct lm_level_range levels = lm_codec_levels(options->format);
	switch (options->level) {
	case LM_LEVEL_DEFAULT:
		return levels.usual;
	case LM_LEVEL_FAST:
		return levels.fast;
	case LM_LEVEL_MAX:
		return levels.max;
	default:
		return options->level;
	}
}

uint64_t
lm_codec_segment(enum lm_format format, int level)
{
	if (format == LM_FORMAT_TAR_ZST)
		return (level < ZSTD_LARGE_FROM ? 6 : 96) * MIB;
	if (format == LM_FORMAT_TAR_XZ)
		return (level < XZ_LARGE_FROM ? 16 : 32) * MIB;
	return 4 * MIB;
}

uint64_t
lm_codec_large_segment(enum lm_format format, int level)
{
	if (format == LM_FORMAT_TAR_ZST && level >= ZSTD_WIDE_FROM && level <= ZSTD_SHORT_UNTIL)
		return 22 * MIB;
	return lm_codec_segment(format, level);
}

// How the level is tuned, in a word: with the window of the whole segment, and the shortest matches if they are.
static const char *
zstd_way(int level)
{
	if (level < ZSTD_WIDE_FROM)
		return "";
	if (level <= ZSTD_SHORT_UNTIL)
		return " wide 4";
	return level >= ZSTD_LARGE_FROM && level <= ZSTD_MAX ? " wide 3" : " wide";
}

void
lm_codec_describe(enum lm_format format, int level, char out[64])
{
	switch (format) {
	case LM_FORMAT_TAR_ZST:
		(void)snprintf(out, 64, "zstd %s level %d%s", ZSTD_versionString(), level, zstd_way(level));
		return;
	case LM_FORMAT_TAR_XZ:
		(void)snprintf(out, 64, "liblzma %s level %d", lzma_version_string(), level);
		return;
	case LM_FORMAT_TAR_GZ:
		(void)snprintf(out, 64, "libdeflate %s level %d", LIBDEFLATE_VERSION_STRING, level);
		return;
	case LM_FORMAT_ZIP:
		(void)snprintf(out, 64, "libdeflate %s and zlib %s level %d", LIBDEFLATE_VERSION_STRING, zlibVersion(), level);
		return;
	case LM_FORMAT_TAR:
	case LM_FORMAT_COUNT:
		break;
	}
	(void)snprintf(out, 64, "none");
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
set_zstd(struct lm_codec *codec, ZSTD_cParameter parameter, int value)
{
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(codec->zstd, parameter, value)));
}

// Few candidates in a small tree, and repeats from further away found by zstd's index of long ones, which is cheap: what that
// leaves out is less than what a larger segment and shorter matches find in the time. docs/performance.md has the figures.
static void
tune_max(struct lm_codec *codec)
{
	set_zstd(codec, ZSTD_c_minMatch, 3);
	set_zstd(codec, ZSTD_c_searchLog, 4);
	set_zstd(codec, ZSTD_c_targetLength, 192);
	set_zstd(codec, ZSTD_c_chainLog, 22);
	set_zstd(codec, ZSTD_c_enableLongDistanceMatching, 1);
	set_zstd(codec, ZSTD_c_ldmMinMatch, 16);
	set_zstd(codec, ZSTD_c_ldmHashLog, 23);
	set_zstd(codec, ZSTD_c_ldmHashRateLog, 3);
	set_zstd(codec, ZSTD_c_ldmBucketSizeLog, 4);
}

// What a level finds in a window of the whole segment and with shorter matches is worth more than what it finds by trying
// twice as many candidates, and takes less time.
static void
tune_zstd(struct lm_codec *codec)
{
	enum { WINDOW_LOG = 24, LARGE_WINDOW_LOG = 27, SHORT = 4 };
	if (codec->level < ZSTD_WIDE_FROM)
		return;
	set_zstd(codec, ZSTD_c_windowLog, codec->level < ZSTD_LARGE_FROM ? WINDOW_LOG : LARGE_WINDOW_LOG);
	if (codec->level <= ZSTD_SHORT_UNTIL)
		set_zstd(codec, ZSTD_c_minMatch, SHORT);
	if (codec->level >= ZSTD_LARGE_FROM && codec->level <= ZSTD_MAX)
		tune_max(codec);
}

// Where matches may lie anywhere in 100 MiB, a fourteenth of the time goes into looking for pages of 4 KiB.
static void *
allocate_table(void *opaque, size_t len)
{
	(void)opaque;
	void *table = lm_alloc(len);
	lm_pages_huge(table, len);
	return table;
}

static void
free_table(void *opaque, void *table)
{
	(void)opaque;
	lm_free(table);
}

// In segments that are more than twice as large the second look ahead of ZSTD_lazy2 finds no more than they do by themselves, and takes a
// sixth of the time.
static void
choose_strategy(struct lm_codec *codec, bool large)
{
	if (codec->level >= ZSTD_WIDE_FROM && codec->level <= ZSTD_SHORT_UNTIL)
		set_zstd(codec, ZSTD_c_strategy, large ? ZSTD_lazy : 0);
}

static void
compress_zstd(struct lm_codec *codec, const void *bytes, size_t len, bool large, struct lm_buf *out)
{
	if (codec->zstd == nullptr) {
		codec->zstd = ZSTD_createCCtx_advanced((ZSTD_customMem){ allocate_table, free_table, nullptr });
		must(codec->zstd != nullptr);
		set_zstd(codec, ZSTD_c_compressionLevel, codec->level);
		set_zstd(codec, ZSTD_c_checksumFlag, 1);
		set_zstd(codec, ZSTD_c_contentSizeFlag, 1);
		tune_zstd(codec);
	}
	choose_strategy(codec, large);
	size_t room = ZSTD_compressBound(len);
	size_t made = ZSTD_compress2(codec->zstd, lm_buf_reserve(out, room), room, bytes, len);
	must(!ZSTD_isError(made));
	out->len += made;
}

// The dictionary of a level is 256 KiB to 64 MiB, its state about eleven times that. Here it is what a segment has, but
// for the quick levels: more than a segment would only cost memory, and less leave out what is there.
static void
compress_xz(const struct lm_codec *codec, const void *bytes, size_t len, enum lm_machine machine, struct lm_buf *out)
{
	enum { QUICK_MOST = 3 };
	lzma_options_lzma options;
	must(!lzma_lzma_preset(&options, (uint32_t)codec->level));
	if (codec->level > QUICK_MOST)
		options.dict_size = (uint32_t)lm_codec_segment(LM_FORMAT_TAR_XZ, codec->level);
	lzma_filter filters[3] = {};
	size_t count = 0;
	if (machine == LM_MACHINE_X86)
		filters[count++].id = LZMA_FILTER_X86;
	else if (machine == LM_MACHINE_ARM64 && codec->level >= XZ_LARGE_FROM)
		filters[count++].id = LZMA_FILTER_ARM64; // only xz 5.4 (2022) and later can undo it
	filters[count++] = (lzma_filter){ LZMA_FILTER_LZMA2, &options };
	filters[count] = (lzma_filter){ LZMA_VLI_UNKNOWN, nullptr };

	size_t room = lzma_stream_buffer_bound(len), made = 0;
	uint8_t *target = (uint8_t *)lm_buf_reserve(out, room);
	must(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC64, nullptr, bytes, len, target, &made, room) == LZMA_OK);
	out->len += made;
}

static struct libdeflate_compressor *
deflate_state(struct lm_codec *codec)
{
	if (codec->deflate == nullptr)
		codec->deflate = libdeflate_alloc_compressor(codec->level);
	must(codec->deflate != nullptr);
	return codec->deflate;
}

// No name, no time, system "unknown".
static void
compress_gzip(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out)
{
	struct libdeflate_compressor *state = deflate_state(codec);
	size_t room = libdeflate_gzip_compress_bound(state, len);
	size_t made = libdeflate_gzip_compress(state, bytes, len, lm_buf_reserve(out, room), room);
	must(made > 0);
	out->len += made;
}

void
lm_codec_deflate(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out)
{
	struct libdeflate_compressor *state = deflate_state(codec);
	size_t room = libdeflate_deflate_compress_bound(state, len);
	size_t made = libdeflate_deflate_compress(state, bytes, len, lm_buf_reserve(out, room), room);
	must(made > 0);
	out->len += made;
}

static z_stream *
zlib_state(struct lm_codec *codec)
{
	enum { RAW_WINDOW = -MAX_WBITS, MEMORY_LEVEL = 8 };
	if (codec->zlib != nullptr) {
		must(deflateReset(codec->zlib) == Z_OK);
		return codec->zlib;
	}
	codec->zlib = lm_alloc(sizeof(*codec->zlib));
	int level = codec->level < ZLIB_MOST ? codec->level : ZLIB_MOST;
	must(deflateInit2(codec->zlib, level, Z_DEFLATED, RAW_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
	return codec->zlib;
}

void
lm_codec_deflate_part(struct lm_codec *codec, const void *bytes, size_t len, bool last, struct lm_buf *out)
{
	enum { FLUSH_MARK_BYTES = 16 };
	int flush = last ? Z_FINISH : Z_FULL_FLUSH;
	assert(codec->format == LM_FORMAT_ZIP && len <= UINT32_MAX);
	z_stream *stream = zlib_state(codec);
	size_t room = deflateBound(stream, (uLong)len) + FLUSH_MARK_BYTES;
	stream->next_in = (z_const Bytef *)(uintptr_t)bytes;
	stream->avail_in = (uInt)len;
	stream->next_out = (Bytef *)lm_buf_reserve(out, room);
	stream->avail_out = (uInt)room;
	int rc = deflate(stream, flush);
	must(rc == (last ? Z_STREAM_END : Z_OK) && stream->avail_in == 0 && stream->avail_out > 0);
	out->len += room - stream->avail_out;
}

void
lm_codec_compress(
	struct lm_codec *codec, const void *bytes, size_t len, enum lm_machine machine, bool large, struct lm_buf *out)
{
	switch (codec->format) {
	case LM_FORMAT_TAR_ZST:
		compress_zstd(codec, bytes, len, large, out);
		return;
	case LM_FORMAT_TAR_XZ:
		compress_xz(codec, bytes, len, machine, out);
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
	if (codec->zlib != nullptr)
		(void)deflateEnd(codec->zlib);
	lm_free(codec->zlib);
	libdeflate_free_compressor(codec->deflate);
	codec->zstd = nullptr;
	codec->zlib = nullptr;
	codec->deflate = nullptr;
}
