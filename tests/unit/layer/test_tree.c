#include "fixture.h"

#include "folder.h"
#include "layer/tree.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pool.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int
set_up(void **state)
{
	char *folder = nullptr;
	struct lm_err err = {};
	int rc = lm_dir_make_temp(folder_parent(), "layer-tree-", &folder, &err);
	*state = folder;
	return rc;
}

static int
tear_down(void **state)
{
	struct lm_err err = {};
	int rc = lm_dir_remove(*state, &err);
	lm_free(*state);
	return rc;
}

static void
fill(struct lm_entries *entries)
{
	static const struct file files[] = {
		{ "a-b/x", "1", false },
		{ "a/b/c/deep.txt", "deep", false },
		{ "a/run", "#!/bin/sh\n", true },
		{ "top", "", false },
	};
	lm_entries_add_link(entries, "a/link", "../top", "test");
	struct lm_entry *empty = lm_entries_add(entries);
	*empty = (struct lm_entry){ .path = "void/empty", .type = LM_ENTRY_FOLDER, .origin = "test" };
	add_files(entries, files, LM_COUNT(files), "test");
}

static int
describe(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err)
{
	(void)err;
	lm_buf_format(context, "%s %s %o %lld.%lld\n", path,
		info->is_dir            ? "folder"
			: info->is_link ? "link"
					: "file",
		info->is_link ? 0u : info->mode, (long long)info->mtime_s, (long long)info->mtime_ns);
	return 0;
}

static void
whole_tree(void **state)
{
	static const char want[] = "a folder 755 1700000000.0\n"
				   "a/b folder 755 1700000000.0\n"
				   "a/b/c folder 755 1700000000.0\n"
				   "a/b/c/deep.txt file 644 1700000000.0\n"
				   "a/link link 0 1700000000.0\n"
				   "a/run file 755 1700000000.0\n"
				   "a-b folder 755 1700000000.0\n"
				   "a-b/x file 644 1700000000.0\n"
				   "top file 644 1700000000.0\n"
				   "void folder 755 1700000000.0\n"
				   "void/empty folder 755 1700000000.0\n";
	struct lm_entries entries = {};
	fill(&entries);
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		mode_t before = umask(jobs == 1 ? 0077 : 0);
		LM_AUTO(lm_free_ptr) char *folder = lm_format("%s/out%u", (char *)*state, jobs);
		LM_AUTO(lm_free_ptr) char *partial = lm_format("%s.partial/left/over", folder);
		struct lm_err err = {};
		assert_int_equal(lm_dir_make(partial, &err), 0);
		if (lm_tree_write(&entries, folder, 1700000000, jobs, nullptr, nullptr, "build", "test", &err) < 0)
			fail_msg("%s", err.text);
		(void)umask(before);

		struct lm_buf got = {};
		assert_int_equal(lm_dir_walk(folder, describe, &got, &err), 0);
		assert_string_equal(lm_buf_cstr(&got), want);
		lm_buf_release(&got);
		struct lm_file_info info;
		assert_int_equal(lm_file_info(folder, &info, &err), 0);
		assert_int_equal(info.mode, 0755);
		assert_int_equal(info.mtime_s, 1700000000);
		LM_AUTO(lm_free_ptr) char *deep = lm_path_join(folder, "a/b/c/deep.txt");
		assert_true(lm_file_equals(deep, "deep", 4));
		LM_AUTO(lm_free_ptr) char *link = lm_path_join(folder, "a/link");
		char target[16] = "";
		assert_int_equal(readlink(link, target, sizeof target), 6);
		assert_string_equal(target, "../top");
		partial[strlen(folder) + strlen(".partial")] = '\0';
		assert_false(lm_file_exists(partial));
	}
	lm_entries_release(&entries);
}

static void
progress(void *context, const struct lm_event *event)
{
	uint64_t *last = context;
	if (event->kind == LM_EVENT_PROGRESS && event->done_bytes > *last)
		*last = event->done_bytes;
	row_str_equal("event", event->step, "export");
	row_str_equal("event", event->subject, "app-x");
	row_int_equal("event", event->total_bytes, 15);
}

static void
progress_is_told(void **state)
{
	uint64_t last = 0;
	struct lm_sink sink = { progress, &last };
	struct lm_entries entries = {};
	struct lm_err err = {};
	fill(&entries);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(*state, "out");
	assert_int_equal(lm_tree_write(&entries, folder, 0, 1, nullptr, &sink, "export", "app-x", &err), 0);
	assert_int_equal(last, 15);
	lm_entries_release(&entries);
}

static void
an_existing_folder_is_kept(void **state)
{
	struct lm_entries entries = {};
	struct lm_err err = {};
	fill(&entries);
	assert_int_equal(lm_tree_write(&entries, *state, 0, 1, nullptr, nullptr, "build", "x", &err), -1);
	assert_int_equal(err.code, LM_E_CONFLICT);
	LM_AUTO(lm_free_ptr) char *want = lm_format("'%s' is there already", (char *)*state);
	assert_string_equal(err.text, want);
	lm_entries_release(&entries);
}

