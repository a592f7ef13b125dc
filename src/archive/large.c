// Large members: made of several pieces, read from the first byte to the last whichever threads make them.
#include "archive/crew.h"
#include "archive/run.h"

#include <assert.h>
#include <string.h>

// A deflated member of moderate size is inflated in one call, which takes less than half the time of inflating it in pieces: here when it
// has several parts, else where it is wanted.
static int
begin(struct lm_run *run, struct lm_large *large, const struct lm_entry *entry, size_t len, struct lm_err *err)
{
	enum { WHOLE_MAX_BYTES = 32 * 1024 * 1024 };
	lm_content_begin(&large->reader, entry);
	lm_sha256_init(&large->hash);
	if (entry->content.kind != LM_CONTENT_DEFLATE || entry->size > WHOLE_MAX_BYTES || entry->size == len)
		return 0;
	size_t size = (size_t)entry->size;
	if (!lm_crew_hold(run->crew, size))
		return 0;
	char *out = lm_buf_reserve(&large->whole, size);
	large->whole.len = size; // held, whatever comes
	return lm_content_read(&large->reader, out, size, err);
}

static void
release_whole(struct lm_run *run, struct lm_large *large)
{
	if (large->whole.len > 0)
		lm_crew_let_go(run->crew, large->whole.len);
	lm_buf_release(&large->whole);
}

static int
read_on(struct lm_run *run, struct lm_large *large, const struct lm_entry *entry, void *out, size_t len, struct lm_err *err)
{
	if (large->read == 0 && begin(run, large, entry, len, err) < 0)
		return -1;
	if (large->whole.len > 0)
		memcpy(out, large->whole.ptr + large->read, len);
	else if (lm_content_read(&large->reader, out, len, err) < 0)
		return -1;
	if (large->read == 0)
		large->machine = lm_machine_of(out, len);
	lm_sha256_update(&large->hash, out, len);
	large->read += len;
	return 0;
}

// Parts that were in the cache are read all the same once one of the member is not: the digest is that of the whole.
static int
read_up_to(struct lm_run *run, struct lm_large *large, const struct lm_entry *entry, uint64_t end, struct lm_err *err)
{
	enum { PIECE_BYTES = 256 * 1024 };
	if (large->read >= end)
		return 0;
	LM_AUTO(lm_free_ptr) unsigned char *piece = lm_realloc_array(nullptr, PIECE_BYTES, 1);
	while (large->read < end) {
		uint64_t left = end - large->read;
		if (read_on(run, large, entry, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, err) < 0)
			return -1;
	}
	return 0;
}

static int
check_whole(struct lm_run *run, struct lm_large *large, struct lm_err *err)
{
	struct lm_digest digest;
	lm_sha256_final(&large->hash, &digest);
	if (lm_content_end(&large->reader, &digest, err) < 0)
		return -1;
	lm_content_release(&large->reader);
	release_whole(run, large);
	(void)pthread_mutex_lock(&run->mutex);
	large->checked = true;
	lm_run_settle(run, large, true);
	(void)pthread_mutex_unlock(&run->mutex);
	return 0;
}

int
lm_run_read_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, uint64_t from, void *out, size_t len,
	enum lm_machine *machine, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_entry *entry = run->plan.members[part->member].entry;
	struct lm_large *large = &run->large[part->large_index];
	if (lm_pipeline_wait_turn(pipeline, index, &large->turn, part->part_index, err) < 0)
		return -1;
	if (read_up_to(run, large, entry, from, err) < 0 || read_on(run, large, entry, out, len, err) < 0)
		return -1;
	assert(!part->last || large->read == entry->size);
	if (part->last && check_whole(run, large, err) < 0)
		return -1;
	*machine = large->machine;
	lm_pipeline_pass_turn(pipeline, &large->turn);
	return 0;
}

int
lm_run_skip_large(struct lm_run *run, struct lm_pipeline *pipeline, size_t index, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	const struct lm_entry *entry = run->plan.members[part->member].entry;
	struct lm_large *large = &run->large[part->large_index];
	if (lm_pipeline_wait_turn(pipeline, index, &large->turn, part->part_index, err) < 0)
		return -1;
	if (part->last && large->read > 0 &&
		(read_up_to(run, large, entry, entry->size, err) < 0 || check_whole(run, large, err) < 0))
		return -1;
	lm_pipeline_pass_turn(pipeline, &large->turn);
	return 0;
}

void
lm_run_release_large(struct lm_run *run, struct lm_large *large)
{
	lm_run_settle(run, large, false);
	lm_free(large->puts);
	large->puts = nullptr;
	lm_content_release(&large->reader);
	release_whole(run, large);
	lm_sha256_release(&large->hash);
}
