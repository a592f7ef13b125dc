#include "steps/packages.h"

#include "os/path.h"
#include "python/requirement.h"
#include "python/wheel.h"

#include <stdlib.h>
#include <string.h>

static const struct lm_str DIST_INFO = { ".dist-info", 10 };

static int
compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct lm_package_row *)a)->path, ((const struct lm_package_row *)b)->path);
}

static const char *
find_row(const struct lm_package_row *rows, size_t count, const char *path)
{
	struct lm_package_row key = { .path = path };
	const struct lm_package_row *found = count == 0 ? nullptr : bsearch(&key, rows, count, sizeof *rows, compare_rows);
	return found == nullptr ? nullptr : found->package;
}

// "<site>/numpy-2.4.6.dist-info/..." in parts. False when there is no such folder in the path.
static bool
split_dist_info(const char *path, struct lm_str *site, struct lm_str *name, struct lm_str *version)
{
	struct lm_str rest = lm_str_of(path);
	while (rest.len > 0) {
		struct lm_str part = lm_str_cut(&rest, '/');
		if (!lm_str_ends(part, DIST_INFO))
			continue;
		*site = (struct lm_str){ path, (size_t)(part.ptr - path) };
		if (site->len > 0)
			site->len--;
		part.len -= DIST_INFO.len;
		*name = lm_str_cut(&part, '-');
		*version = part;
		return name->len > 0 && version->len > 0;
	}
	return false;
}

static const char *
normal_name(struct lm_arena *arena, struct lm_str name)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_name_normalize(name, &text);
	return lm_arena_strdup(arena, lm_buf_cstr(&text));
}

static void
add_row(struct lm_packages *packages, const char *path, const char *package)
{
	lm_grow(packages->rows, packages->count, packages->cap);
	packages->rows[packages->count++] = (struct lm_package_row){ path, package };
}

// Each row of a RECORD is relative to the folder that the *.dist-info is in.
static void
add_record(struct lm_packages *packages, const struct lm_seen_record *seen)
{
	struct lm_str site = {}, name = {}, version = {};
	struct lm_record record = {};
	struct lm_err ignored = {};
	if (!split_dist_info(seen->path, &site, &name, &version) ||
		lm_record_parse((struct lm_str){ seen->text, seen->len }, &packages->arena, &record, &ignored) < 0)
		return; // what it says is not known then
	const char *package =
		lm_arena_format(&packages->arena, "%s %.*s", normal_name(&packages->arena, name), LM_STR_ARG(version));
	LM_AUTO(lm_free_ptr) char *folder = lm_strndup(site.ptr, site.len);
	for (size_t i = 0; i < record.count; i++) {
		LM_AUTO(lm_free_ptr) char *joined = lm_path_join(folder, record.rows[i].path);
		LM_AUTO(lm_free_ptr) char *normal = lm_path_normal(joined);
		add_row(packages, lm_arena_strdup(&packages->arena, normal), package);
	}
}

void
lm_packages_add_view(struct lm_packages *packages, const struct lm_view *view)
{
	for (size_t i = 0; i < view->record_count; i++)
		add_record(packages, &view->records[i]);
	for (size_t i = 0; i < view->count; i++) {
		struct lm_str site = {}, name = {}, version = {};
		if (!split_dist_info(view->items[i].path, &site, &name, &version))
			continue;
		const char *normal = normal_name(&packages->arena, name);
		LM_AUTO(lm_free_ptr) char *folder = lm_strndup(site.ptr, site.len);
		if (!lm_strings_has(&packages->sites, folder))
			lm_strings_add(&packages->sites, folder);
		if (packages->name_count > 0 && strcmp(packages->names[packages->name_count - 1].path, normal) == 0)
			continue;
		lm_grow(packages->names, packages->name_count, packages->name_cap);
		packages->names[packages->name_count++] = (struct lm_package_row){ normal,
			lm_arena_format(&packages->arena, "%s %.*s", normal, LM_STR_ARG(version)) };
	}
}

static void
add_module(struct lm_packages *packages, const char *what, const char *name)
{
	if (name == nullptr)
		return;
	lm_grow(packages->modules, packages->module_count, packages->module_cap);
	packages->modules[packages->module_count++] = (struct lm_package_row){ lm_arena_strdup(&packages->arena, name),
		lm_arena_format(&packages->arena, "%s module '%s'", what, name) };
}

