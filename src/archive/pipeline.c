#include "archive/pipeline.h"

#include "base/mem.h"
#include "os/pool.h"

#include <pthread.h>

// What is claimed and not yet written has a slot.
struct slot {
	struct lm_piece piece;
	bool taken, made;
	bool early; // claimed before its turn
	size_t index;
};

struct lm_pipeline {
	const struct lm_pipeline_work *work;
	size_t count;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t written; // pieces 0 to written - 1 are
	bool writing;   // by some thread, just now
	size_t failed;  // lowest index that failed, SIZE_MAX: none
	bool *claimed;  // by index
	size_t next;    // the lowest that is not claimed
	size_t next_long;
	size_t early_count, early_most;
	size_t slot_count;
	struct slot *slots;
	struct lm_err err; // of `failed`
};

// Keep the failure of the lowest index, with the mutex held. What waits for lower indexes need not look for lm_cancel:
// the pool runs every index that it gave out.
static void
record(struct lm_pipeline *pipeline, size_t index, const struct lm_err *err)
{
	if (index >= pipeline->failed)
		return;
	pipeline->failed = index;
	pipeline->err = *err;
	(void)pthread_cond_broadcast(&pipeline->changed);
}

// Never reported: the failure that stopped us is of a lower index.
static int
stopped(struct lm_err *err)
{
	return lm_err_set(err, LM_E_INTERRUPTED, "stopped by an earlier failure");
}

int
lm_pipeline_wait_turn(struct lm_pipeline *pipeline, size_t index, const size_t *turn, size_t want, struct lm_err *err)
{
	(void)pthread_mutex_lock(&pipeline->mutex);
	while (*turn != want && pipeline->failed > index)
		(void)pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
	bool mine = *turn == want;
	(void)pthread_mutex_unlock(&pipeline->mutex);
	return mine ? 0 : stopped(err);
}

void
lm_pipeline_pass_turn(struct lm_pipeline *pipeline, size_t *turn)
{
	(void)pthread_mutex_lock(&pipeline->mutex);
	++*turn;
	(void)pthread_cond_broadcast(&pipeline->changed);
	(void)pthread_mutex_unlock(&pipeline->mutex);
}

static struct slot *
free_slot(struct lm_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->slot_count; i++)
		if (!pipeline->slots[i].taken)
			return &pipeline->slots[i]; // the first: its buffer was used last
	return nullptr;
}

// A piece that takes long goes before its turn while not too many did: some slots stay for those whose turn it is, without which nothing
// would be written.
static size_t
choose(struct lm_pipeline *pipeline, bool *early)
{
	const struct lm_pipeline_work *work = pipeline->work;
	while (pipeline->next_long < work->long_count && pipeline->claimed[work->long_pieces[pipeline->next_long]])
		pipeline->next_long++;
	*early = false;
	if (pipeline->next_long == work->long_count || pipeline->early_count == pipeline->early_most)
		return pipeline->next;
	size_t index = work->long_pieces[pipeline->next_long];
	*early = index > pipeline->next && index < pipeline->failed;
	return *early ? index : pipeline->next;
}

// The piece to make now, with a slot. Null: a piece before all that are left failed.
static struct slot *
claim(struct lm_pipeline *pipeline)
{
	struct slot *slot = nullptr;
	(void)pthread_mutex_lock(&pipeline->mutex);
	while (pipeline->next < pipeline->failed && (slot = free_slot(pipeline)) == nullptr)
		(void)pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
	if (pipeline->next < pipeline->failed) {
		slot->taken = true;
		slot->index = choose(pipeline, &slot->early);
		pipeline->early_count += slot->early;
		pipeline->claimed[slot->index] = true;
		while (pipeline->next < pipeline->count && pipeline->claimed[pipeline->next])
			pipeline->next++;
	} else {
		slot = nullptr;
	}
	(void)pthread_mutex_unlock(&pipeline->mutex);
	return slot;
}

static struct slot *
made_slot(struct lm_pipeline *pipeline, size_t index)
{
	for (size_t i = 0; i < pipeline->slot_count; i++)
		if (pipeline->slots[i].made && pipeline->slots[i].index == index)
			return &pipeline->slots[i];
	return nullptr;
}

// The first slots, which are taken again soonest, keep their memory: pieces that are only copied need no others.
static void
free_written(struct lm_pipeline *pipeline, struct slot *slot)
{
	enum { KEEPING_MEMORY = 2 };
	if (slot >= pipeline->slots + KEEPING_MEMORY)
		lm_buf_release(&slot->piece.bytes);
	pipeline->early_count -= slot->early;
	slot->taken = slot->made = false;
	pipeline->written++;
	(void)pthread_cond_broadcast(&pipeline->changed);
}

// Write what is made and next. Whoever finds the next one made writes on, while the others go on making.
static void
write_made(struct lm_pipeline *pipeline, struct slot *made)
{
	(void)pthread_mutex_lock(&pipeline->mutex);
	made->made = true;
	while (!pipeline->writing && pipeline->failed > pipeline->written) {
		size_t next = pipeline->written;
		struct slot *slot = made_slot(pipeline, next);
		struct lm_err err = {};
		if (slot == nullptr)
			break;
		pipeline->writing = true;
		(void)pthread_mutex_unlock(&pipeline->mutex);
		int rc = pipeline->work->write(pipeline->work->context, next, &slot->piece, &err);
		(void)pthread_mutex_lock(&pipeline->mutex);
		pipeline->writing = false;
		if (rc < 0)
			record(pipeline, next, &err);
		else
			free_written(pipeline, slot);
	}
	(void)pthread_mutex_unlock(&pipeline->mutex);
}

// One piece for each call, and not the one of the pool's index: that may be another's turn. A piece that failed stops only those after
// it, so that it is the lowest one that is reported.
static int
run_one(void *context, size_t, struct lm_err *err)
{
	struct lm_pipeline *pipeline = context;
	struct slot *slot = claim(pipeline);
	if (slot == nullptr)
		return stopped(err);
	lm_buf_clear(&slot->piece.bytes);
	if (pipeline->work->make(pipeline->work->context, pipeline, slot->index, &slot->piece, err) == 0) {
		write_made(pipeline, slot);
		return 0;
	}
	(void)pthread_mutex_lock(&pipeline->mutex);
	record(pipeline, slot->index, err);
	(void)pthread_mutex_unlock(&pipeline->mutex);
	return 0;
}

int
lm_pipeline_run(unsigned jobs, size_t count, const struct lm_pipeline_work *work, struct lm_err *err)
{
	struct lm_pipeline pipeline = { .work = work,
		.count = count,
		.failed = SIZE_MAX,
		.early_most = (size_t)jobs + 1,
		.slot_count = (size_t)jobs + 4,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	LM_AUTO(lm_free_ptr) struct slot *slots = lm_alloc_array(pipeline.slot_count, sizeof(*slots));
	LM_AUTO(lm_free_ptr) bool *claimed = lm_alloc_array(count, sizeof(*claimed));
	pipeline.slots = slots;
	pipeline.claimed = claimed;

	int rc = lm_pool_run(jobs, count, run_one, &pipeline, err);
	if (pipeline.failed != SIZE_MAX) {
		*err = pipeline.err;
		rc = -1;
	}
	for (size_t i = 0; i < pipeline.slot_count; i++)
		lm_buf_release(&slots[i].piece.bytes);
	(void)pthread_cond_destroy(&pipeline.changed);
	(void)pthread_mutex_destroy(&pipeline.mutex);
	return rc;
}
