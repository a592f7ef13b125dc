#include "rows.h"

#include "base/mem.h"
#include "folder.h"
#include "os/dir.h"
#include "os/file.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void
lists_sorted_by_byte(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	static const char *const want[] = { "-", ".hidden", "A", "B", "_", "a", "a.b", "ab", "\xC3\xA9", "\xFF" };
	static const char *const made[] = { "ab", "\xFF", "a", "B", "_", ".hidden", "a.b", "\xC3\xA9", "A", "-" };
	struct lm_err err = {};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(made); i++)
		folder_write(&folder, made[i], "");
	assert_int_equal(lm_dir_list(folder.path, &names, &err), 0);
	assert_int_equal(names.count, LM_COUNT(want));
	for (size_t i = 0; i < LM_COUNT(want); i++)
		assert_string_equal(names.items[i], want[i]);
	assert_int_equal(lm_dir_list("/nowhere", &names, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, "cannot list '/nowhere': No such file or directory");
	LM_AUTO(lm_free_ptr) char *want_text = lm_format("cannot list '%s/a': Not a directory", folder.path);
	assert_int_equal(lm_dir_list(folder_at(&folder, "a"), &names, &err), -1);
	assert_string_equal(err.text, want_text);
}

static void
makes_folders_whatever_the_umask(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const char *const paths[] = { "a", "a/b/c", "a/b/c", "a//d/", "x/../y" };
	struct lm_err err = {};
	struct lm_file_info info;

	(void)state;
	assert_int_equal(mkdir(folder_at(&folder, "x"), 0755), 0);
	for (size_t i = 0; i < LM_COUNT(paths); i++) {
		mode_t before = umask(0777);
		int rc = lm_dir_make(folder_at(&folder, paths[i]), &err);
		(void)umask(before);
		assert_int_equal(rc, 0);
		assert_int_equal(lm_file_info(folder_at(&folder, paths[i]), &info, &err), 0);
		assert_true(info.is_dir);
		assert_int_equal(info.mode, 0755);
	}
	assert_int_equal(symlink("a", folder_at(&folder, "link")), 0);
	assert_int_equal(lm_dir_make(folder_at(&folder, "link"), &err), 0);
	assert_int_equal(lm_dir_make(folder_at(&folder, "link/e"), &err), 0);

	folder_write(&folder, "file", "");
	LM_AUTO(lm_free_ptr) char *want = lm_format("cannot make folder '%s/file': Not a directory", folder.path);
	assert_int_equal(lm_dir_make(folder_at(&folder, "file/b"), &err), -1);
	assert_string_equal(err.text, want);
	assert_int_equal(lm_dir_make("", &err), -1);
	assert_string_equal(err.text, "cannot make folder '': No such file or directory");
	assert_int_equal(lm_dir_make("/proc/none", &err), -1);
	assert_string_equal(err.text, "cannot make folder '/proc/none': No such file or directory");
}

static void
makes_temporary_folders(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_free_ptr) char *a = nullptr;
	LM_AUTO(lm_free_ptr) char *b = nullptr;
	struct lm_err err = {};
	struct lm_file_info info;

	(void)state;
	mode_t before = umask(0777);
	int rc = lm_dir_make_temp(folder.path, "build-", &a, &err);
	(void)umask(before);
	assert_int_equal(rc, 0);
	assert_int_equal(lm_dir_make_temp(folder.path, "build-", &b, &err), 0);
	assert_string_not_equal(a, b);
	LM_AUTO(lm_free_ptr) char *prefix = lm_format("%s/build-", folder.path);
	assert_int_equal(strncmp(a, prefix, strlen(prefix)), 0);
	assert_int_equal(lm_file_info(a, &info, &err), 0);
	assert_true(info.is_dir);
	assert_int_equal(info.mode, 0700);
	assert_int_equal(lm_dir_make_temp("/nowhere", "x", &b, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, "cannot make a temporary folder in '/nowhere': No such file or directory");
}

