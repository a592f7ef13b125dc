// Making the items of a plan while sources of others are downloaded: one thread fetches, layer after layer, the others take what is ready.
#include "steps/plan.h"

#include "os/cancel.h"

#include <stdlib.h>
#include <string.h>

// An item needs a source that is downloaded.
struct use {
	size_t wanted, work; // indexes
};

struct plan_run {
	struct lm_work_plan *plan;
	struct lm_work *const *order;
	size_t count;
	const struct lm_pool_needs *needs;
	unsigned at_once;
	lm_pool_task *task;
	void *context;

	struct lm_sources_missing missing;
	const struct lm_wanted **by_digest, **queue; // missing; in the order in which they are downloaded
	bool *fetched; // by index of the plan: it takes part, itself or because one above looks at it
	bool *looked_at; // the same: those above it look at it
	struct use *uses; // sorted by `wanted`
	size_t use_count, use_cap;

	pthread_mutex_t mutex; // guards what follows
	pthread_cond_t changed;
	size_t *awaited; // by index of the plan: how many of its own sources are not here yet
	bool *taken, *done; // by index of `order`
	unsigned running;
	bool stopped; // something failed
	size_t failed; // the first in order of the tasks that failed, and why
	struct lm_err failure;
	bool fetches; // `fetching` is entered
	bool fetch_failed; // by the thread that fetches, until all threads ended
	struct lm_cancel_scope fetching, making; // of the thread that fetches; of all
};

static void
release_run(struct plan_run *run)
{
	lm_sources_missing_release(&run->missing);
	lm_free(run->by_digest);
	lm_free(run->queue);
	lm_free(run->fetched);
	lm_free(run->looked_at);
	lm_free(run->uses);
	lm_free(run->awaited);
	lm_free(run->taken);
	lm_free(run->done);
	(void)pthread_cond_destroy(&run->changed);
	(void)pthread_mutex_destroy(&run->mutex);
}

static int
compare_wanted(const void *a, const void *b)
{
	const struct lm_wanted *x = *(const struct lm_wanted *const *)a, *y = *(const struct lm_wanted *const *)b;
	return memcmp(x->digest.bytes, y->digest.bytes, LM_DIGEST_BYTES);
}

// Is this source one of those to be downloaded?
static bool
find_wanted(const struct plan_run *run, const struct lm_digest *digest, size_t *index)
{
	struct lm_wanted key = { .digest = *digest };
	const struct lm_wanted *wanted = &key;
	const struct lm_wanted *const *found =
		bsearch(&wanted, run->by_digest, run->missing.count, sizeof *run->by_digest, compare_wanted);
	if (found == nullptr)
		return false;
	*index = (size_t)(*found - run->missing.wanted);
	return true;
}

static void
add_use(struct plan_run *run, const struct lm_digest *digest, size_t work)
{
	struct use use = { .work = work };
	if (!find_wanted(run, digest, &use.wanted))
		return;
	lm_grow(run->uses, run->use_count, run->use_cap);
	run->uses[run->use_count++] = use;
	run->awaited[work]++;
}

static int
compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;
	if (x->wanted != y->wanted)
		return x->wanted < y->wanted ? -1 : 1;
	return (x->work > y->work) - (x->work < y->work);
}

// Who waits for what.
static void
note_uses(struct plan_run *run)
{
	for (size_t i = 0; i < run->missing.count; i++)
		run->by_digest[i] = &run->missing.wanted[i];
	qsort(run->by_digest, run->missing.count, sizeof *run->by_digest, compare_wanted);
	for (size_t i = 0; i < run->plan->count; i++) {
		const struct lm_layer_sources *sources = &run->plan->works[i].sources;
		for (size_t j = 0; run->fetched[i] && j < sources->count; j++)
			add_use(run, &sources->wheels[j]->digest, i);
		if (run->fetched[i] && sources->needs_runtime)
			add_use(run, &sources->runtime.digest, i);
	}
	if (run->use_count > 0)
		qsort(run->uses, run->use_count, sizeof *run->uses, compare_uses);
}

