#include "steps/project.h"

#include "net/http.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pool.h"

#include <errno.h>
#include <string.h>

enum {
	SPEC_MAX_BYTES = 4 * 1024 * 1024,
	LOCK_MAX_BYTES = 64 * 1024 * 1024,
	META_MAX_BYTES = 64 * 1024,
};

char *
lm_project_lock_path(const struct lm_project *project, size_t layer, const char *kind)
{
	const char *name = project->spec.layers[layer].build_name;
	const char *format = lm_cstr_equal(kind, "pylock") ? "%s/requirements/%s/pylock.%s.toml"
		: lm_cstr_equal(kind, "meta")              ? "%s/requirements/%s/pylock.%s.meta.json"
		: lm_cstr_equal(kind, "packages")          ? "%s/requirements/%s/packages-%s.txt"
							   : "%s/requirements/%s/requirements-%s.in";
	return lm_format(format, project->spec.folder, name, name);
}

// A file that may be missing: *text stays null then.
static int
read_optional(const char *path, uint64_t max_bytes, char **text, struct lm_err *err)
{
	size_t len = 0;
	if (lm_file_read(path, max_bytes, text, &len, err) == 0)
		return strlen(*text) == len ? 0 : lm_err_set(err, LM_E_SPEC, "a NUL byte in '%s'", path);
	if (err->code != LM_E_NOT_FOUND)
		return -1;
	lm_err_clear(err);
	return 0;
}

int
lm_project_read_lock_files(
	const struct lm_project *project, size_t layer, char **pylock_text, char **meta_text, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *lock_path = lm_project_lock_path(project, layer, "pylock");
	LM_AUTO(lm_free_ptr) char *meta_path = lm_project_lock_path(project, layer, "meta");
	if (read_optional(lock_path, LOCK_MAX_BYTES, pylock_text, err) < 0 ||
		read_optional(meta_path, META_MAX_BYTES, meta_text, err) < 0)
		return lm_err_wrap(err, "reading the lock of layer '%s'", project->spec.layers[layer].name);
	return 0;
}

int
lm_project_damaged(struct lm_err *err)
{
	return lm_err_set(err, LM_E_SPEC, "a lock file is damaged: repair it, or remove it to lock the layer anew");
}

int
lm_project_reload_locks(struct lm_project *project, struct lm_err *err)
{
	struct lm_spec *spec = &project->spec;
	size_t errors = project->diags.errors;
	for (size_t i = 0; i < spec->layer_count; i++)
		lm_layer_lock_release(&project->locks[i]);
	for (size_t i = 0; i < spec->layer_count; i++) {
		LM_AUTO(lm_free_ptr) char *lock_path = lm_project_lock_path(project, i, "pylock");
		LM_AUTO(lm_free_ptr) char *meta_path = lm_project_lock_path(project, i, "meta");
		LM_AUTO(lm_free_ptr) char *lock_text = nullptr, *meta_text = nullptr;
		if (lm_project_read_lock_files(project, i, &lock_text, &meta_text, err) < 0)
			return -1;
		lm_layer_lock_judge(spec, i, project->locks, lock_text, meta_text, project->modules[i].hash, &project->diags,
			lock_path, meta_path);
	}
	return project->diags.errors > errors ? lm_project_damaged(err) : 0;
}

// Is this the system's trouble, or a wish to stop, and not one of what is declared?
static bool
says_nothing_of_the_spec(const struct lm_err *err)
{
	static const int of_paths[] = { 0, ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, EACCES, EPERM };
	for (size_t i = 0; err->code == LM_E_IO && i < LM_COUNT(of_paths); i++)
		if (err->sys == of_paths[i])
			return false;
	return err->code == LM_E_IO || err->code == LM_E_INTERRUPTED;
}

// One declared module or program of an application: collected, or a finding at its place (then *found is false).
static int
collect(struct lm_project *project, const struct lm_layer_spec *layer, const struct lm_placed_text *declared, const char *what,
	int (*collector)(const char *, struct lm_module *, struct lm_err *), struct lm_module *out, bool *found,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(project->spec.folder, declared->text);
	*found = collector(path, out, err) == 0;
	if (*found)
		return 0;
	if (says_nothing_of_the_spec(err))
		return lm_err_wrap(err, "layer '%s': %s '%s'", layer->name, what, declared->text);
	lm_diags_add(&project->diags, false, project->spec.path, declared->place.line, declared->place.column, layer->name,
		"%s '%s': %s", what, declared->text, err->text);
	lm_err_clear(err);
	return 0;
}

static void
hash_modules(struct lm_layer_modules *own)
{
	struct lm_sha256 hash;
	struct lm_digest digest;
	lm_sha256_init(&hash);
	lm_sha256_field(&hash, own->has_launch ? "launch" : "library", own->has_launch ? 6 : 7);
	for (size_t i = 0; i < own->count + own->executable_count; i++) {
		const struct lm_module *m = i < own->count ? &own->modules[i] : &own->executables[i - own->count];
		lm_sha256_field(&hash, m->name, strlen(m->name));
		lm_sha256_field(&hash, m->hash.bytes, sizeof m->hash.bytes);
	}
	lm_sha256_final(&hash, &digest);
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&digest, hex);
	memcpy(own->hash, "sha256:", 7);
	memcpy(own->hash + 7, hex, sizeof hex);
}

