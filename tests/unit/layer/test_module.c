#include "fixture.h"

#include "folder.h"
#include "layer/module.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

#include <sys/stat.h>
#include <unistd.h>

struct place {
	char *folder;
};

static int
set_up(void **state)
{
	struct place *place = lm_alloc(sizeof *place);
	struct lm_err err = {};
	*state = place;
	return lm_dir_make_temp(folder_parent(), "layer-module-", &place->folder, &err);
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	struct lm_err err = {};
	int rc = lm_dir_remove(place->folder, &err);
	lm_free(place->folder);
	lm_free(place);
	return rc;
}

static void
write_file(const struct place *place, const char *path, const char *text, unsigned mode)
{
	LM_AUTO(lm_free_ptr) char *full = lm_path_join(place->folder, path);
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(full);
	struct lm_err err = {};
	if (lm_dir_make(parent, &err) < 0 || lm_file_replace(full, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.text);
}

static void
make_link(const struct place *place, const char *path, const char *target)
{
	LM_AUTO(lm_free_ptr) char *full = lm_path_join(place->folder, path);
	assert_int_equal(symlink(target, full), 0);
}

static void
git(const struct place *place, const char *folder, const char *a, const char *b)
{
	LM_AUTO(lm_free_ptr) char *full = lm_path_join(place->folder, folder);
	const char *argv[] = { "git", "-c", "init.defaultBranch=main", "-C", full, a, b, nullptr };
	struct lm_process process = { .argv = argv };
	struct lm_process_result result = {};
	struct lm_err err = {};
	if (lm_process_run(&process, &result, &err) < 0)
		fail_msg("%s", err.text);
	if (result.exit_code != 0)
		fail_msg("git %s: %s", a, lm_buf_cstr(&result.err));
	lm_process_result_release(&result);
}

static int
collect(const struct place *place, const char *path, struct lm_module *out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *full = lm_path_join(place->folder, path);
	*err = (struct lm_err){};
	return lm_module_collect(full, out, err);
}

static void
expect_module(const struct place *place, const char *path, const char *name, const char *want)
{
	struct lm_module module;
	struct lm_err err;
	if (collect(place, path, &module, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(module.name, name);
	expect_listing(path, &module.entries, want);
	lm_module_release(&module);
}

static void
plain_package(void **state)
{
	const struct place *place = *state;
	write_file(place, "pkg/__init__.py", "", 0600);
	write_file(place, "pkg/sub/data.txt", "text", 0644);
	write_file(place, "pkg/run.sh", "#!/bin/sh\n", 0700);
	write_file(place, "pkg/shared.sh", "#!/bin/sh\n", 0655);
	write_file(place, "pkg/__pycache__/x.pyc", "x", 0644);
	write_file(place, "pkg/sub/.gitignore", "*", 0644);
	write_file(place, "pkg/.github/x", "x", 0644);
	make_link(place, "pkg/alias.py", "sub/data.txt");
	make_link(place, "pkg/folder", "./sub");
	static const char want[] = "pkg/__init__.py\n"
				   "pkg/alias.py -> sub/data.txt\n"
				   "pkg/folder -> ./sub\n"
				   "pkg/run.sh*\n"
				   "pkg/shared.sh\n"
				   "pkg/sub/data.txt\n";
	expect_module(place, "pkg", "pkg", want);
	expect_module(place, "pkg/", "pkg", want);
	expect_module(place, "pkg/sub/..", "pkg", want);

	struct lm_module module;
	struct lm_err err;
	assert_int_equal(collect(place, "pkg", &module, &err), 0);
	expect_text(&module.entries, "pkg/sub/data.txt", "text");
	struct lm_digest before = module.hash;
	lm_module_release(&module);
	write_file(place, "pkg/sub/data.txt", "Text", 0644);
	assert_int_equal(collect(place, "pkg", &module, &err), 0);
	assert_false(lm_digest_equal(&before, &module.hash));
	lm_module_release(&module);
}

static void
single_file(void **state)
{
	const struct place *place = *state;
	write_file(place, "tool_1.py", "print()", 0644);
	expect_module(place, "tool_1.py", "tool_1", "tool_1.py\n");
}

static void
ignored_files_are_left_out(void **state)
{
	const struct place *place = *state;
	write_file(place, ".gitignore", "*.log\n/pkg/build/\n!keep.log\n", 0644);
	write_file(place, "pkg/__init__.py", "", 0644);
	write_file(place, "pkg/deleted.py", "", 0644);
	write_file(place, "pkg/tracked.log", "", 0644);
	write_file(place, "pkg/.gitignore", "secret*\n", 0644);
	git(place, ".", "init", "-q");
	git(place, ".", "add", ".");
	git(place, ".", "add", "pkg/deleted.py");
	const char *forced[] = { "git", "-C", place->folder, "add", "-f", "pkg/tracked.log", nullptr };
	struct lm_process process = { .argv = forced };
	struct lm_process_result result = {};
	struct lm_err err = {};
	assert_int_equal(lm_process_run(&process, &result, &err), 0);
	assert_int_equal(result.exit_code, 0);
	lm_process_result_release(&result);

	LM_AUTO(lm_free_ptr) char *deleted = lm_path_join(place->folder, "pkg/deleted.py");
	assert_int_equal(unlink(deleted), 0);
	write_file(place, "pkg/untracked.py", "", 0644);
	write_file(place, "pkg/debug.log", "", 0644);
	write_file(place, "pkg/keep.log", "", 0644);
	write_file(place, "pkg/secret.txt", "", 0644);
	write_file(place, "pkg/build/out.py", "", 0644);
	write_file(place, "pkg/odd\nname.txt", "", 0644);
	write_file(place, ".git/info/exclude", "untracked.py\n", 0644); // one machine's own: takes no part
	struct lm_module module;
	assert_int_equal(collect(place, "pkg", &module, &err), -1);
	assert_int_equal(err.code, LM_E_SYNTAX); // a control byte in a name
	LM_AUTO(lm_free_ptr) char *odd = lm_path_join(place->folder, "pkg/odd\nname.txt");
	assert_int_equal(unlink(odd), 0);

	expect_module(place, "pkg", "pkg",
		"pkg/__init__.py\n"
		"pkg/keep.log\n"
		"pkg/tracked.log\n"
		"pkg/untracked.py\n");

	// a repository inside, not added to the outer one, has ignore files of its own
	write_file(place, "pkg/inner/__init__.py", "", 0644);
	write_file(place, "pkg/inner/private.txt", "", 0644);
	write_file(place, "pkg/inner/.gitignore", "private.txt\n", 0644);
	git(place, "pkg/inner", "init", "-q");
	expect_module(place, "pkg", "pkg",
		"pkg/__init__.py\n"
		"pkg/inner/__init__.py\n"
		"pkg/keep.log\n"
		"pkg/tracked.log\n"
		"pkg/untracked.py\n");
}

// Without git the ignore files say nothing.
static void
no_git(void **state)
{
	const struct place *place = *state;
	write_file(place, ".gitignore", "*.log\n", 0644);
	write_file(place, "pkg/__init__.py", "", 0644);
	write_file(place, "pkg/debug.log", "", 0644);
	write_file(place, "bin/readme", "", 0644);
	git(place, ".", "init", "-q");
	expect_module(place, "pkg", "pkg", "pkg/__init__.py\n");

	LM_AUTO(lm_free_ptr) char *before = lm_strdup(getenv("PATH"));
	LM_AUTO(lm_free_ptr) char *bin = lm_path_join(place->folder, "bin");
	assert_int_equal(setenv("PATH", bin, 1), 0);
	expect_module(place, "pkg", "pkg", "pkg/__init__.py\npkg/debug.log\n");
	assert_int_equal(setenv("PATH", before, 1), 0);
}

// What a git hook sets does not lead to another repository, and no setting hides the one that is there.
static void
inside_a_git_hook(void **state)
{
	const struct place *place = *state;
	write_file(place, "pkg/__init__.py", "", 0644);
	write_file(place, "pkg/debug.log", "", 0644);
	write_file(place, ".gitignore", "*.log\n", 0644);
	git(place, ".", "init", "-q");
	assert_int_equal(setenv("GIT_DIR", "/nowhere", 1), 0);
	assert_int_equal(setenv("GIT_INDEX_FILE", "/nowhere/index", 1), 0);
	assert_int_equal(setenv("GIT_CEILING_DIRECTORIES", place->folder, 1), 0);
	expect_module(place, "pkg", "pkg", "pkg/__init__.py\n");
	assert_int_equal(unsetenv("GIT_CEILING_DIRECTORIES"), 0);
	assert_int_equal(unsetenv("GIT_DIR"), 0);
	assert_int_equal(unsetenv("GIT_INDEX_FILE"), 0);
}

static void
all_ignored(void **state)
{
	const struct place *place = *state;
	write_file(place, ".gitignore", "pkg/\n", 0644);
	write_file(place, "pkg/__init__.py", "", 0644);
	git(place, ".", "init", "-q");
	struct lm_module module;
	struct lm_err err;
	assert_int_equal(collect(place, "pkg", &module, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_true(lm_cstr_ends(err.text, "/pkg': the folder has no files, or git ignores all of them"));
}

static void
broken_repository(void **state)
{
	const struct place *place = *state;
	write_file(place, ".git", "not a repository", 0644);
	write_file(place, "pkg/__init__.py", "", 0644);
	struct lm_module module;
	struct lm_err err;
	assert_int_equal(collect(place, "pkg", &module, &err), -1);
	assert_int_equal(err.code, LM_E_CHILD);
	assert_non_null(strstr(err.text, ": git cannot list the files of '"));
	assert_non_null(strstr(err.text, "fatal: invalid gitfile format"));
}

static void
refused(void **state)
{
	const struct place *place = *state;
	write_file(place, "bad-name/__init__.py", "", 0644);
	write_file(place, "1st.py", "", 0644);
	write_file(place, "notes.txt", "", 0644);
	write_file(place, "absolute/__init__.py", "", 0644);
	make_link(place, "absolute/link", "/etc/passwd");
	write_file(place, "outside/__init__.py", "", 0644);
	make_link(place, "outside/link", "../notes.txt");
	write_file(place, "sibling/__init__.py", "", 0644);
	make_link(place, "sibling/link", "../sibling2/x");
	write_file(place, "dangling/__init__.py", "", 0644);
	make_link(place, "dangling/link", "missing");
	write_file(place, "fifo/__init__.py", "", 0644);
	LM_AUTO(lm_free_ptr) char *fifo = lm_path_join(place->folder, "fifo/pipe");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	make_link(place, "linked.py", "1st.py");
	LM_AUTO(lm_free_ptr) char *empty = lm_path_join(place->folder, "empty");
	assert_int_equal(mkdir(empty, 0700), 0);

	static const struct {
		const char *path;
		enum lm_code code;
		const char *front, *text; // the message is "module '<folder>/<path>': " front [<folder>/] text
	} rows[] = {
		{ "missing", LM_E_NOT_FOUND, "no such file or folder", nullptr },
		{ "bad-name", LM_E_SYNTAX, "not a name that Python can import: 'bad-name'", nullptr },
		{ "1st.py", LM_E_SYNTAX, "not a name that Python can import: '1st'", nullptr },
		{ "notes.txt", LM_E_SYNTAX, "neither a folder nor a .py file", nullptr },
		{ "linked.py", LM_E_UNSUPPORTED, "is a link", nullptr },
		{ "fifo/pipe", LM_E_UNSUPPORTED, "neither a folder nor a file", nullptr },
		{ "empty", LM_E_NOT_FOUND, "the folder has no files, or git ignores all of them", nullptr },
		{ "absolute", LM_E_SYNTAX, "link '", "absolute/link' leads out of the module: '/etc/passwd'" },
		{ "outside", LM_E_SYNTAX, "link '", "outside/link' leads out of the module: '../notes.txt'" },
		{ "sibling", LM_E_SYNTAX, "link '", "sibling/link' leads out of the module: '../sibling2/x'" },
		{ "dangling", LM_E_SYNTAX, "link 'dangling/link' leads to what is not part of the module: 'missing'", nullptr },
		{ "fifo", LM_E_UNSUPPORTED, "neither a file, a folder nor a link: '", "fifo/pipe'" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_module module;
		struct lm_err err;
		char *want = lm_format("module '%s/%s': %s%s%s%s", place->folder, rows[i].path, rows[i].front,
			rows[i].text == nullptr ? "" : place->folder, rows[i].text == nullptr ? "" : "/",
			rows[i].text == nullptr ? "" : rows[i].text);
		row_int_equal(rows[i].path, collect(place, rows[i].path, &module, &err), -1);
		row_int_equal(rows[i].path, err.code, rows[i].code);
		row_str_equal(rows[i].path, err.text, want);
		lm_free(want);
	}
}

static void
executables(void **state)
{
	const struct place *place = *state;
	write_file(place, "out/native-tool", "ELF", 0644);
	make_link(place, "out/latest", "native-tool");
	make_link(place, "out/dangling", "missing");
	write_file(place, "out/-bad", "ELF", 0755);

	struct lm_module module;
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *plain = lm_path_join(place->folder, "out/native-tool");
	LM_AUTO(lm_free_ptr) char *linked = lm_path_join(place->folder, "out/latest");
	assert_int_equal(lm_module_collect_executable(plain, &module, &err), 0);
	assert_string_equal(module.name, "native-tool");
	expect_listing("plain", &module.entries, "native-tool*\n");
	lm_module_release(&module);
	assert_int_equal(lm_module_collect_executable(linked, &module, &err), 0);
	expect_listing("link", &module.entries, "latest*\n");
	expect_text(&module.entries, "latest", "ELF");
	lm_module_release(&module);

	static const struct {
		const char *path;
		enum lm_code code;
	} rows[] = {
		{ "out", LM_E_UNSUPPORTED },
		{ "out/missing", LM_E_NOT_FOUND },
		{ "out/dangling", LM_E_NOT_FOUND },
		{ "out/-bad", LM_E_SYNTAX },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(place->folder, rows[i].path);
		LM_AUTO(lm_free_ptr) char *front = lm_format("executable '%s': ", path);
		row_int_equal(rows[i].path, lm_module_collect_executable(path, &module, &err), -1);
		row_int_equal(rows[i].path, err.code, rows[i].code);
		row_true(rows[i].path, lm_cstr_starts(err.text, front));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain_package, set_up, tear_down),
		cmocka_unit_test_setup_teardown(single_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ignored_files_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_git, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inside_a_git_hook, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_ignored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken_repository, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(executables, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
