#include "steps/amend.h"

#include "os/file.h"
#include "steps/missing.h"

#include <stdio.h>
#include <string.h>

int
lm_amend_applies_on(
	const struct lm_layer_spec *layer, const struct lm_lock_package *package, lm_platform_set *out, struct lm_err *err)
{
	*out = 0;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((layer->platforms & (1u << p)) == 0)
			continue;
		struct lm_target target = lm_layer_target(layer, (enum lm_platform)p);
		bool applies = false;
		if (lm_lock_applies(package, &target, &applies, err) < 0)
			return lm_err_wrap(err, "package '%s'", package->name);
		if (applies)
			*out |= 1u << p;
	}
	return 0;
}

// The layer below that provides the package on a platform, or SIZE_MAX.
static int
find_provider(const struct lm_project *project, size_t index, const struct lm_lock_package *package, enum lm_platform platform,
	size_t *provider, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	*provider = SIZE_MAX;
	for (size_t i = 0; i < layer->lower_count; i++) {
		const struct lm_layer_spec *lower = &project->spec.layers[layer->lower[i]];
		const struct lm_pylock *lock = &project->locks[layer->lower[i]].pylock;
		struct lm_target target = lm_layer_target(lower, platform);
		for (size_t j = 0; j < lock->package_count; j++) {
			const struct lm_lock_package *theirs = &lock->packages[j];
			bool applies = false;
			if (theirs->inherited || !lm_cstr_equal(theirs->name, package->name))
				continue;
			if (lm_lock_applies(theirs, &target, &applies, err) < 0)
				return lm_err_wrap(err, "package '%s'", theirs->name);
			if (!applies)
				continue;
			if (!lm_cstr_equal(theirs->version, package->version))
				return lm_err_set(err, LM_E_CONFLICT,
					"package '%s': version %s is needed, but layer '%s' below provides %s on %s",
					package->name, package->version, lower->name, theirs->version,
					lm_platform_name(platform));
			*provider = layer->lower[i];
			return 0;
		}
	}
	return 0;
}

char *
lm_amend_platform_marker(lm_platform_set set, struct lm_arena *arena)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (int p = 0; p < LM_PLATFORM_COUNT; p++)
		if ((set & (1u << p)) != 0)
			lm_buf_format(&text, "%s(%s)", text.len == 0 ? "" : " or ", lm_platform_marker((enum lm_platform)p));
	return lm_arena_strdup(arena, lm_buf_cstr(&text));
}

// The marker of an entry that holds on `set` of the layer's platforms: none when that is all of them, the resolver's when
// nothing was split off, else the platforms themselves.
static char *
marker_for(const struct lm_layer_spec *layer, const struct lm_lock_package *package, lm_platform_set set,
	lm_platform_set applies, struct lm_arena *arena)
{
	if (set == layer->platforms)
		return nullptr;
	if (set == applies && package->marker != nullptr)
		return lm_arena_strdup(arena, package->marker);
	return lm_amend_platform_marker(set, arena);
}

// The size of a wheel in a local folder, of which the resolver says only the place; 0 when it cannot be told.
static uint64_t
local_size(const char *url)
{
	LM_AUTO(lm_buf_release) struct lm_buf path = {};
	struct lm_file_info info = {};
	struct lm_err ignored = {};
	for (const char *p = url + strlen("file://"); *p != '\0'; p++) {
		unsigned byte = 0;
		if (*p == '%' && strspn(p + 1, "0123456789abcdefABCDEF") >= 2 && sscanf(p + 1, "%2x", &byte) == 1) {
			lm_buf_byte(&path, (char)byte);
			p += 2;
		} else {
			lm_buf_byte(&path, *p);
		}
	}
	if (lm_file_info(lm_buf_cstr(&path), &info, &ignored) < 0 || !info.is_file)
		return 0;
	return info.size_bytes;
}

