// Exports and pruning: what leaves the run's folder, and what is removed from it.
#include "base/mem.h"
#include "batch/export_place.h"
#include "batch/results.h"
#include "digest/sha256.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/kill_point.h"
#include "os/path.h"
#include "text/json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BATCHES_AT_ONCE = 256, COPY_BYTES = 64 * 1024 };

typedef int batch_fn(void *context, const struct lm_batch_row *batch, struct lm_err *err);

static int
each_batch(const struct lm_results *results, batch_fn *function, void *context, struct lm_err *err)
{
	int64_t after = 0;
	size_t count = 0;
	do {
		struct lm_batch_row *batches = nullptr;
		if (lm_runs_batches(results->runs, results->run->key, 1u << LM_BATCH_DONE, after, BATCHES_AT_ONCE, &batches,
			    &count, err) < 0)
			return -1;
		int rc = 0;
		for (size_t i = 0; i < count; i++) {
			if (rc == 0)
				rc = function(context, &batches[i], err);
			after = batches[i].seq;
			lm_batch_row_release(&batches[i]);
		}
		lm_free(batches);
		if (rc < 0)
			return -1;
	} while (count > 0);
	return 0;
}

static int
need_finished(const struct lm_run_row *run, struct lm_err *err)
{
	return run->finished ? 0 : lm_err_set(err, LM_E_CONFLICT, "run '%s' is not finished", run->run_id);
}

// ---- export

struct exporter {
	const struct lm_results *results;
	struct lm_export_place place;
	json_t *lists[LM_FILE_RAW_ERROR + 1], *files;
};

static void
release_exporter(struct exporter *exporter)
{
	lm_export_place_close(&exporter->place);
	for (size_t i = 0; i < LM_COUNT(exporter->lists); i++)
		json_decref(exporter->lists[i]);
	json_decref(exporter->files);
}

// Flush a file and give it its name. Its folder is flushed once for all files in it, before the export appears.
static int
put_in_folder(struct lm_outfile *file, struct lm_err *err)
{
	return lm_outfile_flush(file, err) < 0 ? -1 : lm_outfile_place_unflushed(file, err);
}

static int
flush_folders(const struct exporter *exporter, struct lm_err *err)
{
	for (size_t kind = 0; kind < LM_COUNT(exporter->lists); kind++) {
		if (json_array_size(exporter->lists[kind]) == 0)
			continue;
		LM_AUTO(lm_free_ptr)
		char *one = lm_path_join(exporter->place.folder, json_string_value(json_array_get(exporter->lists[kind], 0)));
		LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(one);
		if (lm_dir_flush(folder, err) < 0)
			return -1;
	}
	return 0;
}

// Copy a file, flushed, and note its digest. A file that is not there is passed over; one that is not what was recorded (null:
// nothing was) is refused with LM_E_INTEGRITY.
static int
copy_file(struct exporter *exporter, const char *from, const char *name, const struct lm_digest *recorded, bool *copied,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *to = lm_path_join(exporter->place.folder, name);
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(to);
	LM_AUTO(lm_free_ptr) char *bytes = lm_alloc(COPY_BYTES);
	LM_AUTO(lm_outfile_abandon) struct lm_outfile out = {};
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	LM_AUTO(lm_fd_close) int fd = -1;
	struct stat status;
	struct lm_digest digest = {};
	char hex[LM_DIGEST_HEX];
	ssize_t got = 0;
	*copied = false;
	if (lm_fd_open_regular(from, &fd, &status, err) < 0) {
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		return 0;
	}
	if (lm_dir_make(parent, err) < 0 || lm_outfile_open(&out, to, 0600, err) < 0)
		return -1;
	lm_sha256_init(&hash);
	while ((got = read(fd, bytes, COPY_BYTES)) > 0) {
		lm_sha256_update(&hash, bytes, (size_t)got);
		if (lm_outfile_write(&out, bytes, (size_t)got, err) < 0)
			return -1;
	}
	if (got < 0)
		return lm_fd_fail(err, errno, "read", from);
	lm_sha256_final(&hash, &digest);
	if (recorded != nullptr && !lm_digest_equal(&digest, recorded))
		return lm_err_set(err, LM_E_INTEGRITY, "'%s' was changed after it was recorded", from);
	lm_digest_hex(&digest, hex);
	json_t *entry = json_pack("{s:s, s:I}", "sha256", hex, "size", (json_int_t)out.size_bytes);
	(void)json_object_set_new(exporter->files, name, entry);
	*copied = true;
	return put_in_folder(&out, err);
}

