// Many threads unpack several archives: they decompress segments, whoever has the next one in order goes through its members, also
// while it is being decompressed, and what these say is written by whoever is free. Writing comes first, since it gives memory back;
// hashing last, since it needs none.
#include "archive/extract_parts.h"

#include "os/cancel.h"
#include "os/pool.h"

#include <string.h>

enum {
	BATCH_ITEMS = 64,
	BATCH_BYTES = 2 << 20,
	MEMORY_MAX_BYTES = 240 << 20, // of segments that are decompressed or being written, and of pages kept for others
};

struct batch {
	struct batch *next;
	struct extract_job *job;
	struct extract_segment *segment; // that the bytes are in; null: a zip
	size_t count, first; // first: number of the first item of a zip
	uint64_t bytes;
	struct extract_item items[BATCH_ITEMS];
};

// What can be begun at any time, in order.
struct task {
	struct extract_job *job;
	struct extract_segment *segment; // to decompress; null: the members of a zip
};

struct work {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct task *tasks;
	size_t task_count, next_task;
	struct extract_job **digests; // archives to be hashed, when there is no memory for a task, or none is left
	size_t digest_count, next_digest;
	struct batch *first, *last; // to be written
	size_t busy; // threads that may bring more of it
	size_t memory_bytes; // in use
	struct extract_pages pages;
	const struct lm_sink *sink;
	bool failed;
	struct lm_err err;
};

static void
record(struct work *work, const struct lm_err *err)
{
	(void)pthread_mutex_lock(&work->mutex);
	if (!work->failed)
		work->err = *err;
	work->failed = true;
	(void)pthread_mutex_unlock(&work->mutex);
}

// ---- memory, with the mutex held

static size_t
memory_of(const struct extract_segment *segment)
{
	return segment->content_size + segment->memory_bytes;
}

static unsigned char *
take_pages(struct work *work, const struct extract_segment *segment)
{
	size_t idle_max = work->memory_bytes < MEMORY_MAX_BYTES ? MEMORY_MAX_BYTES - work->memory_bytes : 0;
	return extract_pages_take(&work->pages, segment->content_size, idle_max);
}

static void
give_back(struct work *work, struct extract_segment *segment)
{
	if (segment->bytes == nullptr)
		return;
	extract_pages_give(&work->pages, segment->bytes, segment->content_size);
	segment->bytes = nullptr;
	work->memory_bytes -= segment->content_size;
}

static void
release(struct work *work, struct extract_segment *segment)
{
	if (segment != nullptr && --segment->pending == 0)
		give_back(work, segment);
}

// ---- members

// Of a segment, or of a zip.
struct reading {
	struct work *work;
	struct extract_job *job;
	struct extract_segment *segment;
	struct extract_span span;
	struct batch *batch;
	size_t items;
	bool mine; // it is next, and no other thread goes through members of the archive
	int rc;
	struct lm_err *err;
};

static void
push(struct reading *reading)
{
	struct work *work = reading->work;
	struct batch *batch = reading->batch;
	if (batch == nullptr)
		return;
	(void)pthread_mutex_lock(&work->mutex);
	if (batch->segment != nullptr)
		batch->segment->pending++;
	*(work->first == nullptr ? &work->first : &work->last->next) = batch;
	work->last = batch;
	(void)pthread_cond_broadcast(&work->changed);
	(void)pthread_mutex_unlock(&work->mutex);
	reading->batch = nullptr;
}

static void
emit(void *context, const struct extract_item *given)
{
	struct reading *reading = context;
	struct extract_item item = *given;
	do { // a large part is for several threads
		size_t len = item.file != nullptr && item.len > BATCH_BYTES ? BATCH_BYTES : item.len;
		if (reading->batch == nullptr) {
			reading->batch = lm_alloc(sizeof *reading->batch);
			reading->batch->job = reading->job;
			reading->batch->segment = reading->segment;
			reading->batch->first = reading->items;
		}
		struct batch *batch = reading->batch;
		batch->items[batch->count] = item;
		batch->items[batch->count++].len = len;
		batch->bytes += len;
		reading->items++;
		if (batch->count == BATCH_ITEMS || batch->bytes >= BATCH_BYTES)
			push(reading);
		if (item.bytes != nullptr)
			item.bytes += len;
		item.offset += len;
		item.len -= len;
	} while (item.len > 0);
}

