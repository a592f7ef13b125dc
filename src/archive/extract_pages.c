#include "archive/extract_parts.h"
#include "os/pages.h"

#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

static size_t
rounded(size_t len)
{
	return (len + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

static void
unmap(struct extract_pages *pages, size_t index)
{
	(void)munmap(pages->idle[index].ptr, pages->idle[index].len);
	pages->idle[index] = pages->idle[--pages->idle_count];
}

// Zstandard looks for matches all over a segment: with pages of 4 KiB the processor would look for pages at each.
static unsigned char *
map_pages(size_t len)
{
	void *memory = mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return nullptr;
	lm_pages_huge(memory, len);
	return memory;
}

unsigned char *
extract_pages_take(struct extract_pages *pages, size_t len)
{
	size_t need = rounded(len), best = pages->idle_count;
	for (size_t i = 0; i < pages->idle_count; i++)
		if (pages->idle[i].len >= need && (best == pages->idle_count || pages->idle[i].len < pages->idle[best].len))
			best = i;
	if (best < pages->idle_count && pages->idle[best].len <= 2 * need) {
		unsigned char *found = pages->idle[best].ptr;
		size_t kept = pages->idle[best].len;
		pages->idle[best] = pages->idle[--pages->idle_count];
		if (kept > need)
			(void)munmap(found + need, kept - need);
		return found;
	}
	while (pages->idle_count > 0) // what is idle is too small or too large
		unmap(pages, 0);
	return map_pages(need);
}

void
extract_pages_give(struct extract_pages *pages, unsigned char *ptr, size_t len)
{
	if (pages->idle_count == LM_COUNT(pages->idle))
		unmap(pages, 0);
	pages->idle[pages->idle_count++] = (struct extract_memory){ ptr, rounded(len) };
}

void
extract_pages_release(struct extract_pages *pages)
{
	while (pages->idle_count > 0)
		unmap(pages, 0);
}

void
extract_pages_forget(const struct lm_map *map, uint64_t offset, uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), start = (offset + page - 1) / page * page,
		 end = (offset + size) / page * page;
	if (start < end)
		(void)madvise((void *)(uintptr_t)(map->ptr + start), (size_t)(end - start), MADV_DONTNEED);
}
