#include "steps/diffoscope.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "steps/compare.h"

#include <stdlib.h>
#include <string.h>

enum { DIFFOSCOPE_TIMEOUT_MS = 30 * 60 * 1000 };

// Unpacking some files of one archive.
struct taking {
	const struct lm_strings *paths; // sorted
	const char *top, *folder;
	struct lm_outfile file;
	struct lm_err err; // of the callbacks that cannot fail
};

static const char *
path_in_layer(const struct taking *taking, const char *name)
{
	size_t len = taking->top == nullptr ? 0 : strlen(taking->top);
	if (len == 0)
		return name;
	return lm_cstr_starts(name, taking->top) && name[len] == '/' ? name + len + 1 : nullptr;
}

static bool
open_file(struct taking *taking, const char *path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *full = lm_path_join(taking->folder, path);
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(full);
	lm_outfile_abandon(&taking->file);
	return lm_dir_make(parent, err) == 0 && lm_outfile_open(&taking->file, full, 0644, err) == 0;
}

static bool
wants(void *context, const struct lm_scan_member *member)
{
	struct taking *taking = context;
	const char *path = path_in_layer(taking, member->name);
	if (path == nullptr || taking->paths->count == 0 || taking->err.code != LM_OK ||
		bsearch(&path, taking->paths->items, taking->paths->count, sizeof(char *), lm_cstr_compare_qsort) == nullptr)
		return false;
	return open_file(taking, path, &taking->err);
}

static int
take_bytes(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct taking *taking = context;
	return lm_outfile_write(&taking->file, bytes, len, err);
}

static int
end_member(void *context, const struct lm_scan_member *, struct lm_err *err)
{
	struct taking *taking = context;
	if (taking->err.code != LM_OK) {
		*err = taking->err;
		return -1;
	}
	return taking->file.open ? lm_outfile_commit(&taking->file, err) : 0;
}

static int
take_files(const struct lm_published *published, const struct lm_strings *paths, const char *top, const char *folder,
	struct lm_err *err)
{
	struct taking taking = { .paths = paths, .top = top, .folder = folder };
	struct lm_scan_source source = { .path = published->archive_path };
	struct lm_scan_sink sink = { .member = end_member, .wants = wants, .bytes = take_bytes, .context = &taking };
	struct lm_scan_result result = {};
	if (lm_dir_make(folder, err) < 0)
		return -1;
	int rc = lm_scan(&source, &sink, nullptr, &result, err);
	lm_outfile_abandon(&taking.file);
	return rc;
}

// The files to look into: whose bytes differ, or that only one side has.
static void
list_paths(const json_t *layer, struct lm_strings *paths)
{
	const json_t *entries = json_object_get(layer, "entries");
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const json_t *a = json_object_get(entry, "a"), *b = json_object_get(entry, "b");
		const char *path = lm_json_string(entry, "path");
		struct lm_err unsafe = {};
		bool same = json_equal(json_object_get(a, "sha256"), json_object_get(b, "sha256")) != 0;
		if (!same && lm_path_check_inside(path, &unsafe) == 0)
			lm_strings_add(paths, path);
	}
	lm_strings_sort(paths);
}

// Our environment, with another TMPDIR. The list is yours to lm_free, its strings are borrowed.
static const char **
with_tmpdir(const char *setting)
{
	const char *const *ours = lm_process_environment();
	size_t count = 0, used = 0;
	while (ours[count] != nullptr)
		count++;
	const char **env = lm_alloc_array(count + 2, sizeof *env);
	for (size_t i = 0; i < count; i++)
		if (!lm_cstr_starts(ours[i], "TMPDIR="))
			env[used++] = ours[i];
	env[used] = setting;
	return env;
}

static int
run(const struct lm_diffoscope *diffoscope, const char *folder, json_t *layer, struct lm_err *err)
{
	const char *argv[] = { diffoscope->program, "--no-progress", "--exclude-directory-metadata=yes", "--text", "-", "a",
		"b", nullptr };
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(folder);
	LM_AUTO(lm_free_ptr) char *tmpdir = lm_format("TMPDIR=%s", absolute); // what it leaves when killed goes with the folder
	LM_AUTO(lm_free_ptr) const char **env = with_tmpdir(tmpdir);
	struct lm_process process = { .argv = argv, .env = env, .cwd = folder, .timeout_ms = DIFFOSCOPE_TIMEOUT_MS };
	struct lm_process_result result = {};
	int rc = lm_process_run(&process, &result, err);
	struct lm_str said = lm_str_trim(lm_buf_view(&result.err));
	if (rc == 0 && result.exit_code > 1)
		rc = lm_err_set(
			err, LM_E_CHILD, "diffoscope failed with exit code %d: %.*s", result.exit_code, LM_STR_ARG(said));
	json_t *text = rc == 0 ? json_stringn(lm_buf_cstr(&result.out), result.out.len) : nullptr;
	(void)json_object_set_new(layer, "diffoscope", text != nullptr ? text : json_null());
	lm_process_result_release(&result);
	return rc;
}

int
lm_diffoscope_layer(
	void *context, const struct lm_published *a, const struct lm_published *b, json_t *layer, struct lm_err *err)
{
	struct lm_diffoscope *diffoscope = context;
	struct lm_strings paths = {};
	const json_t *archives = json_object_get(layer, "archives");
	LM_AUTO(lm_free_ptr) char *folder = lm_format("%s/%zu", diffoscope->scratch, diffoscope->layers++);
	LM_AUTO(lm_free_ptr) char *of_a = lm_path_join(folder, "a");
	LM_AUTO(lm_free_ptr) char *of_b = lm_path_join(folder, "b");
	(void)json_object_set_new(layer, "diffoscope", json_null());
	list_paths(layer, &paths);
	int rc = 0;
	if (paths.count > 0 && (a->archive_path == nullptr || b->archive_path == nullptr))
		rc = lm_err_set(
			err, LM_E_NOT_FOUND, "diffoscope cannot look into layer '%s': an archive of it is not here", b->name);
	else if (paths.count > 0)
		rc = take_files(a, &paths, lm_json_string(json_object_get(archives, "a"), "top"), of_a, err) < 0 ||
				take_files(b, &paths, lm_json_string(json_object_get(archives, "b"), "top"), of_b, err) < 0
			? -1
			: run(diffoscope, folder, layer, err);
	lm_strings_release(&paths);
	return rc;
}
