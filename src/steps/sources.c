#include "steps/sources.h"

#include "steps/login.h"
#include "steps/uv.h"

#include <string.h>

enum { PARALLEL_DOWNLOADS = 8 };

void
lm_sources_release(struct lm_layer_sources *sources)
{
	lm_free(sources->packages);
	lm_free(sources->wheels);
	lm_runtime_source_release(&sources->runtime);
	*sources = (struct lm_layer_sources){};
}

int
lm_sources_resolve(
	struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_layer_sources *out, struct lm_err *err)
{
	const struct lm_layer_spec *spec = &project->spec.layers[layer];
	const struct lm_pylock *lock = &project->locks[layer].pylock;
	struct lm_target target = lm_layer_target(spec, platform);
	*out = (struct lm_layer_sources){ .layer = layer, .platform = platform };
	out->packages = lm_alloc_array(lock->package_count, sizeof(struct lm_lock_package *));
	out->wheels = lm_alloc_array(lock->package_count, sizeof(struct lm_lock_wheel *));
	for (size_t i = 0; i < lock->package_count; i++) {
		const struct lm_lock_package *package = &lock->packages[i];
		bool applies = false;
		if (lm_lock_applies(package, &target, &applies, err) < 0)
			return lm_err_wrap(err, "package '%s'", package->name);
		if (!applies || package->inherited)
			continue;
		const struct lm_lock_wheel *wheel = lm_lock_best_wheel(package, &target);
		if (wheel == nullptr)
			return lm_err_set(err, LM_E_NOT_FOUND, "the lock has no wheel of '%s' %s for %s: lock the layer again",
				package->name, package->version, lm_platform_name(platform));
		out->packages[out->count] = package;
		out->wheels[out->count++] = wheel;
	}
	out->needs_runtime = spec->kind == LM_RUNTIME || lm_platform_is_windows(platform);
	if (out->needs_runtime)
		return lm_runtime_locate(project, spec->runtime, platform, true, &out->runtime, err);
	return 0;
}

// A wheel that is not in the store, and the layer that wants it.
struct absent {
	const struct lm_lock_package *package;
	const struct lm_lock_wheel *wheel;
	size_t layer;
	char *url; // where it is; owned, null: not known
};

struct absents {
	struct absent *items;
	size_t count, cap;
};

static void
release_absents(struct absents *absents)
{
	for (size_t i = 0; i < absents->count; i++)
		lm_free(absents->items[i].url);
	lm_free(absents->items);
}

static void
collect_absent(struct lm_store *store, const struct lm_layer_sources *sources, struct absents *out)
{
	for (size_t i = 0; i < sources->count; i++) {
		LM_AUTO(lm_free_ptr) char *here = lm_store_find(store, &sources->wheels[i]->digest);
		bool listed = here != nullptr;
		for (size_t j = 0; j < out->count && !listed; j++)
			listed = lm_digest_equal(&out->items[j].wheel->digest, &sources->wheels[i]->digest);
		if (listed)
			continue;
		lm_grow(out->items, out->count, out->cap);
		out->items[out->count++] = (struct absent){
			.package = sources->packages[i], .wheel = sources->wheels[i], .layer = sources->layer
		};
	}
}

// Folders to look in, in order: --local-wheels, find-links of the spec, PIP_FIND_LINKS.
struct folders {
	struct lm_strings paths;
	bool has_links; // the spec names find-links that are URLs: the resolver reads them
};

static void
release_folders(struct folders *folders)
{
	lm_strings_release(&folders->paths);
}

static void
collect_folders(const struct lm_project *project, struct folders *out)
{
	const struct lm_settings *settings = &project->settings;
	for (size_t i = 0; i < settings->local_wheel_count; i++)
		lm_strings_add(&out->paths, settings->local_wheels[i]);
	for (size_t i = 0; i < project->spec.find_link_count; i++) {
		LM_AUTO(lm_free_ptr) char *folder = lm_uv_find_link(project, i);
		if (strstr(folder, "://") != nullptr)
			out->has_links = true;
		else
			lm_strings_add(&out->paths, folder);
	}
	for (size_t i = 0; i < settings->find_link_count; i++)
		lm_strings_add(&out->paths, settings->find_links[i]);
}

// Keep what has to be downloaded; each once.
static void
add_missing(struct lm_sources_missing *out, const struct lm_wanted *wanted)
{
	lm_grow(out->wanted, out->count, out->cap);
	struct lm_wanted *kept = &out->wanted[out->count++];
	*kept = *wanted;
	kept->name = lm_arena_strdup(&out->arena, wanted->name);
	kept->url = lm_arena_strdup(&out->arena, wanted->url);
}

