#include "rows.h"

#include "base/base.h"
#include "os/cancel.h"
#include "os/clock.h"

#include <pthread.h>
#include <time.h>

// Seconds as Python's datetime counts them.
static void
parses(void **state)
{
	static const struct {
		const char *row, *text;
		int64_t want;
	} rows[] = {
		{ "epoch", "1970-01-01T00:00:00Z", 0 },
		{ "plain", "2026-06-01T12:34:56Z", 1780317296 },
		{ "small letters", "2026-06-01t12:34:56z", 1780317296 },
		{ "blank", "2026-06-01 12:34:56Z", 1780317296 },
		{ "east", "2026-06-01T12:34:56+02:00", 1780310096 },
		{ "west", "2026-06-01T12:34:56-09:30", 1780351496 },
		{ "unknown offset", "2026-06-01T12:34:56-00:00", 1780317296 },
		{ "fraction", "2026-06-01T12:34:56.999999999Z", 1780317296 },
		{ "fraction and offset", "2026-06-01T12:34:56.5+02:00", 1780310096 },
		{ "date", "2026-06-01", 1780272000 },
		{ "leap day", "2024-02-29T00:00:00Z", 1709164800 },
		{ "leap day of a century", "2000-02-29", 951782400 },
		{ "leap second", "2016-12-31T23:59:60Z", 1483228800 },
		{ "before 1970", "1969-12-31T23:59:59Z", -1 },
		{ "first", "0001-01-01T00:00:00Z", -62135596800 },
		{ "last", "9999-12-31T23:59:59Z", 253402300799 },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		int64_t got = 42;
		row_true(rows[i].row, lm_time_parse(rows[i].text, &got));
		row_int_equal(rows[i].row, got, rows[i].want);
	}
}

static void
does_not_parse(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"2026",
		"2026-06",
		"2026-6-1",
		"2026-06-01T",
		"2026-06-01T12:34Z",
		"2026-06-01T12:34:56", // no zone
		"2026-06-01T12:34:56.Z",
		"2026-06-01T12:34:56+2:00",
		"2026-06-01T12:34:56+0200",
		"2026-06-01T12:34:56+24:00",
		"2026-06-01T12:34:56+02:60",
		"2026-06-01T24:00:00Z",
		"2026-06-01T12:60:00Z",
		"2026-06-01T12:34:61Z",
		"2026-13-01",
		"2026-00-01",
		"2026-06-00",
		"2026-06-31",
		"2026-02-29",
		"1900-02-29",
		"2026-06-01T12:34:56ZZ",
		"2026-06-01T12:34:56Z ",
		" 2026-06-01",
		"+026-06-01",
		"2026-06-01x",
		"2026/06/01",
		"20260601",
		"-2026-06-01",
		"10000-01-01",
		"2026-06-01T-1:00:00Z",
		"2026-06-01T12:34:56,5Z",
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		int64_t got = 42;
		row_true(rows[i], !lm_time_parse(rows[i], &got));
		row_int_equal(rows[i], got, 42);
	}
}

static void
formats(void **state)
{
	static const struct {
		const char *want;
		int64_t time_s;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-06-01T12:34:56Z", 1780317296 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "2000-02-29T00:00:00Z", 951782400 },
		{ "0001-01-01T00:00:00Z", -62135596800 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};
	char text[LM_TIME_TEXT];
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		lm_time_format(rows[i].time_s, text);
		row_str_equal(rows[i].want, text, rows[i].want);
	}
	lm_time_format(INT64_MAX, text); // nonsense, but no overflow
	lm_time_format(INT64_MIN, text);
}

// The C library's own calendar, every 5 days and some seconds over 800 years.
static void
agrees_with_gmtime(void **state)
{
	(void)state;
	for (int64_t time_s = -12000000000; time_s < 14000000000; time_s += 5 * 86400 + 12345) {
		struct tm parts;
		char want[LM_TIME_TEXT], got[LM_TIME_TEXT];
		time_t seconds = time_s;
		int64_t back = 0;
		assert_non_null(gmtime_r(&seconds, &parts));
		assert_true(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0);
		lm_time_format(time_s, got);
		assert_string_equal(got, want);
		assert_true(lm_time_parse(got, &back));
		assert_int_equal(back, time_s);
	}
}

static void
clocks(void **state)
{
	(void)state;
	int64_t before = (int64_t)time(nullptr), now = lm_clock_now_s();
	assert_true(now >= before - 1 && now <= (int64_t)time(nullptr) + 1);
	now = lm_clock_now_ms();
	assert_true(now / 1000 >= before - 1 && now / 1000 <= (int64_t)time(nullptr) + 1);
	uint64_t start = lm_clock_monotonic_ms();
	assert_false(lm_clock_sleep_ms(3));
	assert_true(lm_clock_monotonic_ms() - start >= 3);
}

static void *
request(void *argument)
{
	(void)argument;
	lm_cancel_request();
	return nullptr;
}

static void
cancel_wakes_a_sleeper(void **state)
{
	pthread_t thread;
	(void)state;
	assert_int_equal(pthread_create(&thread, nullptr, request, nullptr), 0);
	assert_true(lm_clock_sleep_ms(UINT64_MAX)); // hangs for ever when it is not woken
	assert_int_equal(pthread_join(thread, nullptr), 0);
	assert_true(lm_clock_sleep_ms(UINT64_MAX)); // and does not begin to sleep
	lm_cancel_reset();
	assert_false(lm_clock_sleep_ms(1));
}

static void
random_bytes(void **state)
{
	char a[33], b[33];
	unsigned char large[4096] = {};
	size_t zeros = 0;
	(void)state;
	lm_random_hex(a, 32);
	lm_random_hex(b, 32);
	assert_int_equal(strspn(a, "0123456789abcdef"), 32);
	assert_int_equal(strlen(a), 32);
	assert_string_not_equal(a, b);
	lm_random_bytes(large, sizeof large);
	for (size_t i = 0; i < sizeof large; i++)
		zeros += large[i] == 0;
	assert_true(zeros < 200); // 16 expected
	lm_random_bytes(large, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(does_not_parse),
		cmocka_unit_test(formats),
		cmocka_unit_test(agrees_with_gmtime),
		cmocka_unit_test(clocks),
		cmocka_unit_test(cancel_wakes_a_sleeper),
		cmocka_unit_test(random_bytes),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
