#include "steps/plan.h"

#include "os/clock.h"
#include "os/path.h"

#include <string.h>

enum { LAYER_LAYOUT = 1 }; // goes up when the same inputs give other entries: every layer is made again then

char *
lm_output_folder(const char *folder, lm_platform_set asked, enum lm_platform platform)
{
	if (__builtin_popcount(asked) == 1)
		return lm_strdup(folder);
	return lm_path_join(folder, lm_platform_name(platform));
}

struct lm_work *
lm_work_find(const struct lm_work_plan *plan, size_t layer, enum lm_platform platform)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->works[i].layer == layer && plan->works[i].platform == platform)
			return &plan->works[i];
	return nullptr;
}

static void
hash_text(struct lm_sha256 *hash, const char *text)
{
	lm_sha256_field(hash, text, strlen(text));
}

static void
hash_digest(struct lm_sha256 *hash, const struct lm_digest *digest)
{
	lm_sha256_field(hash, digest->bytes, sizeof digest->bytes);
}

static void
hash_modules(struct lm_sha256 *hash, const struct lm_layer_modules *modules)
{
	hash_text(hash, modules->has_launch ? "launch module" : "no launch module");
	for (size_t i = 0; i < modules->count; i++) {
		hash_text(hash, modules->modules[i].name);
		hash_digest(hash, &modules->modules[i].hash);
	}
	hash_text(hash, "executables");
	for (size_t i = 0; i < modules->executable_count; i++) {
		hash_text(hash, modules->executables[i].name);
		hash_digest(hash, &modules->executables[i].hash);
	}
}

// Everything that takes part in the layer's bytes. The layers below come with their own hash: whether they publish
// libraries decides how ours starts Python.
static void
hash_inputs(const struct lm_work_plan *plan, struct lm_work *work)
{
	const struct lm_project *project = plan->project;
	const struct lm_layer_spec *spec = &project->spec.layers[work->layer];
	struct lm_sha256 hash;
	struct lm_digest digest;
	lm_sha256_init(&hash);
	LM_AUTO(lm_free_ptr) char *label = lm_format("lamina inputs %d %lld", LAYER_LAYOUT, (long long)work->mtime_s);
	hash_text(&hash, label);
	hash_text(&hash, project->locks[work->layer].install_target);
	hash_text(&hash, lm_platform_name(work->platform));
	hash_text(&hash, spec->python_implementation);
	for (size_t i = 0; i < work->sources.count; i++) {
		hash_text(&hash, work->sources.wheels[i]->file_name);
		hash_digest(&hash, &work->sources.wheels[i]->digest);
	}
	if (work->sources.needs_runtime)
		hash_digest(&hash, &work->sources.runtime.digest);
	hash_modules(&hash, &project->modules[work->layer]);
	hash_text(&hash, "dynlib_exclude");
	for (size_t i = 0; i < spec->dynlib_exclude_count; i++)
		hash_text(&hash, spec->dynlib_exclude[i]);
	hash_text(&hash, "below");
	for (size_t i = 0; i < spec->lower_count; i++) {
		const struct lm_work *lower = lm_work_find(plan, spec->lower[i], work->platform);
		hash_text(&hash, project->locks[spec->lower[i]].install_target);
		hash_text(&hash, lower == nullptr ? "" : lower->inputs_hash);
	}
	lm_sha256_final(&hash, &digest);
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&digest, hex);
	memcpy(work->inputs_hash, "sha256:", 7);
	memcpy(work->inputs_hash + 7, hex, sizeof hex);
}

static int
add_work(struct lm_work_plan *plan, size_t layer, enum lm_platform platform, bool selected, struct lm_err *err)
{
	struct lm_project *project = plan->project;
	const struct lm_layer_lock *lock = &project->locks[layer];
	const char *name = project->spec.layers[layer].name;
	if (!lock->valid)
		return lm_err_set(err, LM_E_CONFLICT, "layer '%s' cannot be used: %s; 'lamina lock --if-needed' locks it", name,
			lock->reason);
	lm_grow(plan->works, plan->count, plan->cap);
	struct lm_work *work = &plan->works[plan->count++];
	*work = (struct lm_work){ .layer = layer, .platform = platform, .selected = selected, .libraries = -1 };
	if (lm_sources_resolve(project, layer, platform, &work->sources, err) < 0)
		return lm_err_wrap(err, "layer '%s'", name);
	if (project->settings.has_source_date)
		work->mtime_s = project->settings.source_date_s;
	else if (!lm_time_parse(lock->meta.locked_at, &work->mtime_s))
		return lm_err_set(
			err, LM_E_SPEC, "layer '%s': its lock has the time '%s', which is none", name, lock->meta.locked_at);
	hash_inputs(plan, work);
	return 0;
}

