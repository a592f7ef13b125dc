#include "archive/extract_parts.h"
#include "os/pages.h"

#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

// At least one byte: an empty segment has an address too.
static size_t
rounded(size_t len)
{
	return (len / HUGE_PAGE_BYTES + 1) * HUGE_PAGE_BYTES;
}

static void
keep(struct extract_pages *pages, unsigned char *ptr, size_t len)
{
	size_t least = 0;
	if (pages->idle_count < LM_COUNT(pages->idle)) {
		pages->idle[pages->idle_count++] = (struct extract_memory){ ptr, len };
		return;
	}
	for (size_t i = 1; i < pages->idle_count; i++)
		if (pages->idle[i].len < pages->idle[least].len)
			least = i;
	struct extract_memory *other = &pages->idle[least];
	if (other->len < len) {
		(void)munmap(other->ptr, other->len);
		*other = (struct extract_memory){ ptr, len };
	} else {
		(void)munmap(ptr, len);
	}
}

// What is kept beyond `max` goes back to the system.
static void
shrink(struct extract_pages *pages, size_t max)
{
	size_t kept = 0;
	for (size_t i = 0; i < pages->idle_count; i++)
		kept += pages->idle[i].len;
	while (kept > max) {
		struct extract_memory *last = &pages->idle[pages->idle_count - 1];
		size_t len = rounded(kept - max) < last->len ? rounded(kept - max) : last->len;
		last->len -= len;
		kept -= len;
		(void)munmap(last->ptr + last->len, len);
		if (last->len == 0)
			pages->idle_count--;
	}
}

// Fresh ones, that begin where a huge page does. Zstandard looks for matches all over a segment: with pages of 4 KiB the processor
// would look for pages at each.
static unsigned char *
map_pages(size_t len)
{
	unsigned char *memory =
		mmap(nullptr, len + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return nullptr;
	size_t before = (HUGE_PAGE_BYTES - (uintptr_t)memory % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
	if (before > 0)
		(void)munmap(memory, before);
	(void)munmap(memory + before + len, HUGE_PAGE_BYTES - before);
	lm_pages_huge(memory + before, len);
	return memory + before;
}

// The pages move to where there is room for more behind them; these alone are cleared by the system. Null: there is no memory.
static unsigned char *
extend(unsigned char *ptr, size_t len, size_t need)
{
	unsigned char *place = map_pages(need);
	if (place != nullptr && mremap(ptr, len, need, MREMAP_MAYMOVE | MREMAP_FIXED, place) != MAP_FAILED)
		return place;
	(void)munmap(ptr, len);
	return nullptr;
}

unsigned char *
extract_pages_take(struct extract_pages *pages, size_t len, size_t idle_max)
{
	size_t need = rounded(len), best = 0;
	for (size_t i = 1; i < pages->idle_count; i++) {
		size_t is = pages->idle[i].len, was = pages->idle[best].len;
		if (was < need ? is > was : is >= need && is < was)
			best = i;
	}
	struct extract_memory found = {};
	if (pages->idle_count > 0) {
		found = pages->idle[best];
		pages->idle[best] = pages->idle[--pages->idle_count];
	}
	if (found.len > need)
		keep(pages, found.ptr + need, found.len - need);
	shrink(pages, idle_max);
	if (found.ptr == nullptr)
		return map_pages(need);
	return found.len < need ? extend(found.ptr, found.len, need) : found.ptr;
}

void
extract_pages_give(struct extract_pages *pages, unsigned char *ptr, size_t len)
{
	keep(pages, ptr, rounded(len));
}

void
extract_pages_release(struct extract_pages *pages)
{
	shrink(pages, 0);
}

void
extract_pages_forget(const struct lm_map *map, uint64_t offset, uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), start = (offset + page - 1) / page * page,
		 end = (offset + size) / page * page;
	if (start < end)
		(void)madvise((void *)(uintptr_t)(map->ptr + start), (size_t)(end - start), MADV_DONTNEED);
}
