// The store as threads of one process use it. What it does with files, processes and damage: tests/store/.
#include "rows.h"

#include "folder.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pool.h"
#include "store/store.h"

#include <stdlib.h>

enum { THREADS = 8, TASKS = 64 };

static char *folder;
static struct lm_store *store;

static int
open_store(void **)
{
	struct lm_err err = {};
	if (lm_dir_make_temp(folder_parent(), "store-", &folder, &err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *root = lm_path_join(folder, "new/store");
	return lm_store_open(&store, root, nullptr, &err);
}

static int
close_store(void **)
{
	struct lm_err err = {};
	lm_store_close_ptr(&store);
	int rc = lm_dir_remove(folder, &err);
	lm_free(folder);
	return rc;
}

static void
the_root_is_absolute(void **)
{
	LM_AUTO(lm_free_ptr) char *want = lm_path_join(folder, "new/store");
	assert_string_equal(lm_store_root(store), want);
	assert_true(lm_store_root(store)[0] == '/');
	lm_store_close(nullptr);
}

static int
note(void *, size_t index, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *key = lm_format("key %zu", index % 10), *value = nullptr;
	if (lm_store_note_set(store, key, "the value", err) < 0 || lm_store_note_get(store, key, &value, err) < 0)
		return -1;
	if (!lm_cstr_equal(value, "the value"))
		return lm_err_set(err, LM_E_CONFLICT, "read '%s'", value == nullptr ? "nothing" : value);
	return 0;
}

static void
threads_share_the_notes(void **)
{
	struct lm_err err = {};
	if (lm_pool_run(THREADS, TASKS, note, nullptr, &err) < 0)
		fail_msg("%s", err.text);
}

static int
add(void *context, size_t index, struct lm_err *err)
{
	struct lm_digest found = {};
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s/%zu", (const char *)context, index % 4);
	if (lm_store_add_file(store, path, nullptr, &found, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *here = lm_store_find(store, &found);
	return here != nullptr ? 0 : lm_err_set(err, LM_E_NOT_FOUND, "'%s' is not there", path);
}

static void
threads_add_the_same_files(void **)
{
	struct lm_err err = {};
	for (size_t i = 0; i < 4; i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_format("%s/%zu", folder, i);
		assert_int_equal(lm_file_replace(path, path, strlen(path), 0644, &err), 0);
	}
	if (lm_pool_run(THREADS, TASKS, add, folder, &err) < 0)
		fail_msg("%s", err.text);
	struct lm_store_size size = {};
	assert_int_equal(lm_store_size(store, &size, &err), 0);
	assert_int_equal(size.sources.files, 4);
}

static void
nothing_wanted_is_nothing_to_do(void **)
{
	struct lm_err err = {};
	assert_int_equal(lm_store_fetch(store, nullptr, 0, nullptr, 0, 4, &err), 0);
}

#define IN_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_STORE(the_root_is_absolute),
		IN_STORE(threads_share_the_notes),
		IN_STORE(threads_add_the_same_files),
		IN_STORE(nothing_wanted_is_nothing_to_do),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
