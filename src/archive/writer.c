#include "archive/writer.h"

#include "archive/crew.h"
#include "archive/run.h"
#include "os/clock.h"
#include "os/kill_point.h"
#include "os/path.h"
#include "os/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *const extensions[LM_FORMAT_COUNT] = {
	[LM_FORMAT_TAR_ZST] = "tar.zst",
	[LM_FORMAT_TAR_XZ] = "tar.xz",
	[LM_FORMAT_TAR_GZ] = "tar.gz",
	[LM_FORMAT_ZIP] = "zip",
	[LM_FORMAT_TAR] = "tar",
};

const char *
lm_format_extension(enum lm_format format)
{
	assert(format >= 0 && format < LM_FORMAT_COUNT);
	return extensions[format];
}

bool
lm_format_parse(const char *extension, enum lm_format *format)
{
	for (size_t i = 0; i < LM_FORMAT_COUNT; i++) {
		if (!lm_cstr_equal(extension, extensions[i]))
			continue;
		*format = (enum lm_format)i;
		return true;
	}
	return false;
}

void
lm_archive_compressor(const struct lm_archive_options *options, char out[96])
{
	enum { MIB = 1024 * 1024, RULE = 3 };
	char codec[64], larger[32] = "";
	int level = lm_codec_level(options);
	unsigned segment = (unsigned)(lm_codec_segment(options->format, level) / MIB),
		 large = (unsigned)(lm_codec_large_segment(options->format, level) / MIB);
	lm_codec_describe(options->format, level, codec);
	if (large > segment)
		(void)snprintf(larger, sizeof larger, " large %u MiB", large);
	(void)snprintf(out, 96, "%s segment %u MiB%s rule %d", codec, segment, larger, RULE);
}

int
lm_archive_check(const struct lm_archive_options *options, struct lm_err *err)
{
	struct lm_level_range levels = lm_codec_levels(options->format);
	int level = lm_codec_level(options);
	if (level != 0 && levels.most == 0)
		return lm_err_set(err, LM_E_USAGE, "'%s' has no levels", lm_format_extension(options->format));
	if (level < levels.least || level > levels.most)
		return lm_err_set(err, LM_E_USAGE, "level %d is not one of '%s': %d to %d", level,
			lm_format_extension(options->format), levels.least, levels.most);
	if (options->mtime_s < 0 || options->mtime_s > LM_TAR_MTIME_MAX)
		return lm_err_set(
			err, LM_E_USAGE, "the time of an archive is out of its range: %lld", (long long)options->mtime_s);
	if (options->prefix != nullptr && lm_path_check_name(options->prefix, err) < 0) {
		err->code = LM_E_USAGE;
		return lm_err_wrap(err, "top folder of an archive");
	}
	return 0;
}

int
lm_run_read(struct lm_worker *worker, const struct lm_member *member, void *out, struct lm_err *err)
{
	size_t size = (size_t)member->entry->size;
	struct lm_digest digest;
	lm_content_begin(&worker->reader, member->entry);
	if (lm_content_read(&worker->reader, out, size, err) < 0)
		return -1;
	lm_sha256_bytes(out, size, &digest);
	return lm_content_end(&worker->reader, &digest, err);
}

int
lm_run_write(struct lm_run *run, const void *bytes, size_t len, struct lm_err *err)
{
	uint64_t from = run->file.size_bytes;
	lm_sha256_update(&run->hash, bytes, len);
	if (lm_outfile_write(&run->file, bytes, len, err) < 0)
		return -1;
	lm_outfile_begin_flush(&run->file, from);
	return 0;
}

