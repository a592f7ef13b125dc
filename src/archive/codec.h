// Compressing one segment at a time, so that equal bytes in give equal bytes out whatever was compressed before.
// For the modules of src/archive.
#pragma once

#include "archive/machine.h"
#include "archive/writer.h"
#include "base/str.h"

struct lm_level_range {
	int least, most, usual, fast, max; // fast, max: what people mean by these words; docs/performance.md has the figures
};
struct lm_level_range lm_codec_levels(enum lm_format format); // tar: 0 to 0
// The number that the options mean, in its range or not.
int lm_codec_level(const struct lm_archive_options *options);
// How large segments should be: what a higher level finds in a larger one is worth more than what can be reused.
uint64_t lm_codec_segment(enum lm_format format, int level);
// How large, at least, parts of a large file should be. They are known by that file alone, so nothing else is compressed again with them.
uint64_t lm_codec_large_segment(enum lm_format format, int level);

// "zstd 1.5.4 level 8 wide 4": the libraries that compress this format, and how.
void lm_codec_describe(enum lm_format format, int level, char out[64]);

// The state of one thread. Zero-initialised with format and level set is ready.
struct lm_codec {
	enum lm_format format;
	int level;
	struct ZSTD_CCtx_s *zstd;
	struct z_stream_s *zlib; // zip: for parts of large members
	struct libdeflate_compressor *deflate; // for all else that is deflated
};

// Append the compressed form of a whole segment: a zstd frame (with content size and checksum), a gzip member or an
// xz stream. Not for tar and zip.
//   machine  whose code most of it is; xz has filters for some
//   large    it is a part of a large file
void lm_codec_compress(
	struct lm_codec *codec, const void *bytes, size_t len, enum lm_machine machine, bool large, struct lm_buf *out);
// zip: append these bytes as one raw deflate stream.
void lm_codec_deflate(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out);
// zip: the same for a part of a stream; unless `last`, in a form that ends at a byte and that more can follow.
void lm_codec_deflate_part(struct lm_codec *codec, const void *bytes, size_t len, bool last, struct lm_buf *out);
void lm_codec_release(struct lm_codec *codec); // fits LM_AUTO
