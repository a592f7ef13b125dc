#include "steps/lock.h"

#include "os/clock.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "steps/amend.h"
#include "steps/output.h"
#include "steps/sources.h"
#include "steps/uv.h"

#include <string.h>

// The pins of all layers below as constraints: what comes first in import order wins.
static void
lower_constraints(const struct lm_project *project, size_t index, struct lm_strings *constraints)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	struct lm_strings seen = {}; // "name" pinned by a layer nearer to us
	for (size_t i = 0; i < project->spec.constraint_count; i++)
		lm_strings_add(constraints, project->spec.constraints[i]);
	for (size_t i = 0; i < layer->lower_count; i++) {
		const struct lm_pylock *lock = &project->locks[layer->lower[i]].pylock;
		size_t known = seen.count;
		for (size_t j = 0; j < lock->package_count; j++) {
			const struct lm_lock_package *package = &lock->packages[j];
			struct lm_strings nearer = { .items = seen.items, .count = known };
			if (package->inherited || lm_strings_has(&nearer, package->name))
				continue;
			LM_AUTO(lm_free_ptr)
			char *line = package->marker == nullptr
				? lm_format("%s==%s", package->name, package->version)
				: lm_format("%s==%s ; %s", package->name, package->version, package->marker);
			lm_strings_add(constraints, line);
			lm_strings_add(&seen, package->name);
		}
	}
	lm_strings_release(&seen);
	lm_strings_sort(constraints);
}

static int
resolve_layer(struct lm_project *project, size_t index, bool reset, struct lm_pylock *out, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	const struct lm_layer_lock *old = &project->locks[index];
	struct lm_strings requirements = {}, constraints = {};
	for (size_t i = 0; i < layer->requirement_count; i++)
		lm_strings_add(&requirements, layer->requirements[i].text);
	lower_constraints(project, index, &constraints);
	struct lm_resolve resolve = { .layer = index,
		.platforms = layer->platforms,
		.requirements = &requirements,
		.constraints = &constraints,
		.preferences = reset || !old->present ? nullptr : &old->pylock,
		.local_wheels = true };
	int rc = lm_uv_resolve(project, &resolve, out, err);
	if (rc < 0 && err->code == LM_E_CHILD)
		lm_amend_explain_failure(project, &resolve, err);
	lm_strings_release(&requirements);
	lm_strings_release(&constraints);
	return rc;
}

// Runtime layers: the archive of each platform they are built for, as far as one is known.
static int
record_runtimes(struct lm_project *project, size_t index, struct lm_pylock *lock, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	lock->runtimes = lm_arena_alloc(&lock->arena, LM_PLATFORM_COUNT * sizeof *lock->runtimes);
	lock->runtime_count = 0;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((layer->platforms & (1u << p)) == 0)
			continue;
		LM_AUTO(lm_runtime_source_release) struct lm_runtime_source source = {};
		if (lm_runtime_locate(project, index, (enum lm_platform)p, &source, err) < 0) {
			if (err->code != LM_E_NOT_FOUND)
				return -1;
			lm_emit_note(&project->settings.sink, "%s", err->text);
			lm_err_clear(err);
			continue;
		}
		auto runtime = &lock->runtimes[lock->runtime_count++];
		runtime->platform = (enum lm_platform)p;
		runtime->digest = source.digest;
		runtime->name = lm_arena_strdup(&lock->arena, source.name);
		runtime->url = source.url == nullptr ? nullptr : lm_arena_strdup(&lock->arena, source.url);
	}
	return 0;
}

// The four files of a layer's lock, as text.
struct lock_files {
	struct lm_buf pylock, meta, packages, requirements;
};

static void
release_files(struct lock_files *files)
{
	lm_buf_release(&files->pylock);
	lm_buf_release(&files->meta);
	lm_buf_release(&files->packages);
	lm_buf_release(&files->requirements);
}