static int
make_or_reuse(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece,
	struct lm_err *err)
{
	int rc = lm_run_reuse(run, pipeline, index, piece, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = run->options->format == LM_FORMAT_ZIP ? lm_run_make_zip(run, worker, pipeline, index, piece, err)
						   : lm_run_make_tar(run, worker, pipeline, index, piece, err);
	if (rc == 0)
		lm_run_keep(run, index, piece);
	return rc;
}

// Parts of a large member wait for their turn first: who has a worker waits for nobody.
static int
make_piece(void *context, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece, struct lm_err *err)
{
	struct lm_run *run = context;
	const struct lm_part *part = &run->plan.parts[index];
	if (part->large &&
		lm_pipeline_wait_turn(pipeline, index, &run->large[part->large_index].turn, part->part_index, err) < 0)
		return -1;
	struct lm_worker *worker = lm_crew_take(run->crew, run, part);
	int rc = make_or_reuse(run, worker, pipeline, index, piece, err);
	lm_crew_give(run->crew, worker);
	return rc;
}

static void
tell_progress(struct lm_run *run, uint64_t done)
{
	enum { BETWEEN_MS = 100 };
	uint64_t now = lm_clock_monotonic_ms();
	if (run->options->sink == nullptr || now - run->progress_ms < BETWEEN_MS)
		return;
	run->progress_ms = now;
	lm_emit_progress(run->options->sink, "publish", run->options->subject, done, run->plan.content_size);
}

static int
write_piece(void *context, size_t index, struct lm_piece *piece, struct lm_err *err)
{
	struct lm_run *run = context;
	const struct lm_part *part = &run->plan.parts[index];
	uint64_t offset = run->file.size_bytes;
	if (index == 0 && run->options->replaces != nullptr)
		lm_file_forget_cached(run->options->replaces);
	if (run->options->format == LM_FORMAT_ZIP)
		lm_run_place_zip(run, index, piece);
	if (lm_run_write(run, piece->bytes.ptr, piece->bytes.len, err) < 0)
		return -1;
	run->segments[index] = (struct lm_segment){
		.offset = offset,
		.size = piece->bytes.len,
		.content_offset = part->content_offset,
		.content_size = part->content_size,
		.first_entry = part->member + (part->skip > 0),
		.entry_count = part->members_begun,
		.digest = run->segments[index].digest,
	};
	LM_KILL_POINT("archive: segment written");
	tell_progress(run, part->content_offset + part->content_size);
	return 0;
}

static int
write_all(struct lm_run *run, const char *path, struct lm_err *err)
{
	unsigned jobs = run->options->jobs == 0 ? lm_cpu_count() : run->options->jobs;
	if (jobs > run->plan.part_count)
		jobs = run->plan.part_count == 0 ? 1 : (unsigned)run->plan.part_count;

	if (lm_run_survey(run, jobs, err) < 0)
		return -1;
	struct lm_pipeline_work work = { .make = make_piece,
		.write = write_piece,
		.context = run,
		.long_pieces = run->long_parts,
		.long_count = run->long_count };
	if (lm_outfile_open(&run->file, path, 0644, err) < 0)
		return -1;
	if (lm_pipeline_run(jobs, run->plan.part_count, &work, err) < 0)
		return -1;
	if (run->options->format == LM_FORMAT_ZIP && lm_run_end_zip(run, err) < 0)
		return -1;
	return 0;
}

static int
close_file(struct lm_run *run, struct lm_err *err)
{
	if (!run->options->unflushed)
		return lm_outfile_commit(&run->file, err);
	if (lm_outfile_close_unflushed(&run->file, err) < 0)
		return -1;
	return lm_outfile_place_unflushed(&run->file, err);
}

static int
finish(struct lm_run *run, struct lm_archive_result *result, struct lm_err *err)
{
	uint64_t size = run->file.size_bytes;
	if (close_file(run, err) < 0)
		return -1;
	*result = (struct lm_archive_result){
		.size = size,
		.content_size = run->plan.content_size,
		.entry_count = run->plan.member_count,
		.segments = lm_take(&run->segments),
		.segment_count = run->plan.part_count,
		.reused_count = run->reused_count,
	};
	lm_sha256_final(&run->hash, &result->digest);
	memcpy(result->compressor, run->compressor, sizeof result->compressor);
	return 0;
}

static void
begin(struct lm_run *run, const struct lm_entries *entries, const struct lm_archive_options *options)
{
	run->options = options;
	run->crew = options->crew == nullptr ? lm_crew_new(options->jobs) : options->crew;
	run->level = lm_codec_level(options);
	lm_archive_compressor(options, run->compressor);
	lm_plan_make(&run->plan, entries, options);
	run->large = lm_alloc_array(run->plan.large_count, sizeof(*run->large));
	run->segments = lm_alloc_array(run->plan.part_count, sizeof(*run->segments));
	if (options->format == LM_FORMAT_ZIP)
		run->records = lm_alloc_array(run->plan.member_count, sizeof(*run->records));
	run->progress_ms = lm_clock_monotonic_ms();
	lm_sha256_init(&run->hash);
}

static void
release(struct lm_run *run)
{
	for (size_t i = 0; i < run->plan.large_count; i++)
		lm_run_release_large(run, &run->large[i]);
	lm_free(run->large);
	if (run->crew != run->options->crew)
		lm_crew_free(run->crew);
	lm_free(run->records);
	lm_free(run->segments);
	lm_free(run->kept);
	lm_free(run->long_parts);
	lm_plan_release(&run->plan);
	lm_sha256_release(&run->hash);
	lm_outfile_abandon(&run->file);
	(void)pthread_mutex_destroy(&run->mutex);
}

int
lm_archive_write(const struct lm_entries *entries, const struct lm_archive_options *options, const char *path,
	struct lm_archive_result *result, struct lm_err *err)
{
	if (lm_archive_check(options, err) < 0)
		return -1;
	LM_AUTO(release) struct lm_run run = { .mutex = PTHREAD_MUTEX_INITIALIZER };
	begin(&run, entries, options);
	if (write_all(&run, path, err) < 0)
		return -1;
	return finish(&run, result, err);
}

void
lm_archive_result_release(struct lm_archive_result *result)
{
	lm_free(result->segments);
	*result = (struct lm_archive_result){};
}
