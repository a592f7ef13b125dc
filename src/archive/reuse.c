// Segments that were compressed before are taken as they are.
#include "archive/run.h"
#include "os/pool.h"

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

static int
survey(void *context, size_t index, struct lm_err *)
{
	struct lm_run *run = context;
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_segment_cache *cache = run->options->cache;
	struct lm_digest key;
	lm_part_digest(&run->plan, part, &run->segments[index].digest);
	if (!is_cached(run, part))
		return 0;
	cache_key(run, &run->segments[index].digest, &key);
	run->kept[index] = cache->has(cache->context, &key);
	return 0;
}

// Of a large member all parts, when one is not kept: they are read in order.
static void
list_long(struct lm_run *run)
{
	LM_AUTO(lm_free_ptr) bool *read = lm_alloc_array(run->plan.large_count, sizeof(*read));
	for (size_t i = 0; i < run->plan.part_count; i++)
		if (run->plan.parts[i].large && !run->kept[i])
			read[run->plan.parts[i].large_index] = true;
	for (size_t i = 0; i < run->plan.part_count; i++)
		if (!run->kept[i] || (run->plan.parts[i].large && read[run->plan.parts[i].large_index]))
			run->long_parts[run->long_count++] = i;
}

int
lm_run_survey(struct lm_run *run, unsigned jobs, struct lm_err *err)
{
	size_t count = run->plan.part_count;
	run->kept = lm_alloc_array(count, sizeof(*run->kept));
	run->long_parts = lm_alloc_array(count, sizeof(*run->long_parts));
	if (lm_pool_run(jobs, count, survey, run, err) < 0)
		return -1;
	list_long(run);
	return 0;
}

int
lm_run_reuse(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_segment_cache *cache = run->options->cache;
	struct lm_digest key;
	if (!is_cached(run, part))
		return 0;
	cache_key(run, &run->segments[index].digest, &key);
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
	cache_key(run, &run->segments[index].digest, &key);
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