void
lm_packages_add_metadata(struct lm_packages *packages, const json_t *metadata)
{
	const char *target = lm_json_string(metadata, "install_target"), *runtime = lm_json_string(metadata, "runtime_layer");
	const char *implementation = lm_json_string(metadata, "python_implementation");
	packages->upper = target != nullptr && runtime != nullptr && strcmp(target, runtime) != 0;
	if (target != nullptr && runtime != nullptr && implementation != nullptr && !packages->upper)
		packages->runtime = lm_arena_strdup(&packages->arena, implementation);
	add_module(packages, "launch", lm_json_string(metadata, "app_launch_module"));
	json_t *support = json_object_get(metadata, "app_support_modules"), *item = nullptr;
	size_t i = 0;
	json_array_foreach(support, i, item) add_module(packages, "support", lm_json_string(item, "name"));
}

void
lm_packages_finish(struct lm_packages *packages)
{
	if (packages->count > 0)
		qsort(packages->rows, packages->count, sizeof *packages->rows, compare_rows);
	if (packages->name_count > 0)
		qsort(packages->names, packages->name_count, sizeof *packages->names, compare_rows);
}

// The path below site-packages, or null.
static const char *
below_site(const struct lm_packages *packages, const char *path)
{
	for (size_t i = 0; i < packages->sites.count; i++) {
		const char *site = packages->sites.items[i];
		size_t len = strlen(site);
		if (len == 0)
			return path;
		if (strncmp(path, site, len) == 0 && path[len] == '/')
			return path + len + 1;
	}
	const char *usual = strstr(path, "/site-packages/");
	return usual == nullptr ? nullptr : usual + strlen("/site-packages/");
}

// By the first folder or module name: "numpy", "numpy.libs", "six.py", "_cffi_backend.cpython-311-x86_64-linux-gnu.so".
static const char *
guess(const struct lm_packages *packages, const char *below)
{
	struct lm_str first = { below, strcspn(below, "/") };
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	if (first.len == 0 || first.ptr[0] == '.')
		return nullptr;
	first.len = lm_str_find(first, '.');
	for (size_t i = 0; i < packages->module_count; i++)
		if (lm_str_equal(first, lm_str_of(packages->modules[i].path)))
			return packages->modules[i].package;
	lm_name_normalize(first, &name);
	return find_row(packages->names, packages->name_count, lm_buf_cstr(&name));
}

static bool
made_by_lamina(const struct lm_packages *packages, const char *path)
{
	if (strcmp(path, "postinstall.py") == 0 || lm_cstr_starts(path, "share/venv/"))
		return true;
	return packages->upper && (lm_cstr_starts(path, "bin/python") || lm_cstr_starts(path, "Scripts/python"));
}

const char *
lm_packages_find(const struct lm_packages *packages, const char *path)
{
	struct lm_str site = {}, name = {}, version = {};
	const char *found = find_row(packages->rows, packages->count, path), *below = below_site(packages, path);
	if (found == nullptr && split_dist_info(path, &site, &name, &version)) {
		LM_AUTO(lm_buf_release) struct lm_buf normal = {};
		lm_name_normalize(name, &normal);
		found = find_row(packages->names, packages->name_count, lm_buf_cstr(&normal));
	}
	if (found == nullptr && below != nullptr)
		found = guess(packages, below);
	if (found != nullptr || below != nullptr)
		return found;
	return made_by_lamina(packages, path) ? "lamina" : packages->runtime;
}

void
lm_packages_release(struct lm_packages *packages)
{
	lm_free(packages->rows);
	lm_free(packages->names);
	lm_free(packages->modules);
	lm_strings_release(&packages->sites);
	lm_arena_release(&packages->arena);
	*packages = (struct lm_packages){};
}

void
lm_packages_list(const struct lm_view *view, struct lm_strings *out)
{
	LM_AUTO(lm_packages_release) struct lm_packages packages = {};
	lm_packages_add_view(&packages, view);
	lm_packages_finish(&packages);
	for (size_t i = 0; i < packages.name_count; i++)
		if (i == 0 || strcmp(packages.names[i - 1].package, packages.names[i].package) != 0)
			lm_strings_add(out, packages.names[i].package);
}
