#include "steps/output.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

#include <string.h>

enum {
	METADATA_MAX_BYTES = 16 * 1024 * 1024,
	MAX_BUILD = 999'999'999, // a file with more was not written by us
};

char *
lm_metadata_path(const struct lm_project *project, const char *folder, size_t layer)
{
	return lm_format("%s/__venvstacks__/env_metadata/%s.json", folder, project->spec.layers[layer].build_name);
}

// A JSON object from a file of ours; what is missing or damaged is as if it were not there: it is made again.
static int
load_json(const char *path, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	*out = nullptr;
	if (lm_file_read(path, METADATA_MAX_BYTES, &text, &len, err) < 0) {
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		return 0;
	}
	if (lm_json_parse((struct lm_str){ text, len }, out, err) < 0)
		lm_err_clear(err);
	return 0;
}

// The metadata file of a layer; null also when it is that of something else.
static int
load_metadata(const struct lm_project *project, const char *folder, size_t layer, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_metadata_path(project, folder, layer);
	if (load_json(path, out, err) < 0)
		return -1;
	const char *name = lm_json_string(*out, "layer_name");
	if (name == nullptr || !lm_cstr_equal(name, project->spec.layers[layer].build_name)) {
		json_decref(*out);
		*out = nullptr;
	}
	return 0;
}

static int
load_manifest(const char *folder, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, LM_MANIFEST_PATH);
	return load_json(path, out, err);
}

static int
check_entry(const char *folder, const json_t *entry, enum lm_platform platform, bool archives, struct lm_err *err)
{
	const char *archive = lm_json_string(entry, "archive_name"), *other = lm_json_string(entry, "target_platform");
	if (archives && archive == nullptr)
		return lm_err_set(err, LM_E_CONFLICT, "'%s' holds exported layers: publish into another folder", folder);
	if (!archives && archive != nullptr)
		return lm_err_set(err, LM_E_CONFLICT, "'%s' holds published archives: trees go into another folder", folder);
	if (archives && other != nullptr && !lm_cstr_equal(other, lm_platform_name(platform)))
		return lm_err_set(err, LM_E_CONFLICT,
			"'%s' holds archives for %s, not for %s: give another folder, or all platforms in one run", folder,
			other, lm_platform_name(platform));
	return 0;
}

int
lm_output_check(const char *folder, enum lm_platform platform, bool archives, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *manifest = nullptr;
	const char *kind = nullptr;
	json_t *list = nullptr;
	if (load_manifest(folder, &manifest, err) < 0)
		return lm_err_wrap(err, "reading the manifest");
	json_object_foreach(json_object_get(manifest, "layers"), kind, list)
	{
		size_t i = 0;
		json_t *entry = nullptr;
		json_array_foreach(list, i, entry)
		{
			if (check_entry(folder, entry, platform, archives, err) < 0)
				return -1;
		}
	}
	if (out != nullptr)
		*out = lm_take(&manifest);
	return 0;
}

// The layer's entry in the manifest: what was published last even when the metadata file is gone.
static json_t *
find_in_manifest(const struct lm_project *project, json_t *manifest, size_t layer)
{
	const struct lm_layer_spec *spec = &project->spec.layers[layer];
	json_t *list = json_object_get(json_object_get(manifest, "layers"), lm_layer_kind_plural(spec->kind));
	size_t i = 0;
	json_t *item = nullptr;
	json_array_foreach(list, i, item)
	{
		const char *name = lm_json_string(item, "layer_name");
		if (name != nullptr && lm_cstr_equal(name, spec->build_name))
			return item;
	}
	return nullptr;
}

static uint64_t
build_number(const struct lm_project *project, const struct lm_work *work, const json_t *metadata)
{
	const struct lm_layer_lock *lock = &project->locks[work->layer];
	uint64_t build = 0, version = 0;
	const char *target = lm_json_string(metadata, "install_target");
	if (target == nullptr || !lm_cstr_equal(target, lock->install_target) ||
		!lm_json_u64(metadata, "lock_version", &version) || version != lock->meta.lock_version ||
		!lm_json_u64(metadata, "archive_build", &build) || build > MAX_BUILD)
		return 0;
	return build;
}

int
lm_prior_load(const struct lm_project *project, const char *folder, json_t *manifest, const struct lm_work *work,
	struct lm_prior *out, struct lm_err *err)
{
	*out = (struct lm_prior){};
	if (load_metadata(project, folder, work->layer, &out->metadata, err) < 0)
		return -1;
	out->vouched = out->metadata != nullptr;
	if (out->metadata == nullptr)
		out->metadata = json_incref(find_in_manifest(project, manifest, work->layer));
	out->archive_build = build_number(project, work, out->metadata);
	return 0;
}