static void
write_summaries(const struct lm_layer_spec *layer, const struct lm_pylock *lock, struct lock_files *files)
{
	lm_buf_text(&files->packages, "# Written by lamina. Do not edit: relock to change.\n");
	for (size_t i = 0; i < lock->package_count; i++) {
		const struct lm_lock_package *package = &lock->packages[i];
		lm_buf_format(&files->packages, "%s==%s", package->name, package->version);
		if (package->marker != nullptr)
			lm_buf_format(&files->packages, " ; %s", package->marker);
		if (package->inherited)
			lm_buf_format(&files->packages, "  # from %s", package->inherited_from);
		lm_buf_byte(&files->packages, '\n');
	}
	lm_buf_text(&files->requirements, "# Written by lamina. Do not edit: relock to change.\n");
	for (size_t i = 0; i < layer->requirement_count; i++)
		lm_buf_format(&files->requirements, "%s\n", layer->requirements[i].text);
}

// Write all files beside, then rename all: what can fail for want of space fails before anything changed.
static int
replace_files(const struct lm_project *project, size_t index, const struct lock_files *files, struct lm_err *err)
{
	const struct {
		const char *kind;
		const struct lm_buf *text;
	} rows[] = { { "requirements", &files->requirements }, { "packages", &files->packages }, { "pylock", &files->pylock },
		{ "meta", &files->meta } };
	struct lm_outfile out[LM_COUNT(rows)] = {};
	LM_AUTO(lm_free_ptr) char *some = lm_project_lock_path(project, index, "meta");
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(some);
	int rc = lm_dir_make(folder, err);
	for (size_t i = 0; i < LM_COUNT(rows) && rc == 0; i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_project_lock_path(project, index, rows[i].kind);
		if (lm_file_equals(path, rows[i].text->ptr, rows[i].text->len))
			continue;
		rc = lm_outfile_open(&out[i], path, 0644, err);
		if (rc == 0)
			rc = lm_outfile_write(&out[i], rows[i].text->ptr, rows[i].text->len, err);
	}
	for (size_t i = 0; i < LM_COUNT(rows) && rc == 0; i++)
		if (out[i].open)
			rc = lm_outfile_commit(&out[i], err);
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		lm_outfile_abandon(&out[i]);
	return rc < 0 ? lm_err_wrap(err, "writing the lock of layer '%s'", project->spec.layers[index].name) : 0;
}

// Version and time of the new lock: they change only when the lock does.
static void
fill_meta(const struct lm_project *project, size_t index, const struct lm_buf *text, struct lm_lock_meta *meta)
{
	const struct lm_layer_lock *old = &project->locks[index];
	char now[LM_TIME_TEXT];
	int64_t time_s = 0;
	if (project->spec.exclude_newer == nullptr || !lm_time_parse(project->spec.exclude_newer, &time_s))
		time_s = lm_clock_now_s();
	lm_time_format(time_s, now);
	lm_lock_meta_next(
		&project->spec.layers[index], old->present ? &old->meta : nullptr, &old->inputs, lm_buf_view(text), now, meta);
}

// Judge one layer's lock from its files as they are now.
static int
judge(struct lm_project *project, size_t index, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *lock_path = lm_project_lock_path(project, index, "pylock");
	LM_AUTO(lm_free_ptr) char *meta_path = lm_project_lock_path(project, index, "meta");
	LM_AUTO(lm_free_ptr) char *lock_text = nullptr, *meta_text = nullptr;
	if (lm_project_read_lock_files(project, index, &lock_text, &meta_text, err) < 0)
		return -1;
	lm_layer_lock_release(&project->locks[index]);
	lm_layer_lock_judge(&project->spec, index, project->locks, lock_text, meta_text, project->modules[index].hash,
		&project->diags, lock_path, meta_path);
	return 0;
}

