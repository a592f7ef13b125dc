#include "archive/pipeline.h"

#include "base/mem.h"
#include "os/pool.h"

#include <pthread.h>

struct slot {
	struct lm_piece piece;
	bool made;
};

struct lm_pipeline {
	const struct lm_pipeline_work *work;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t written;    // pieces 0 to written - 1 are
	bool writing;      // by some thread, just now
	size_t failed;     // lowest index that failed, SIZE_MAX: none
	size_t slot_count; // piece i is in slot i % slot_count
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

static int
wait_slot(struct lm_pipeline *pipeline, size_t index, struct lm_err *err)
{
	(void)pthread_mutex_lock(&pipeline->mutex);
	while (index - pipeline->written >= pipeline->slot_count && pipeline->failed > index)
		(void)pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
	bool free_slot = index - pipeline->written < pipeline->slot_count;
	(void)pthread_mutex_unlock(&pipeline->mutex);
	return free_slot ? 0 : stopped(err);
}

// Write what is made and next. Whoever finds the next one made writes on, while the others go on making.
static int
write_made(struct lm_pipeline *pipeline, size_t index, struct lm_err *err)
{
	(void)pthread_mutex_lock(&pipeline->mutex);
	pipeline->slots[index % pipeline->slot_count].made = true;
	while (!pipeline->writing && pipeline->failed > pipeline->written) {
		size_t next = pipeline->written;
		struct slot *slot = &pipeline->slots[next % pipeline->slot_count];
		if (!slot->made)
			break;
		pipeline->writing = true;
		(void)pthread_mutex_unlock(&pipeline->mutex);
		int rc = pipeline->work->write(pipeline->work->context, next, &slot->piece, err);
		(void)pthread_mutex_lock(&pipeline->mutex);
		pipeline->writing = false;
		if (rc < 0) {
			record(pipeline, next, err);
			break;
		}
		slot->made = false;
		pipeline->written++;
		(void)pthread_cond_broadcast(&pipeline->changed);
	}
	int rc = pipeline->failed == SIZE_MAX ? 0 : -1;
	(void)pthread_mutex_unlock(&pipeline->mutex);
	return rc;
}

static int
run_one(void *context, size_t index, struct lm_err *err)
{
	struct lm_pipeline *pipeline = context;
	if (wait_slot(pipeline, index, err) < 0)
		return -1;
	struct lm_piece *piece = &pipeline->slots[index % pipeline->slot_count].piece;
	lm_buf_clear(&piece->bytes);
	if (pipeline->work->make(pipeline->work->context, pipeline, index, piece, err) == 0)
		return write_made(pipeline, index, err);
	(void)pthread_mutex_lock(&pipeline->mutex);
	record(pipeline, index, err);
	(void)pthread_mutex_unlock(&pipeline->mutex);
	return -1;
}

int
lm_pipeline_run(unsigned jobs, size_t count, const struct lm_pipeline_work *work, struct lm_err *err)
{
	struct lm_pipeline pipeline = { .work = work,
		.failed = SIZE_MAX,
		.slot_count = 2 * (size_t)jobs + 2,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	LM_AUTO(lm_free_ptr) struct slot *slots = lm_alloc_array(pipeline.slot_count, sizeof(*slots));
	pipeline.slots = slots;

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