// The item below that one has to be looked at for `work`, or null.
static const struct lm_work *
below(const struct plan_run *run, const struct lm_work *work, size_t index)
{
	const struct lm_layer_spec *spec = &run->plan->project->spec.layers[work->layer];
	if (lm_platform_is_windows(work->platform))
		return nullptr;
	const struct lm_work *lower = lm_work_find(run->plan, spec->lower[index], work->platform);
	return run->looked_at[lower - run->plan->works] ? lower : nullptr;
}

static void
queue_source(const struct plan_run *run, const struct lm_digest *digest, bool *queued, size_t *count)
{
	size_t index = 0;
	if (!find_wanted(run, digest, &index) || queued[index])
		return;
	queued[index] = true;
	run->queue[(*count)++] = &run->missing.wanted[index];
}

static void
queue_sources(const struct plan_run *run, const struct lm_work *work, bool *queued, size_t *count)
{
	if (work->sources.needs_runtime)
		queue_source(run, &work->sources.runtime.digest, queued, count);
	for (size_t i = 0; i < work->sources.count; i++)
		queue_source(run, &work->sources.wheels[i]->digest, queued, count);
}

// The items become ready one after the other, in their order: each has its sources behind those of the layers below that it looks at.
static void
make_queue(struct plan_run *run)
{
	LM_AUTO(lm_free_ptr) bool *queued = lm_alloc_array(run->missing.count, sizeof *queued);
	size_t count = 0;
	for (size_t i = 0; i < run->count; i++) {
		const struct lm_work *work = run->order[i];
		if (!work->dirty)
			continue;
		for (size_t j = run->plan->project->spec.layers[work->layer].lower_count; j-- > 0;) { // the runtime is the last
			const struct lm_work *lower = below(run, work, j);
			if (lower != nullptr)
				queue_sources(run, lower, queued, &count);
		}
		queue_sources(run, work, queued, &count);
	}
	for (size_t i = 0; i < run->missing.count; i++)
		if (!queued[i])
			run->queue[count++] = &run->missing.wanted[i];
}

// A source came; by the thread that fetches.
static void
source_came(void *context, const struct lm_wanted *wanted)
{
	struct plan_run *run = context;
	struct use key = { .wanted = (size_t)(wanted - run->missing.wanted) };
	size_t low = 0, high = run->use_count;
	while (low < high) { // the first use of it
		size_t middle = low + (high - low) / 2;
		if (run->uses[middle].wanted < key.wanted)
			low = middle + 1;
		else
			high = middle;
	}
	(void)pthread_mutex_lock(&run->mutex);
	for (size_t i = low; i < run->use_count && run->uses[i].wanted == key.wanted; i++)
		run->awaited[run->uses[i].work]--;
	(void)pthread_cond_broadcast(&run->changed);
	(void)pthread_mutex_unlock(&run->mutex);
}

static bool
has_sources(const struct plan_run *run, const struct lm_work *work)
{
	if (!work->dirty)
		return true;
	if (run->awaited[work - run->plan->works] > 0)
		return false;
	for (size_t i = 0; i < run->plan->project->spec.layers[work->layer].lower_count; i++) {
		const struct lm_work *lower = below(run, work, i);
		if (lower != nullptr && run->awaited[lower - run->plan->works] > 0)
			return false;
	}
	return true;
}

static bool
is_ready(const struct plan_run *run, size_t index)
{
	for (size_t i = 0; run->needs != nullptr && i < run->needs[index].count; i++)
		if (!run->done[run->needs[index].items[i]])
			return false;
	return has_sources(run, run->order[index]);
}

static bool
first_ready(const struct plan_run *run, size_t *index)
{
	for (size_t i = 0; i < run->count && run->running < run->at_once; i++) {
		*index = i;
		if (!run->taken[i] && is_ready(run, i))
			return true;
	}
	return false;
}

// The next item to make; waits for its sources, and for what it needs. That comes to an end: what is needed is of lower index, so the
// first item that is not taken waits for sources, or for a task that runs, which waits for none; and both wake it when they fail.
// False: something failed, and nothing more is to be made.
static bool
take(struct plan_run *run, size_t *index)
{
	bool found = false;
	(void)pthread_mutex_lock(&run->mutex);
	while (!run->stopped && !(found = first_ready(run, index)))
		(void)pthread_cond_wait(&run->changed, &run->mutex);
	if (found) {
		run->taken[*index] = true;
		run->running++;
	}
	(void)pthread_mutex_unlock(&run->mutex);
	return found;
}

