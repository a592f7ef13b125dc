#include "layer/assemble.h"

#include "layer/parts.h"
#include "os/path.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void
lm_layer_site_dir(const struct lm_layer_spec *layer, enum lm_platform platform, char out[128])
{
	if (lm_platform_is_windows(platform))
		(void)snprintf(out, LM_LAYER_DIR_MAX, "Lib/site-packages");
	else
		(void)snprintf(out, LM_LAYER_DIR_MAX, "lib/python%u.%u/site-packages", layer->py_major, layer->py_minor);
}

void
lm_layer_python(const struct lm_layer_spec *layer, enum lm_platform platform, char out[128])
{
	const char *path = "bin/python";
	if (lm_platform_is_windows(platform))
		path = layer->kind == LM_RUNTIME ? "python.exe" : "Scripts/python.exe";
	(void)snprintf(out, LM_LAYER_DIR_MAX, "%s", path);
}

static const char *
keep(struct lm_assembly *assembly, struct lm_kept *kept, const char *text)
{
	if (text != kept->text)
		*kept = (struct lm_kept){ text, text == nullptr ? nullptr : lm_arena_strdup(&assembly->out->arena, text) };
	return kept->copy;
}

void
lm_assembly_place(struct lm_assembly *assembly, const struct lm_entry *from, const char *path)
{
	struct lm_entry copy = *from;
	copy.path = lm_arena_strdup(&assembly->out->arena, path);
	copy.link = from->link == nullptr ? nullptr : lm_arena_strdup(&assembly->out->arena, from->link);
	copy.origin = keep(assembly, &assembly->origin, from->origin);
	copy.content.file = keep(assembly, &assembly->file, from->content.file);
	*lm_entries_add(assembly->out) = copy;
}

const struct lm_entry *
lm_entry_target(const struct lm_entries *entries, const struct lm_entry *link)
{
	for (int hops = 0; hops < 8 && link != nullptr && link->type == LM_ENTRY_LINK; hops++) {
		LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(link->path);
		LM_AUTO(lm_free_ptr) char *joined = lm_path_join(parent, link->link);
		LM_AUTO(lm_free_ptr) char *path = lm_path_normal(joined);
		link = lm_entries_find(entries, path);
	}
	return link != nullptr && link->type == LM_ENTRY_FILE ? link : nullptr;
}

static int
place_modules(
	struct lm_assembly *assembly, const struct lm_module *modules, size_t count, const char *folder, struct lm_err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct lm_entries *entries = &modules[i].entries;
		for (size_t j = 0; j < entries->count; j++) {
			const struct lm_entry *entry = &entries->items[j];
			LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, entry->path);
			const struct lm_entry *source = entry;
			if (assembly->windows && entry->type == LM_ENTRY_LINK) // Windows layers hold copies
				source = lm_entry_target(entries, entry);
			if (source == nullptr)
				return lm_err_set(err, LM_E_UNSUPPORTED,
					"%s: a link to a folder cannot be part of a Windows layer: '%s'", entry->origin,
					entry->path);
			lm_assembly_place(assembly, source, path);
		}
	}
	return 0;
}

// Does importing `name` find this path of site-packages? ("name/...", "name.py", "name.cpython-311-....so")
static bool
provides_module(const char *path, const char *name)
{
	size_t len = strlen(name);
	if (strncmp(path, name, len) != 0)
		return false;
	if (path[len] == '/')
		return true;
	return path[len] == '.' && strchr(path, '/') == nullptr &&
		(lm_cstr_ends(path, ".py") || lm_cstr_ends(path, ".so") || lm_cstr_ends(path, ".pyd"));
}

// Modules must not mix with what wheels installed: which one is imported would depend on luck.
static int
check_modules(const struct lm_assembly *assembly, size_t installed, struct lm_err *err)
{
	const struct lm_layer_plan *plan = assembly->plan;
	size_t site_len = strlen(assembly->site);
	for (size_t i = 0; i < plan->module_count; i++) {
		const char *name = plan->modules[i].name;
		for (size_t j = 0; j < i; j++)
			if (lm_cstr_equal(plan->modules[j].name, name))
				return lm_err_set(err, LM_E_CONFLICT, "two modules of one name: '%s'", name);
		for (size_t j = 0; j < installed; j++) {
			const struct lm_entry *entry = &assembly->out->items[j];
			if (strncmp(entry->path, assembly->site, site_len) != 0 || entry->path[site_len] != '/')
				continue;
			if (provides_module(entry->path + site_len + 1, name))
				return lm_err_set(err, LM_E_CONFLICT, "module '%s' collides with '%s' of %s", name, entry->path,
					entry->origin);
		}
	}
	return 0;
}

static bool
is_named(const struct lm_assembly *assembly, const char *path, const char *name)
{
	return (lm_platform_folds_case(assembly->plan->platform) ? strcasecmp(path, name) : strcmp(path, name)) == 0;
}