// With the mutex held: another reader shall look at the archive.
static void
leave(struct work *work, struct extract_job *job)
{
	job->other = true;
	for (size_t i = job->next + (job->reading ? 1 : 0); i < job->segment_count; i++) {
		if (job->segments[i].ready)
			release(work, &job->segments[i]);
		job->segments[i].ready = false;
	}
}

static struct reading
reading_of(struct work *work, struct extract_job *job, struct extract_segment *segment, struct lm_err *err)
{
	bool last = segment == &job->segments[job->segment_count - 1];
	return (struct reading){
		.work = work, .job = job, .segment = segment, .span = { .bytes = segment->bytes, .last = last }, .err = err
	};
}

// Go through the members of the first `len` bytes.
static void
read_until(struct reading *reading, size_t len)
{
	reading->span.len = len;
	reading->span.more = len < reading->segment->content_size;
	if (reading->rc == 0)
		reading->rc = extract_tar(&reading->job->members, &reading->span, emit, reading, reading->err);
}

// While a segment is decompressed: what it says so far is written meanwhile, if it is next.
static void
read_early(void *context, size_t len)
{
	struct reading *reading = context;
	struct extract_job *job = reading->job;
	(void)pthread_mutex_lock(&reading->work->mutex);
	if (!reading->mine && !job->reading && &job->segments[job->next] == reading->segment)
		reading->mine = job->reading = true;
	(void)pthread_mutex_unlock(&reading->work->mutex);
	if (reading->mine)
		read_until(reading, len);
}

// The rest of a segment that is next, and no thread goes through members but this one. With the mutex held.
static int
read_rest(struct reading *reading)
{
	struct extract_job *job = reading->job;
	(void)pthread_mutex_unlock(&reading->work->mutex);
	read_until(reading, reading->segment->content_size);
	push(reading);
	(void)pthread_mutex_lock(&reading->work->mutex);
	if (reading->rc > 0)
		leave(reading->work, job);
	reading->segment->ready = false;
	job->next++;
	release(reading->work, reading->segment);
	return reading->rc;
}

// Go through the members of all segments that are next and ready. With the mutex held.
static int
read_ready(struct work *work, struct extract_job *job, struct lm_err *err)
{
	int rc = 0;
	while (rc >= 0 && !job->other && job->next < job->segment_count && job->segments[job->next].ready) {
		struct reading reading = reading_of(work, job, &job->segments[job->next], err);
		rc = read_rest(&reading);
	}
	return rc;
}

// With the mutex held.
static int
read_decompressed(struct reading *reading, bool good)
{
	struct extract_job *job = reading->job;
	reading->segment->ready = true;
	if (reading->mine && !good)
		reading->rc = 1;
	else if (!good && !job->other)
		leave(reading->work, job);
	if (!reading->mine && job->other && reading->segment->ready) {
		reading->segment->ready = false;
		release(reading->work, reading->segment);
	}
	if (!reading->mine && job->reading)
		return 0;
	job->reading = true;
	int rc = reading->mine ? read_rest(reading) : 0;
	if (rc >= 0)
		rc = read_ready(reading->work, job, reading->err);
	job->reading = false;
	return rc < 0 ? -1 : 0;
}

// ---- tasks

static int
decompress(struct work *work, const struct task *task, struct lm_err *err)
{
	struct extract_job *job = task->job;
	struct extract_segment *segment = task->segment;
	(void)pthread_mutex_lock(&work->mutex);
	bool wanted = !job->other;
	segment->bytes = wanted ? take_pages(work, segment) : nullptr;
	segment->pending = 1;
	(void)pthread_mutex_unlock(&work->mutex);
	struct reading reading = reading_of(work, job, segment, err);
	bool there = segment->bytes != nullptr;
	bool good = there && extract_decode(job->format, &job->map, segment, segment->bytes, read_early, &reading);
	extract_pages_forget(&job->map, segment->offset, segment->size);
	(void)pthread_mutex_lock(&work->mutex);
	work->memory_bytes -= segment->memory_bytes + (there ? 0 : segment->content_size);
	int rc = 0;
	if (there)
		rc = read_decompressed(&reading, good);
	else if (wanted)
		rc = lm_err_set(err, LM_E_LIMIT, "out of memory while reading archive '%s'", job->source->path);
	(void)pthread_mutex_unlock(&work->mutex);
	return rc;
}

