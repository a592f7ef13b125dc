#include "rows.h"

#include "base/base.h"
#include "folder.h"
#include "os/cancel.h"
#include "os/pool.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { TASKS = 1000 };

struct work {
	atomic_uint runs[TASKS];
	atomic_uint total;
	size_t fail_from, cancel_at; // SIZE_MAX: never
	pthread_barrier_t *meet;
};

static int
task(void *context, size_t index, struct lm_err *err)
{
	struct work *work = context;

	atomic_fetch_add(&work->runs[index], 1);
	atomic_fetch_add(&work->total, 1);
	if (work->meet != nullptr)
		(void)pthread_barrier_wait(work->meet);
	if (index == work->cancel_at)
		lm_cancel_request();
	if (index >= work->fail_from)
		return lm_err_set(err, LM_E_SYNTAX, "task %zu failed", index);
	return 0;
}

static void
runs_each_once(void **state)
{
	static const struct {
		unsigned jobs;
		size_t count;
	} rows[] = { { 0, 3 }, { 1, TASKS }, { 2, TASKS }, { 8, TASKS }, { 8, 3 }, { 8, 1 }, { 8, 0 }, { 100000, TASKS } };
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct work work = { .fail_from = SIZE_MAX, .cancel_at = SIZE_MAX };
		struct lm_err err = {};
		assert_int_equal(lm_pool_run(rows[i].jobs, rows[i].count, task, &work, &err), 0);
		assert_int_equal(work.total, rows[i].count);
		for (size_t j = 0; j < rows[i].count; j++)
			assert_int_equal(work.runs[j], 1);
	}
}

// Four tasks that all wait for each other: only with four threads does this end.
static void
runs_at_the_same_time(void **state)
{
	pthread_barrier_t meet;
	struct work work = { .fail_from = SIZE_MAX, .cancel_at = SIZE_MAX, .meet = &meet };
	struct lm_err err = {};
	(void)state;
	assert_int_equal(pthread_barrier_init(&meet, nullptr, 4), 0);
	assert_int_equal(lm_pool_run(4, 4, task, &work, &err), 0);
	assert_int_equal(work.total, 4);
	assert_int_equal(pthread_barrier_destroy(&meet), 0);
}

static void
lowest_failure_is_told(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 8; jobs++) {
		struct work work = { .fail_from = 7, .cancel_at = SIZE_MAX };
		struct lm_err err = {};
		assert_int_equal(lm_pool_run(jobs, TASKS, task, &work, &err), -1);
		assert_int_equal(err.code, LM_E_SYNTAX);
		assert_string_equal(err.text, "task 7 failed");
		assert_true(work.total <= 7 + jobs); // those that had begun
	}
	// all four fail together
	pthread_barrier_t meet;
	struct work work = { .fail_from = 0, .cancel_at = SIZE_MAX, .meet = &meet };
	struct lm_err err = {};
	assert_int_equal(pthread_barrier_init(&meet, nullptr, 4), 0);
	assert_int_equal(lm_pool_run(4, TASKS, task, &work, &err), -1);
	assert_string_equal(err.text, "task 0 failed");
	assert_int_equal(work.total, 4);
	assert_int_equal(pthread_barrier_destroy(&meet), 0);
}

