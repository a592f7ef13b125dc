#include "steps/lock_files.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

#include <string.h>

static const char notice[] = "# Written by lamina. Do not edit: relock to change.\n";

void
lm_lock_files_summarize(const struct lm_layer_spec *layer, const struct lm_pylock *lock, struct lm_lock_files *files)
{
	lm_buf_text(&files->packages, notice);
	for (size_t i = 0; i < lock->package_count; i++) {
		const struct lm_lock_package *package = &lock->packages[i];
		lm_buf_format(&files->packages, "%s==%s", package->name, package->version);
		if (package->marker != nullptr)
			lm_buf_format(&files->packages, " ; %s", package->marker);
		if (package->inherited)
			lm_buf_format(&files->packages, "  # from %s", package->inherited_from);
		lm_buf_byte(&files->packages, '\n');
	}
	lm_buf_text(&files->requirements, notice);
	for (size_t i = 0; i < layer->requirement_count; i++)
		lm_buf_format(&files->requirements, "%s\n", layer->requirements[i].text);
}

void
lm_lock_files_release(struct lm_lock_files *files)
{
	lm_buf_release(&files->pylock);
	lm_buf_release(&files->meta);
	lm_buf_release(&files->packages);
	lm_buf_release(&files->requirements);
}

// Files that wait beside their final names.
struct waiting {
	struct lm_outfile *items;
	size_t count;
};

static void
abandon_waiting(struct waiting *waiting)
{
	for (size_t i = 0; i < waiting->count; i++)
		lm_outfile_abandon(&waiting->items[i]);
	lm_free(waiting->items);
}

static int
put_beside(const char *path, const struct lm_buf *text, struct waiting *waiting, struct lm_err *err)
{
	struct lm_file_info info = {};
	if (lm_file_equals(path, text->ptr, text->len))
		return 0;
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (info.exists && info.is_dir) // else only the rename would tell
		return lm_err_set(err, LM_E_IO, "cannot write '%s': Is a directory", path);
	struct lm_outfile *file = &waiting->items[waiting->count];
	if (lm_outfile_open(file, path, 0644, err) < 0)
		return -1;
	waiting->count++;
	if (lm_outfile_write(file, text->ptr, text->len, err) < 0)
		return -1;
	return lm_outfile_flush(file, err);
}

// The meta file comes last: a crash between two renames leaves a lock that does not fit its meta file, and so is not valid.
static int
put_layer_beside(const struct lm_project *project, size_t layer, const struct lm_lock_files *files, struct waiting *waiting,
	struct lm_err *err)
{
	const struct {
		const char *kind;
		const struct lm_buf *text;
	} rows[] = { { "requirements", &files->requirements }, { "packages", &files->packages }, { "pylock", &files->pylock },
		{ "meta", &files->meta } };
	LM_AUTO(lm_free_ptr) char *some = lm_project_lock_path(project, layer, "meta");
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(some);

	if (lm_dir_make(folder, err) < 0 || lm_outfile_sweep(folder, err) < 0)
		return -1;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_project_lock_path(project, layer, rows[i].kind);
		if (put_beside(path, rows[i].text, waiting, err) < 0)
			return -1;
	}
	return 0;
}

int
lm_lock_files_write(const struct lm_project *project, const struct lm_lock_files *files, struct lm_err *err)
{
	LM_AUTO(abandon_waiting)
	struct waiting waiting = { .items = lm_alloc_array(4 * project->spec.layer_count, sizeof(struct lm_outfile)) };

	for (size_t i = 0; i < project->spec.layer_count; i++)
		if (files[i].meta.len > 0 && put_layer_beside(project, i, &files[i], &waiting, err) < 0)
			return lm_err_wrap(err, "writing the lock of layer '%s'", project->spec.layers[i].name);
	for (size_t i = 0; i < waiting.count; i++)
		if (lm_outfile_commit(&waiting.items[i], err) < 0)
			return lm_err_wrap(err, "writing locks");
	return 0;
}
