// Asserts of cmocka that name the row of a table they failed in.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Fails as cmocka's own asserts do, so that what is said stands beside the test's name and place.
[[gnu::format(printf, 3, 4)]] static inline void
row_fail(const char *file, int line, const char *format, ...)
{
	static char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	_assert_true(0, text, file, line);
}

#define row_true(row, condition) \
	do { \
		if (!(condition)) \
			row_fail(__FILE__, __LINE__, "row '%s': not true: %s", (row), #condition); \
	} while (0)

#define row_int_equal(row, got, want) \
	do { \
		long long row_got_ = (long long)(got), row_want_ = (long long)(want); \
		if (row_got_ != row_want_) \
			row_fail(__FILE__, __LINE__, "row '%s': %s: got %lld, want %lld", (row), #got, row_got_, row_want_); \
	} while (0)

#define row_str_equal(row, got, want) \
	do { \
		const char *row_got_ = (got), *row_want_ = (want); \
		if (row_got_ == nullptr || row_want_ == nullptr ? row_got_ != row_want_ : strcmp(row_got_, row_want_) != 0) \
			row_fail(__FILE__, __LINE__, "row '%s': %s: got \"%s\", want \"%s\"", (row), #got, \
				row_got_ == nullptr ? "(null)" : row_got_, row_want_ == nullptr ? "(null)" : row_want_); \
	} while (0)