static void
interruption_stops_it(void **state)
{
	struct work work = { .fail_from = SIZE_MAX, .cancel_at = 3 };
	struct lm_err err = {};
	(void)state;
	assert_int_equal(lm_pool_run(1, TASKS, task, &work, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_string_equal(err.text, "interrupted");
	assert_int_equal(work.total, 4);
	lm_cancel_reset();
	struct work last = { .fail_from = SIZE_MAX, .cancel_at = 3 }; // what is done is done
	assert_int_equal(lm_pool_run(1, 4, task, &last, &err), 0);
	lm_cancel_reset();
}

// Tasks that need others: 1 and 2 need 0, 3 needs nothing, 4 needs 1 and 3.
enum { ORDERED = 5 };

static const size_t zero[] = { 0 }, one_and_three[] = { 3, 1 };
static const struct lm_pool_needs diamond[ORDERED] = { {}, { zero, 1 }, { zero, 1 }, {}, { one_and_three, 2 } };

struct ordered {
	atomic_bool done[ORDERED], begun[ORDERED];
	unsigned fails;                 // a bit per task
	int waits_for[ORDERED];         // a task whose end this one waits for, when the bit is set
	unsigned waits, called_off;     // a bit per task: it waits so; it waits until it is called off
	atomic_uint total, before_time; // runs; of them, before what they need was done
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

static int
ordered_task(void *context, size_t index, struct lm_err *err)
{
	struct ordered *ordered = context;
	unsigned bit = 1u << index;
	int rc = 0;
	atomic_fetch_add(&ordered->total, 1);
	for (size_t i = 0; i < diamond[index].count; i++)
		if (!ordered->done[diamond[index].items[i]])
			atomic_fetch_add(&ordered->before_time, 1);
	(void)pthread_mutex_lock(&ordered->mutex);
	ordered->begun[index] = true;
	(void)pthread_cond_broadcast(&ordered->changed);
	while ((ordered->waits & bit) != 0 && !ordered->begun[ordered->waits_for[index]])
		(void)pthread_cond_wait(&ordered->changed, &ordered->mutex);
	(void)pthread_mutex_unlock(&ordered->mutex);
	if ((ordered->called_off & bit) != 0) {
		struct pollfd fd = { .fd = lm_cancel_fd(), .events = POLLIN };
		assert_int_equal(poll(&fd, 1, -1), 1);
		assert_true(lm_cancel_requested());
		rc = lm_cancel_check(err);
	} else if ((ordered->fails & bit) != 0) {
		rc = lm_err_set(err, LM_E_SYNTAX, "task %zu failed", index);
	}
	ordered->done[index] = rc == 0;
	return rc;
}

static int
run_ordered(unsigned jobs, struct ordered *ordered, struct lm_err *err)
{
	(void)pthread_mutex_init(&ordered->mutex, nullptr);
	(void)pthread_cond_init(&ordered->changed, nullptr);
	int rc = lm_pool_run_ordered(jobs, ORDERED, diamond, ordered_task, ordered, err);
	(void)pthread_cond_destroy(&ordered->changed);
	(void)pthread_mutex_destroy(&ordered->mutex);
	assert_int_equal(ordered->before_time, 0);
	assert_false(lm_cancel_requested());
	return rc;
}

static void
what_is_needed_comes_first(void **state)
{
	(void)state;
	for (unsigned jobs = 0; jobs <= 8; jobs++) {
		struct ordered ordered = {};
		struct lm_err err = {};
		assert_int_equal(run_ordered(jobs, &ordered, &err), 0);
		assert_int_equal(ordered.total, ORDERED);
	}
	// 0 ends when 3 has begun, 1 when 2 has: those that need nothing of each other run at the same time
	struct ordered ordered = { .waits = 1 | 2, .waits_for = { 3, 2 } };
	struct lm_err err = {};
	assert_int_equal(run_ordered(2, &ordered, &err), 0);
	assert_int_equal(ordered.total, ORDERED);
	assert_int_equal(lm_pool_run_ordered(4, 0, diamond, ordered_task, &ordered, &err), 0);
}

// The first failure in order is told, and what comes before it is still begun; what comes after it is not, or called off.
static void
ordered_failures(void **state)
{
	static const struct {
		const char *row, *text;
		struct ordered ordered;
		unsigned jobs, total;
	} rows[] = {
		{ "one job", "task 1 failed", { .fails = 1u << 1 | 1u << 2 | 1u << 3 }, 1, 2 },
		{ "nobody else", "task 0 failed", { .fails = 1 }, 1, 1 },
		{ "what needs it", "task 0 failed", { .fails = 1, .waits = 1, .waits_for = { 3 } }, 2, 2 },
		{ "the last fails alone", "task 4 failed", { .fails = 1u << 4 }, 3, 5 },
		// 3 fails while 0 runs: 1 and 2 come before it, and begin after that
		{ "an earlier one fails later", "task 2 failed", { .fails = 1u << 2 | 1u << 3, .waits = 1, .waits_for = { 3 } },
			2, 4 },
		{ "a later one is called off", "task 0 failed",
			{ .fails = 1, .waits = 1, .waits_for = { 3 }, .called_off = 1u << 3 }, 2, 2 },
		{ "one of two that run", "task 1 failed",
			{ .fails = 1u << 1, .waits = 1 | 1u << 1, .waits_for = { 3, 2 }, .called_off = 1u << 2 }, 2, 4 },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct ordered ordered = rows[i].ordered;
		struct lm_err err = {};
		row_int_equal(rows[i].row, run_ordered(rows[i].jobs, &ordered, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_SYNTAX);
		row_str_equal(rows[i].row, err.text, rows[i].text);
		row_int_equal(rows[i].row, ordered.total, rows[i].total);
	}
}

static void
interruption_stops_ordered_ones(void **state)
{
	struct ordered ordered = { .called_off = 1 | 1u << 3 };
	struct lm_err err = {};
	(void)state;
	lm_cancel_request();
	assert_int_equal(lm_pool_run_ordered(2, ORDERED, diamond, ordered_task, &ordered, &err), -1);
	assert_int_equal(err.code, LM_E_INTERRUPTED);
	assert_int_equal(ordered.total, 0);
	lm_cancel_reset();
}

struct called_off {
	struct lm_cancel_scope *scope;
	atomic_uint total;
};

static int
call_off_at_3(void *context, size_t index, struct lm_err *)
{
	struct called_off *work = context;
	atomic_fetch_add(&work->total, 1);
	if (index == 3)
		lm_cancel_scope_request(work->scope);
	while (index > 3 && !lm_cancel_requested()) // whatever thread this is
		(void)sched_yield();
	return 0;
}

// All threads of a pool are in the scopes of its caller; afterwards nothing is called off.
static void
threads_are_in_the_callers_scope(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct lm_cancel_scope outer = {}, inner = {};
		struct called_off work = { .scope = &outer };
		struct lm_err err = {};
		lm_cancel_enter(&outer);
		lm_cancel_enter(&inner);
		assert_int_equal(lm_pool_run(jobs, TASKS, call_off_at_3, &work, &err), -1);
		assert_int_equal(err.code, LM_E_INTERRUPTED);
		assert_true(work.total <= 3 + jobs);
		assert_ptr_equal(lm_cancel_innermost(), &inner);
		lm_cancel_leave(&inner);
		lm_cancel_leave(&outer);
		assert_null(lm_cancel_innermost());
		assert_int_equal(lm_cancel_check(&err), 0);
	}
}

static void
counts_the_affinity(void **state)
{
	(void)state;
	assert_true(lm_cpu_count() >= 1);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		cpu_set_t all, one;
		CPU_ZERO(&one);
		if (sched_getaffinity(0, sizeof all, &all) < 0)
			_exit(100);
		for (size_t i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &all) && CPU_COUNT(&one) == 0)
				CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof one, &one) < 0)
			_exit(101);
		_exit((int)lm_cpu_count());
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void
reads_the_quota(void **state)
{
	LM_AUTO(folder_remove) struct folder folder = folder_make();
	static const struct {
		const char *row, *groups;
		unsigned want;
	} rows[] = {
		{ "own", "0::/a/b\n", 2 },
		{ "of the parent", "0::/a/free\n", 3 },
		{ "no file", "0::/a/none\n", 3 },
		{ "of the root", "0::/\n", 4 },
		{ "beside version 1", "2:cpu:/x\n0::/a/b\n", 2 },
		{ "version 1 only", "2:cpu:/a/b\n", 0 },
		{ "nothing", "", 0 },
		{ "broken", "0::\n0:\n:::", 0 },
		{ "nonsense", "0::/bad\n", 4 },
		{ "half a processor", "0::/half\n", 1 },
	};
	static const char *const folders[] = { "a", "a/b", "a/free", "bad", "half" };
	(void)state;
	for (size_t i = 0; i < LM_COUNT(folders); i++)
		assert_int_equal(mkdir(folder_at(&folder, folders[i]), 0755), 0);
	folder_write(&folder, "cpu.max", "400000 100000\n");
	folder_write(&folder, "a/cpu.max", "300000 100000\n");
	folder_write(&folder, "a/b/cpu.max", "150000 100000\n"); // one and a half
	folder_write(&folder, "a/free/cpu.max", "max 100000\n");
	folder_write(&folder, "bad/cpu.max", "100000 0\n");
	folder_write(&folder, "half/cpu.max", "50000 100000");
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].row, lm_cpu_quota(folder.path, rows[i].groups), rows[i].want);
	assert_int_equal(lm_cpu_quota("/nowhere", "0::/a\n"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_each_once),
		cmocka_unit_test(runs_at_the_same_time),
		cmocka_unit_test(lowest_failure_is_told),
		cmocka_unit_test(interruption_stops_it),
		cmocka_unit_test(what_is_needed_comes_first),
		cmocka_unit_test(ordered_failures),
		cmocka_unit_test(interruption_stops_ordered_ones),
		cmocka_unit_test(threads_are_in_the_callers_scope),
		cmocka_unit_test(counts_the_affinity),
		cmocka_unit_test(reads_the_quota),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
