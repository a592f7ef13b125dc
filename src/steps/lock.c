#include "steps/lock.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "steps/amend.h"
#include "steps/indexed.h"
#include "steps/lock_files.h"
#include "steps/missing.h"
#include "steps/output.h"
#include "steps/pins.h"
#include "steps/sources.h"
#include "steps/uv.h"

static int
resolve(struct lm_project *project, struct lm_resolve *question, struct lm_strings *requirements, const struct lm_pins *pins,
	struct lm_pylock *out, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[question->layer];
	int rc = lm_uv_resolve(project, question, out, err);
	while ((rc == 0 || err->code == LM_E_CONFLICT) &&
		lm_indexed_add(layer, rc == 0 ? out : nullptr, rc == 0 ? "" : err->text, requirements)) {
		lm_pylock_release(out); // ask again, with more said
		lm_err_clear(err);
		rc = lm_uv_resolve(project, question, out, err);
	}
	if (rc < 0 && err->code == LM_E_CONFLICT) {
		lm_missing_explain(project, question, err);
		lm_pins_explain(project, pins, err);
	}
	return rc;
}

static int
resolve_layer(struct lm_project *project, size_t index, bool reset, struct lm_pylock *out, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	const struct lm_layer_lock *old = &project->locks[index];
	LM_AUTO(lm_strings_release) struct lm_strings requirements = {}, constraints = {};
	LM_AUTO(lm_pins_release) struct lm_pins pins = {};
	if (layer->requirement_count == 0 || layer->platforms == 0)
		return 0; // the answer is known
	if (lm_pins_collect(project, index, &pins, err) < 0)
		return -1;
	for (size_t i = 0; i < layer->requirement_count; i++)
		lm_strings_add(&requirements, layer->requirements[i].text);
	for (size_t i = 0; i < project->spec.constraint_count; i++)
		lm_strings_add(&constraints, project->spec.constraints[i]);
	for (size_t i = 0; i < pins.count; i++)
		lm_strings_add(&constraints, pins.items[i].constraint);
	lm_strings_sort(&constraints);
	struct lm_resolve question = { .layer = index,
		.platforms = layer->platforms,
		.requirements = &requirements,
		.constraints = &constraints,
		.preferences = reset || !old->present ? nullptr : &old->pylock,
		.local_wheels = true };
	return resolve(project, &question, &requirements, &pins, out, err);
}