static void
hash(struct extract_job *job)
{
	enum { PIECE_BYTES = 4 << 20 };
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	for (size_t at = 0; at < job->map.len && !lm_cancel_requested(); at += PIECE_BYTES) {
		size_t len = job->map.len - at < PIECE_BYTES ? job->map.len - at : PIECE_BYTES;
		lm_sha256_update(&hash, job->map.ptr + at, len);
		extract_pages_forget(&job->map, at, len);
	}
	lm_sha256_final(&hash, &job->digest);
}

// The error of the first item in order counts: that one is the same for any number of threads.
static void
record_member(struct work *work, struct extract_job *job, size_t item, const struct lm_err *err)
{
	(void)pthread_mutex_lock(&work->mutex);
	if (job->err.code == LM_OK || item < job->failed_item) {
		job->err = *err;
		job->failed_item = item;
	}
	(void)pthread_mutex_unlock(&work->mutex);
}

static int
open_zip(struct work *work, struct extract_job *job, struct lm_err *err)
{
	struct reading reading = { .work = work, .job = job };
	struct lm_zip_limits limits = lm_zip_default_limits();
	limits.max_members = job->members.unpacking.limits.max_entries;
	limits.max_total_bytes = job->members.unpacking.limits.max_total_bytes;
	limits.links = true;
	int rc = lm_zip_open_as(&job->zip, job->source->path, job->source->path, &limits, err);
	if (rc == 0)
		rc = extract_zip(&job->members, &job->zip, emit, &reading, err);
	push(&reading);
	if (rc == 0 || err->code == LM_E_IO || err->code == LM_E_INTERRUPTED)
		return rc;
	record_member(work, job, reading.items, err);
	return 0;
}

static int
run_task(struct work *work, const struct task *task, struct lm_err *err)
{
	return task->segment != nullptr ? decompress(work, task, err) : open_zip(work, task->job, err);
}

// ---- writing

static int
write_item(struct work *work, struct batch *batch, size_t index, struct lm_err *err)
{
	struct extract_job *job = batch->job;
	const struct extract_item *item = &batch->items[index];
	const struct extract_tree *tree = &job->members.tree;
	if (item->member != nullptr) {
		int rc = extract_member(tree, &job->zip, item, err);
		extract_pages_forget(&job->zip.map, item->member->offset, item->member->stored_size);
		if (rc == 0 || err->code == LM_E_IO || err->code == LM_E_INTERRUPTED)
			return rc;
		record_member(work, job, batch->first + index, err);
		return 0;
	}
	if (item->file != nullptr)
		return extract_part(tree, item->file, item->bytes, item->len, item->offset, err);
	int fd = extract_create(tree, item->path, item->len, err);
	if (fd < 0)
		return -1;
	int rc = extract_write(tree, fd, item->path, item->bytes, item->len, 0, err);
	struct lm_err ignored = {};
	return extract_close(tree, fd, item->path, item->executable, item->mtime, rc < 0 ? &ignored : err) < 0 ? -1 : rc;
}

static int
write_batch(struct work *work, struct batch *batch, struct lm_err *err)
{
	struct extract_job *job = batch->job;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < batch->count; i++)
		rc = lm_cancel_check(err) < 0 ? -1 : write_item(work, batch, i, err);
	(void)pthread_mutex_lock(&work->mutex);
	release(work, batch->segment);
	(void)pthread_mutex_unlock(&work->mutex);
	uint64_t done = atomic_fetch_add(&job->done_bytes, batch->bytes) + batch->bytes;
	lm_emit_progress(work->sink, "unpack", job->source->path, done, job->total_bytes);
	lm_free(batch);
	return rc;
}

// ---- threads

// One of these is set.
struct turn {
	struct batch *batch;
	const struct task *task;
	struct extract_job *digest;
};

