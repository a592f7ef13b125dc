#include "rows.h"

#include "base/mem.h"
#include "folder.h"
#include "os/file.h"
#include "os/scratch.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>

static void
makes_and_removes(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_scratch scratch = {};
	struct lm_file_info info;
	struct lm_err err = {};

	(void)state;
	assert_int_equal(lm_scratch_make(folder.path, "work-", &scratch, &err), 0);
	LM_AUTO(lm_free_ptr) char *prefix = lm_format("%s/work-", folder.path);
	LM_AUTO(lm_free_ptr) char *path = lm_strdup(scratch.path);
	assert_int_equal(strncmp(path, prefix, strlen(prefix)), 0);
	assert_int_equal(lm_file_info(path, &info, &err), 0);
	assert_true(info.is_dir);
	assert_int_equal(info.mode, 0700);
	LM_AUTO(lm_free_ptr) char *inside = lm_format("%s/file", path);
	assert_int_equal(lm_file_replace(inside, "x", 1, 0644, &err), 0);
	lm_scratch_remove(&scratch);
	assert_false(lm_file_exists(path));
	lm_scratch_remove(&scratch); // nothing left to do

	assert_int_equal(lm_scratch_make("/nowhere", "work-", &scratch, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, "cannot make a temporary folder in '/nowhere': No such file or directory");
}

// The folder of a process that was killed goes when the next one is made; that of a living one stays, and so does what
// has another name.
static void
sweeps_those_of_the_dead(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_scratch_remove) struct lm_scratch first = {}, second = {};
	struct lm_err err = {};

	(void)state;
	assert_int_equal(mkdir(folder_at(&folder, "work-dead"), 0700), 0);
	folder_write(&folder, "work-dead/file", "left");
	assert_int_equal(mkdir(folder_at(&folder, "other"), 0700), 0);
	folder_write(&folder, "work-file", "not a folder");
	assert_int_equal(lm_scratch_make(folder.path, "work-", &first, &err), 0);
	assert_int_equal(lm_scratch_make(folder.path, "work-", &second, &err), 0);
	assert_false(lm_file_exists(folder_at(&folder, "work-dead")));
	assert_true(lm_file_exists(folder_at(&folder, "other")));
	assert_true(lm_file_exists(folder_at(&folder, "work-file")));
	assert_true(lm_file_exists(first.path));
	assert_true(lm_file_exists(second.path));
}

static void *
make_many(void *parent)
{
	static int failures[1];
	struct lm_err err = {};
	for (int i = 0; i < 100; i++) {
		LM_AUTO(lm_scratch_remove) struct lm_scratch scratch = {};
		if (lm_scratch_make(parent, "work-", &scratch, &err) < 0 || !lm_file_exists(scratch.path))
			return failures;
	}
	return nullptr;
}

// Each sweeps the others' folders in the instant before those are locked.
static void
made_by_many_threads(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < LM_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], nullptr, make_many, folder.path), 0);
	for (size_t i = 0; i < LM_COUNT(threads); i++) {
		void *failed = nullptr;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_and_removes),
		cmocka_unit_test(sweeps_those_of_the_dead),
		cmocka_unit_test(made_by_many_threads),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
