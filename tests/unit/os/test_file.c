#include "rows.h"

#include "base/mem.h"
#include "folder.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void
reads(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	struct lm_err err = {};
	size_t len = 0;

	(void)state;
	folder_write(&folder, "a", "ten bytes.");
	assert_int_equal(lm_file_read(folder_at(&folder, "a"), 10, &text, &len, &err), 0);
	assert_string_equal(text, "ten bytes.");
	assert_int_equal(len, 10);
	lm_free(lm_take(&text));
	folder_write(&folder, "empty", "");
	assert_int_equal(lm_file_read(folder_at(&folder, "empty"), 0, &text, nullptr, &err), 0);
	assert_string_equal(text, "");
	lm_free(lm_take(&text));
	assert_int_equal(lm_file_read("/proc/self/status", 1 << 20, &text, &len, &err), 0); // says 0 bytes, has more
	assert_int_equal(strncmp(text, "Name:", 5), 0);
	assert_int_equal(strlen(text), len);
}

static void
does_not_read(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const struct {
		const char *row, *path;
		enum lm_code code;
		int sys;
		const char *text; // '@' stands for the folder
	} rows[] = {
		{ "missing", "none", LM_E_NOT_FOUND, ENOENT, "cannot open '@/none': No such file or directory" },
		{ "below a file", "a/b", LM_E_NOT_FOUND, ENOTDIR, "cannot open '@/a/b': Not a directory" },
		{ "too large", "a", LM_E_LIMIT, 0, "file of more than 9 bytes: '@/a'" },
		{ "folder", "d", LM_E_IO, 0, "not a regular file: '@/d'" },
		{ "fifo", "f", LM_E_IO, 0, "not a regular file: '@/f'" },
		{ "loop", "loop", LM_E_IO, ELOOP, "cannot open '@/loop': Too many levels of symbolic links" },
	};
	char *text = nullptr;

	(void)state;
	folder_write(&folder, "a", "ten bytes.");
	assert_int_equal(mkdir(folder_at(&folder, "d"), 0700), 0);
	assert_int_equal(mkfifo(folder_at(&folder, "f"), 0600), 0);
	assert_int_equal(symlink("loop", folder_at(&folder, "loop")), 0);
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		const char *at = strchr(rows[i].text, '@');
		LM_AUTO(lm_free_ptr)
		char *want = lm_format("%.*s%s%s", (int)(at - rows[i].text), rows[i].text, folder.path, at + 1);
		row_int_equal(rows[i].row, lm_file_read(folder_at(&folder, rows[i].path), 9, &text, nullptr, &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		row_int_equal(rows[i].row, err.sys, rows[i].sys);
		row_str_equal(rows[i].row, err.text, want);
		row_true(rows[i].row, text == nullptr);
	}
	struct lm_err err = {};
	assert_int_equal(lm_file_read("/proc/self/status", 20, &text, nullptr, &err), -1); // grows beyond its size
	assert_int_equal(err.code, LM_E_LIMIT);
	assert_string_equal(err.text, "file of more than 20 bytes: '/proc/self/status'");
}

static unsigned
mode_of(const struct folder *folder, const char *name)
{
	struct stat status;
	return stat(folder_at(folder, name), &status) == 0 ? status.st_mode & 07777 : 0;
}

static void
replaces_whatever_the_umask(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const unsigned modes[] = { 0644, 0755, 0600, 0444, 0666 };
	static const mode_t masks[] = { 0, 022, 077, 0777 };

	(void)state;
	for (size_t i = 0; i < LM_COUNT(modes); i++)
		for (size_t j = 0; j < LM_COUNT(masks); j++) {
			struct lm_err err = {};
			mode_t before = umask(masks[j]);
			int rc = lm_file_replace(folder_at(&folder, "a"), "new", 3, modes[i], &err);
			(void)umask(before);
			assert_int_equal(rc, 0);
			assert_int_equal(mode_of(&folder, "a"), modes[i]);
			assert_string_equal(folder_read(&folder, "a"), "new");
		}
	assert_int_equal(unlink(folder_at(&folder, "a")), 0);
	assert_int_equal(rmdir(folder.path), 0); // nothing was left beside it
}

static void
replaces_a_link_and_not_its_target(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};

	(void)state;
	folder_write(&folder, "target", "old");
	assert_int_equal(symlink("target", folder_at(&folder, "link")), 0);
	assert_int_equal(lm_file_replace(folder_at(&folder, "link"), "new", 3, 0644, &err), 0);
	assert_string_equal(folder_read(&folder, "link"), "new");
	assert_string_equal(folder_read(&folder, "target"), "old");
}

