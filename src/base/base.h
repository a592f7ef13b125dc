// The few macros every file uses.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Number of elements of an array (not of a pointer).
#define LM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

// Run `release(&variable)` when the variable goes out of scope.
#define LM_AUTO(release) __attribute__((cleanup(release)))

// Move ownership out of a pointer variable: gives its value and leaves nullptr behind.
#define lm_take(pointer) \
	__extension__({ \
		auto lm_taken_ = *(pointer); \
		*(pointer) = nullptr; \
		lm_taken_; \
	})

#define LM_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