void
lm_prior_release(struct lm_prior *prior)
{
	json_decref(prior->metadata);
	*prior = (struct lm_prior){};
}

static void
fill_module(const struct lm_module *module, struct lm_module_info *out)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&module->hash, hex);
	out->name = module->name;
	memcpy(out->hash, "sha256:", 7);
	memcpy(out->hash + 7, hex, sizeof hex);
}

void
lm_layer_facts_fill(const struct lm_project *project, const struct lm_work *work, struct lm_layer_facts *facts)
{
	const struct lm_layer_modules *modules = &project->modules[work->layer];
	*facts = (struct lm_layer_facts){
		.spec = &project->spec, .layer = work->layer, .locks = project->locks, .platform = work->platform
	};
	size_t first = modules->has_launch ? 1 : 0;
	if (modules->has_launch)
		fill_module(&modules->modules[0], &facts->launch);
	struct lm_module_info *support = lm_alloc_array(modules->count + 1, sizeof *support);
	for (size_t i = first; i < modules->count; i++)
		fill_module(&modules->modules[i], &support[facts->support_count++]);
	facts->support = support;
}

int
lm_json_write(const char *path, const json_t *value, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(value, &text);
	if (lm_file_equals(path, text.ptr, text.len))
		return 0;
	return lm_file_replace(path, text.ptr, text.len, 0644, err);
}

int
lm_manifest_make(const struct lm_project *project, const char *folder, enum lm_platform platform, json_t *const *fresh,
	json_t **manifest, struct lm_err *err)
{
	const struct lm_spec *spec = &project->spec;
	LM_AUTO(lm_free_ptr) json_t **layers = lm_alloc_array(spec->layer_count, sizeof(json_t *));
	LM_AUTO(lm_free_ptr) size_t *indexes = lm_alloc_array(spec->layer_count, sizeof *indexes);
	size_t count = 0;
	int rc = 0;
	for (size_t i = 0; i < spec->layer_count && rc == 0; i++) {
		json_t *metadata = fresh == nullptr ? nullptr : json_incref(fresh[i]);
		if ((spec->layers[i].platforms & (1u << platform)) == 0)
			continue;
		if (metadata == nullptr)
			rc = load_metadata(project, folder, i, &metadata, err);
		if (metadata == nullptr)
			continue;
		indexes[count] = i;
		layers[count++] = metadata;
	}
	if (rc == 0)
		*manifest = lm_manifest_stack(spec, layers, indexes, count);
	for (size_t i = 0; i < count; i++)
		json_decref(layers[i]);
	return rc < 0 ? lm_err_wrap(err, "making the manifest") : 0;
}

// The lock file of a path: in the store, so that neither the project nor the output holds any.
static int
hold_path(struct lm_project *project, const char *path, const char *what, struct lm_lock *lock, struct lm_err *err)
{
	struct lm_digest digest;
	char hex[LM_DIGEST_HEX];
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(path);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(lm_store_root(project->store), "locks");
	lm_sha256_bytes(absolute, strlen(absolute), &digest);
	lm_digest_hex(&digest, hex);
	LM_AUTO(lm_free_ptr) char *lock_path = lm_format("%s/work-%s", folder, hex);
	if (lm_dir_make(folder, err) < 0)
		return -1;
	return lm_lock_take(lock, lock_path, what, &project->settings.sink, err);
}

int
lm_project_hold(struct lm_project *project, const char *what, const char *folder, struct lm_hold *hold, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	LM_AUTO(lm_free_ptr) char *text = lm_format("%s '%s'", what, project->spec.path);
	if (lm_project_store(project, &store, err) < 0 || hold_path(project, project->spec.path, text, &hold->spec, err) < 0 ||
		(folder != nullptr && hold_path(project, folder, text, &hold->folder, err) < 0))
		return -1;
	const char *place = folder != nullptr ? folder : project->spec.folder;
	if (lm_file_exists(place) && lm_lock_take_folder(&hold->place, place, &project->settings.sink, err) < 0)
		return -1;
	bool waited = hold->spec.waited || hold->folder.waited || hold->place.waited;
	return waited ? lm_project_reload_locks(project, err) : 0;
}

void
lm_hold_release(struct lm_hold *hold)
{
	lm_lock_free(&hold->place);
	lm_lock_free(&hold->folder);
	lm_lock_free(&hold->spec);
}