// A tree with links to files and folders outside of it, and folders that forbid what removal needs.
static void
make_tree(const struct folder *folder)
{
	assert_int_equal(mkdir(folder_at(folder, "outside"), 0755), 0);
	folder_write(folder, "outside/kept", "kept");
	assert_int_equal(mkdir(folder_at(folder, "tree"), 0755), 0);
	assert_int_equal(mkdir(folder_at(folder, "tree/b"), 0755), 0);
	assert_int_equal(mkdir(folder_at(folder, "tree/b/c"), 0755), 0);
	folder_write(folder, "tree/b/c/file", "1");
	folder_write(folder, "tree/b.c", "2");
	folder_write(folder, "tree/a", "3");
	assert_int_equal(symlink("../outside", folder_at(folder, "tree/link")), 0);
	assert_int_equal(symlink("../outside/kept", folder_at(folder, "tree/b/link")), 0);
	assert_int_equal(mkfifo(folder_at(folder, "tree/fifo"), 0600), 0);
}

static void
removes_a_tree(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};

	(void)state;
	make_tree(&folder);
	assert_int_equal(symlink("outside", folder_at(&folder, "link")), 0);
	assert_int_equal(lm_dir_remove(folder_at(&folder, "link/"), &err), 0); // the link, not what it points to
	assert_int_equal(lm_dir_remove(folder_at(&folder, "tree"), &err), 0);
	assert_int_equal(lm_dir_remove(folder_at(&folder, "tree"), &err), 0);
	assert_int_equal(lm_dir_remove(folder_at(&folder, "nowhere/at/all"), &err), 0);
	assert_string_equal(folder_read(&folder, "outside/kept"), "kept");
	assert_int_equal(lm_dir_remove(folder_at(&folder, "outside/kept"), &err), 0);
	assert_int_equal(rmdir(folder_at(&folder, "outside")), 0);
	assert_int_equal(rmdir(folder.path), 0);
	static const char *const refused[] = { "/", ".", "..", "a/..", "", "a/." };
	for (size_t i = 0; i < LM_COUNT(refused); i++) {
		LM_AUTO(lm_free_ptr) char *want = lm_format("not a folder that can be removed: '%s'", refused[i]);
		assert_int_equal(lm_dir_remove(refused[i], &err), -1);
		assert_int_equal(err.code, LM_E_USAGE);
		assert_string_equal(err.text, want);
	}
}