// Which layers of one platform take part: the selected ones, and those below them.
static void
mark_layers(struct lm_work_plan *plan, const unsigned *operations, enum lm_operation operation, enum lm_platform platform,
	bool only_known, bool *selected, bool *needed)
{
	const struct lm_spec *spec = &plan->project->spec;
	for (size_t i = 0; i < spec->layer_count; i++) {
		const struct lm_layer_spec *layer = &spec->layers[i];
		bool known = !only_known || lm_runtime_known(plan->project, layer->runtime, platform);
		selected[i] = (operations[i] & operation) != 0 && (layer->platforms & (1u << platform)) != 0 && known;
		needed[i] = selected[i];
		for (size_t j = 0; selected[i] && j < layer->lower_count; j++)
			needed[layer->lower[j]] = true;
	}
}

// Of the kind that a thread may take again: layers below are assembled while one that stands on them is.
static pthread_mutex_t *
make_mutex(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *mutex = lm_alloc(sizeof *mutex);
	(void)pthread_mutexattr_init(&attributes);
	(void)pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(mutex, &attributes);
	(void)pthread_mutexattr_destroy(&attributes);
	return mutex;
}

int
lm_work_plan_make(struct lm_project *project, const unsigned *operations, enum lm_operation operation,
	lm_platform_set platforms, bool only_known, struct lm_work_plan *out, struct lm_err *err)
{
	size_t layers = project->spec.layer_count;
	*out = (struct lm_work_plan){ .project = project, .assembling = make_mutex() };
	LM_AUTO(lm_free_ptr) bool *selected = lm_alloc_array(layers, sizeof *selected);
	LM_AUTO(lm_free_ptr) bool *needed = lm_alloc_array(layers, sizeof *needed);
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((platforms & (1u << p)) == 0)
			continue;
		memset(needed, 0, layers * sizeof *needed);
		mark_layers(out, operations, operation, (enum lm_platform)p, only_known, selected, needed);
		for (size_t i = 0; i < layers; i++)
			if (needed[i] && add_work(out, i, (enum lm_platform)p, selected[i], err) < 0)
				return -1;
	}
	return 0;
}

void
lm_work_plan_release(struct lm_work_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		lm_sources_release(&plan->works[i].sources);
	lm_free(plan->works);
	if (plan->assembling != nullptr)
		(void)pthread_mutex_destroy(plan->assembling);
	lm_free(plan->assembling);
	*plan = (struct lm_work_plan){};
}

// Remembered between runs, so that a layer below need not be looked at again: a value of its inputs.
static int
recall_libraries(struct lm_work_plan *plan, struct lm_work *work, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	LM_AUTO(lm_free_ptr) char *key = lm_format("libraries %s", work->inputs_hash);
	LM_AUTO(lm_free_ptr) char *value = nullptr;
	if (lm_project_store(plan->project, &store, err) < 0 || lm_store_note_get(store, key, &value, err) < 0)
		return -1;
	if (value != nullptr)
		work->libraries = lm_cstr_equal(value, "yes");
	return 0;
}

static int
remember_libraries(struct lm_work_plan *plan, const struct lm_work *work, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *key = lm_format("libraries %s", work->inputs_hash);
	return lm_store_note_set(plan->project->store, key, work->libraries != 0 ? "yes" : "no", err);
}

// Whether those above must look at an item to know if it publishes libraries.
static int
must_look(struct lm_work_plan *plan, struct lm_work *lower, bool *must, struct lm_err *err)
{
	if (lower->libraries < 0 && recall_libraries(plan, lower, err) < 0)
		return -1;
	*must = lower->libraries < 0;
	return 0;
}

// All that have a part in making the dirty items; `sources` gets theirs.
static int
take_part(struct lm_work_plan *plan, bool *fetched, bool *looked_at, struct lm_layer_sources *sources, size_t *count,
	struct lm_err *err)
{
	for (size_t i = plan->count; i-- > 0;) {
		struct lm_work *work = &plan->works[i];
		const struct lm_layer_spec *spec = &plan->project->spec.layers[work->layer];
		fetched[i] = fetched[i] || work->dirty;
		for (size_t j = 0; fetched[i] && !lm_platform_is_windows(work->platform) && j < spec->lower_count; j++) {
			struct lm_work *lower = lm_work_find(plan, spec->lower[j], work->platform);
			size_t index = (size_t)(lower - plan->works);
			if (must_look(plan, lower, &looked_at[index], err) < 0)
				return -1;
			fetched[index] = fetched[index] || looked_at[index];
		}
	}
	*count = 0;
	for (size_t i = 0; i < plan->count; i++)
		if (fetched[i])
			sources[(*count)++] = plan->works[i].sources;
	return 0;
}

