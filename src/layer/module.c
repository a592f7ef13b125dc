#include "layer/module.h"

#include "base/str.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { NESTED_MAX = 32, GIT_TIMEOUT_MS = 60 * 1000 };

// A module being collected.
struct collect {
	struct lm_module *module;
	const char *root; // folder that is the module, or null for a single file
	const char *name; // of the module
};

static bool
is_name(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c != '_' && !isalpha(c) && (i == 0 || !isdigit(c)))
			return false;
	}
	return text.len > 0;
}

// Never part of a module, whatever git says.
static bool
is_left_out(const char *path)
{
	struct lm_str rest = lm_str_of(path);
	while (rest.len > 0) {
		struct lm_str part = lm_str_cut(&rest, '/');
		if (lm_str_starts(part, LM_STR(".git")) || lm_str_equal(part, LM_STR("__pycache__")))
			return true;
	}
	return false;
}

static int
add_file(struct lm_module *module, const char *from, const char *path, bool executable, struct lm_err *err)
{
	struct lm_entries *entries = &module->entries;
	struct lm_digest digest;
	uint64_t size = 0;
	if (lm_sha256_file(from, &digest, &size, err) < 0)
		return -1;
	char *kept_path = lm_arena_strdup(&entries->arena, path);
	char *kept_from = lm_arena_strdup(&entries->arena, from);
	struct lm_entry *entry = lm_entries_add(entries);
	*entry = (struct lm_entry){
		.path = kept_path,
		.type = LM_ENTRY_FILE,
		.executable = executable,
		.size = size,
		.digest = digest,
		.origin = lm_arena_format(&entries->arena, "module %s", module->name),
		.content = { .kind = LM_CONTENT_FILE, .file = kept_from, .stored_size = size },
	};
	return 0;
}

// A link inside a package: to something inside the package, whatever the package's place.
static int
add_link(const struct collect *collect, const char *from, const char *path, struct lm_err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlink(from, target, sizeof target - 1);
	if (len < 0)
		return lm_err_sys(err, errno, "cannot read link '%s'", from);
	target[len] = '\0';
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(path);
	LM_AUTO(lm_free_ptr) char *joined = lm_path_join(parent, target);
	LM_AUTO(lm_free_ptr) char *lands = lm_path_normal(joined);
	size_t name_len = strlen(collect->name);
	if (target[0] == '/' || strncmp(lands, collect->name, name_len) != 0 || lands[name_len] != '/')
		return lm_err_set(err, LM_E_SYNTAX, "link '%s' leads out of the module: '%s'", from, target);
	lm_entries_add_link(&collect->module->entries, path, target, collect->module->name);
	return 0;
}

static int collect_folder(const struct collect *collect, const char *below, int depth, struct lm_err *err);

// One path that is part of the module: relative to its root.
static int
collect_path(const struct collect *collect, const char *below, int depth, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *from = lm_path_join(collect->root, below);
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(collect->name, below);
	struct lm_file_info info = {};
	if (is_left_out(below))
		return 0;
	if (lm_file_info(from, &info, err) < 0)
		return -1;
	if (!info.exists) // tracked, but deleted
		return 0;
	if (info.is_link)
		return add_link(collect, from, path, err);
	if (info.is_dir) // a repository inside the repository
		return collect_folder(collect, below, depth + 1, err);
	if (!info.is_file)
		return lm_err_set(err, LM_E_UNSUPPORTED, "neither a file, a folder nor a link: '%s'", from);
	return add_file(collect->module, from, path, (info.mode & 0100) != 0, err);
}

// Is there a ".git" in the folder or above it?
static int
in_work_tree(const char *folder, bool *found, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *at = lm_strdup(folder);
	*found = false;
	for (;;) {
		LM_AUTO(lm_free_ptr) char *mark = lm_path_join(at, ".git");
		struct lm_file_info info = {};
		if (lm_file_info(mark, &info, err) < 0)
			return -1;
		*found = info.exists;
		if (*found || strcmp(at, "/") == 0)
			return 0;
		char *parent = lm_path_parent(at);
		lm_free(at);
		at = parent;
	}
}