// As a user without the powers of root: folders without any right for their owner.
static void
removes_forbidden_folders(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};

	(void)state;
	assert_int_equal(chmod(folder.path, 0777), 0);
	const char *tree = folder_at(&folder, "tree"), *inner = folder_at(&folder, "tree/b");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		bool made = (geteuid() != 0 || setuid(65534) == 0) && mkdir(tree, 0755) == 0 && mkdir(inner, 0755) == 0;
		int file = made ? open(folder_at(&folder, "tree/b/file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0400) : -1;
		made = file >= 0 && chmod(inner, 0) == 0 && chmod(tree, 0555) == 0;
		_exit(!made ? 2 : lm_dir_remove(tree, &err) == 0 ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(rmdir(folder.path), 0);
}

struct visits {
	struct lm_buf text;
	const char *skip, *fail;
};

static int
note_visit(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err)
{
	struct visits *visits = context;
	lm_buf_format(&visits->text, "%s%s ", path, info->is_dir ? "/" : info->is_link ? "@" : info->is_file ? "" : "|");
	if (lm_cstr_equal(path, visits->fail))
		return lm_err_set(err, LM_E_SYNTAX, "seen enough: '%s'", path);
	return lm_cstr_equal(path, visits->skip) ? 1 : 0;
}

static void
walks(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const struct {
		const char *row, *root, *skip, *fail, *visited;
		int rc;
		const char *text;
	} rows[] = {
		{ "all", "tree", nullptr, nullptr, "a b/ b/c/ b/c/file b/link@ b.c fifo| link@ ", 0, "" },
		{ "trailing slash", "tree/", nullptr, nullptr, "a b/ b/c/ b/c/file b/link@ b.c fifo| link@ ", 0, "" },
		{ "skip a folder", "tree", "b", nullptr, "a b/ b.c fifo| link@ ", 0, "" },
		{ "1 of a file", "tree", "a", nullptr, "a b/ b/c/ b/c/file b/link@ b.c fifo| link@ ", 0, "" },
		{ "fail inside", "tree", nullptr, "b/c/file", "a b/ b/c/ b/c/file ", -1, "seen enough: 'b/c/file'" },
		{ "root is a link", "to-tree", "b", nullptr, "a b/ b.c fifo| link@ ", 0, "" },
	};

	(void)state;
	make_tree(&folder);
	assert_int_equal(symlink("tree", folder_at(&folder, "to-tree")), 0);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct visits visits = { .skip = rows[i].skip, .fail = rows[i].fail };
		struct lm_err err = {};
		row_int_equal(
			rows[i].row, lm_dir_walk(folder_at(&folder, rows[i].root), note_visit, &visits, &err), rows[i].rc);
		row_str_equal(rows[i].row, lm_buf_cstr(&visits.text), rows[i].visited);
		row_str_equal(rows[i].row, err.text, rows[i].text);
		lm_buf_release(&visits.text);
	}
	struct visits visits = {};
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *missing = lm_format("cannot open '%s/none': No such file or directory", folder.path);
	assert_int_equal(lm_dir_walk(folder_at(&folder, "none"), note_visit, &visits, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, missing);
}

static int
count_visit(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err)
{
	(void)path, (void)info, (void)err;
	(*(size_t *)context)++;
	return 0;
}

// Deeper than a path can be written, with few descriptors.
static void
deep_trees(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	enum { DEPTH = 4000 };

	(void)state;
	const char *tree = folder_at(&folder, "tree");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = {};
		struct lm_err err = {};
		size_t count = 0;
		if (mkdir(tree, 0755) < 0 || chdir(tree) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
			_exit(2);
		limit.rlim_cur = 16;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			_exit(2);
		for (int i = 0; i < DEPTH; i++)
			if (mkdir("deep", 0755) < 0 || chdir("deep") < 0)
				_exit(3);
		if (lm_dir_walk(tree, count_visit, &count, &err) < 0 || count != DEPTH)
			_exit(4);
		_exit(lm_dir_remove(tree, &err) < 0 ? 5 : 0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(rmdir(folder.path), 0);
}

static void
too_deep_trees(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};
	size_t count = 0;

	(void)state;
	int at = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 4097; i++) {
		assert_int_equal(mkdirat(at, "d", 0755), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	assert_int_equal(lm_dir_walk(folder.path, count_visit, &count, &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	LM_AUTO(lm_free_ptr) char *told = lm_format("folders more than 4096 deep: '%s/", folder.path);
	assert_int_equal(strncmp(err.text, told, strlen(told)), 0);
	assert_int_equal(lm_dir_remove(folder_at(&folder, "d"), &err), -1);
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_int_equal(lm_dir_remove(folder_at(&folder, "d/d"), &err), 0); // one less
}

static void
holds(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const struct {
		const char *row, *folder, *path;
		bool want;
	} rows[] = {
		{ "itself", "a", "a", true },
		{ "a file", "a", "a/b/file", true },
		{ "by way of dots", "a/b/..", "a/../a/b", true },
		{ "above", "a/b", "a", false },
		{ "beside", "a", "ab", false },
		{ "through a link", "a", "link/file", true },
		{ "the folder is a link", "link", "a/b/file", true },
		{ "a link out", "a", "a/out", false },
		{ "not there", "a", "a/none", false },
		{ "no folder", "none", "a", false },
	};
	struct lm_err err = {};

	(void)state;
	assert_int_equal(lm_dir_make(folder_at(&folder, "a/b"), &err), 0);
	assert_int_equal(lm_dir_make(folder_at(&folder, "ab"), &err), 0);
	folder_write(&folder, "a/b/file", "");
	assert_int_equal(symlink("a/b", folder_at(&folder, "link")), 0);
	assert_int_equal(symlink("../ab", folder_at(&folder, "a/out")), 0);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_free_ptr) char *outer = lm_strdup(folder_at(&folder, rows[i].folder));
		LM_AUTO(lm_free_ptr) char *inner = lm_strdup(folder_at(&folder, rows[i].path));
		row_int_equal(rows[i].row, lm_dir_holds(outer, inner), rows[i].want);
	}
	assert_true(lm_dir_holds("/", folder.path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_sorted_by_byte),
		cmocka_unit_test(makes_folders_whatever_the_umask),
		cmocka_unit_test(makes_temporary_folders),
		cmocka_unit_test(removes_a_tree),
		cmocka_unit_test(removes_forbidden_folders),
		cmocka_unit_test(walks),
		cmocka_unit_test(deep_trees),
		cmocka_unit_test(too_deep_trees),
		cmocka_unit_test(holds),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