static void
does_not_replace(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};

	(void)state;
	LM_AUTO(lm_free_ptr) char *missing = lm_format("cannot write '%s/no/a': No such file or directory", folder.path);
	assert_int_equal(lm_file_replace(folder_at(&folder, "no/a"), "x", 1, 0644, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, missing);

	assert_int_equal(mkdir(folder_at(&folder, "d"), 0700), 0);
	LM_AUTO(lm_free_ptr) char *folder_text = lm_format("cannot write '%s/d': Is a directory", folder.path);
	assert_int_equal(lm_file_replace(folder_at(&folder, "d"), "x", 1, 0644, &err), -1);
	assert_int_equal(err.code, LM_E_IO);
	assert_string_equal(err.text, folder_text);
	assert_int_equal(rmdir(folder_at(&folder, "d")), 0);
	assert_int_equal(rmdir(folder.path), 0);
}

static void
long_names(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};
	char name[256];

	(void)state;
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(lm_file_replace(folder_at(&folder, name), "x", 1, 0644, &err), 0);
	assert_string_equal(folder_read(&folder, name), "x");
}

// RLIMIT_FSIZE stands for a full disk: the write fails in the middle.
static void
full_disk_keeps_the_old_file(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();

	(void)state;
	folder_write(&folder, "a", "old");
	LM_AUTO(lm_free_ptr) char *want = lm_format("cannot write '%s/a': File too large", folder.path);
	const char *path = folder_at(&folder, "a");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		static char bytes[100000];
		struct lm_err err = {};
		struct rlimit limit = { 50000, 50000 };
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
			_exit(2);
		bool right = lm_file_replace(path, bytes, sizeof bytes, 0644, &err) == -1 && err.code == LM_E_IO &&
			strcmp(err.text, want) == 0;
		_exit(right ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(folder_read(&folder, "a"), "old");
	assert_int_equal(unlink(folder_at(&folder, "a")), 0);
	assert_int_equal(rmdir(folder.path), 0);
}

// Death between write and rename: the old file is whole, and the leftover is swept later, not while its writer lives.
static void
crash_before_commit(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_outfile_abandon) struct lm_outfile living = {};
	struct lm_err err = {};

	(void)state;
	folder_write(&folder, "a", "old");
	folder_write(&folder, "kept.partial", "not hidden, not ours to sweep");
	const char *path = folder_at(&folder, "a");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct lm_outfile file = {};
		bool done = lm_outfile_open(&file, path, 0644, &err) == 0 && lm_outfile_write(&file, "half", 4, &err) == 0;
		_exit(done ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(folder_read(&folder, "a"), "old");

	folder_write(&folder, ".a.partial", "");
	folder_write(&folder, ".ab.0123456789abcdef.partial", "");
	folder_write(&folder, ".a.0123456789abcdef.partial", "");
	assert_int_equal(lm_outfile_open(&living, path, 0644, &err), 0);
	lm_outfile_sweep_of(path); // those of this file, of dead writers
	lm_outfile_sweep_of("/nowhere/a");
	assert_int_equal(access(living.temp_path, F_OK), 0);
	assert_int_equal(access(folder_at(&folder, ".a.0123456789abcdef.partial"), F_OK), -1);
	assert_int_equal(unlink(folder_at(&folder, ".ab.0123456789abcdef.partial")), 0);
	assert_int_equal(unlink(folder_at(&folder, ".a.partial")), 0);
	lm_outfile_abandon(&living);

	assert_int_equal(lm_outfile_open(&living, folder_at(&folder, "b"), 0644, &err), 0);
	assert_int_equal(lm_outfile_sweep(folder.path, &err), 0);
	assert_int_equal(access(living.temp_path, F_OK), 0);
	assert_int_equal(lm_outfile_write(&living, "text", 4, &err), 0);
	assert_int_equal(living.size_bytes, 4);
	assert_int_equal(lm_outfile_commit(&living, &err), 0);
	assert_string_equal(folder_read(&folder, "b"), "text");
	assert_int_equal(unlink(folder_at(&folder, "a")), 0);
	assert_int_equal(unlink(folder_at(&folder, "b")), 0);
	assert_int_equal(unlink(folder_at(&folder, "kept.partial")), 0);
	assert_int_equal(rmdir(folder.path), 0);
	assert_int_equal(lm_outfile_sweep("/nowhere", &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, "cannot list '/nowhere': No such file or directory");
}

static void *
sweep_until_told(void *folder)
{
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *end = lm_path_join(folder, "end");
	while (!lm_file_exists(end))
		if (lm_outfile_sweep(folder, &err) < 0)
			return folder;
	return nullptr;
}

// Others sweep all the time: what has a writer is not swept in any instant until it has its name, not even when it is flushed.
static void
swept_by_others_meanwhile(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};
	pthread_t threads[2];
	void *failed = nullptr;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], nullptr, sweep_until_told, folder.path), 0);
	int rc = 0;
	for (int i = 0; i < 3000 && rc == 0; i++)
		rc = lm_file_replace(folder_at(&folder, "a"), "text", 4, 0644, &err);
	folder_write(&folder, "end", "");
	for (size_t i = 0; i < LM_COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
}