// Our environment without what a git hook sets, which would lead to another repository; and git is to look as far up as in_work_tree
// does, through mount points too.
static const char **
git_env(void)
{
	static const char *const set_by_hooks[] = { "GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=", "GIT_PREFIX=",
		"GIT_CEILING_DIRECTORIES=", "GIT_DISCOVERY_ACROSS_FILESYSTEM=" };
	const char *const *ours = lm_process_environment();
	size_t count = 0, used = 0;
	while (ours[count] != nullptr)
		count++;
	const char **env = lm_alloc_array(count + 2, sizeof *env);
	for (size_t i = 0; i < count; i++) {
		bool passed = true;
		for (size_t j = 0; j < LM_COUNT(set_by_hooks) && passed; j++)
			passed = !lm_cstr_starts(ours[i], set_by_hooks[j]);
		if (passed)
			env[used++] = ours[i];
	}
	env[used] = "GIT_DISCOVERY_ACROSS_FILESYSTEM=1";
	return env;
}

// Files that git does not ignore. Only .gitignore files count: a user's own excludes must not change a layer.
// 1: listed; 0: git is not there.
static int
list_with_git(const char *folder, struct lm_strings *list, struct lm_err *err)
{
	// the folder may be somebody else's
	const char *argv[] = { "git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", folder, "ls-files", "-z",
		"--cached", "--others", "--exclude-per-directory=.gitignore", "--", ".", nullptr };
	LM_AUTO(lm_free_ptr) const char **env = git_env();
	struct lm_process process = { .argv = argv, .env = env, .timeout_ms = GIT_TIMEOUT_MS };
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	if (lm_process_run(&process, &result, err) < 0) {
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		return 0;
	}
	if (result.exit_code != 0) {
		struct lm_str said = lm_str_trim(lm_buf_view(&result.err));
		return lm_err_set(err, LM_E_CHILD, "git cannot list the files of '%s': %.*s", folder, LM_STR_ARG(said));
	}
	struct lm_str rest = lm_buf_view(&result.out);
	while (rest.len > 0) {
		struct lm_str path = lm_str_cut(&rest, '\0');
		if (path.len > 0 && path.ptr[path.len - 1] == '/') // an untracked repository
			path.len--;
		lm_strings_add_str(list, path);
	}
	return 1;
}

static int
list_visit(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err)
{
	struct lm_strings *list = context;
	(void)err;
	if (is_left_out(path))
		return info->is_dir ? 1 : 0;
	if (!info->is_dir)
		lm_strings_add(list, path);
	return 0;
}

static int
list_files(const char *folder, struct lm_strings *list, struct lm_err *err)
{
	bool versioned = false;
	int rc = in_work_tree(folder, &versioned, err);
	if (rc == 0 && versioned)
		rc = list_with_git(folder, list, err);
	if (rc == 0)
		rc = lm_dir_walk(folder, list_visit, list, err);
	lm_strings_sort(list);
	return rc < 0 ? -1 : 0;
}

// below: path of the folder inside the module, or null for the module itself
static int
collect_folder(const struct collect *collect, const char *below, int depth, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(collect->root, below == nullptr ? "." : below);
	LM_AUTO(lm_free_ptr) char *normal = lm_path_normal(folder);
	LM_AUTO(lm_strings_release) struct lm_strings list = {};
	if (depth > NESTED_MAX)
		return lm_err_set(err, LM_E_LIMIT, "repositories are nested too deeply at '%s'", normal);
	if (list_files(normal, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0 && strcmp(list.items[i], list.items[i - 1]) == 0)
			continue; // git lists a path in conflict once for each side
		LM_AUTO(lm_free_ptr)
		char *path = below == nullptr ? lm_strdup(list.items[i]) : lm_path_join(below, list.items[i]);
		if (collect_path(collect, path, depth, err) < 0)
			return -1;
	}
	return 0;
}

