// Large pages for memory that is accessed all over, where the processor would look for another page at each access.
#pragma once

#include "base/base.h"

// Ask for huge pages (2 MiB on x86-64) in these bytes, before they are used; fewer than that are left as they are. Only a wish:
// systems without them, or where they are switched off, do without.
void lm_pages_huge(void *bytes, size_t len);