// Flushed first, renamed later: all of several files wait on disk before the first appears.
static void
waits_between_flush_and_commit(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_outfile a = {}, b = {};
	struct lm_err err = {};

	(void)state;
	folder_write(&folder, "a", "old");
	assert_int_equal(lm_outfile_open(&a, folder_at(&folder, "a"), 0640, &err), 0);
	assert_int_equal(lm_outfile_write(&a, "new", 3, &err), 0);
	assert_int_equal(lm_outfile_flush(&a, &err), 0);
	assert_false(a.open);
	assert_string_equal(folder_read(&folder, "a"), "old");
	assert_int_equal(lm_outfile_flush(&a, &err), 0); // once more is no harm
	assert_int_equal(lm_outfile_commit(&a, &err), 0);
	assert_string_equal(folder_read(&folder, "a"), "new");

	assert_int_equal(lm_outfile_open(&b, folder_at(&folder, "b"), 0644, &err), 0);
	assert_int_equal(lm_outfile_flush(&b, &err), 0);
	lm_outfile_abandon(&b);
	assert_int_equal(unlink(folder_at(&folder, "a")), 0);
	assert_int_equal(rmdir(folder.path), 0); // nothing of b is left
}

static void
abandons(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_outfile file = {};
	struct lm_err err = {};

	(void)state;
	lm_outfile_abandon(&file);
	assert_int_equal(lm_outfile_open(&file, folder_at(&folder, "a"), 0644, &err), 0);
	lm_outfile_abandon(&file);
	lm_outfile_abandon(&file);
	assert_int_equal(lm_outfile_open(&file, folder_at(&folder, "a"), 0644, &err), 0);
	assert_int_equal(unlink(file.temp_path), 0); // somebody cleaned up
	LM_AUTO(lm_free_ptr) char *want = lm_format("cannot write '%s/a': No such file or directory", folder.path);
	assert_int_equal(lm_outfile_commit(&file, &err), -1);
	assert_string_equal(err.text, want);
	assert_false(file.open);
	assert_int_equal(rmdir(folder.path), 0);
}

