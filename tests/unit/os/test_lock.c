#include "rows.h"

#include "base/mem.h"
#include "base/str.h"
#include "folder.h"
#include "os/cancel.h"
#include "os/lock.h"

#include <signal.h>
#include <sys/wait.h>

struct told {
	const char *remove; // this file, when we are told to wait
	struct lm_buf text;
	int release; // written to when we are told to wait: the holder lets go
	bool cancel; // request an interruption instead
};

static void
on_event(void *context, const struct lm_event *event)
{
	struct told *told = context;
	if (told->remove != nullptr)
		(void)unlink(told->remove);
	lm_buf_format(&told->text, "%d:%s\n", (int)event->kind, event->text);
	if (told->cancel)
		lm_cancel_request();
	else
		(void)!write(told->release, "x", 1);
}

// Another process that takes the lock, says so, and holds it until it is written to.
static pid_t
hold(const char *path, const char *what, int *release)
{
	int ready[2], go[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct lm_lock lock = {};
		struct lm_err err = {};
		(void)close(go[1]);
		if (lm_lock_take(&lock, path, what, nullptr, &err) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		(void)!read(go[0], &byte, 1);
		lm_lock_free(&lock);
		_exit(0);
	}
	(void)close(ready[1]);
	(void)close(go[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	*release = go[1];
	return child;
}

static void
takes_and_frees(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_lock lock = {};
	struct lm_err err = {};

	(void)state;
	lm_lock_free(&lock);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "building 'x'", nullptr, &err), 0);
	LM_AUTO(lm_free_ptr) char *want = lm_format("process %d, which is building 'x'\n", (int)getpid());
	assert_string_equal(folder_read(&folder, "lock"), want);
	lm_lock_free(&lock);
	lm_lock_free(&lock);
	assert_string_equal(folder_read(&folder, "lock"), ""); // there, and nobody's
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "again", nullptr, &err), 0);
	lm_lock_free(&lock);

	LM_AUTO(lm_free_ptr)
	char *missing = lm_format("cannot open lock file '%s/no/lock': No such file or directory", folder.path);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "no/lock"), "x", nullptr, &err), -1);
	assert_string_equal(err.text, missing);
	assert_false(lock.held);
}

// A child that another thread forks has a copy of the descriptor for a moment.
static void
free_although_a_copy_is_open(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_lock lock = {};
	struct told told = { .cancel = true };
	struct lm_sink sink = { on_event, &told };
	struct lm_err err = {};

	(void)state;
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "x", nullptr, &err), 0);
	int copy = dup(lock.fd);
	lm_lock_free(&lock);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "y", &sink, &err), 0);
	assert_string_equal(lm_buf_cstr(&told.text), "");
	lm_lock_free(&lock);
	(void)close(copy);
}

static void
waits_for_another_process(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	struct told told = {};
	struct lm_sink sink = { on_event, &told };
	struct lm_err err = {};

	(void)state;
	pid_t holder = hold(folder_at(&folder, "lock"), "building 'scipy'", &told.release);
	LM_AUTO(lm_free_ptr)
	char *want = lm_format("%d:waiting for process %d, which is building 'scipy'\n", LM_EVENT_WARNING, (int)holder);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "building 'x'", &sink, &err), 0);
	assert_string_equal(lm_buf_cstr(&told.text), want); // once
	assert_int_equal(waitpid(holder, nullptr, 0), holder);
	lm_buf_release(&told.text);
	(void)close(told.release);
}

static void
a_killed_holder_holds_nothing(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	struct told told = {};
	struct lm_sink sink = { on_event, &told };
	struct lm_err err = {};

	(void)state;
	pid_t holder = hold(folder_at(&folder, "lock"), "building 'scipy'", &told.release);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, nullptr, 0), holder);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "x", &sink, &err), 0);
	assert_string_equal(lm_buf_cstr(&told.text), "");
	(void)close(told.release);
}

static void
an_interruption_ends_the_wait(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_lock lock = {};
	struct told told = { .cancel = true };
	struct lm_sink sink = { on_event, &told };
	struct lm_err err = {};

	(void)state;
	pid_t holder = hold(folder_at(&folder, "lock"), "x", &told.release);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "x", &sink, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_string_equal(err.text, "interrupted");
	assert_false(lock.held);
	lm_cancel_reset();
	assert_int_equal(write(told.release, "x", 1), 1);
	assert_int_equal(waitpid(holder, nullptr, 0), holder);
	lm_buf_release(&told.text);
	(void)close(told.release);
}

