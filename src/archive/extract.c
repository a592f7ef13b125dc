#include "archive/extract.h"

#include "archive/extract_parts.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/pool.h"

#include <string.h>

struct extraction {
	struct extract_job *jobs;
	size_t count;
	struct lm_unpack_limits limits;
	const struct lm_sink *sink;
};

static int
prepare(struct extraction *all, struct extract_job *job, struct lm_err *err)
{
	extract_members_init(&job->members, job->source, &all->limits);
	if (lm_map_open(&job->map, job->source->path, err) < 0)
		return -1;
	job->format = extract_find(&job->map, &job->segments, &job->segment_count);
	extract_pages_forget(&job->map, 0, job->map.len);
	job->other = job->format == EXTRACT_NONE || (job->format != EXTRACT_ZIP && job->segment_count == 0);
	for (size_t i = 0; i < job->segment_count; i++)
		job->total_bytes += job->segments[i].content_size;
	lm_emit_begin(all->sink, "unpack", job->source->path, job->total_bytes);
	return extract_tree_open(&job->members.tree, job->source->folder, err);
}

static int
check_digest(const struct extract_job *job, struct lm_err *err)
{
	char is[LM_DIGEST_HEX], should[LM_DIGEST_HEX];
	const struct lm_extract_source *source = job->source;
	if (!source->has_digest || lm_digest_equal(&source->digest, &job->digest))
		return 0;
	lm_digest_hex(&job->digest, is);
	lm_digest_hex(&source->digest, should);
	return lm_err_set(err, LM_E_INTEGRITY, "archive '%s' has SHA-256 %s, its metadata say %s", source->path, is, should);
}

// What others wrote, or what is to be refused: all of it once more, by the reader that says why.
static int
read_otherwise(struct extract_job *job, const struct lm_unpack_limits *limits, struct lm_err *err)
{
	const char *folder = job->source->folder;
	extract_members_release(&job->members);
	extract_members_init(&job->members, job->source, limits);
	if (lm_dir_remove(folder, err) < 0 || lm_dir_make(folder, err) < 0 ||
		extract_tree_open(&job->members.tree, folder, err) < 0)
		return -1;
	job->segment_count = 0;
	bool gzip = job->map.len > 2 && job->map.ptr[0] == 0x1f && job->map.ptr[1] == 0x8b;
	if (unpack_read_tar(&job->members.unpacking, err) < 0)
		return -1;
	if (gzip && !extract_gzip_is_whole(&job->map))
		return lm_cancel_check(err) < 0
			? -1
			: lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: its gzip data are damaged",
				  job->source->path);
	return 0;
}

static int
finish(void *context, size_t index, struct lm_err *err)
{
	struct extraction *all = context;
	struct extract_job *job = &all->jobs[index];
	struct lm_extract_source *source = job->source;
	if (job->other && read_otherwise(job, &all->limits, err) < 0)
		return -1;
	struct unpacking *unpacking = &job->members.unpacking;
	if (unpacking->entry_count == 0 || job->members.tree.top == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: it is empty", source->path);
	if (extract_settle(&job->members.tree, err) < 0)
		return -1;
	unpack_empty_folders(unpacking);
	source->top = lm_take(&job->members.tree.top);
	source->entry_count = job->members.entries.count;
	source->total_bytes = unpacking->total_bytes;
	source->segment_count = job->format == EXTRACT_ZIP ? job->members.entries.count : job->segment_count;
	return 0;
}

static int
extract_all(struct extraction *all, unsigned threads, struct lm_err *err)
{
	for (size_t i = 0; i < all->count; i++)
		if (prepare(all, &all->jobs[i], err) < 0)
			return -1;
	if (extract_work(all->jobs, all->count, threads, all->sink, err) < 0)
		return -1;
	for (size_t i = 0; i < all->count; i++)
		if (check_digest(&all->jobs[i], err) < 0)
			return -1;
	for (size_t i = 0; i < all->count; i++) {
		if (all->jobs[i].err.code == LM_OK)
			continue;
		*err = all->jobs[i].err;
		return -1;
	}
	return lm_pool_run(threads, all->count, finish, all, err);
}

static void
release(struct extraction *all, bool failed)
{
	for (size_t i = 0; i < all->count; i++) {
		struct extract_job *job = &all->jobs[i];
		extract_members_release(&job->members);
		lm_zip_close(&job->zip);
		lm_map_close(&job->map);
		lm_free(job->segments);
		if (failed) {
			lm_free(job->source->top);
			job->source->top = nullptr;
		}
	}
	lm_free(all->jobs);
}

int
lm_extract(struct lm_extract_source *sources, size_t count, const struct lm_extract_options *options, struct lm_err *err)
{
	enum { ENTRIES_MAX = 1'000'000 };
	struct extraction all = { .jobs = lm_alloc_array(count, sizeof *all.jobs),
		.count = count,
		.limits = { .max_entries = ENTRIES_MAX, .max_total_bytes = 64ull << 30 },
		.sink = options->sink };
	if (options->limits != nullptr)
		all.limits = *options->limits;
	for (size_t i = 0; i < count; i++) {
		all.jobs[i].source = &sources[i];
		all.jobs[i].members.tree = (struct extract_tree){ .root = -1, .fd = -1 };
		sources[i].top = nullptr;
	}
	int rc = extract_all(&all, options->jobs == 0 ? lm_cpu_count() : options->jobs, err);
	release(&all, rc < 0);
	return rc;
}