static void
informs(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_file_info info = {};
	struct lm_err err = {};
	struct timespec times[2] = { { 1000, 0 }, { 1234567890, 123456789 } };

	(void)state;
	folder_write(&folder, "a", "four");
	assert_int_equal(chmod(folder_at(&folder, "a"), 04751), 0);
	assert_int_equal(utimensat(AT_FDCWD, folder_at(&folder, "a"), times, 0), 0);
	assert_int_equal(symlink("none", folder_at(&folder, "link")), 0);
	assert_int_equal(lm_file_info(folder_at(&folder, "a"), &info, &err), 0);
	assert_true(info.exists && info.is_file && !info.is_dir && !info.is_link);
	assert_int_equal(info.mode, 04751);
	assert_int_equal(info.size_bytes, 4);
	assert_int_equal(info.mtime_s, 1234567890);
	assert_int_equal(info.mtime_ns, 123456789);
	assert_int_equal(lm_file_info(folder_at(&folder, "link"), &info, &err), 0);
	assert_true(info.exists && info.is_link && !info.is_file);
	assert_int_equal(lm_file_info(folder.path, &info, &err), 0);
	assert_true(info.exists && info.is_dir);
	assert_int_equal(lm_file_info(folder_at(&folder, "none"), &info, &err), 0);
	assert_false(info.exists);
	assert_int_equal(lm_file_info(folder_at(&folder, "a/b"), &info, &err), 0);
	assert_false(info.exists);
	assert_true(lm_file_exists(folder_at(&folder, "a")));
	assert_false(lm_file_exists(folder_at(&folder, "link")));

	char name[300];
	memset(name, 'n', 299);
	name[299] = '\0';
	assert_int_equal(lm_file_info(folder_at(&folder, name), &info, &err), -1);
	assert_int_equal(err.sys, ENAMETOOLONG);
}

static void
maps(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_map_close) struct lm_map map = {};
	struct lm_err err = {};

	(void)state;
	folder_write(&folder, "a", "mapped");
	folder_write(&folder, "empty", "");
	assert_int_equal(lm_map_open(&map, folder_at(&folder, "a"), &err), 0);
	assert_int_equal(map.len, 6);
	assert_memory_equal(map.ptr, "mapped", 6);
	lm_map_close(&map);
	lm_map_close(&map);
	assert_int_equal(lm_map_open(&map, folder_at(&folder, "empty"), &err), 0);
	assert_true(map.ptr == nullptr && map.len == 0);
	LM_AUTO(lm_free_ptr) char *missing = lm_format("cannot open '%s/none': No such file or directory", folder.path);
	assert_int_equal(lm_map_open(&map, folder_at(&folder, "none"), &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, missing);
	assert_int_equal(lm_map_open(&map, folder.path, &err), -1);
	assert_int_equal(err.code, LM_E_IO);
}

