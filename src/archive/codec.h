// Compressing one segment at a time, so that equal bytes in give equal bytes out whatever was compressed before.
// For the modules of src/archive.
#pragma once

#include "archive/writer.h"
#include "base/str.h"

struct lm_level_range {
	int least, most, usual;
};
struct lm_level_range lm_codec_levels(enum lm_format format); // tar: 0 to 0

// Name and version of the library that compresses this format, "zstd 1.5.4"; null for tar.
const char *lm_codec_library(enum lm_format format);
const char *lm_codec_version(enum lm_format format);

// The state of one thread. Zero-initialised with format and level set is ready.
struct lm_codec {
	enum lm_format format;
	int level;
	struct ZSTD_CCtx_s *zstd;
	struct z_stream_s *deflate;
};

// Append the compressed form of a whole segment: a zstd frame (with content size and checksum), a gzip member or an
// xz stream. Not for tar and zip.
void lm_codec_compress(struct lm_codec *codec, const void *bytes, size_t len, struct lm_buf *out);
// zip: append these bytes as raw deflate; unless `last`, in a form that ends at a byte and that more can follow.
void lm_codec_deflate(struct lm_codec *codec, const void *bytes, size_t len, bool last, struct lm_buf *out);
void lm_codec_release(struct lm_codec *codec); // fits LM_AUTO