// Have what the folders have; what is left has a URL, or is named in the failure.
static int
prepare_wheels(struct lm_store *store, const struct absents *absents, const struct folders *folders,
	struct lm_sources_missing *out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_wanted *wanted = lm_alloc_array(absents->count, sizeof *wanted);
	LM_AUTO(lm_free_ptr) const struct lm_wanted **missing = nullptr;
	size_t count = 0;
	for (size_t i = 0; i < absents->count; i++)
		wanted[i] = (struct lm_wanted){ .name = absents->items[i].wheel->file_name,
			.digest = absents->items[i].wheel->digest,
			.size_bytes = absents->items[i].wheel->size_bytes,
			.url = absents->items[i].url };
	if (lm_store_prepare(store, wanted, absents->count, (const char *const *)folders->paths.items, folders->paths.count,
		    &missing, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		add_missing(out, missing[i]);
	return 0;
}

// The URL of a file with this name and digest in the resolver's answer.
static int
match_url(const struct lm_pylock *answer, struct absent *absent, struct lm_err *err)
{
	for (size_t i = 0; i < answer->package_count; i++)
		for (size_t j = 0; j < answer->packages[i].wheel_count; j++) {
			const struct lm_lock_wheel *wheel = &answer->packages[i].wheels[j];
			if (!lm_cstr_equal(wheel->file_name, absent->wheel->file_name) || wheel->url == nullptr)
				continue;
			if (!lm_digest_equal(&wheel->digest, &absent->wheel->digest))
				return lm_err_set(err, LM_E_INTEGRITY,
					"'%s' has another digest at the package index than in the lock: do not use it, or lock "
					"the layer again if you know why",
					wheel->file_name);
			absent->url = lm_strdup(wheel->url);
			return 0;
		}
	return 0;
}

// A requirement for exactly this package: as the layer itself has it when that is a URL. Platforms may have versions of their
// own, so the marker counts.
static char *
pin_of(const struct lm_layer_spec *layer, const struct lm_lock_package *package)
{
	for (size_t i = 0; i < layer->requirement_count; i++)
		if (layer->parsed_requirements[i].url != nullptr &&
			lm_cstr_equal(layer->parsed_requirements[i].name, package->name))
			return lm_strdup(layer->requirements[i].text);
	if (package->marker == nullptr)
		return lm_format("%s==%s", package->name, package->version);
	return lm_format("%s==%s ; %s", package->name, package->version, package->marker);
}

// Where the resolver says that the files of one layer are now.
static int
ask_resolver(struct lm_project *project, struct absents *absents, size_t layer, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings pins = {};
	for (size_t i = 0; i < absents->count; i++) {
		const struct absent *absent = &absents->items[i];
		if (absent->layer != layer || absent->url != nullptr)
			continue;
		LM_AUTO(lm_free_ptr) char *pin = pin_of(&project->spec.layers[layer], absent->package);
		if (!lm_strings_has(&pins, pin))
			lm_strings_add(&pins, pin);
	}
	if (pins.count == 0)
		return 0;
	struct lm_resolve resolve = {
		.layer = layer, .platforms = project->spec.layers[layer].platforms, .requirements = &pins, .no_deps = true
	};
	LM_AUTO(lm_pylock_release) struct lm_pylock answer = {};
	int rc = lm_uv_resolve(project, &resolve, &answer, err);
	for (size_t i = 0; i < absents->count && rc == 0; i++)
		if (absents->items[i].layer == layer && absents->items[i].url == nullptr)
			rc = match_url(&answer, &absents->items[i], err);
	return rc < 0 ? lm_err_wrap(err, "finding the files of layer '%s'", project->spec.layers[layer].name) : 0;
}

// The URLs of the locks, or where there are none, what the resolver says. Without an index only links of the spec count.
static int
find_urls(struct lm_project *project, struct absents *absents, const struct folders *folders, struct lm_err *err)
{
	bool no_index = project->settings.no_index || project->spec.no_index;
	for (size_t i = 0; i < absents->count && !no_index; i++) {
		const char *url = absents->items[i].wheel->url;
		absents->items[i].url = url == nullptr ? nullptr : lm_strdup(url);
	}
	for (size_t i = 0; i < project->spec.layer_count && (!no_index || folders->has_links); i++)
		if (ask_resolver(project, absents, i, err) < 0)
			return -1;
	for (size_t i = 0; i < absents->count; i++) {
		char *with_login = absents->items[i].url == nullptr ? nullptr : lm_login_url(project, absents->items[i].url);
		if (with_login == nullptr)
			continue;
		lm_free(absents->items[i].url);
		absents->items[i].url = with_login;
	}
	return 0;
}

// What folders have needs no question to an index.
static void
drop_found(struct lm_store *store, struct absents *absents)
{
	size_t kept = 0;
	for (size_t i = 0; i < absents->count; i++) {
		LM_AUTO(lm_free_ptr) char *here = lm_store_find(store, &absents->items[i].wheel->digest);
		if (here == nullptr)
			absents->items[kept++] = absents->items[i];
		else
			lm_free(absents->items[i].url);
	}
	absents->count = kept;
}

// Without an index only links of the spec are asked for.
static bool
must_ask(const struct lm_project *project, const struct absents *absents, const struct folders *folders)
{
	bool no_index = project->settings.no_index || project->spec.no_index;
	if (no_index)
		return folders->has_links;
	for (size_t i = 0; i < absents->count; i++)
		if (absents->items[i].wheel->url == nullptr)
			return true;
	return false;
}

static int
download_all(struct lm_project *project, struct lm_sources_missing *missing, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) const struct lm_wanted **wanted = lm_alloc_array(missing->count, sizeof *wanted);
	for (size_t i = 0; i < missing->count; i++)
		wanted[i] = &missing->wanted[i];
	return lm_sources_download(project, wanted, missing->count, nullptr, nullptr, err);
}

//   out  has the runtime archives that are missing
static int
find_wheels(struct lm_project *project, struct lm_store *store, const struct lm_layer_sources *sources, size_t count,
	struct lm_sources_missing *out, struct lm_err *err)
{
	LM_AUTO(release_absents) struct absents absents = {};
	LM_AUTO(release_folders) struct folders folders = {};
	for (size_t i = 0; i < count; i++)
		collect_absent(store, &sources[i], &absents);
	if (absents.count == 0)
		return 0;
	collect_folders(project, &folders);
	if (folders.paths.count > 0) {
		if (prepare_wheels(store, &absents, &folders, out, err) == 0)
			return 0;
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		drop_found(store, &absents);
	}
	if (must_ask(project, &absents, &folders)) {
		if (download_all(project, out, err) < 0)
			return -1;
		out->count = 0;
	}
	if (find_urls(project, &absents, &folders, err) < 0)
		return -1;
	return prepare_wheels(store, &absents, &folders, out, err);
}

static int
find_runtime(
	struct lm_project *project, const struct lm_layer_sources *sources, struct lm_sources_missing *out, struct lm_err *err)
{
	const struct lm_layer_spec *spec = &project->spec.layers[sources->layer];
	LM_AUTO(lm_runtime_source_release) struct lm_runtime_source source = {};
	struct lm_wanted wanted = {};
	for (size_t i = 0; i < out->count; i++)
		if (lm_digest_equal(&out->wanted[i].digest, &sources->runtime.digest))
			return 0;
	int rc = lm_runtime_find(project, spec->runtime, sources->platform, &source, &wanted, err);
	if (rc < 0)
		return lm_err_wrap(err, "layer '%s'", spec->name);
	if (rc == 0)
		return 0;
	wanted.whose = lm_arena_format(&out->arena, "layer '%s'", spec->name);
	add_missing(out, &wanted);
	return 0;
}

void
lm_sources_missing_release(struct lm_sources_missing *missing)
{
	lm_free(missing->wanted);
	lm_arena_release(&missing->arena);
	*missing = (struct lm_sources_missing){};
}

int
lm_sources_find(struct lm_project *project, const struct lm_layer_sources *sources, size_t count,
	struct lm_sources_missing *out, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	if (lm_project_store(project, &store, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (sources[i].needs_runtime && find_runtime(project, &sources[i], out, err) < 0)
			return -1;
	return find_wheels(project, store, sources, count, out, err);
}

int
lm_sources_download(struct lm_project *project, const struct lm_wanted *const *wanted, size_t count,
	void (*here)(void *context, const struct lm_wanted *wanted), void *context, struct lm_err *err)
{
	return lm_store_download(project->store, wanted, count, PARALLEL_DOWNLOADS, here, context, err);
}

int
lm_sources_fetch(struct lm_project *project, const struct lm_layer_sources *sources, size_t count, struct lm_err *err)
{
	LM_AUTO(lm_sources_missing_release) struct lm_sources_missing missing = {};
	if (lm_sources_find(project, sources, count, &missing, err) < 0)
		return -1;
	return download_all(project, &missing, err);
}
