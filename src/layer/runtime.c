#include "layer/parts.h"

#include "os/path.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

// What an installer brings along in a runtime's site-packages. A layer that wants one of them requires it, and
// gets the locked wheel instead.
static const char *const removed_packages[] = {
	"pip",
	"setuptools",
	"wheel",
	"pkg_resources",
	"_distutils_hack",
	"distutils-precedence.pth",
};
static const char *const removed_distributions[] = { "pip-", "setuptools-", "wheel-" };
static const char *const removed_programs[] = { "pip", "easy_install", "wheel" };

// The part of `path` behind "<folder>/", or null.
static const char *
below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len + 1 : nullptr;
}

static bool
is_compiled(const char *path)
{
	if (lm_cstr_ends(path, ".pyc"))
		return true;
	struct lm_str rest = lm_str_of(path);
	while (rest.len > 0)
		if (lm_str_equal(lm_str_cut(&rest, '/'), LM_STR("__pycache__")))
			return true;
	return false;
}

static bool
is_installer(const char *in_site)
{
	struct lm_str rest = lm_str_of(in_site);
	struct lm_str top = lm_str_cut(&rest, '/');
	for (size_t i = 0; i < LM_COUNT(removed_packages); i++)
		if (lm_str_equal(top, lm_str_of(removed_packages[i])))
			return true;
	if (!lm_str_ends(top, LM_STR(".dist-info")) && !lm_str_ends(top, LM_STR(".egg-info")))
		return false;
	for (size_t i = 0; i < LM_COUNT(removed_distributions); i++)
		if (lm_str_starts(top, lm_str_of(removed_distributions[i])))
			return true;
	return false;
}

// "pip", "pip3", "pip3.11", "pip3.exe", "easy_install-3.11": the name, then nothing but a version and ".exe".
static bool
is_installer_program(const char *name)
{
	for (size_t i = 0; i < LM_COUNT(removed_programs); i++) {
		if (!lm_cstr_starts(name, removed_programs[i]))
			continue;
		const char *rest = name + strlen(removed_programs[i]);
		rest += strspn(rest, "-0123456789.");
		if (*rest == '\0' || strcmp(rest, "exe") == 0) // the dot of ".exe" is taken for one of a version
			return true;
	}
	return false;
}

static bool
is_left_out(const struct lm_assembly *assembly, const char *path)
{
	if (is_compiled(path))
		return true;
	const char *in_site = below(path, assembly->site);
	if (in_site != nullptr)
		return is_installer(in_site);
	const char *program = below(path, assembly->bin);
	return program != nullptr && is_installer_program(program);
}

static void
add_alias(struct lm_assembly *assembly, const char *alias, const char *target)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join("bin", alias);
	if (lm_entries_find(assembly->plan->runtime, path) == nullptr)
		lm_entries_add_link(assembly->out, path, target, LM_LAYER_ORIGIN);
}

// The archive must have this program: a file, or a link that leads to one.
static int
check_program(const struct lm_entries *archive, const char *path, struct lm_err *err)
{
	const struct lm_entry *entry = lm_entries_find(archive, path);
	if (entry == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "the runtime archive has no 'python/%s'", path);
	if (lm_entry_target(archive, entry) == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'python/%s' of the runtime archive is no file and leads to none", path);
	return 0;
}

static int
add_aliases(struct lm_assembly *assembly, struct lm_err *err)
{
	const struct lm_entries *archive = assembly->plan->runtime;
	if (assembly->windows)
		return check_program(archive, "python.exe", err);
	const struct lm_layer_spec *layer = assembly->layer;
	char major[24], minor[40], path[48];
	(void)snprintf(major, sizeof major, "python%u", layer->py_major);
	(void)snprintf(minor, sizeof minor, "python%u.%u", layer->py_major, layer->py_minor);
	(void)snprintf(path, sizeof path, "bin/%s", minor);
	if (check_program(archive, path, err) < 0)
		return -1;
	add_alias(assembly, major, minor);
	add_alias(assembly, "python", minor);
	return 0;
}

int
lm_runtime_place(struct lm_assembly *assembly, struct lm_err *err)
{
	const struct lm_entries *archive = assembly->plan->runtime;
	assert(archive != nullptr);
	for (size_t i = 0; i < archive->count; i++) {
		const struct lm_entry *entry = &archive->items[i];
		if (!is_left_out(assembly, entry->path))
			lm_assembly_place(assembly, entry, entry->path);
	}
	return add_aliases(assembly, err);
}
