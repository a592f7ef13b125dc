#include "os/pool.h"

#include "base/mem.h"
#include "os/cancel.h"

#include <assert.h>
#include <pthread.h>

enum {
	LM_POOL_MAX_THREADS = 256,
	LM_POOL_STACK_BYTES = 8 << 20, // musl's own default is 128 KiB
};

enum state { TASK_WAITS, TASK_BEGUN, TASK_DONE }; // one that failed stays begun: what needs it never begins

struct worker {
	struct pool *pool;
	pthread_t thread;
	size_t index;                 // of the task it runs; SIZE_MAX: none
	struct lm_cancel_scope scope; // where tasks need others
};

struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t ended; // a task has
	size_t next;          // all before it are claimed
	size_t count, claimed, running;
	size_t limit;       // nothing from here on is claimed: the lowest index that failed, or count
	struct lm_err *err; // the caller's, of `limit`
	lm_pool_task *task;
	void *context;
	const struct lm_pool_needs *needs; // of each task; null: of none
	unsigned char *states;             // of each task, where they need others
	struct worker workers[LM_POOL_MAX_THREADS]; // the caller is the first
	unsigned worker_count;
	struct lm_cancel_scope *innermost; // of the caller
};

static bool
is_ready(const struct pool *pool, size_t index)
{
	const struct lm_pool_needs *needs = &pool->needs[index];
	if (pool->states[index] != TASK_WAITS)
		return false;
	for (size_t i = 0; i < needs->count; i++) {
		assert(needs->items[i] < index);
		if (pool->states[needs->items[i]] != TASK_DONE)
			return false;
	}
	return true;
}

// The lowest index that can be claimed now; pool->limit: none.
static size_t
find_ready(struct pool *pool)
{
	while (pool->needs != nullptr && pool->next < pool->limit && pool->states[pool->next] != TASK_WAITS)
		pool->next++;
	size_t index = pool->next < pool->limit ? pool->next : pool->limit;
	while (pool->needs != nullptr && index < pool->limit && !is_ready(pool, index))
		index++;
	return index;
}

// Claim an index, waiting until there is one; false when there is none to come.
static bool
claim(struct worker *worker)
{
	struct pool *pool = worker->pool;
	for (;;) {
		if (lm_cancel_requested())
			return false;
		size_t index = find_ready(pool);
		if (index < pool->limit) {
			worker->index = index;
			break;
		}
		if (pool->next >= pool->limit)
			return false;
		assert(pool->running > 0); // the lowest that waits needs one that runs
		(void)pthread_cond_wait(&pool->ended, &pool->mutex);
	}
	pool->claimed++;
	pool->running++;
	if (pool->needs == nullptr)
		pool->next++;
	else
		pool->states[worker->index] = TASK_BEGUN;
	return true;
}

// Nobody wants what comes after it any more.
static void
record_failure(struct pool *pool, size_t index, const struct lm_err *err)
{
	if (index >= pool->limit)
		return;
	pool->limit = index;
	*pool->err = *err;
	for (unsigned i = 0; pool->needs != nullptr && i < pool->worker_count; i++)
		if (pool->workers[i].index != SIZE_MAX && pool->workers[i].index > index)
			lm_cancel_scope_request(&pool->workers[i].scope);
}

static void
finish(struct worker *worker, int rc, struct lm_err *err)
{
	struct pool *pool = worker->pool;
	pool->running--;
	if (rc < 0) {
		record_failure(pool, worker->index, err);
		lm_err_clear(err);
	} else if (pool->needs != nullptr) {
		pool->states[worker->index] = TASK_DONE;
	}
	if (pool->needs != nullptr) {
		lm_cancel_scope_reset(&worker->scope);
		(void)pthread_cond_broadcast(&pool->ended);
	}
	worker->index = SIZE_MAX;
}

static void *
work(void *argument)
{
	struct worker *worker = argument;
	struct pool *pool = worker->pool;
	struct lm_err err = {};

	lm_cancel_join(pool->innermost);
	if (pool->needs != nullptr)
		lm_cancel_enter(&worker->scope);
	(void)pthread_mutex_lock(&pool->mutex);
	while (claim(worker)) {
		(void)pthread_mutex_unlock(&pool->mutex);
		int rc = pool->task(pool->context, worker->index, &err);
		(void)pthread_mutex_lock(&pool->mutex);
		finish(worker, rc, &err);
	}
	(void)pthread_mutex_unlock(&pool->mutex);
	if (pool->needs != nullptr)
		lm_cancel_leave(&worker->scope);
	return nullptr;
}

// Start the helpers, or as many as there can be; with fewer the work is done all the same. Returns how many.
static unsigned
start_threads(struct pool *pool)
{
	pthread_attr_t attributes;
	unsigned started = 0;

	if (pthread_attr_init(&attributes) != 0)
		return 0;
	(void)pthread_attr_setstacksize(&attributes, LM_POOL_STACK_BYTES);
	for (unsigned i = 1; i < pool->worker_count; i++, started++)
		if (pthread_create(&pool->workers[i].thread, &attributes, work, &pool->workers[i]) != 0)
			break;
	(void)pthread_attr_destroy(&attributes);
	return started;
}

int
lm_pool_run_ordered(
	unsigned jobs, size_t count, const struct lm_pool_needs *needs, lm_pool_task *task, void *context, struct lm_err *err)
{
	struct pool pool = {
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER,
		.count = count,
		.limit = count,
		.err = err,
		.task = task,
		.context = context,
		.needs = needs,
		.innermost = lm_cancel_innermost(),
		.worker_count = jobs < 1             ? 1
			: jobs > LM_POOL_MAX_THREADS ? LM_POOL_MAX_THREADS
						     : jobs,
	};
	LM_AUTO(lm_free_ptr) unsigned char *states = needs == nullptr ? nullptr : lm_alloc_array(count, 1);

	pool.states = states;
	if (pool.worker_count > count)
		pool.worker_count = count == 0 ? 1 : (unsigned)count;
	for (unsigned i = 0; i < pool.worker_count; i++)
		pool.workers[i] = (struct worker){ .pool = &pool, .index = SIZE_MAX };
	unsigned helpers = start_threads(&pool);
	(void)work(&pool.workers[0]); // the caller works too
	for (unsigned i = 1; i <= helpers; i++)
		(void)pthread_join(pool.workers[i].thread, nullptr);
	(void)pthread_cond_destroy(&pool.ended);
	(void)pthread_mutex_destroy(&pool.mutex);
	if (pool.limit < count)
		return -1;
	return pool.claimed < count ? lm_cancel_check(err) : 0;
}

int
lm_pool_run(unsigned jobs, size_t count, lm_pool_task *task, void *context, struct lm_err *err)
{
	return lm_pool_run_ordered(jobs, count, nullptr, task, context, err);
}