static void
copies(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	struct lm_err err = {};
	size_t len = 0;

	(void)state;
	folder_write(&folder, "a", "copied");
	folder_write(&folder, "empty", "");
	assert_int_equal(lm_file_copy(folder_at(&folder, "a"), folder_at(&folder, "b"), 0755, &err), 0);
	assert_string_equal(folder_read(&folder, "b"), "copied");
	assert_int_equal(mode_of(&folder, "b"), 0755);
	assert_int_equal(lm_file_copy(folder_at(&folder, "empty"), folder_at(&folder, "empty2"), 0600, &err), 0);
	assert_string_equal(folder_read(&folder, "empty2"), "");
	// from another file system, of a size that is not told
	assert_int_equal(lm_file_copy("/proc/self/limits", folder_at(&folder, "limits"), 0644, &err), 0);
	assert_int_equal(lm_file_read("/proc/self/limits", 1 << 20, &text, &len, &err), 0);
	assert_string_equal(folder_read(&folder, "limits"), text);

	LM_AUTO(lm_free_ptr) char *exists = lm_format("cannot write '%s/b': File exists", folder.path);
	assert_int_equal(lm_file_copy(folder_at(&folder, "a"), folder_at(&folder, "b"), 0755, &err), -1);
	assert_int_equal(err.sys, EEXIST);
	assert_string_equal(err.text, exists);
	LM_AUTO(lm_free_ptr) char *missing = lm_format("cannot open '%s/none': No such file or directory", folder.path);
	assert_int_equal(lm_file_copy(folder_at(&folder, "none"), folder_at(&folder, "c"), 0644, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, missing);
	assert_int_equal(access(folder_at(&folder, "c"), F_OK), -1);
}

static void
large_copy(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_map_close) struct lm_map a = {}, b = {};
	struct lm_err err = {};

	(void)state;
	FILE *file = fopen(folder_at(&folder, "a"), "we");
	assert_non_null(file);
	for (uint32_t i = 0; i < 1000000; i++)
		assert_int_equal(fwrite(&i, sizeof i, 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(lm_file_copy(folder_at(&folder, "a"), folder_at(&folder, "b"), 0644, &err), 0);
	assert_int_equal(lm_map_open(&a, folder_at(&folder, "a"), &err), 0);
	assert_int_equal(lm_map_open(&b, folder_at(&folder, "b"), &err), 0);
	assert_int_equal(b.len, 4000000);
	assert_memory_equal(a.ptr, b.ptr, b.len);
}

static void
removes_and_renames(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};

	(void)state;
	folder_write(&folder, "a", "text");
	folder_write(&folder, "b", "old");
	assert_int_equal(lm_file_rename(folder_at(&folder, "a"), folder_at(&folder, "b"), &err), 0);
	assert_string_equal(folder_read(&folder, "b"), "text");
	LM_AUTO(lm_free_ptr)
	char *missing = lm_format("cannot rename '%s/a' to '%s/c': No such file or directory", folder.path, folder.path);
	assert_int_equal(lm_file_rename(folder_at(&folder, "a"), folder_at(&folder, "c"), &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, missing);
	assert_int_equal(lm_file_remove(folder_at(&folder, "b"), &err), 0);
	assert_int_equal(lm_file_remove(folder_at(&folder, "b"), &err), 0);
	LM_AUTO(lm_free_ptr) char *is_folder = lm_format("cannot remove '%s': Is a directory", folder.path);
	assert_int_equal(lm_file_remove(folder.path, &err), -1);
	assert_string_equal(err.text, is_folder);
}

static void
compares(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();

	(void)state;
	folder_write(&folder, "a", "text");
	folder_write(&folder, "empty", "");
	assert_true(lm_file_equals(folder_at(&folder, "a"), "text", 4));
	assert_false(lm_file_equals(folder_at(&folder, "a"), "texT", 4));
	assert_false(lm_file_equals(folder_at(&folder, "a"), "tex", 3));
	assert_false(lm_file_equals(folder_at(&folder, "a"), "text\n", 5));
	assert_false(lm_file_equals(folder_at(&folder, "none"), "", 0));
	assert_false(lm_file_equals(folder.path, "", 0));
	assert_true(lm_file_equals(folder_at(&folder, "empty"), nullptr, 0));
}

// A hint: nothing is to be seen of it.
static void
forgets_cached(void **state)
{
	(void)state;
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	folder_write(&folder, "a", "text");
	lm_file_forget_cached(folder_at(&folder, "a"));
	lm_file_forget_cached(folder_at(&folder, "none"));
	lm_file_forget_cached(folder.path);
	assert_true(lm_file_equals(folder_at(&folder, "a"), "text", 4));
}

static void
exchange(void **state)
{
	(void)state;
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_err err = {};
	LM_AUTO(lm_free_ptr) char *one = lm_strdup(folder_at(&folder, "one")), *other = lm_strdup(folder_at(&folder, "other"));
	assert_int_equal(lm_file_replace(one, "1", 1, 0600, &err), 0);
	assert_int_equal(lm_file_exchange(one, other, &err), -1);
	assert_non_null(strstr(err.text, "': No such file or directory"));
	assert_int_equal(lm_file_replace(other, "2", 1, 0600, &err), 0);
	int rc = lm_file_exchange(one, other, &err); // 1 where the file system of the tests has no such thing
	assert_true(rc == 0 || rc == 1);
	assert_true(lm_file_equals(one, rc == 0 ? "2" : "1", 1));
	assert_true(lm_file_equals(other, rc == 0 ? "1" : "2", 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange),
		cmocka_unit_test(reads),
		cmocka_unit_test(does_not_read),
		cmocka_unit_test(replaces_whatever_the_umask),
		cmocka_unit_test(replaces_a_link_and_not_its_target),
		cmocka_unit_test(does_not_replace),
		cmocka_unit_test(long_names),
		cmocka_unit_test(full_disk_keeps_the_old_file),
		cmocka_unit_test(crash_before_commit),
		cmocka_unit_test(swept_by_others_meanwhile),
		cmocka_unit_test(waits_between_flush_and_commit),
		cmocka_unit_test(abandons),
		cmocka_unit_test(informs),
		cmocka_unit_test(maps),
		cmocka_unit_test(copies),
		cmocka_unit_test(large_copy),
		cmocka_unit_test(removes_and_renames),
		cmocka_unit_test(compares),
		cmocka_unit_test(forgets_cached),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
