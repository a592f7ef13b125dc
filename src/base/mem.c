#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

[[noreturn]] static void
out_of_memory(size_t size)
{
	(void)fprintf(stderr, "lamina: out of memory (%zu bytes asked for)\n", size);
	abort();
}

void *
lm_alloc(size_t size)
{
	void *memory = calloc(1, size == 0 ? 1 : size);
	if (memory == nullptr)
		out_of_memory(size);
	return memory;
}

void *
lm_alloc_array(size_t count, size_t size)
{
	size_t bytes = 0;
	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory(SIZE_MAX);
	return lm_alloc(bytes);
}

void *
lm_realloc_array(void *old, size_t count, size_t size)
{
	size_t bytes = 0;
	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory(SIZE_MAX);
	void *memory = realloc(old, bytes == 0 ? 1 : bytes);
	if (memory == nullptr)
		out_of_memory(bytes);
	return memory;
}

char *
lm_strndup(const char *text, size_t len)
{
	char *copy = lm_alloc(len + 1);
	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *
lm_strdup(const char *text)
{
	return lm_strndup(text, strlen(text));
}

char *
lm_format(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = nullptr;
	if (vasprintf(&text, format, args) < 0)
		out_of_memory(0);
	va_end(args);
	return text;
}

void
lm_mem_give_back(void)
{
#ifdef __GLIBC__
	enum { KEPT_BYTES = 128 * 1024 }; // its default; setting it is what stops it from growing
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
}

void
lm_free(void *memory)
{
	free(memory);
}

void
lm_free_ptr(void *pointer_variable)
{
	void *memory = nullptr;
	memcpy(&memory, pointer_variable, sizeof memory);
	free(memory);
}

struct lm_arena_block {
	struct lm_arena_block *next;
	size_t used, size;
	alignas(16) unsigned char bytes[];
};

// A small arena costs little, for there is one for each layer; a large one has few blocks.
enum { ARENA_FIRST = 1024, ARENA_LARGEST = 64 * 1024 };

static size_t
next_block(const struct lm_arena_block *last)
{
	if (last == nullptr)
		return ARENA_FIRST;
	return last->size < ARENA_LARGEST / 2 ? last->size * 2 : ARENA_LARGEST;
}

void *
lm_arena_alloc(struct lm_arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		out_of_memory(size);
	size = (size + 15) & ~(size_t)15;
	struct lm_arena_block *block = arena->head;
	if (block == nullptr || block->size - block->used < size) {
		size_t next = next_block(block), room = size > next / 4 ? size : next;
		block = lm_alloc(sizeof *block + room);
		block->size = room;
		if (room == size && arena->head != nullptr) { // a large one goes behind the block in use
			block->next = arena->head->next;
			arena->head->next = block;
		} else {
			block->next = arena->head;
			arena->head = block;
		}
	}
	void *memory = block->bytes + block->used;
	block->used += size;
	return memory;
}

char *
lm_arena_strndup(struct lm_arena *arena, const char *text, size_t len)
{
	char *copy = lm_arena_alloc(arena, len + 1);
	if (len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *
lm_arena_strdup(struct lm_arena *arena, const char *text)
{
	return lm_arena_strndup(arena, text, strlen(text));
}

char *
lm_arena_format(struct lm_arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(nullptr, 0, format, args);
	va_end(args);
	char *text = lm_arena_alloc(arena, (size_t)len + 1);
	(void)vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

void
lm_arena_release(struct lm_arena *arena)
{
	struct lm_arena_block *block = arena->head;
	while (block != nullptr) {
		struct lm_arena_block *next = block->next;
		free(block);
		block = next;
	}
	arena->head = nullptr;
}