static bool
has_memory(const struct work *work, const struct task *task)
{
	size_t memory = task->segment == nullptr ? 0 : memory_of(task->segment);
	return memory == 0 || work->memory_bytes == 0 || work->memory_bytes + memory <= MEMORY_MAX_BYTES;
}

// With the mutex held. False: there is nothing to do now.
static bool
find_turn(struct work *work, struct turn *turn)
{
	*turn = (struct turn){};
	if (work->first != nullptr) {
		turn->batch = work->first;
		work->first = work->first->next;
	} else if (work->next_task < work->task_count && has_memory(work, &work->tasks[work->next_task])) {
		turn->task = &work->tasks[work->next_task++];
		work->memory_bytes += turn->task->segment == nullptr ? 0 : memory_of(turn->task->segment);
	} else if (work->next_digest < work->digest_count) {
		turn->digest = work->digests[work->next_digest++];
	} else {
		return false;
	}
	return true;
}

// Take something to do. False: there is nothing, and nothing will come.
static bool
take(struct work *work, struct turn *turn)
{
	bool found = false;
	(void)pthread_mutex_lock(&work->mutex);
	while (!work->failed && !lm_cancel_requested() && !(found = find_turn(work, turn)) && work->busy > 0)
		(void)pthread_cond_wait(&work->changed, &work->mutex);
	work->busy += found ? 1 : 0;
	if (!found)
		(void)pthread_cond_broadcast(&work->changed);
	(void)pthread_mutex_unlock(&work->mutex);
	return found;
}

static int
run_turn(struct work *work, const struct turn *turn, struct lm_err *err)
{
	if (turn->batch != nullptr)
		return write_batch(work, turn->batch, err);
	if (turn->task != nullptr)
		return run_task(work, turn->task, err);
	hash(turn->digest);
	return 0;
}

static int
run_thread(void *context, size_t index, struct lm_err *err)
{
	struct work *work = context;
	struct turn turn;
	(void)index;
	while (take(work, &turn)) {
		if (run_turn(work, &turn, err) < 0)
			record(work, err);
		(void)pthread_mutex_lock(&work->mutex);
		work->busy--;
		(void)pthread_cond_broadcast(&work->changed);
		(void)pthread_mutex_unlock(&work->mutex);
	}
	return 0;
}

// Zips first: they take longest.
static void
list_tasks(struct work *work, struct extract_job *jobs, size_t count)
{
	size_t most = count;
	for (size_t i = 0; i < count; i++)
		most += jobs[i].segment_count;
	work->tasks = lm_alloc_array(most, sizeof *work->tasks);
	work->digests = lm_alloc_array(count, sizeof(struct extract_job *));
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].source->has_digest)
			work->digests[work->digest_count++] = &jobs[i];
		if (jobs[i].format == EXTRACT_ZIP)
			work->tasks[work->task_count++] = (struct task){ .job = &jobs[i] };
	}
	for (size_t i = 0; i < count; i++)
		for (size_t s = 0; s < jobs[i].segment_count; s++)
			work->tasks[work->task_count++] = (struct task){ .job = &jobs[i], .segment = &jobs[i].segments[s] };
}

static void
release_work(struct work *work, struct extract_job *jobs, size_t count)
{
	while (work->first != nullptr) {
		struct batch *batch = work->first;
		work->first = batch->next;
		lm_free(batch);
	}
	for (size_t i = 0; i < count; i++)
		for (size_t s = 0; s < jobs[i].segment_count; s++)
			give_back(work, &jobs[i].segments[s]);
	extract_pages_release(&work->pages);
	lm_free(work->tasks);
	lm_free(work->digests);
	(void)pthread_cond_destroy(&work->changed);
	(void)pthread_mutex_destroy(&work->mutex);
}

int
extract_work(struct extract_job *jobs, size_t count, unsigned threads, const struct lm_sink *sink, struct lm_err *err)
{
	struct work work = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .sink = sink };
	list_tasks(&work, jobs, count);
	int rc = lm_pool_run(threads, threads, run_thread, &work, err);
	if (rc == 0)
		rc = lm_cancel_check(err);
	if (rc == 0 && work.failed) {
		*err = work.err;
		rc = -1;
	}
	release_work(&work, jobs, count);
	return rc;
}
