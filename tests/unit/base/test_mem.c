#include "rows.h"

#include "base/mem.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
zeroed(void **state)
{
	(void)state;
	LM_AUTO(lm_free_ptr) unsigned char *bytes = lm_alloc(1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(bytes[i], 0);
	LM_AUTO(lm_free_ptr) void *nothing = lm_alloc(0);
	assert_non_null(nothing);
	LM_AUTO(lm_free_ptr) void *none = lm_realloc_array(nullptr, 0, 8);
	assert_non_null(none);
	LM_AUTO(lm_free_ptr) int *numbers = lm_alloc_array(3, sizeof *numbers);
	assert_int_equal(numbers[0] | numbers[1] | numbers[2], 0);
	lm_free(nullptr);
}

static void
copies(void **state)
{
	(void)state;
	LM_AUTO(lm_free_ptr) char *whole = lm_strdup("layer");
	LM_AUTO(lm_free_ptr) char *part = lm_strndup("layers", 5);
	LM_AUTO(lm_free_ptr) char *empty = lm_strndup(nullptr, 0);
	LM_AUTO(lm_free_ptr) char *made = lm_format("%s-%d", "a", 7);
	assert_string_equal(whole, "layer");
	assert_string_equal(part, "layer");
	assert_string_equal(empty, "");
	assert_string_equal(made, "a-7");
}

static void
growing(void **state)
{
	(void)state;
	LM_AUTO(lm_free_ptr) int *items = nullptr;
	size_t count = 0, cap = 0;
	for (int i = 0; i < 1000; i++) {
		lm_grow(items, count, cap);
		items[count++] = i;
	}
	assert_int_equal(cap, 1024);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
}

static void
take(void **state)
{
	(void)state;
	char *text = lm_strdup("x");
	char *moved = lm_take(&text);
	assert_null(text);
	assert_string_equal(moved, "x");
	lm_free(moved);
}

static void
arenas(void **state)
{
	(void)state;
	struct lm_arena arena = {};
	char *small = lm_arena_strdup(&arena, "first");
	char *large = lm_arena_alloc(&arena, 1'000'000); // a block of its own
	char *next = lm_arena_strndup(&arena, "second one", 6);
	char *made = lm_arena_format(&arena, "%05d", 42);
	assert_ptr_equal(next, small + 16); // the large one did not end the block in use
	assert_string_equal(small, "first");
	assert_string_equal(next, "second");
	assert_string_equal(made, "00042");
	for (size_t i = 0; i < 1'000'000; i++)
		assert_true(large[i] == 0);
	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *memory = lm_arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)memory % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_true(memory[i] == 0);
		memset(memory, 0xAA, size);
	}
	assert_string_equal(small, "first");
	lm_arena_release(&arena);
	assert_null(arena.head);
	assert_string_equal(lm_arena_strdup(&arena, "again"), "again");
	lm_arena_release(&arena);
	lm_arena_release(&arena);
}

// A child that asks for too much; its stderr.
static void
dies(const char *row, void (*ask)(void), const char *want)
{
	int ends[2];
	row_int_equal(row, pipe(ends), 0);
	pid_t child = fork();
	row_true(row, child >= 0);
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){});
		(void)signal(SIGABRT, SIG_DFL); // cmocka catches it
		(void)dup2(ends[1], STDERR_FILENO);
		ask();
		_exit(0);
	}
	(void)close(ends[1]);
	char text[256] = {};
	size_t len = 0;
	ssize_t got = 0;
	while (len < sizeof text - 1 && (got = read(ends[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)got;
	(void)close(ends[0]);
	int status = 0;
	row_int_equal(row, waitpid(child, &status, 0), child);
	row_true(row, WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	row_str_equal(row, text, want);
}

static void
ask_overflow(void)
{
	lm_free(lm_alloc_array(SIZE_MAX / 2, 3));
}

static void
ask_realloc_overflow(void)
{
	lm_free(lm_realloc_array(nullptr, SIZE_MAX / 4, 8));
}

static void
ask_arena(void)
{
	struct lm_arena arena = {};
	memset(lm_arena_alloc(&arena, SIZE_MAX - 3), 1, 1);
}

static void
out_of_memory(void **state)
{
	(void)state;
	dies("array", ask_overflow, "lamina: out of memory (18446744073709551615 bytes asked for)\n");
	dies("realloc", ask_realloc_overflow, "lamina: out of memory (18446744073709551615 bytes asked for)\n");
	dies("arena", ask_arena, "lamina: out of memory (18446744073709551612 bytes asked for)\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed),
		cmocka_unit_test(copies),
		cmocka_unit_test(growing),
		cmocka_unit_test(take),
		cmocka_unit_test(arenas),
		cmocka_unit_test(out_of_memory),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