// Links must lead to something that is part of the module, too.
static int
check_links(const struct lm_entries *entries, struct lm_err *err)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct lm_entry *entry = &entries->items[i];
		if (entry->type != LM_ENTRY_LINK)
			continue;
		LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(entry->path);
		LM_AUTO(lm_free_ptr) char *joined = lm_path_join(parent, entry->link);
		LM_AUTO(lm_free_ptr) char *lands = lm_path_normal(joined);
		size_t len = strlen(lands);
		bool found = lm_entries_find(entries, lands) != nullptr;
		for (size_t j = 0; j < entries->count && !found; j++)
			found = strncmp(entries->items[j].path, lands, len) == 0 && entries->items[j].path[len] == '/';
		if (!found)
			return lm_err_set(err, LM_E_SYNTAX, "link '%s' leads to what is not part of the module: '%s'",
				entry->path, entry->link);
	}
	return 0;
}

static int
finish(struct lm_module *module, struct lm_err *err)
{
	if (lm_entries_finish(&module->entries, false, err) < 0 || check_links(&module->entries, err) < 0)
		return -1;
	lm_entries_content_hash(&module->entries, &module->hash);
	return 0;
}

static int
collect_package(const char *folder, const char *name, struct lm_module *out, struct lm_err *err)
{
	if (!is_name(lm_str_of(name)))
		return lm_err_set(err, LM_E_SYNTAX, "not a name that Python can import: '%s'", name);
	out->name = lm_strdup(name);
	struct collect collect = { .module = out, .root = folder, .name = out->name };
	if (collect_folder(&collect, nullptr, 0, err) < 0)
		return -1;
	if (out->entries.count == 0)
		return lm_err_set(err, LM_E_NOT_FOUND, "the folder has no files, or git ignores all of them");
	return finish(out, err);
}

static int
collect_single(const char *path, const struct lm_file_info *info, struct lm_module *out, struct lm_err *err)
{
	const char *file = lm_path_name(path);
	struct lm_str name = lm_str_of(file);
	if (!lm_str_ends(name, LM_STR(".py")))
		return lm_err_set(err, LM_E_SYNTAX, "neither a folder nor a .py file");
	name.len -= strlen(".py");
	if (!is_name(name))
		return lm_err_set(err, LM_E_SYNTAX, "not a name that Python can import: '%.*s'", LM_STR_ARG(name));
	out->name = lm_strndup(name.ptr, name.len);
	if (add_file(out, path, file, (info->mode & 0100) != 0, err) < 0)
		return -1;
	return finish(out, err);
}

static int
collect(const char *path, struct lm_module *out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(path);
	struct lm_file_info info = {};
	if (lm_file_info(absolute, &info, err) < 0)
		return -1;
	if (!info.exists)
		return lm_err_set(err, LM_E_NOT_FOUND, "no such file or folder");
	if (info.is_dir)
		return collect_package(absolute, lm_path_name(absolute), out, err);
	if (info.is_file)
		return collect_single(absolute, &info, out, err);
	return lm_err_set(err, LM_E_UNSUPPORTED, info.is_link ? "is a link" : "neither a folder nor a file");
}

int
lm_module_collect(const char *path, struct lm_module *out, struct lm_err *err)
{
	*out = (struct lm_module){};
	if (collect(path, out, err) < 0) {
		lm_module_release(out);
		return lm_err_wrap(err, "module '%s'", path);
	}
	return 0;
}

static int
collect_executable(const char *path, struct lm_module *out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(path);
	struct lm_file_info info = {};
	if (lm_file_info(absolute, &info, err) < 0)
		return -1;
	if (!info.exists)
		return lm_err_set(err, LM_E_NOT_FOUND, "no such file");
	if (!info.is_file && !info.is_link) // a link is followed: build tools make them
		return lm_err_set(err, LM_E_UNSUPPORTED, "not a file");
	const char *name = lm_path_name(absolute);
	if (lm_path_check_name(name, err) < 0)
		return -1;
	out->name = lm_strdup(name);
	if (add_file(out, absolute, name, true, err) < 0)
		return -1;
	return finish(out, err);
}

int
lm_module_collect_executable(const char *path, struct lm_module *out, struct lm_err *err)
{
	*out = (struct lm_module){};
	if (collect_executable(path, out, err) < 0) {
		lm_module_release(out);
		return lm_err_wrap(err, "executable '%s'", path);
	}
	return 0;
}

void
lm_module_release(struct lm_module *module)
{
	lm_entries_release(&module->entries);
	lm_free(module->name);
	*module = (struct lm_module){};
}
