#include "os/pages.h"

#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

void
lm_pages_huge(void *bytes, size_t len)
{
	if (len < HUGE_PAGE_BYTES)
		return;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)bytes;
	uintptr_t first = (begin + page - 1) / page * page, end = (begin + len) / page * page;
	(void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}
