#include "archive/crew.h"

#include "os/pool.h"

struct lm_crew {
	pthread_mutex_t mutex;
	pthread_cond_t given;
	struct lm_worker *idle;
	unsigned count, most;
	size_t held; // bytes of members that are inflated whole
};

struct lm_crew *
lm_crew_new(unsigned jobs)
{
	struct lm_crew *crew = lm_alloc(sizeof(*crew));
	crew->most = jobs == 0 ? lm_cpu_count() : jobs;
	(void)pthread_mutex_init(&crew->mutex, nullptr);
	(void)pthread_cond_init(&crew->given, nullptr);
	return crew;
}

void
lm_crew_free(struct lm_crew *crew)
{
	if (crew == nullptr)
		return;
	while (crew->idle != nullptr) {
		struct lm_worker *worker = crew->idle;
		crew->idle = worker->next;
		lm_content_release(&worker->reader);
		lm_codec_release(&worker->codec);
		lm_buf_release(&worker->raw);
		lm_free(worker);
	}
	(void)pthread_cond_destroy(&crew->given);
	(void)pthread_mutex_destroy(&crew->mutex);
	lm_free(crew);
}

void
lm_crew_free_ptr(struct lm_crew **crew)
{
	lm_crew_free(*crew);
}

static struct lm_worker *
wait_idle(struct lm_crew *crew)
{
	(void)pthread_mutex_lock(&crew->mutex);
	while (crew->idle == nullptr && crew->count == crew->most)
		(void)pthread_cond_wait(&crew->given, &crew->mutex);
	struct lm_worker *worker = crew->idle;
	if (worker != nullptr)
		crew->idle = worker->next;
	else
		crew->count++;
	(void)pthread_mutex_unlock(&crew->mutex);
	return worker;
}

struct lm_worker *
lm_crew_take(struct lm_crew *crew, const struct lm_run *run)
{
	struct lm_worker *worker = wait_idle(crew);
	if (worker == nullptr)
		worker = lm_alloc(sizeof(*worker));
	if (worker->codec.format != run->options->format || worker->codec.level != run->level) {
		lm_codec_release(&worker->codec);
		worker->codec = (struct lm_codec){ .format = run->options->format, .level = run->level };
	}
	return worker;
}

void
lm_crew_give(struct lm_crew *crew, struct lm_worker *worker)
{
	lm_content_rest(&worker->reader);
	(void)pthread_mutex_lock(&crew->mutex);
	worker->next = crew->idle;
	crew->idle = worker;
	(void)pthread_cond_signal(&crew->given);
	(void)pthread_mutex_unlock(&crew->mutex);
}

bool
lm_crew_hold(struct lm_crew *crew, size_t bytes)
{
	enum { HELD_MOST = 64 * 1024 * 1024 };
	(void)pthread_mutex_lock(&crew->mutex);
	bool fits = bytes <= HELD_MOST - crew->held;
	if (fits)
		crew->held += bytes;
	(void)pthread_mutex_unlock(&crew->mutex);
	return fits;
}

void
lm_crew_let_go(struct lm_crew *crew, size_t bytes)
{
	(void)pthread_mutex_lock(&crew->mutex);
	crew->held -= bytes;
	(void)pthread_mutex_unlock(&crew->mutex);
}
