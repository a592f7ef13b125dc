// Calls of the provider in threads of their own, so that the engine goes on while the network takes its time. A thread sees a
// job, the provider, and files; never the store.
#include "batch/engine_parts.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/kill_point.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { LM_CALLS_MAX_THREADS = 64, LM_CALLS_STACK_BYTES = 2 << 20 };

struct jobs {
	struct lm_job *first, *last;
	size_t count;
};

struct lm_calls {
	struct lm_provider *provider;
	pthread_mutex_t mutex;
	pthread_cond_t work, ready; // a job is queued; a job is done
	struct jobs queued, done;
	size_t running;                   // of the engine's thread: started and not taken back
	unsigned threads, idle, thread_max; // under mutex
	bool end;
	pthread_t ids[LM_CALLS_MAX_THREADS];
};

const char *
lm_job_name(enum lm_job_kind kind)
{
	static const char *const names[] = {
		[LM_JOB_UPLOAD] = "upload",
		[LM_JOB_CREATE] = "create",
		[LM_JOB_FIND] = "look for",
		[LM_JOB_POLL] = "poll",
		[LM_JOB_FETCH] = "fetch the answers of",
		[LM_JOB_CANCEL] = "cancel",
		[LM_JOB_FORGET] = "remove the file of",
	};
	return names[kind];
}

void
lm_job_free(struct lm_job *job)
{
	if (job == nullptr)
		return;
	lm_free(job->path);
	lm_free(job->error_path);
	lm_strings_release(&job->known);
	lm_search_free(job->search);
	lm_free(job);
}

static void
push(struct jobs *jobs, struct lm_job *job)
{
	job->next = nullptr;
	if (jobs->last == nullptr)
		jobs->first = job;
	else
		jobs->last->next = job;
	jobs->last = job;
	jobs->count++;
}

static struct lm_job *
pop(struct jobs *jobs)
{
	struct lm_job *job = jobs->first;
	if (job == nullptr)
		return nullptr;
	jobs->count--;
	jobs->first = job->next;
	if (jobs->first == nullptr)
		jobs->last = nullptr;
	return job;
}

// ---- what a thread does with a job

// Is the request file of a process that died what it recorded? What was not flushed may be gone after a power cut.
static int
verify(struct lm_job *job)
{
	struct lm_digest digest;

	if (!job->verify)
		return 0;
	if (lm_sha256_file(job->path, &digest, nullptr, &job->err) < 0)
		job->damaged = job->err.code == LM_E_NOT_FOUND;
	else if (lm_digest_equal(&digest, &job->digest))
		return 0;
	else {
		job->damaged = true;
		(void)lm_err_set(&job->err, LM_E_INTEGRITY, "file differs from what was recorded: '%s'", job->path);
	}
	job->call.fate = LM_CALL_LATER;
	return -1;
}

static int
create(struct lm_provider *provider, struct lm_job *job, const struct lm_intent *intent)
{
	if (lm_clock_monotonic_ms() > job->not_after_ms) { // we were stopped for long: who else looks for it must not miss it
		job->call = (struct lm_call){ .fate = LM_CALL_LATER, .error_class = "control_plane_transient" };
		return lm_err_set(&job->err, LM_E_NETWORK, "too late after its intent was recorded");
	}
	LM_KILL_POINT("batch: before create");
	int rc = lm_provider_create(provider, job->path, job->ref, intent, job->batch_id, &job->call, &job->err);
	LM_KILL_POINT("batch: after create");
	return rc;
}

// One file of answers, and what it is known by from now on.
static int
fetch_file(struct lm_provider *provider, struct lm_job *job, const char *ref, const char *path, struct lm_digest *digest)
{
	uint64_t bytes;

	if (ref[0] == '\0')
		return 0;
	if (lm_provider_fetch(provider, ref, path, &bytes, &job->call, &job->err) < 0)
		return -1;
	if (lm_sha256_file(path, digest, nullptr, &job->err) == 0)
		return 0;
	job->call = (struct lm_call){ .fate = LM_CALL_LATER, .error_class = "local_error" };
	return -1;
}

static int
fetch(struct lm_provider *provider, struct lm_job *job)
{
	if (fetch_file(provider, job, job->ref, job->path, &job->answer_digests[0]) < 0)
		return -1;
	LM_KILL_POINT("batch: output fetched");
	if (fetch_file(provider, job, job->error_ref, job->error_path, &job->answer_digests[1]) < 0)
		return -1;
	LM_KILL_POINT("batch: errors fetched");
	return 0;
}

