// Memory. Our own small allocations do not fail: when none is left, the program ends with a sentence
// on stderr (any instant is a safe one to die in). A size that comes from outside is compared with a
// named limit before it gets here.
#pragma once

#include "base/base.h"

// `size` bytes, zeroed. Yours to lm_free. `size` may be 0.
[[nodiscard]] void *lm_alloc(size_t size);

// `count * size` bytes, zeroed, overflow checked (ends the program).
[[nodiscard]] void *lm_alloc_array(size_t count, size_t size);

// Resize to `count * size` bytes; new bytes are not set. `old` may be null.
[[nodiscard]] void *lm_realloc_array(void *old, size_t count, size_t size);

// Room for one more element in a growing array: doubles *cap when count == *cap.
//   items   the array, owned by the caller; may move
#define lm_grow(items, count, cap) \
	do { \
		if ((count) == (cap)) { \
			(cap) = (cap) == 0 ? 8 : (cap) * 2; \
			(items) = lm_realloc_array((items), (cap), sizeof(*(items))); \
		} \
	} while (0)

[[nodiscard]] char *lm_strdup(const char *text);
[[nodiscard]] char *lm_strndup(const char *text, size_t len);
// A new string made by a printf format; yours to lm_free.
[[nodiscard]] char *lm_format(const char *format, ...) LM_PRINTF(1, 2);

void lm_free(void *memory);

// For LM_AUTO on any pointer variable: frees what it points to, null is fine.
void lm_free_ptr(void *pointer_variable);

// For programs, at their start: large memory that is freed goes back to the system at once. glibc's malloc would keep more and
// more of it, up to 64 MiB, the larger the pieces that are freed.
void lm_mem_give_back(void);

// An arena: allocations that die together. Zero-initialised is empty and ready.
struct lm_arena {
	struct lm_arena_block *head;
};

[[nodiscard]] void *lm_arena_alloc(struct lm_arena *arena, size_t size); // zeroed, aligned to 16
[[nodiscard]] char *lm_arena_strndup(struct lm_arena *arena, const char *text, size_t len);
[[nodiscard]] char *lm_arena_strdup(struct lm_arena *arena, const char *text);
[[nodiscard]] char *lm_arena_format(struct lm_arena *arena, const char *format, ...) LM_PRINTF(2, 3);
void lm_arena_release(struct lm_arena *arena); // empty again
