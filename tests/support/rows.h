// Asserts of cmocka that name the row of a table they failed in.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define row_true(row, condition) \
	do { \
		if (!(condition)) \
			fail_msg("row '%s': not true: %s", (row), #condition); \
	} while (0)

#define row_int_equal(row, got, want) \
	do { \
		long long row_got_ = (long long)(got), row_want_ = (long long)(want); \
		if (row_got_ != row_want_) \
			fail_msg("row '%s': %s is %lld, want %lld", (row), #got, row_got_, row_want_); \
	} while (0)

#define row_str_equal(row, got, want) \
	do { \
		const char *row_got_ = (got), *row_want_ = (want); \
		if (row_got_ == nullptr || row_want_ == nullptr ? row_got_ != row_want_ : strcmp(row_got_, row_want_) != 0) \
			fail_msg("row '%s': %s is \"%s\", want \"%s\"", (row), #got, \
				row_got_ == nullptr ? "(null)" : row_got_, row_want_ == nullptr ? "(null)" : row_want_); \
	} while (0)