// The wheels this layer installs on `set`: the best one of each platform, each file once.
static void
keep_wheels(const struct lm_layer_spec *layer, const struct lm_lock_package *package, lm_platform_set set,
	struct lm_lock_package *out, struct lm_arena *arena, struct lm_missing *missing)
{
	LM_AUTO(lm_free_ptr) bool *keep = lm_alloc_array(package->wheel_count, sizeof *keep);
	lm_platform_set lacking = 0;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((set & (1u << p)) == 0)
			continue;
		struct lm_target target = lm_layer_target(layer, (enum lm_platform)p);
		const struct lm_lock_wheel *best = lm_lock_best_wheel(package, &target);
		if (best == nullptr)
			lacking |= 1u << p;
		else
			keep[best - package->wheels] = true;
	}
	if (lacking != 0)
		lm_missing_note(layer, package, lacking, missing);
	out->wheels = lm_arena_alloc(arena, package->wheel_count * sizeof *out->wheels);
	out->wheel_count = 0;
	for (size_t i = 0; i < package->wheel_count; i++) {
		if (!keep[i])
			continue;
		struct lm_lock_wheel *wheel = &out->wheels[out->wheel_count++];
		*wheel = package->wheels[i];
		wheel->file_name = lm_arena_strdup(arena, wheel->file_name);
		bool is_local = wheel->url != nullptr && lm_cstr_starts(wheel->url, "file://");
		if (is_local && wheel->size_bytes == 0)
			wheel->size_bytes = local_size(wheel->url);
		if (wheel->url != nullptr) // a local file's place means nothing elsewhere
			wheel->url = is_local ? nullptr : lm_arena_strdup(arena, wheel->url);
	}
}

static struct lm_lock_package *
add_package(struct lm_pylock *out, const struct lm_lock_package *package, char *marker)
{
	struct lm_lock_package *added = &out->packages[out->package_count++];
	*added = (struct lm_lock_package){ .name = lm_arena_strdup(&out->arena, package->name),
		.version = lm_arena_strdup(&out->arena, package->version),
		.marker = marker };
	if (package->index != nullptr)
		added->index = lm_arena_strdup(&out->arena, package->index);
	return added;
}

static int
amend_package(struct lm_project *project, size_t index, const struct lm_lock_package *package, struct lm_pylock *out,
	struct lm_missing *missing, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	lm_platform_set applies = 0, inherited[LM_PLATFORM_COUNT] = {}, own = 0;
	size_t providers[LM_PLATFORM_COUNT], provider_count = 0;
	if (lm_amend_applies_on(layer, package, &applies, err) < 0)
		return -1;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		size_t provider = SIZE_MAX, at = 0;
		if ((applies & (1u << p)) == 0)
			continue;
		if (find_provider(project, index, package, (enum lm_platform)p, &provider, err) < 0)
			return -1;
		if (provider == SIZE_MAX) {
			own |= 1u << p;
			continue;
		}
		while (at < provider_count && providers[at] != provider)
			at++;
		if (at == provider_count)
			providers[provider_count++] = provider;
		inherited[at] |= 1u << p;
	}
	for (size_t i = 0; i < provider_count; i++) {
		struct lm_lock_package *added =
			add_package(out, package, marker_for(layer, package, inherited[i], applies, &out->arena));
		added->inherited = true;
		added->inherited_from = lm_arena_strdup(&out->arena, project->spec.layers[providers[i]].build_name);
	}
	if (own != 0)
		keep_wheels(layer, package, own,
			add_package(out, package, marker_for(layer, package, own, applies, &out->arena)), &out->arena, missing);
	return 0;
}

int
lm_amend(struct lm_project *project, size_t index, const struct lm_pylock *resolved, struct lm_pylock *out, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	*out = (struct lm_pylock){};
	out->requires_python = lm_arena_format(&out->arena, "==%u.%u.*", layer->py_major, layer->py_minor);
	// a package can be provided by another layer on each platform, and be installed by this one on others
	out->packages = lm_arena_alloc(&out->arena, resolved->package_count * (LM_PLATFORM_COUNT + 1) * sizeof *out->packages);
	LM_AUTO(lm_missing_release) struct lm_missing missing = {};
	int rc = 0;
	for (size_t i = 0; i < resolved->package_count && rc == 0; i++)
		rc = amend_package(project, index, &resolved->packages[i], out, &missing, err);
	if (rc == 0 && missing.lacking != 0)
		rc = lm_missing_report(layer, &missing, err);
	return rc;
}