// What was pruned since the last export is there only: it is kept.
static bool
was_pruned(const struct lm_run_row *run, enum lm_batch_file kind)
{
	return kind == LM_FILE_REQUEST ? run->requests_pruned : run->raw_pruned;
}

static int
export_batch(void *context, const struct lm_batch_row *batch, struct lm_err *err)
{
	static const enum lm_batch_file kinds[] = { LM_FILE_REQUEST, LM_FILE_RAW, LM_FILE_RAW_ERROR };
	const struct lm_digest *recorded[] = {
		batch->has_request_digest ? &batch->request_digest : nullptr,
		batch->has_answer_digest[0] ? &batch->answer_digests[0] : nullptr,
		batch->has_answer_digest[1] ? &batch->answer_digests[1] : nullptr,
	};
	struct exporter *exporter = context;
	for (size_t i = 0; i < LM_COUNT(kinds); i++) {
		LM_AUTO(lm_free_ptr) char *from = lm_run_folder_file(exporter->results->folder, kinds[i], batch->seq);
		char name[64];
		bool copied = false;
		lm_run_folder_name(kinds[i], batch->seq, name);
		if (copy_file(exporter, from, name, recorded[i], &copied, err) < 0)
			return -1;
		LM_AUTO(lm_free_ptr) char *earlier = lm_path_join(exporter->place.target, name);
		if (!copied && was_pruned(exporter->results->run, kinds[i]) &&
			copy_file(exporter, earlier, name, recorded[i], &copied, err) < 0)
			return -1;
		if (copied)
			(void)json_array_append_new(exporter->lists[kinds[i]], json_string(name));
	}
	return 0;
}

struct result_file {
	struct lm_outfile file;
	struct lm_sha256 hash;
};

static int
write_result(void *context, struct lm_str bytes, struct lm_err *err)
{
	struct result_file *out = context;
	lm_sha256_update(&out->hash, bytes.ptr, bytes.len);
	return lm_outfile_write(&out->file, bytes.ptr, bytes.len, err);
}

static void
release_result_file(struct result_file *out)
{
	lm_outfile_abandon(&out->file);
	lm_sha256_release(&out->hash);
}

static int
export_results(struct exporter *exporter, const char *name, enum lm_result_format format, uint64_t *count, struct lm_err *err)
{
	const struct lm_result_options options = { .format = format, .output_key = "output_json" };
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(exporter->place.folder, name);
	LM_AUTO(release_result_file) struct result_file out = {};
	struct lm_digest digest = {};
	char hex[LM_DIGEST_HEX];
	uint64_t next = 0;
	lm_sha256_init(&out.hash);
	if (lm_outfile_open(&out.file, path, 0600, err) < 0 ||
		lm_results_write(exporter->results, &options, write_result, &out, count, &next, err) < 0)
		return -1;
	lm_sha256_final(&out.hash, &digest);
	lm_digest_hex(&digest, hex);
	json_t *entry = json_pack("{s:s, s:I}", "sha256", hex, "size", (json_int_t)out.file.size_bytes);
	(void)json_object_set_new(exporter->files, name, entry);
	return put_in_folder(&out.file, err);
}

// The last file: with it the folder of the results is flushed, too.
static int
write_manifest(struct exporter *exporter, const char *results_name, uint64_t count, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(exporter->place.folder, "manifest.json");
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	LM_AUTO(lm_json_decref_ptr)
	json_t *manifest = json_pack("{s:s, s:O, s:O, s:O, s:s, s:I, s:O}", "run_id", exporter->results->run->run_id,
		"request_artifact_paths", exporter->lists[LM_FILE_REQUEST], "output_artifact_paths",
		exporter->lists[LM_FILE_RAW], "error_artifact_paths", exporter->lists[LM_FILE_RAW_ERROR], "results_path",
		results_name, "result_count", (json_int_t)count, "files", exporter->files);
	lm_json_format(manifest, &text);
	return lm_file_replace(path, text.ptr, text.len, 0600, err);
}

static void
list_paths(const struct exporter *exporter, const char *results_name, struct lm_export *out)
{
	const char *target = exporter->place.target;
	for (size_t kind = 0; kind < LM_COUNT(exporter->lists); kind++)
		for (size_t i = 0; i < json_array_size(exporter->lists[kind]); i++)
			lm_strings_add(&out->artifact_paths, json_string_value(json_array_get(exporter->lists[kind], i)));
	out->folder = lm_strdup(target);
	out->manifest_path = lm_path_join(target, "manifest.json");
	out->results_path = lm_path_join(target, results_name);
}

