#include "cli.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/path.h"
#include "programs/common/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int
read_format(const struct lm_batch_run *run, enum lm_result_format *out, struct lm_err *err)
{
	const char *text = run->cli.format != nullptr ? run->cli.format : "jsonl";
	*out = strcmp(text, "csv") == 0 ? LM_RESULT_CSV : LM_RESULT_JSONL;
	if (*out == LM_RESULT_JSONL && strcmp(text, "jsonl") != 0)
		return lm_err_set(err, LM_E_USAGE, "--format is '%s', not jsonl or csv", text);
	return 0;
}

// Where results go: a file that appears whole; something that is there and is no file (/dev/null, a pipe), as it is; or stdout.
struct output {
	const char *path; // null: stdout
	struct lm_outfile file;
	int fd; // of what is no file, else -1
};

static void
abandon(struct output *out)
{
	lm_outfile_abandon(&out->file);
	lm_fd_close(&out->fd);
}

static int
open_special(struct output *out, struct lm_err *err)
{
	while ((out->fd = open(out->path, O_WRONLY | O_NOCTTY | O_CLOEXEC)) < 0) { // a pipe without a reader waits for one
		if (errno != EINTR)
			return lm_fd_fail(err, errno, "write", out->path);
		if (lm_cancel_check(err) < 0)
			return -1;
	}
	return 0;
}

static int
open_output(struct output *out, struct lm_err *err)
{
	struct stat status;
	if (out->path == nullptr)
		return 0;
	bool exists = stat(out->path, &status) == 0;
	if (exists && S_ISDIR(status.st_mode))
		return lm_fd_fail(err, EISDIR, "write", out->path);
	if (exists && !S_ISREG(status.st_mode))
		return open_special(out, err);
	LM_AUTO(lm_free_ptr) char *target = exists ? realpath(out->path, nullptr) : nullptr; // a link stays
	const char *path = target != nullptr ? target : out->path;
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(path);
	lm_outfile_sweep_of(path);
	return lm_dir_make(parent, err) < 0 ? -1 : lm_outfile_open(&out->file, path, 0644, err);
}

static int
write_output(void *context, struct lm_str bytes, struct lm_err *err)
{
	struct output *out = context;
	if (out->path == nullptr)
		return lm_out_write(bytes, err);
	if (out->fd < 0)
		return lm_outfile_write(&out->file, bytes.ptr, bytes.len, err);
	int sys = lm_fd_write_all(out->fd, bytes.ptr, bytes.len);
	return sys == 0 ? 0 : lm_fd_fail(err, sys, "write", out->path);
}

static struct lm_results
results_of(const struct lm_batch_run *run)
{
	return (struct lm_results){ .runs = run->runs,
		.run = &run->row,
		.folder = &run->folder,
		.provider = run->provider,
		.structured = run->config.schema_json != nullptr };
}

static json_t *
paths_json(const struct lm_strings *paths)
{
	json_t *array = json_array();
	for (size_t i = 0; i < paths->count; i++)
		(void)json_array_append_new(array, json_string(paths->items[i]));
	return array;
}

static void
print_written(struct lm_batch_run *run, uint64_t count, uint64_t next)
{
	json_t *status = lm_results_status(&run->row, lm_clock_now_ms());
	json_t *line = json_pack("{s:s, s:O, s:I, s:s}", "run_id", run->row.run_id, "status", json_object_get(status, "status"),
		"result_count", (json_int_t)count, "output_path", run->cli.output);
	json_decref(status);
	if (run->cli.after_sequence.given)
		(void)json_object_set_new(line, "next_after_sequence", json_integer((json_int_t)next));
	lm_batch_print(line);
}

int
lm_batch_results(struct lm_batch_run *run, struct lm_err *err)
{
	struct lm_result_options options = { .output_key = "output",
		.by_sequence = run->cli.after_sequence.given,
		.after_sequence = run->cli.after_sequence.value,
		.limit = run->cli.limit.value };
	LM_AUTO(abandon) struct output out = { .path = run->cli.output, .fd = -1 };
	uint64_t count = 0, next = 0;
	if (read_format(run, &options.format, err) < 0 || lm_batch_load(run, err) < 0 || lm_batch_provider(run, false, err) < 0)
		return -1;
	if (!run->row.finished && !options.by_sequence)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' is not finished; '--after-sequence 0' gives the results so far",
			run->row.run_id);
	if (open_output(&out, err) < 0)
		return -1;
	struct lm_results results = results_of(run);
	if (lm_results_write(&results, &options, write_output, &out, &count, &next, err) < 0)
		return -1;
	if (out.path == nullptr)
		return 0;
	if (out.file.open && lm_outfile_commit(&out.file, err) < 0)
		return -1;
	print_written(run, count, next);
	return 0;
}

int
lm_batch_export(struct lm_batch_run *run, struct lm_err *err)
{
	LM_AUTO(lm_export_release) struct lm_export done = {};
	enum lm_result_format format = LM_RESULT_JSONL;
	if (run->cli.destination == nullptr)
		return lm_err_set(err, LM_E_USAGE, "'lamina-batch export-artifacts' needs '--destination-dir DIR'");
	if (read_format(run, &format, err) < 0 || lm_batch_load(run, err) < 0 || lm_batch_provider(run, false, err) < 0)
		return -1;
	struct lm_results results = results_of(run);
	if (lm_results_export(&results, run->cli.destination, format, lm_clock_now_s(), &done, err) < 0)
		return -1;
	lm_batch_print(json_pack("{s:s, s:s, s:s, s:s, s:o}", "run_id", run->row.run_id, "destination_dir", done.folder,
		"manifest_path", done.manifest_path, "results_path", done.results_path, "exported_artifact_paths",
		paths_json(&done.artifact_paths)));
	return 0;
}

int
lm_batch_prune(struct lm_batch_run *run, struct lm_err *err)
{
	LM_AUTO(lm_pruned_release) struct lm_pruned done = {};
	if (lm_batch_load(run, err) < 0)
		return -1;
	struct lm_results results = results_of(run);
	if (lm_results_prune(&results, run->cli.prune_raw, run->cli.force, &done, err) < 0)
		return -1;
	lm_batch_print(json_pack("{s:s, s:o, s:o, s:I, s:I}", "run_id", run->row.run_id, "removed_artifact_paths",
		paths_json(&done.removed), "missing_artifact_paths", paths_json(&done.missing), "cleared_item_pointers",
		(json_int_t)done.item_pointers, "cleared_batch_pointers", (json_int_t)done.batch_pointers));
	return 0;
}
