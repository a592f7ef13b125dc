#include "archive/crew.h"

#include "os/pool.h"

// Somebody who waits for a worker.
struct waiter {
	uint64_t bytes; // of the segment to be made
	size_t extra;   // of them, beyond what a segment should have
	struct waiter *next;
};

struct lm_crew {
	pthread_mutex_t mutex;
	pthread_cond_t given;
	struct lm_worker *idle;
	struct waiter *waiting;
	unsigned count, most;
	size_t held;  // bytes of members that are inflated whole
	size_t extra; // bytes that the segments being made have beyond what a segment should
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

// All of a crew of a few may have large ones at a time; of many, some make small ones meanwhile.
static bool
has_room(const struct lm_crew *crew, size_t extra)
{
	enum { EXTRA_LEAST = 48 * 1024 * 1024, EXTRA_EACH = 6 * 1024 * 1024 };
	size_t most = (size_t)crew->most * EXTRA_EACH;
	return extra == 0 || crew->extra == 0 || crew->extra + extra <= (most < EXTRA_LEAST ? EXTRA_LEAST : most);
}

// The largest segments go first, so that there are small ones at the end, when some threads have nothing left to do.
static bool
is_next(const struct lm_crew *crew, const struct waiter *waiter)
{
	if ((crew->idle == nullptr && crew->count == crew->most) || !has_room(crew, waiter->extra))
		return false;
	for (const struct waiter *other = crew->waiting; other != nullptr; other = other->next)
		if (other->bytes > waiter->bytes && has_room(crew, other->extra))
			return false;
	return true;
}

static void
leave(struct lm_crew *crew, const struct waiter *waiter)
{
	struct waiter **at = &crew->waiting;
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	(void)pthread_cond_broadcast(&crew->given); // another one is next
}

static struct lm_worker *
wait_idle(struct lm_crew *crew, struct waiter *waiter)
{
	(void)pthread_mutex_lock(&crew->mutex);
	waiter->next = crew->waiting;
	crew->waiting = waiter;
	while (!is_next(crew, waiter))
		(void)pthread_cond_wait(&crew->given, &crew->mutex);
	struct lm_worker *worker = crew->idle;
	if (worker != nullptr)
		crew->idle = worker->next;
	else
		crew->count++;
	crew->extra += waiter->extra;
	leave(crew, waiter);
	(void)pthread_mutex_unlock(&crew->mutex);
	return worker;
}

// Parts of large files are larger than segments should be only where the format has another size for them.
static size_t
extra_bytes(const struct lm_plan *plan, const struct lm_part *part)
{
	bool larger = part->large && plan->large_segment > plan->segment && part->content_size > plan->segment;
	return larger ? (size_t)(part->content_size - plan->segment) : 0;
}

struct lm_worker *
lm_crew_take(struct lm_crew *crew, const struct lm_run *run, const struct lm_part *part)
{
	struct waiter waiter = { .bytes = part->content_size, .extra = extra_bytes(&run->plan, part) };
	struct lm_worker *worker = wait_idle(crew, &waiter);
	if (worker == nullptr)
		worker = lm_alloc(sizeof(*worker));
	worker->extra = waiter.extra;
	if (worker->codec.format != run->options->format || worker->codec.level != run->level) {
		lm_codec_release(&worker->codec);
		worker->codec = (struct lm_codec){ .format = run->options->format, .level = run->level };
	}
	return worker;
}

void
lm_crew_give(struct lm_crew *crew, struct lm_worker *worker)
{
	enum { KEPT_BY_ALL = 128 * 1024 * 1024 };
	lm_content_rest(&worker->reader);
	if (worker->raw.cap > KEPT_BY_ALL / crew->most) // others may need a large one now
		lm_buf_release(&worker->raw);
	(void)pthread_mutex_lock(&crew->mutex);
	worker->next = crew->idle;
	crew->idle = worker;
	crew->extra -= worker->extra;
	(void)pthread_cond_broadcast(&crew->given);
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