// The file goes away while we wait for it: what we get then is not it, but the one others would open.
static void
a_removed_lock_file(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	LM_AUTO(lm_free_ptr) char *path = lm_strdup(folder_at(&folder, "lock"));
	struct told told = { .remove = path };
	struct lm_sink sink = { on_event, &told };
	struct lm_err err = {};

	(void)state;
	pid_t holder = hold(path, "x", &told.release);
	assert_int_equal(lm_lock_take(&lock, path, "building 'y'", &sink, &err), 0);
	LM_AUTO(lm_free_ptr) char *want = lm_format("process %d, which is building 'y'\n", (int)getpid());
	assert_string_equal(folder_read(&folder, "lock"), want);
	assert_int_equal(waitpid(holder, nullptr, 0), holder);
	lm_buf_release(&told.text);
	(void)close(told.release);
}

static void
not_a_lock_file(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct lm_lock lock = {};
	struct lm_err err = {};

	(void)state;
	assert_int_equal(symlink("target", folder_at(&folder, "lock")), 0);
	LM_AUTO(lm_free_ptr)
	char *want = lm_format("cannot open lock file '%s/lock': Too many levels of symbolic links", folder.path);
	assert_int_equal(lm_lock_take(&lock, folder_at(&folder, "lock"), "x", nullptr, &err), -1);
	assert_string_equal(err.text, want);
}

// Whatever is in the file: nothing of it reaches a terminal that could obey it.
static void
strange_holders(void **state)
{
	static const struct {
		const char *row, *content, *want;
	} rows[] = {
		{ "nothing", "", "3:waiting for another process\n" },
		{ "escape", "\x1b[2J", "3:waiting for another process\n" },
		{ "cut at a control",
			"somebody\x07"
			"else",
			"3:waiting for somebody\n" },
		{ "not UTF-8", "\xFF\xFE", "3:waiting for another process\n" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(folder_remove) struct folder folder = folder_make();
		LM_AUTO(lm_lock_free) struct lm_lock lock = {};
		struct told told = {};
		struct lm_sink sink = { on_event, &told };
		struct lm_err err = {};
		pid_t holder = hold(folder_at(&folder, "lock"), "x", &told.release);
		folder_write(&folder, "lock", rows[i].content);
		row_int_equal(rows[i].row, lm_lock_take(&lock, folder_at(&folder, "lock"), "x", &sink, &err), 0);
		row_str_equal(rows[i].row, lm_buf_cstr(&told.text), rows[i].want);
		assert_int_equal(waitpid(holder, nullptr, 0), holder);
		lm_buf_release(&told.text);
		(void)close(told.release);
	}
}

// A folder is locked as such: through a link it is the same one.
static void
locks_folders(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	struct told told = { .cancel = true };
	struct lm_sink sink = { on_event, &told };
	struct lm_lock first = {}, second = {};
	struct lm_err err = {};

	(void)state;
	assert_int_equal(mkdir(folder_at(&folder, "out"), 0755), 0);
	assert_int_equal(symlink("out", folder_at(&folder, "link")), 0);
	assert_int_equal(lm_lock_take_folder(&first, folder_at(&folder, "out"), &sink, &err), 0);
	assert_true(first.held);
	assert_int_equal(lm_lock_take_folder(&second, folder_at(&folder, "link"), &sink, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	LM_AUTO(lm_free_ptr)
	char *want =
		lm_format("%d:waiting for another process, which is working in '%s/link'\n", LM_EVENT_WARNING, folder.path);
	assert_string_equal(lm_buf_cstr(&told.text), want);
	lm_cancel_reset();
	lm_buf_clear(&told.text);
	lm_lock_free(&first);
	assert_int_equal(lm_lock_take_folder(&second, folder_at(&folder, "link"), &sink, &err), 0);
	assert_string_equal(lm_buf_cstr(&told.text), "");
	lm_lock_free(&second);
	lm_buf_release(&told.text);

	err = (struct lm_err){};
	assert_int_equal(lm_lock_take_folder(&first, folder_at(&folder, "none"), &sink, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	LM_AUTO(lm_free_ptr) char *missing = lm_format("cannot open '%s/none': No such file or directory", folder.path);
	assert_string_equal(err.text, missing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_and_frees),
		cmocka_unit_test(free_although_a_copy_is_open),
		cmocka_unit_test(waits_for_another_process),
		cmocka_unit_test(a_killed_holder_holds_nothing),
		cmocka_unit_test(an_interruption_ends_the_wait),
		cmocka_unit_test(a_removed_lock_file),
		cmocka_unit_test(not_a_lock_file),
		cmocka_unit_test(strange_holders),
		cmocka_unit_test(locks_folders),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
