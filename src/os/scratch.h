// Temporary folders that do not outlive us for long: locked while their maker lives, and swept by the next one.
#pragma once

#include "base/base.h"
#include "base/err.h"

// Zero-initialised has none.
struct lm_scratch {
	char *path; // mode 0700
	int fd;     // of the folder; its lock says that we live
};

// A fresh folder "<prefix><random>" inside `parent`, which must exist. First removes those of that prefix whose makers died.
[[nodiscard]] int lm_scratch_make(const char *parent, const char *prefix, struct lm_scratch *scratch, struct lm_err *err);
// Remove it with all that is in it; what cannot be removed is left to the next sweep. Safe on a zeroed one; fits LM_AUTO.
void lm_scratch_remove(struct lm_scratch *scratch);