// Runtime layers: the archive of each platform they are built for, as far as one is known.
static int
record_runtimes(struct lm_project *project, size_t index, bool reset, struct lm_pylock *lock, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	lock->runtimes = lm_arena_alloc(&lock->arena, LM_PLATFORM_COUNT * sizeof *lock->runtimes);
	lock->runtime_count = 0;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((layer->platforms & (1u << p)) == 0)
			continue;
		LM_AUTO(lm_runtime_source_release) struct lm_runtime_source source = {};
		if (lm_runtime_locate(project, index, (enum lm_platform)p, !reset, &source, err) < 0) {
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
judge_files(struct lm_project *project, size_t index, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *lock_path = lm_project_lock_path(project, index, "pylock");
	LM_AUTO(lm_free_ptr) char *meta_path = lm_project_lock_path(project, index, "meta");
	LM_AUTO(lm_free_ptr) char *lock_text = nullptr, *meta_text = nullptr;
	size_t errors = project->diags.errors;
	if (lm_project_read_lock_files(project, index, &lock_text, &meta_text, err) < 0)
		return -1;
	lm_layer_lock_judge(&project->spec, index, project->locks, lock_text, meta_text, project->modules[index].hash,
		&project->diags, lock_path, meta_path);
	return project->diags.errors == errors ? 0 : lm_project_damaged(err);
}

// What is new about the locks, until all of them are written.
struct fresh {
	struct lm_lock_files *files; // one per layer of the spec; empty where nothing is new
	bool *changed;               // per layer: its lock file is another one
	size_t count;
};

static void
release_fresh(struct fresh *fresh)
{
	for (size_t i = 0; i < fresh->count; i++)
		lm_lock_files_release(&fresh->files[i]);
	lm_free(fresh->files);
	lm_free(fresh->changed);
}

static int
make_lock(struct lm_project *project, size_t index, bool reset, struct lm_pylock *lock, struct lm_err *err)
{
	LM_AUTO(lm_pylock_release) struct lm_pylock resolved = {};
	if (resolve_layer(project, index, reset, &resolved, err) < 0 || lm_amend(project, index, &resolved, lock, err) < 0)
		return -1;
	if (project->spec.layers[index].kind != LM_RUNTIME)
		return 0;
	return record_runtimes(project, index, reset, lock, err);
}

static int
lock_layer(struct lm_project *project, size_t index, bool forced, bool reset, struct fresh *fresh, struct lm_err *err)
{
	const struct lm_layer_lock *old = &project->locks[index];
	LM_AUTO(lm_pylock_release) struct lm_pylock lock = {};
	struct lm_lock_files *files = &fresh->files[index];
	struct lm_lock_meta meta = {};
	const struct lm_pylock *current = &lock;
	if (old->present && !old->valid && !old->needs_resolve && !reset && !forced)
		current = &old->pylock; // only the version goes on
	else if (make_lock(project, index, reset, &lock, err) < 0)
		return -1;
	lm_pylock_format(current, project->spec.lock_urls, &files->pylock);
	fill_meta(project, index, &files->pylock, &meta);
	lm_lock_meta_format(&meta, &files->meta);
	lm_lock_files_summarize(&project->spec.layers[index], current, files);
	fresh->changed[index] = !old->present || !lm_cstr_equal(old->meta.requirements_hash, meta.requirements_hash);
	lm_layer_lock_judge(&project->spec, index, project->locks, files->pylock.ptr, files->meta.ptr,
		project->modules[index].hash, &project->diags, "the new lock", "the new meta file");
	if (!project->locks[index].valid)
		return lm_err_set(err, LM_E_SPEC, "the new lock is not valid: it %s", project->locks[index].reason);
	return 0;
}

static int
check_lower(const struct lm_project *project, size_t index, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	for (size_t i = 0; i < layer->lower_count; i++) {
		const struct lm_layer_lock *lower = &project->locks[layer->lower[i]];
		if (!lower->valid)
			return lm_err_set(err, LM_E_CONFLICT,
				"the layer '%s' below has no valid lock (%s%s): lock it too, with --lock-dependencies",
				project->spec.layers[layer->lower[i]].name, lm_cstr_starts(lower->reason, "has ") ? "it " : "",
				lower->reason);
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

// All layers in order, those that are not selected too: whether they still fit the new locks below them decides what may
// stand on them.
static int
lock_layers(struct lm_project *project, const struct lm_lock_options *options, struct fresh *fresh, struct lm_err *err)
{
	for (size_t i = 0; i < project->spec.layer_count; i++) {
		unsigned operations = options->operations[i];
		const struct lm_layer_spec *layer = &project->spec.layers[i];
		bool forced = (operations & LM_OP_LOCK) != 0, reset = (operations & LM_OP_RESET_LOCK) != 0;
		if (judge_files(project, i, err) < 0)
			return lm_err_wrap(err, "layer '%s'", layer->name);
		if ((operations & (LM_OP_LOCK | LM_OP_LOCK_IF_NEEDED)) == 0 || (project->locks[i].valid && !forced && !reset))
			continue;
		lm_emit_begin(&project->settings.sink, "lock", layer->build_name, 0);
		if (check_lower(project, i, err) < 0 || lock_layer(project, i, forced, reset, fresh, err) < 0)
			return lm_err_wrap(err, "layer '%s'", layer->name);
	}
	return 0;
}

static void
report(const struct lm_project *project, const struct fresh *fresh)
{
	for (size_t i = 0; i < fresh->count; i++) {
		size_t packages = project->locks[i].pylock.package_count;
		if (fresh->files[i].meta.len > 0)
			lm_emit_end(&project->settings.sink, "lock", project->spec.layers[i].build_name, "%zu package%s%s",
				packages, packages == 1 ? "" : "s", fresh->changed[i] ? "" : ", unchanged");
	}
}

int
lm_step_lock(struct lm_project *project, const struct lm_lock_options *options, struct lm_err *err)
{
	size_t count = project->spec.layer_count;
	LM_AUTO(lm_hold_release) struct lm_hold hold = {};
	LM_AUTO(release_fresh)
	struct fresh fresh = { .files = lm_alloc_array(count, sizeof(struct lm_lock_files)),
		.changed = lm_alloc_array(count, sizeof(bool)),
		.count = count };

	if (!has_work(project, options))
		return 0;
	if (lm_project_hold(project, "locking", nullptr, &hold, err) < 0 || lock_layers(project, options, &fresh, err) < 0 ||
		lm_cancel_check(err) < 0 || lm_lock_files_write(project, fresh.files, err) < 0)
		return -1;
	report(project, &fresh);
	return 0;
}
