#include "steps/lock.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pool.h"
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

// What comes of one layer. Only its own task writes to it, and to its lock in the project, which the tasks of the layers above read
// when it is done.
struct outcome {
	struct lm_diags diags; // findings about its files
	bool changed; // its lock file is another one
	bool failed;
};

struct run {
	struct lm_project *project;
	const struct lm_lock_options *options;
	struct lm_lock_files *files; // one per layer of the spec, until all of them are written; empty where nothing is new
	struct outcome *outcomes; // one per layer
	struct lm_pool_needs *needs; // one per layer: those below
	size_t count;
};

static void
release_run(struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		lm_lock_files_release(&run->files[i]);
		lm_diags_release(&run->outcomes[i].diags);
	}
	lm_free(run->files);
	lm_free(run->outcomes);
	lm_free(run->needs);
}

// Judge one layer's lock from its files as they are now.
static int
judge_files(struct lm_project *project, size_t index, struct lm_diags *diags, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *lock_path = lm_project_lock_path(project, index, "pylock");
	LM_AUTO(lm_free_ptr) char *meta_path = lm_project_lock_path(project, index, "meta");
	LM_AUTO(lm_free_ptr) char *lock_text = nullptr, *meta_text = nullptr;
	if (lm_project_read_lock_files(project, index, &lock_text, &meta_text, err) < 0)
		return -1;
	lm_layer_lock_judge(&project->spec, index, project->locks, lock_text, meta_text, project->modules[index].hash, diags,
		lock_path, meta_path);
	return diags->errors == 0 ? 0 : lm_project_damaged(err);
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

// The size of a file as the lock that is there has it.
static uint64_t
known_size(const struct lm_pylock *old, const struct lm_lock_wheel *wheel)
{
	for (size_t i = 0; i < old->package_count; i++)
		for (size_t j = 0; j < old->packages[i].wheel_count; j++)
			if (lm_digest_equal(&old->packages[i].wheels[j].digest, &wheel->digest))
				return old->packages[i].wheels[j].size_bytes;
	return wheel->size_bytes;
}

// An index may tell the size of a file today and not tomorrow: what is locked already keeps it, so that it makes no other lock.
static void
keep_sizes(const struct lm_pylock *old, struct lm_pylock *lock)
{
	for (size_t i = 0; i < lock->package_count; i++)
		for (size_t j = 0; j < lock->packages[i].wheel_count; j++)
			lock->packages[i].wheels[j].size_bytes = known_size(old, &lock->packages[i].wheels[j]);
}

static int
lock_layer(struct run *run, size_t index, bool forced, bool reset, struct lm_err *err)
{
	struct lm_project *project = run->project;
	const struct lm_layer_lock *old = &project->locks[index];
	LM_AUTO(lm_pylock_release) struct lm_pylock lock = {};
	struct lm_lock_files *files = &run->files[index];
	struct lm_lock_meta meta = {};
	const struct lm_pylock *current = &lock;
	if (old->present && !old->valid && !old->needs_resolve && !reset && !forced)
		current = &old->pylock; // only the version goes on
	else if (make_lock(project, index, reset, &lock, err) < 0)
		return -1;
	if (old->present && current == &lock)
		keep_sizes(&old->pylock, &lock);
	lm_pylock_format(current, project->spec.lock_urls, &files->pylock);
	fill_meta(project, index, &files->pylock, &meta);
	lm_lock_meta_format(&meta, &files->meta);
	lm_lock_files_summarize(&project->spec.layers[index], current, files);
	run->outcomes[index].changed = !old->present || !lm_cstr_equal(old->meta.requirements_hash, meta.requirements_hash);
	lm_layer_lock_judge(&project->spec, index, project->locks, files->pylock.ptr, files->meta.ptr,
		project->modules[index].hash, &run->outcomes[index].diags, "the new lock", "the new meta file");
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

static int
do_layer(struct run *run, size_t index, struct lm_err *err)
{
	struct lm_project *project = run->project;
	unsigned operations = run->options->operations[index];
	bool forced = (operations & LM_OP_LOCK) != 0, reset = (operations & LM_OP_RESET_LOCK) != 0;
	if (judge_files(project, index, &run->outcomes[index].diags, err) < 0)
		return -1;
	if ((operations & (LM_OP_LOCK | LM_OP_LOCK_IF_NEEDED)) == 0 || (project->locks[index].valid && !forced && !reset))
		return 0;
	lm_emit_begin(&project->settings.sink, "lock", project->spec.layers[index].build_name, 0);
	return check_lower(project, index, err) < 0 ? -1 : lock_layer(run, index, forced, reset, err);
}

static int
run_layer(void *context, size_t index, struct lm_err *err)
{
	struct run *run = context;
	if (do_layer(run, index, err) == 0)
		return 0;
	run->outcomes[index].failed = true;
	return lm_err_wrap(err, "layer '%s'", run->project->spec.layers[index].name);
}

// Findings in the order of the layers, as far as the first one that failed.
static void
collect_findings(struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		lm_diags_move(&run->project->diags, &run->outcomes[i].diags);
		if (run->outcomes[i].failed)
			return;
	}
}

// All layers, each when those below it are done; those that are not selected too: whether they still fit the new locks below
// them decides what may stand on them.
static int
lock_layers(struct run *run, struct lm_err *err)
{
	// a resolver takes a hundred megabytes, some descriptors here, and itself asks an index for fifty things at once
	enum { LAYERS_AT_ONCE = 8, WITH_FEW_DESCRIPTORS = 2 };
	unsigned jobs = run->project->settings.jobs, most = lm_fd_are_few() ? WITH_FEW_DESCRIPTORS : LAYERS_AT_ONCE;
	for (size_t i = 0; i < run->count; i++) {
		const struct lm_layer_spec *layer = &run->project->spec.layers[i];
		run->needs[i] = (struct lm_pool_needs){ .items = layer->lower, .count = layer->lower_count };
	}
	int rc = lm_pool_run_ordered(jobs < most ? jobs : most, run->count, run->needs, run_layer, run, err);
	collect_findings(run);
	return rc;
}

static void
report(const struct run *run)
{
	const struct lm_project *project = run->project;
	for (size_t i = 0; i < run->count; i++) {
		size_t packages = project->locks[i].pylock.package_count;
		if (run->files[i].meta.len > 0)
			lm_emit_end(&project->settings.sink, "lock", project->spec.layers[i].build_name, "%zu package%s%s",
				packages, packages == 1 ? "" : "s", run->outcomes[i].changed ? "" : ", unchanged");
	}
}

int
lm_step_lock(struct lm_project *project, const struct lm_lock_options *options, struct lm_err *err)
{
	size_t count = project->spec.layer_count;
	LM_AUTO(lm_hold_release) struct lm_hold hold = {};
	LM_AUTO(release_run)
	struct run run = { .project = project,
		.options = options,
		.files = lm_alloc_array(count, sizeof(struct lm_lock_files)),
		.outcomes = lm_alloc_array(count, sizeof(struct outcome)),
		.needs = lm_alloc_array(count, sizeof(struct lm_pool_needs)),
		.count = count };

	if (!has_work(project, options))
		return 0;
	if (lm_project_hold(project, "locking", nullptr, &hold, err) < 0 || lock_layers(&run, err) < 0 ||
		lm_cancel_check(err) < 0 || lm_lock_files_write(project, run.files, err) < 0)
		return -1;
	report(&run);
	return 0;
}