int
lm_work_plan_find(
	struct lm_work_plan *plan, bool *fetched, bool *looked_at, struct lm_sources_missing *missing, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_layer_sources *sources = lm_alloc_array(plan->count, sizeof *sources);
	size_t count = 0;
	if (take_part(plan, fetched, looked_at, sources, &count, err) < 0)
		return -1;
	return count == 0 ? 0 : lm_sources_find(plan->project, sources, count, missing, err);
}

int
lm_work_plan_fetch(struct lm_work_plan *plan, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) bool *fetched = lm_alloc_array(plan->count, sizeof *fetched);
	LM_AUTO(lm_free_ptr) bool *looked_at = lm_alloc_array(plan->count, sizeof *looked_at);
	LM_AUTO(lm_free_ptr) struct lm_layer_sources *sources = lm_alloc_array(plan->count, sizeof *sources);
	size_t count = 0;
	if (take_part(plan, fetched, looked_at, sources, &count, err) < 0)
		return -1;
	return count == 0 ? 0 : lm_sources_fetch(plan->project, sources, count, err);
}

// What a layer is assembled from: not needed once it is, and as large as the layer.
struct parts {
	struct lm_entries *wheels;
	size_t wheel_count;
	struct lm_entries runtime;
};

static void
release_parts(struct parts *parts)
{
	for (size_t i = 0; i < parts->wheel_count; i++)
		lm_entries_release(&parts->wheels[i]);
	lm_free(parts->wheels);
	lm_entries_release(&parts->runtime);
}

static void
release_assembled(struct lm_assembled *assembled)
{
	lm_entries_release(&assembled->entries);
}

static int
look_at(void *, const struct lm_assembled *, struct lm_err *)
{
	return 0;
}

// Whether the layers below publish libraries: remembered, or found by assembling them.
static int
lower_layers(struct lm_work_plan *plan, const struct lm_work *work, struct lm_lower_layer *lower, struct lm_err *err)
{
	const struct lm_layer_spec *spec = &plan->project->spec.layers[work->layer];
	for (size_t i = 0; i < spec->lower_count; i++) {
		struct lm_work *below = lm_work_find(plan, spec->lower[i], work->platform);
		lower[i].install_target = plan->project->locks[spec->lower[i]].install_target;
		if (lm_platform_is_windows(work->platform))
			continue;
		if (below->libraries < 0 && recall_libraries(plan, below, err) < 0)
			return -1;
		if (below->libraries < 0 && lm_work_do(plan, below, look_at, nullptr, err) < 0)
			return -1;
		lower[i].publishes_libraries = below->libraries == 1;
	}
	return 0;
}

static int
gather(struct lm_work_plan *plan, struct lm_work *work, struct parts *out, struct lm_layer_wheel *wheels,
	struct lm_arena *arena, struct lm_err *err)
{
	out->wheels = lm_alloc_array(work->sources.count, sizeof *out->wheels);
	for (size_t i = 0; i < work->sources.count; i++) {
		const struct lm_lock_package *package = work->sources.packages[i];
		out->wheel_count = i + 1;
		const struct lm_lock_wheel *wheel = work->sources.wheels[i];
		if (lm_store_wheel_entries(plan->project->store, &wheel->digest, wheel->file_name, &out->wheels[i], err) < 0)
			return -1;
		wheels[i] = (struct lm_layer_wheel){ .file_name = wheel->file_name,
			.origin = lm_arena_format(arena, "%s %s", package->name, package->version),
			.entries = &out->wheels[i] };
	}
	if (work->sources.needs_runtime)
		return lm_store_runtime_entries(
			plan->project->store, &work->sources.runtime.digest, work->sources.runtime.name, &out->runtime, err);
	return 0;
}