static int
carry_out(struct lm_provider *provider, struct lm_job *job)
{
	struct lm_intent intent = {
		.run_id = job->run_id,
		.intent_id = job->intent_id,
		.seq = (uint64_t)job->seq,
		.item_count = job->item_count,
		.created_at_s = job->intent_at_s,
		.known_ids = (const char *const *)job->known.items,
		.known_count = job->known.count,
	};
	switch (job->kind) {
	case LM_JOB_UPLOAD:
		if (verify(job) < 0)
			return -1;
		return lm_provider_upload(provider, job->path, &intent, job->ref, &job->call, &job->err);
	case LM_JOB_CREATE:
		return create(provider, job, &intent);
	case LM_JOB_FIND:
		return lm_provider_find(
			provider, &intent, job->ref, job->search, &job->found, job->batch_id, &job->call, &job->err);
	case LM_JOB_POLL:
		return lm_provider_poll(provider, job->batch_id, &job->status, &job->call, &job->err);
	case LM_JOB_FETCH:
		return fetch(provider, job);
	case LM_JOB_CANCEL:
		return lm_provider_cancel(provider, job->batch_id, &job->call, &job->err);
	case LM_JOB_FORGET:
		return lm_provider_forget(provider, job->ref, &job->call, &job->err);
	case LM_JOB_KIND_COUNT:
		break;
	}
	return -1;
}

static void *
work(void *argument)
{
	struct lm_calls *calls = argument;

	(void)pthread_mutex_lock(&calls->mutex);
	while (!calls->end) {
		struct lm_job *job = pop(&calls->queued);
		if (job == nullptr) {
			calls->idle++;
			(void)pthread_cond_wait(&calls->work, &calls->mutex);
			calls->idle--;
			continue;
		}
		(void)pthread_mutex_unlock(&calls->mutex);
		job->done = carry_out(calls->provider, job) == 0;
		(void)pthread_mutex_lock(&calls->mutex);
		push(&calls->done, job);
		(void)pthread_cond_signal(&calls->ready);
	}
	(void)pthread_mutex_unlock(&calls->mutex);
	return nullptr;
}

// ---- the engine's side

struct lm_calls *
lm_calls_new(struct lm_provider *provider, unsigned threads)
{
	struct lm_calls *calls = lm_alloc(sizeof(*calls));
	pthread_condattr_t attributes;

	calls->provider = provider;
	calls->thread_max = threads > LM_CALLS_MAX_THREADS ? LM_CALLS_MAX_THREADS : threads;
	(void)pthread_mutex_init(&calls->mutex, nullptr);
	(void)pthread_cond_init(&calls->work, nullptr);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&calls->ready, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return calls;
}

void
lm_calls_free(struct lm_calls *calls)
{
	if (calls == nullptr)
		return;
	(void)pthread_mutex_lock(&calls->mutex);
	calls->end = true;
	(void)pthread_cond_broadcast(&calls->work);
	(void)pthread_mutex_unlock(&calls->mutex);
	for (unsigned i = 0; i < calls->threads; i++)
		(void)pthread_join(calls->ids[i], nullptr);
	for (struct lm_job *job; (job = pop(&calls->queued)) != nullptr || (job = pop(&calls->done)) != nullptr;)
		lm_job_free(job);
	(void)pthread_mutex_destroy(&calls->mutex);
	(void)pthread_cond_destroy(&calls->work);
	(void)pthread_cond_destroy(&calls->ready);
	lm_free(calls);
}

// One more thread, when none is free for a new job. Without any the engine's own does it.
static bool
add_thread(struct lm_calls *calls)
{
	pthread_attr_t attributes;

	if (calls->idle > calls->queued.count || calls->threads >= calls->thread_max)
		return calls->threads > 0;
	if (pthread_attr_init(&attributes) != 0)
		return calls->threads > 0;
	(void)pthread_attr_setstacksize(&attributes, LM_CALLS_STACK_BYTES);
	if (pthread_create(&calls->ids[calls->threads], &attributes, work, calls) == 0)
		calls->threads++;
	(void)pthread_attr_destroy(&attributes);
	return calls->threads > 0;
}

void
lm_calls_start(struct lm_calls *calls, struct lm_job *job)
{
	calls->running++;
	(void)pthread_mutex_lock(&calls->mutex);
	if (add_thread(calls)) {
		push(&calls->queued, job);
		(void)pthread_cond_signal(&calls->work);
	} else {
		job->done = carry_out(calls->provider, job) == 0;
		push(&calls->done, job);
	}
	(void)pthread_mutex_unlock(&calls->mutex);
}

size_t
lm_calls_running(const struct lm_calls *calls)
{
	return calls->running;
}

struct lm_job *
lm_calls_take(struct lm_calls *calls, uint64_t wait_ms)
{
	uint64_t until_ms = lm_clock_monotonic_ms() + wait_ms; // the clock that `ready` was made with
	struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };

	(void)pthread_mutex_lock(&calls->mutex);
	struct lm_job *job = pop(&calls->done);
	while (job == nullptr && wait_ms > 0 && calls->running > 0) {
		if (pthread_cond_timedwait(&calls->ready, &calls->mutex, &until) == ETIMEDOUT)
			wait_ms = 0;
		job = pop(&calls->done);
	}
	(void)pthread_mutex_unlock(&calls->mutex);
	if (job != nullptr)
		calls->running--;
	return job;
}
