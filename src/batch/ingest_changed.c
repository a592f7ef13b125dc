// Is a source still what was read of it? Size, times and inode first; the content only where these differ.
#include "batch/ingest_parts.h"
#include "os/fd.h"

#include <inttypes.h>

int
lm_ingest_stamp(const char *path, struct lm_source_stamp *out, struct lm_err *err)
{
	LM_AUTO(lm_fd_close) int fd = -1;
	struct stat status;
	struct lm_file_info info;
	if (lm_fd_open_regular(path, &fd, &status, err) < 0)
		return -1;
	lm_fd_info(&status, &info);
	*out = (struct lm_source_stamp){ info.size_bytes, info.mtime_s, info.mtime_ns, info.inode };
	return 0;
}

static bool
equal(const struct lm_source_stamp *a, const struct lm_source_stamp *b)
{
	return a->size_bytes == b->size_bytes && a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->inode == b->inode;
}

static int
check_marks(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config, uint32_t source,
	const struct lm_source_env *env, uint64_t *read_to, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_slice_mark *marks = nullptr;
	const struct lm_batch_input *input = &config->inputs[source];
	const char *unit = input->kind == LM_INPUT_PARQUET ? "rows" : "bytes";
	size_t count = 0;
	if (lm_runs_slice_marks(runs, run, source, &marks, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (marks[i].begin == marks[i].end)
			continue;
		int rc =
			lm_source_slice_same(input, env, config->id_field, marks[i].begin, marks[i].end, &marks[i].digest, err);
		if (rc < 0)
			return lm_err_wrap(err, "looking whether '%s' has changed", input->path);
		if (rc == 0)
			return lm_err_set(err, LM_E_CONFLICT,
				"'%s' has changed since it was read: %s %" PRIu64 " to %" PRIu64 " are others", input->path,
				unit, marks[i].begin, marks[i].end);
		*read_to = marks[i].end;
	}
	return 0;
}

int
lm_ingest_same(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config, uint32_t source,
	const struct lm_source_env *env, bool whole, struct lm_err *err)
{
	const struct lm_batch_input *input = &config->inputs[source];
	struct lm_source_stamp before = {}, now = {};
	bool has = false;
	uint64_t read_to = 0;
	if (lm_runs_stamp(runs, run, source, &before, &has, err) < 0)
		return -1;
	if (!has)
		return 0; // nothing of it was read
	if (lm_ingest_stamp(input->path, &now, err) < 0)
		return -1;
	if (equal(&before, &now))
		return 0;
	if (check_marks(runs, run, config, source, env, &read_to, err) < 0)
		return -1;
	if (whole && input->kind != LM_INPUT_PARQUET && now.size_bytes != read_to)
		return lm_err_set(err, LM_E_CONFLICT,
			"'%s' has changed since it was read: it ended at byte %" PRIu64 ", and has %" PRIu64 " now",
			input->path, read_to, now.size_bytes);
	return lm_runs_set_stamp(runs, run, source, &now, err);
}

int
lm_ingest_unchanged(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config, const struct lm_source_env *env,
	struct lm_err *err)
{
	LM_AUTO(lm_prompts_free_ptr) struct lm_prompts *prompts = nullptr;
	LM_AUTO(lm_ingest_release) struct lm_ingest ingest = {};
	if (lm_prompts_new(&prompts, config, err) < 0 || lm_runs_ingest(runs, run, &ingest, err) < 0)
		return -1;
	struct lm_source_env full = lm_ingest_env(env, prompts);
	for (uint32_t i = 0; i < config->input_count && i <= ingest.source; i++)
		if (lm_ingest_same(runs, run, config, i, &full, ingest.complete || i < ingest.source, err) < 0)
			return -1;
	return 0;
}

int
lm_ingest_accept(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config, struct lm_err *err)
{
	for (uint32_t i = 0; i < config->input_count; i++) {
		struct lm_source_stamp before = {}, now = {};
		bool has = false;
		if (lm_runs_stamp(runs, run, i, &before, &has, err) < 0)
			return -1;
		if (!has)
			continue;
		if (lm_ingest_stamp(config->inputs[i].path, &now, err) < 0) {
			if (err->code != LM_E_NOT_FOUND)
				return -1;
			lm_err_clear(err); // what was read of it is enough
			continue;
		}
		if (lm_runs_set_stamp(runs, run, i, &now, err) < 0)
			return -1;
	}
	return 0;
}