// Contents that do not fit their digest, or are gone: nothing is left, neither under the name nor beside it.
static void
a_failure_leaves_nothing(void **state)
{
	static const struct {
		const char *row, *text;
		enum lm_code code;
	} rows[] = {
		{ "changed", "other", LM_E_INTEGRITY },
		{ "shorter", "abc", LM_E_INTEGRITY },
		{ "gone", nullptr, LM_E_IO },
	};
	LM_AUTO(lm_free_ptr) char *source = lm_path_join(*state, "source");
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(*state, "out");
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_entries entries = {};
		struct lm_err err = {};
		fill(&entries);
		struct lm_entry *entry = lm_entries_add(&entries);
		*entry = (struct lm_entry){ .path = "file",
			.type = LM_ENTRY_FILE,
			.size = 5,
			.origin = "pkg 1.0",
			.content = { .kind = LM_CONTENT_FILE, .file = source, .stored_size = 5 } };
		lm_sha256_bytes("right", 5, &entry->digest);
		assert_int_equal(lm_entries_finish(&entries, false, &err), 0);
		if (rows[i].text == nullptr)
			assert_int_equal(lm_file_remove(source, &err), 0);
		else
			assert_int_equal(lm_file_replace(source, rows[i].text, strlen(rows[i].text), 0644, &err), 0);

		row_int_equal(rows[i].row, lm_tree_write(&entries, folder, 0, 2, nullptr, nullptr, "build", "x", &err), -1);
		row_int_equal(rows[i].row, err.code, rows[i].code);
		LM_AUTO(lm_free_ptr) char *partial = lm_format("%s.partial", folder);
		row_true(rows[i].row, !lm_file_exists(folder) && !lm_file_exists(partial));
		lm_entries_release(&entries);
	}
}

static void
a_folder_that_cannot_be_made(void **state)
{
	struct lm_entries entries = {};
	struct lm_err err = {};
	fill(&entries);
	LM_AUTO(lm_free_ptr) char *file = lm_path_join(*state, "file");
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(file, "out");
	assert_int_equal(lm_file_replace(file, "", 0, 0644, &err), 0);
	assert_int_equal(lm_tree_write(&entries, folder, 0, 1, nullptr, nullptr, "build", "x", &err), -1);
	assert_int_equal(err.code, LM_E_IO);
	lm_entries_release(&entries);
}

// A disk that takes no more: the file and the reason are named, and nothing is left.
static void
a_disk_that_is_full(void **state)
{
	struct lm_entries entries = {};
	struct lm_err err = {};
	struct rlimit before, small;
	fill(&entries);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(*state, "out");
	LM_AUTO(lm_free_ptr) char *partial = lm_format("%s.partial", folder);
	LM_AUTO(lm_free_ptr)
	char *want = lm_format("cannot write '%s/a/b/c/deep.txt': File too large", folder);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 2, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int rc = lm_tree_write(&entries, folder, 0, 1, nullptr, nullptr, "build", "x", &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, LM_E_IO);
	assert_int_equal(err.sys, EFBIG);
	if (!lm_cstr_ends(err.text, want))
		fail_msg("%s", err.text);
	assert_false(lm_file_exists(folder) || lm_file_exists(partial));
	lm_entries_release(&entries);
}

struct half {
	const struct lm_entries *entries;
	const char *folder;
	sem_t *turns;
};

static int
write_half(void *context, size_t index, struct lm_err *err)
{
	const struct half *half = (const struct half *)context + index;
	return lm_tree_write(half->entries, half->folder, 0, 4, half->turns, nullptr, "build", "x", err);
}

// Two trees at once with one turn, which is there again at the end, also when files cannot be written.
static void
turns_are_shared(void **state)
{
	struct lm_entries entries = {};
	struct lm_err err = {};
	sem_t turns;
	int left = 0;
	fill(&entries);
	LM_AUTO(lm_free_ptr) char *one = lm_path_join(*state, "one");
	LM_AUTO(lm_free_ptr) char *two = lm_path_join(*state, "two");
	LM_AUTO(lm_free_ptr) char *three = lm_path_join(*state, "three");
	LM_AUTO(lm_free_ptr) char *deep = lm_path_join(two, "a/b/c/deep.txt");
	struct half halves[] = { { &entries, one, &turns }, { &entries, two, &turns } };
	assert_int_equal(sem_init(&turns, 0, 1), 0);
	assert_int_equal(lm_pool_run(2, LM_COUNT(halves), write_half, halves, &err), 0);
	assert_true(lm_file_exists(one) && lm_file_equals(deep, "deep", 4));
	assert_int_equal(sem_getvalue(&turns, &left), 0);
	assert_int_equal(left, 1);

	struct rlimit before, small;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 2, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int rc = lm_tree_write(&entries, three, 0, 4, &turns, nullptr, "build", "x", &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(sem_getvalue(&turns, &left), 0);
	assert_int_equal(left, 1);
	assert_int_equal(sem_destroy(&turns), 0);
	lm_entries_release(&entries);
}

// An interrupt ends the writing; what was begun is removed.
static void
an_interrupt(void **state)
{
	struct lm_entries entries = {};
	struct lm_err err = {};
	fill(&entries);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(*state, "out");
	LM_AUTO(lm_free_ptr) char *partial = lm_format("%s.partial", folder);
	lm_cancel_request();
	int rc = lm_tree_write(&entries, folder, 0, 2, nullptr, nullptr, "build", "x", &err);
	lm_cancel_reset();
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_false(lm_file_exists(folder) || lm_file_exists(partial));
	lm_entries_release(&entries);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_tree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(progress_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_existing_folder_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failure_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_disk_that_is_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(turns_are_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_interrupt, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