static int
assemble(struct lm_work_plan *plan, struct lm_work *work, struct lm_assembled *out, struct lm_err *err)
{
	struct lm_project *project = plan->project;
	const struct lm_layer_spec *spec = &project->spec.layers[work->layer];
	const struct lm_layer_modules *modules = &project->modules[work->layer];
	struct lm_store *store = nullptr;
	LM_AUTO(release_parts) struct parts parts = {};
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	LM_AUTO(lm_free_ptr) struct lm_layer_wheel *wheels = lm_alloc_array(work->sources.count, sizeof *wheels);
	LM_AUTO(lm_free_ptr) struct lm_lower_layer *lower = lm_alloc_array(spec->lower_count, sizeof *lower);
	if (lm_project_store(project, &store, err) < 0 || lower_layers(plan, work, lower, err) < 0)
		return -1;
	if (gather(plan, work, &parts, wheels, &arena, err) < 0)
		return lm_err_wrap(err, "layer '%s'", spec->name);
	struct lm_layer_plan layer = { .spec = &project->spec,
		.layer = work->layer,
		.platform = work->platform,
		.install_target = project->locks[work->layer].install_target,
		.runtime = work->sources.needs_runtime ? &parts.runtime : nullptr,
		.wheels = wheels,
		.wheel_count = work->sources.count,
		.lower = lower,
		.lower_count = spec->lower_count,
		.modules = modules->modules,
		.module_count = modules->count,
		.executables = modules->executables,
		.executable_count = modules->executable_count,
		.launch_module = modules->has_launch ? modules->modules[0].name : nullptr };
	bool libraries = false;
	if (lm_layer_assemble(&layer, &out->entries, &libraries, err) < 0)
		return -1; // the message names layer and platform
	if (work->libraries < 0 && recall_libraries(plan, work, err) < 0)
		return -1;
	bool known = work->libraries == (libraries ? 1 : 0);
	work->libraries = libraries;
	return known ? 0 : remember_libraries(plan, work, err);
}

//   repairs  how many there were before
static int
attempt(struct lm_work_plan *plan, struct lm_work *work, lm_work_task *task, void *context, unsigned *repairs,
	struct lm_err *err)
{
	LM_AUTO(release_assembled) struct lm_assembled assembled = {};
	(void)pthread_mutex_lock(plan->assembling);
	*repairs = plan->repairs;
	int rc = assemble(plan, work, &assembled, err);
	(void)pthread_mutex_unlock(plan->assembling);
	return rc < 0 ? -1 : task(context, &assembled, err);
}

static int
recheck(struct lm_store *store, const struct lm_digest *digest, const char *name, bool *damaged, struct lm_err *err)
{
	bool set_aside = false;
	LM_AUTO(lm_free_ptr) char *here = lm_store_find(store, digest);
	if (here != nullptr && lm_store_recheck(store, digest, name, &set_aside, err) < 0)
		return -1;
	*damaged = *damaged || here == nullptr || set_aside;
	return 0;
}

// Look at the bytes of all sources of a layer, and set aside what is damaged. *damaged: that was so, now or before.
static int
recheck_sources(struct lm_work_plan *plan, const struct lm_work *work, bool *damaged, struct lm_err *err)
{
	const struct lm_layer_sources *sources = &work->sources;
	struct lm_store *store = plan->project->store;
	for (size_t i = 0; i < sources->count; i++)
		if (recheck(store, &sources->wheels[i]->digest, sources->wheels[i]->file_name, damaged, err) < 0)
			return -1;
	return sources->needs_runtime ? recheck(store, &sources->runtime.digest, sources->runtime.name, damaged, err) : 0;
}

// Fetch what is damaged, or not there. *again: something was, or another thread saw to it meanwhile.
static int
repair(struct lm_work_plan *plan, const struct lm_work *work, unsigned repairs, bool *again, struct lm_err *err)
{
	bool damaged = plan->repairs != repairs;
	if (recheck_sources(plan, work, &damaged, err) < 0)
		return -1;
	*again = damaged;
	if (!damaged)
		return 0;
	plan->repairs++;
	return lm_sources_fetch(plan->project, &work->sources, 1, err);
}

int
lm_work_do(struct lm_work_plan *plan, struct lm_work *work, lm_work_task *task, void *context, struct lm_err *err)
{
	bool again = false;
	unsigned repairs = 0;
	if (attempt(plan, work, task, context, &repairs, err) == 0)
		return 0;
	// not found: another thread, which is about to repair it, may have set the source aside
	if (err->code != LM_E_INTEGRITY && err->code != LM_E_NOT_FOUND)
		return -1;
	struct lm_err cause = *err;
	lm_err_clear(err);
	(void)pthread_mutex_lock(plan->assembling);
	int rc = repair(plan, work, repairs, &again, err);
	(void)pthread_mutex_unlock(plan->assembling);
	if (rc < 0)
		return -1;
	if (!again) { // a wheel that disagrees with its own RECORD, say: fetching it again would change nothing
		*err = cause;
		return -1;
	}
	return attempt(plan, work, task, context, &repairs, err);
}
