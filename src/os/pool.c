#include "os/pool.h"

#include "os/cancel.h"

#include <pthread.h>

enum {
	LM_POOL_MAX_THREADS = 256,
	LM_POOL_STACK_BYTES = 8 << 20, // musl's own default is 128 KiB
};

struct pool {
	pthread_mutex_t mutex;
	size_t next, count; // the next index to claim
	bool stop;          // claim nothing more
	bool failed;
	size_t failed_index;
	struct lm_err *err; // the caller's, of failed_index
	lm_pool_task *task;
	void *context;
};

// Claim the next index; false when there is none.
static bool
claim(struct pool *pool, size_t *index)
{
	(void)pthread_mutex_lock(&pool->mutex);
	bool more = !pool->stop && pool->next < pool->count && !lm_cancel_requested();
	if (more)
		*index = pool->next++;
	(void)pthread_mutex_unlock(&pool->mutex);
	return more;
}

static void
record_failure(struct pool *pool, size_t index, const struct lm_err *err)
{
	(void)pthread_mutex_lock(&pool->mutex);
	pool->stop = true;
	if (!pool->failed || index < pool->failed_index) {
		pool->failed = true;
		pool->failed_index = index;
		*pool->err = *err;
	}
	(void)pthread_mutex_unlock(&pool->mutex);
}

static void *
work(void *argument)
{
	struct pool *pool = argument;
	struct lm_err err = {};

	for (size_t index = 0; claim(pool, &index);)
		if (pool->task(pool->context, index, &err) < 0)
			record_failure(pool, index, &err);
	return nullptr;
}

// Start up to `wanted` threads; with fewer the work is done all the same.
static unsigned
start_threads(struct pool *pool, pthread_t *threads, unsigned wanted)
{
	pthread_attr_t attributes;
	unsigned started = 0;

	if (pthread_attr_init(&attributes) != 0)
		return 0;
	(void)pthread_attr_setstacksize(&attributes, LM_POOL_STACK_BYTES);
	while (started < wanted && pthread_create(&threads[started], &attributes, work, pool) == 0)
		started++;
	(void)pthread_attr_destroy(&attributes);
	return started;
}

int
lm_pool_run(unsigned jobs, size_t count, lm_pool_task *task, void *context, struct lm_err *err)
{
	pthread_t threads[LM_POOL_MAX_THREADS];
	struct pool pool = {
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.count = count,
		.err = err,
		.task = task,
		.context = context,
	};
	unsigned helpers = jobs > 1 ? jobs - 1 : 0; // the caller works too

	if (helpers > LM_POOL_MAX_THREADS)
		helpers = LM_POOL_MAX_THREADS;
	if (count > 0 && helpers > count - 1)
		helpers = (unsigned)(count - 1);
	if (count == 0)
		helpers = 0;
	helpers = start_threads(&pool, threads, helpers);
	(void)work(&pool);
	for (unsigned i = 0; i < helpers; i++)
		(void)pthread_join(threads[i], nullptr);
	(void)pthread_mutex_destroy(&pool.mutex);
	if (pool.failed)
		return -1;
	return pool.next < pool.count ? lm_cancel_check(err) : 0;
}