static int
lock_layer(struct lm_project *project, size_t index, bool forced, bool reset, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	LM_AUTO(lm_pylock_release) struct lm_pylock resolved = {}, lock = {};
	LM_AUTO(release_files) struct lock_files files = {};
	struct lm_lock_meta meta = {};
	const struct lm_pylock *current = &lock;
	if (project->locks[index].present && !project->locks[index].valid && !project->locks[index].needs_resolve && !reset &&
		!forced) {
		current = &project->locks[index].pylock; // only the version goes on
	} else {
		if (resolve_layer(project, index, reset, &resolved, err) < 0 ||
			lm_amend(project, index, &resolved, &lock, err) < 0)
			return -1;
		if (layer->kind == LM_RUNTIME && record_runtimes(project, index, &lock, err) < 0)
			return -1;
	}
	lm_pylock_format(current, project->spec.lock_urls, &files.pylock);
	fill_meta(project, index, &files.pylock, &meta);
	lm_lock_meta_format(&meta, &files.meta);
	write_summaries(layer, current, &files);
	size_t package_count = current->package_count;
	bool changed = !project->locks[index].present ||
		!lm_cstr_equal(project->locks[index].meta.requirements_hash, meta.requirements_hash);
	if (replace_files(project, index, &files, err) < 0 || judge(project, index, err) < 0)
		return -1;
	if (!project->locks[index].valid)
		return lm_err_set(err, LM_E_SPEC, "the lock just written is not valid: it %s", project->locks[index].reason);
	lm_emit_end(&project->settings.sink, "lock", layer->build_name, "%zu package%s%s", package_count,
		package_count == 1 ? "" : "s", changed ? "" : ", unchanged");
	return 0;
}

static int
check_lower(const struct lm_project *project, size_t index, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	for (size_t i = 0; i < layer->lower_count; i++) {
		size_t lower = layer->lower[i];
		if (!project->locks[lower].valid)
			return lm_err_set(err, LM_E_CONFLICT,
				"the lock of layer '%s' below it %s: lock that layer too (--lock-dependencies)",
				project->spec.layers[lower].name, project->locks[lower].reason);
	}
	return 0;
}

// As far as the locks that were read say; another run may have locked since, which is looked at again.
static bool
has_work(const struct lm_project *project, const struct lm_lock_options *options)
{
	for (size_t i = 0; i < project->spec.layer_count; i++) {
		unsigned operations = options->operations[i];
		bool wants = (operations & (LM_OP_LOCK | LM_OP_LOCK_IF_NEEDED)) != 0;
		bool always = (operations & (LM_OP_LOCK | LM_OP_RESET_LOCK)) != 0;
		if (wants && (always || !project->locks[i].valid))
			return true;
	}
	return false;
}

int
lm_step_lock(struct lm_project *project, const struct lm_lock_options *options, struct lm_err *err)
{
	LM_AUTO(lm_hold_release) struct lm_hold hold = {};
	if (!has_work(project, options))
		return 0;
	if (lm_project_hold(project, "locking", nullptr, &hold, err) < 0)
		return -1;
	for (size_t i = 0; i < project->spec.layer_count; i++) {
		unsigned operations = options->operations[i];
		if ((operations & (LM_OP_LOCK | LM_OP_LOCK_IF_NEEDED)) == 0)
			continue;
		const struct lm_layer_spec *layer = &project->spec.layers[i];
		if (judge(project, i, err) < 0)
			return lm_err_wrap(err, "layer '%s'", layer->name);
		bool reset = (operations & LM_OP_RESET_LOCK) != 0;
		if (project->locks[i].valid && (operations & LM_OP_LOCK) == 0 && !reset)
			continue;
		lm_emit_begin(&project->settings.sink, "lock", layer->build_name, 0);
		if (check_lower(project, i, err) < 0 || lock_layer(project, i, (operations & LM_OP_LOCK) != 0, reset, err) < 0)
			return lm_err_wrap(err, "layer '%s'", layer->name);
	}
	return 0;
}