// The files an application brings; what is missing or no module becomes a finding.
static int
collect_modules(struct lm_project *project, size_t index, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	struct lm_layer_modules *own = &project->modules[index];
	bool found = false;
	own->modules = lm_alloc_array(layer->support_module_count + 1, sizeof *own->modules);
	own->executables = lm_alloc_array(layer->executable_count, sizeof *own->executables);
	if (layer->launch_module.text != nullptr) {
		if (collect(project, layer, &layer->launch_module, "launch module", lm_module_collect, own->modules, &found,
			    err) < 0)
			return -1;
		own->has_launch = found;
		own->count += found ? 1 : 0;
	}
	for (size_t i = 0; i < layer->support_module_count; i++) {
		if (collect(project, layer, &layer->support_modules[i], "support module", lm_module_collect,
			    &own->modules[own->count], &found, err) < 0)
			return -1;
		own->count += found ? 1 : 0;
	}
	for (size_t i = 0; i < layer->executable_count; i++) {
		if (collect(project, layer, &layer->executables[i], "executable", lm_module_collect_executable,
			    &own->executables[own->executable_count], &found, err) < 0)
			return -1;
		own->executable_count += found ? 1 : 0;
	}
	hash_modules(own);
	return 0;
}

// Runtime archives named by path: checked to exist before any work.
static void
check_runtime_paths(struct lm_project *project)
{
	const struct lm_spec *spec = &project->spec;
	for (size_t i = 0; i < spec->runtime_archive_count; i++) {
		const struct lm_runtime_archive *archive = &spec->runtime_archives[i];
		if (archive->path == nullptr)
			continue;
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(spec->folder, archive->path);
		struct lm_file_info info = {};
		struct lm_err err = {};
		if (lm_file_info(path, &info, &err) == 0 && info.exists && info.is_dir)
			lm_diags_add(&project->diags, false, spec->path, archive->place.line, archive->place.column, nullptr,
				"the runtime archive '%s' is a folder, not a file", archive->path);
	}
}

int
lm_project_load(struct lm_project *project, const char *spec_path, const struct lm_settings *settings, struct lm_err *err)
{
	*project = (struct lm_project){ .settings = *settings };
	if (project->settings.jobs == 0)
		project->settings.jobs = lm_cpu_count();
	if (settings->ca_file != nullptr)
		lm_http_trust(settings->ca_file);
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	if (lm_file_read(spec_path, SPEC_MAX_BYTES, &text, &len, err) < 0) {
		if (err->code != LM_E_IO || err->sys == 0) // not there, too large, a folder
			err->code = LM_E_SPEC;
		return lm_err_wrap(err, "reading the stack spec");
	}
	lm_spec_parse(spec_path, (struct lm_str){ text, len }, &project->spec, &project->diags);
	if (project->diags.errors == 0) {
		project->locks = lm_alloc_array(project->spec.layer_count, sizeof *project->locks);
		project->modules = lm_alloc_array(project->spec.layer_count, sizeof *project->modules);
		for (size_t i = 0; i < project->spec.layer_count; i++)
			if (project->spec.layers[i].kind == LM_APPLICATION && collect_modules(project, i, err) < 0)
				return -1;
		check_runtime_paths(project);
	}
	if (project->diags.errors > 0)
		return lm_err_set(err, LM_E_SPEC, "%zu %s in '%s'", project->diags.errors,
			project->diags.errors == 1 ? "error" : "errors", spec_path);
	return lm_project_reload_locks(project, err);
}

static void
release_modules(struct lm_layer_modules *own)
{
	for (size_t i = 0; i < own->count; i++)
		lm_module_release(&own->modules[i]);
	for (size_t i = 0; i < own->executable_count; i++)
		lm_module_release(&own->executables[i]);
	lm_free(own->modules);
	lm_free(own->executables);
}

void
lm_project_release(struct lm_project *project)
{
	for (size_t i = 0; i < project->spec.layer_count; i++) {
		if (project->locks != nullptr)
			lm_layer_lock_release(&project->locks[i]);
		if (project->modules != nullptr)
			release_modules(&project->modules[i]);
	}
	lm_free(project->locks);
	lm_free(project->modules);
	lm_store_close(project->store);
	lm_spec_release(&project->spec);
	lm_diags_release(&project->diags);
	*project = (struct lm_project){};
}

int
lm_project_store(struct lm_project *project, struct lm_store **store, struct lm_err *err)
{
	if (project->store == nullptr &&
		lm_store_open(&project->store, project->settings.store_root, &project->settings.sink, err) < 0)
		return lm_err_wrap(err, "opening the store");
	*store = project->store;
	return 0;
}
