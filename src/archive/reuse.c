// Segments that were compressed before are taken as they are.
#include "archive/run.h"

#include <string.h>

// A smaller segment is compressed sooner than it is found.
enum { REUSE_MIN_BYTES = 64 * 1024 };

static bool
is_cached(const struct lm_run *run, const struct lm_part *part)
{
	if (run->options->cache == nullptr || run->options->format == LM_FORMAT_TAR)
		return false;
	return part->large || part->content_size >= REUSE_MIN_BYTES;
}

// What decides about the compressed bytes, and nothing else.
static void
cache_key(const struct lm_run *run, const struct lm_digest *digest, struct lm_digest *key)
{
	const char *extension = lm_format_extension(run->options->format);
	struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	lm_sha256_field(&hash, "lamina segment", strlen("lamina segment"));
	lm_sha256_field(&hash, extension, strlen(extension));
	lm_sha256_field(&hash, run->compressor, strlen(run->compressor));
	lm_sha256_field(&hash, digest->bytes, sizeof digest->bytes);
	lm_sha256_final(&hash, key);
}

int
lm_run_reuse(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_segment_cache *cache = run->options->cache;
	struct lm_digest key;
	if (!is_cached(run, part))
		return 0;
	cache_key(run, &piece->digest, &key);
	if (!cache->get(cache->context, &key, &piece->bytes) ||
		(run->options->format == LM_FORMAT_ZIP && !lm_run_unpack_zip(run, index, piece))) {
		lm_buf_clear(&piece->bytes);
		return 0;
	}
	if (part->large && lm_run_skip_large(run, pipeline, index, err) < 0)
		return -1;
	(void)pthread_mutex_lock(&run->mutex);
	run->reused_count++;
	(void)pthread_mutex_unlock(&run->mutex);
	return 1;
}

// A part of a large member is known to be right at the member's end only.
static void
settle_later(struct lm_run *run, struct lm_large *large, void *put)
{
	const struct lm_segment_cache *cache = run->options->cache;
	(void)pthread_mutex_lock(&run->mutex);
	if (large->checked) {
		cache->settle(cache->context, put, true);
	} else {
		lm_grow(large->puts, large->put_count, large->put_cap);
		large->puts[large->put_count++] = put;
	}
	(void)pthread_mutex_unlock(&run->mutex);
}

void
lm_run_keep(struct lm_run *run, size_t index, struct lm_piece *piece)
{
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_segment_cache *cache = run->options->cache;
	struct lm_digest key;
	size_t len = piece->bytes.len;
	if (!is_cached(run, part))
		return;
	cache_key(run, &piece->digest, &key);
	if (run->options->format == LM_FORMAT_ZIP)
		lm_run_pack_zip(run, index, piece);
	void *put = cache->put(cache->context, &key, piece->bytes.ptr, piece->bytes.len);
	piece->bytes.len = len;
	if (put == nullptr)
		return;
	if (part->large)
		settle_later(run, &run->large[part->large_index], put);
	else
		cache->settle(cache->context, put, true);
}

void
lm_run_settle(struct lm_run *run, struct lm_large *large, bool keep)
{
	const struct lm_segment_cache *cache = run->options->cache;
	for (size_t i = 0; i < large->put_count; i++)
		cache->settle(cache->context, large->puts[i], keep);
	large->put_count = 0;
}