static void
stop(struct plan_run *run)
{
	(void)pthread_mutex_lock(&run->mutex);
	run->stopped = true;
	if (run->fetches)
		lm_cancel_scope_request(&run->fetching);
	(void)pthread_cond_broadcast(&run->changed);
	(void)pthread_mutex_unlock(&run->mutex);
}

// Returns whether something had failed before.
static bool
enter_fetching(struct plan_run *run)
{
	(void)pthread_mutex_lock(&run->mutex);
	lm_cancel_enter(&run->fetching);
	run->fetches = true;
	bool stopped = run->stopped;
	(void)pthread_mutex_unlock(&run->mutex);
	return stopped;
}

// The same, of what failed meanwhile.
static bool
leave_fetching(struct plan_run *run)
{
	(void)pthread_mutex_lock(&run->mutex);
	run->fetches = false;
	lm_cancel_leave(&run->fetching);
	bool stopped = run->stopped;
	(void)pthread_mutex_unlock(&run->mutex);
	return stopped;
}

static int
fetch(struct plan_run *run, struct lm_err *err)
{
	int rc = 0;
	if (!enter_fetching(run))
		rc = lm_sources_download(run->plan->project, run->queue, run->missing.count, source_came, run, err);
	bool in_vain = leave_fetching(run) && rc < 0 && err->code == LM_E_INTERRUPTED;
	if (rc == 0 || in_vain) // then what is reported is why
		return 0;
	run->fetch_failed = true;
	lm_cancel_scope_request(&run->making);
	stop(run);
	return -1;
}

// Task 0 of the pool is begun first, and its failure is the one that is told.
static int
fetch_or_make(void *context, size_t task, struct lm_err *err)
{
	struct plan_run *run = context;
	size_t index = 0;
	if (task == 0)
		return fetch(run, err);
	if (!take(run, &index))
		return 0;
	int rc = run->task(run->context, index, err);
	(void)pthread_mutex_lock(&run->mutex);
	run->running--;
	run->done[index] = rc == 0;
	run->stopped = run->stopped || rc < 0;
	if (rc < 0 && index < run->failed) {
		run->failed = index;
		run->failure = *err;
	}
	(void)pthread_cond_broadcast(&run->changed);
	(void)pthread_mutex_unlock(&run->mutex);
	if (rc < 0)
		stop(run);
	return rc;
}

static int
run_while_fetching(struct plan_run *run, struct lm_err *err)
{
	run->by_digest = lm_alloc_array(run->missing.count, sizeof *run->by_digest);
	run->queue = lm_alloc_array(run->missing.count, sizeof *run->queue);
	run->awaited = lm_alloc_array(run->plan->count, sizeof *run->awaited);
	run->taken = lm_alloc_array(run->count, sizeof *run->taken);
	run->done = lm_alloc_array(run->count, sizeof *run->done);
	note_uses(run);
	make_queue(run);
	lm_cancel_enter(&run->making);
	int rc = lm_pool_run(run->at_once + 1, run->count + 1, fetch_or_make, run, err);
	lm_cancel_leave(&run->making);
	if (rc < 0 && !run->fetch_failed && run->failed < run->count)
		*err = run->failure; // not of whichever was begun first
	return rc;
}

int
lm_work_plan_run(struct lm_work_plan *plan, struct lm_work *const *order, size_t count, const struct lm_pool_needs *needs,
	unsigned at_once, lm_pool_task *task, void *context, struct lm_err *err)
{
	LM_AUTO(release_run)
	struct plan_run run = { .plan = plan,
		.order = order,
		.count = count,
		.needs = needs,
		.failed = count,
		.at_once = at_once == 0 ? 1 : at_once,
		.task = task,
		.context = context,
		.fetched = lm_alloc_array(plan->count, sizeof(bool)),
		.looked_at = lm_alloc_array(plan->count, sizeof(bool)),
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	if (lm_work_plan_find(plan, run.fetched, run.looked_at, &run.missing, err) < 0)
		return -1;
	if (run.missing.count == 0)
		return lm_pool_run_ordered(at_once, count, needs, task, context, err);
	return run_while_fetching(&run, err);
}