static int
refuse_written(const struct lm_entry *entry, struct lm_err *err)
{
	return lm_err_set(err, LM_E_CONFLICT, "'%s' of %s is a file that postinstall.py writes", entry->path, entry->origin);
}

// Files that postinstall.py writes on the target must not be there before; nor a sitecustomize of another kind, which Python
// would import in place of ours.
static int
check_reserved(const struct lm_assembly *assembly, struct lm_err *err)
{
	size_t site_len = strlen(assembly->site);
	for (size_t i = 0; i < assembly->out->count; i++) {
		const struct lm_entry *entry = &assembly->out->items[i];
		if (is_named(assembly, entry->path, "pyvenv.cfg"))
			return refuse_written(entry, err);
		if (assembly->layer->kind == LM_RUNTIME || strncmp(entry->path, assembly->site, site_len) != 0 ||
			entry->path[site_len] != '/')
			continue;
		const char *in_site = entry->path + site_len + 1;
		if (is_named(assembly, in_site, "sitecustomize.py"))
			return refuse_written(entry, err);
		if (provides_module(in_site, "sitecustomize"))
			return lm_err_set(err, LM_E_CONFLICT,
				"'%s' of %s would be imported in place of the sitecustomize.py that postinstall.py writes",
				entry->path, entry->origin);
	}
	return 0;
}

static bool
has_windows_libraries(const struct lm_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		if (lm_cstr_starts(entries->items[i].path, LM_LAYER_DYNLIB_WINDOWS "/"))
			return true;
	return false;
}

static bool
needs_wrapper(const struct lm_layer_plan *plan, bool publishes)
{
	for (size_t i = 0; i < plan->lower_count; i++)
		publishes = publishes || plan->lower[i].publishes_libraries;
	return publishes;
}

// An empty site-packages is kept: installers expect the folder.
static void
keep_site_dir(struct lm_assembly *assembly)
{
	size_t len = strlen(assembly->site);
	for (size_t i = 0; i < assembly->out->count; i++) {
		const char *path = assembly->out->items[i].path;
		if (strncmp(path, assembly->site, len) == 0 && (path[len] == '/' || path[len] == '\0'))
			return;
	}
	struct lm_entry folder = { .type = LM_ENTRY_FOLDER, .origin = LM_LAYER_ORIGIN };
	lm_assembly_place(assembly, &folder, assembly->site);
}

static int
assemble(struct lm_assembly *assembly, bool *publishes, struct lm_err *err)
{
	const struct lm_layer_plan *plan = assembly->plan;
	bool fold_case = lm_platform_folds_case(plan->platform);

	if (assembly->layer->kind == LM_RUNTIME && lm_runtime_place(assembly, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->wheel_count; i++)
		if (lm_wheel_install(assembly, &plan->wheels[i], err) < 0)
			return -1;
	if (check_modules(assembly, assembly->out->count, err) < 0)
		return -1;
	if (place_modules(assembly, plan->modules, plan->module_count, assembly->site, err) < 0 ||
		place_modules(assembly, plan->executables, plan->executable_count, assembly->bin, err) < 0)
		return -1;
	if (lm_entries_finish(assembly->out, fold_case, err) < 0 || check_reserved(assembly, err) < 0)
		return -1;

	if (assembly->windows)
		*publishes = has_windows_libraries(assembly->out);
	else if (lm_dynlib_link(assembly, publishes, err) < 0)
		return -1;
	if (assembly->layer->kind != LM_RUNTIME &&
		lm_interpreter_place(assembly, needs_wrapper(plan, *publishes), *publishes, err) < 0)
		return -1;
	lm_config_place(assembly, *publishes);
	keep_site_dir(assembly);
	if (lm_entries_finish(assembly->out, fold_case, err) < 0)
		return -1;
	return assembly->windows ? lm_entries_check_windows(assembly->out, err) : 0;
}

int
lm_layer_assemble(const struct lm_layer_plan *plan, struct lm_entries *out, bool *publishes_libraries, struct lm_err *err)
{
	assert(plan->layer < plan->spec->layer_count);
	const struct lm_layer_spec *layer = &plan->spec->layers[plan->layer];
	assert((layer->kind == LM_RUNTIME) == (plan->lower_count == 0));
	struct lm_assembly assembly = {
		.plan = plan,
		.layer = layer,
		.out = out,
		.windows = lm_platform_is_windows(plan->platform),
	};
	assembly.bin = assembly.windows ? "Scripts" : "bin";
	lm_layer_site_dir(layer, plan->platform, assembly.site);
	lm_layer_python(layer, plan->platform, assembly.python);

	*publishes_libraries = false;
	if (assemble(&assembly, publishes_libraries, err) < 0)
		return lm_err_wrap(err, "layer '%s' for %s", layer->build_name, lm_platform_name(plan->platform));
	return 0;
}