static int
fill(struct exporter *exporter, const char *results_name, enum lm_result_format format, struct lm_err *err)
{
	uint64_t count = 0;
	if (each_batch(exporter->results, export_batch, exporter, err) < 0 ||
		export_results(exporter, results_name, format, &count, err) < 0 || flush_folders(exporter, err) < 0)
		return -1;
	return write_manifest(exporter, results_name, count, err);
}

static int
make(struct exporter *exporter, const char *destination, const char *results_name, enum lm_result_format format, int64_t now_s,
	struct lm_err *err)
{
	const struct lm_results *results = exporter->results;
	if (lm_export_place_open(&exporter->place, destination, results->run->run_id, err) < 0 ||
		fill(exporter, results_name, format, err) < 0)
		return -1;
	LM_KILL_POINT("export-filled");
	if (lm_export_place_commit(&exporter->place, err) < 0)
		return -1;
	LM_KILL_POINT("export-in-place");
	return lm_runs_exported(results->runs, results->run->key, now_s, destination, err);
}

int
lm_results_export(const struct lm_results *results, const char *destination, enum lm_result_format format, int64_t now_s,
	struct lm_export *out, struct lm_err *err)
{
	const char *name = format == LM_RESULT_CSV ? "results.csv" : "results.jsonl";
	if (need_finished(results->run, err) < 0)
		return -1;
	LM_AUTO(release_exporter) struct exporter exporter = { .results = results, .files = json_object() };
	for (size_t i = 0; i < LM_COUNT(exporter.lists); i++)
		exporter.lists[i] = json_array();
	if (make(&exporter, destination, name, format, now_s, err) < 0)
		return -1;
	list_paths(&exporter, name, out);
	return 0;
}

void
lm_export_release(struct lm_export *done)
{
	lm_strings_release(&done->artifact_paths);
	lm_free(done->folder);
	lm_free(done->manifest_path);
	lm_free(done->results_path);
}

// ---- pruning

struct pruner {
	const struct lm_results *results;
	bool raw;
	struct lm_pruned *out;
};

static int
prune_file(struct pruner *pruner, enum lm_batch_file kind, int64_t seq, bool expected, bool *removed, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_run_folder_file(pruner->results->folder, kind, seq);
	char name[64];
	*removed = lm_file_exists(path);
	if (!*removed && !expected)
		return 0;
	lm_run_folder_name(kind, seq, name);
	lm_strings_add(*removed ? &pruner->out->removed : &pruner->out->missing, name);
	return *removed ? lm_file_remove(path, err) : 0;
}

static int
prune_batch(void *context, const struct lm_batch_row *batch, struct lm_err *err)
{
	struct pruner *pruner = context;
	const struct lm_run_row *run = pruner->results->run;
	bool removed = false;
	if (prune_file(pruner, LM_FILE_REQUEST, batch->seq, !run->requests_pruned, &removed, err) < 0)
		return -1;
	pruner->out->item_pointers += removed ? batch->item_count : 0;
	for (int kind = LM_FILE_RAW; pruner->raw && kind <= LM_FILE_RAW_ERROR; kind++) {
		if (prune_file(pruner, (enum lm_batch_file)kind, batch->seq, false, &removed, err) < 0)
			return -1;
		pruner->out->batch_pointers += removed ? 1 : 0;
	}
	return 0;
}

int
lm_results_prune(const struct lm_results *results, bool raw, bool force, struct lm_pruned *out, struct lm_err *err)
{
	struct pruner pruner = { .results = results, .raw = raw, .out = out };
	struct lm_err ignored = {};
	if (need_finished(results->run, err) < 0)
		return -1;
	if (raw && !force && results->run->exported_at_s == 0)
		return lm_err_set(err, LM_E_CONFLICT,
			"raw answers of run '%s' were not exported yet; --force removes them all the same",
			results->run->run_id);
	// first: an export that comes after a kill in between must know that files are missing because they were pruned
	if (lm_runs_pruned(results->runs, results->run->key, raw, err) < 0)
		return -1;
	LM_KILL_POINT("prune-recorded");
	(void)!lm_run_folder_sweep(results->folder, &ignored); // no runner comes to a run that is finished
	return each_batch(results, prune_batch, &pruner, err);
}

void
lm_pruned_release(struct lm_pruned *pruned)
{
	lm_strings_release(&pruned->removed);
	lm_strings_release(&pruned->missing);
}
