// The threads' share of state that is dear: as many workers as may work at once. For the modules of src/archive.
#pragma once

#include "archive/run.h"

// A worker for a piece of this run; waits until one is free and none of a larger piece waits for it, and for a part of a large file
// until there is memory for it. Who holds one must not wait for another piece.
[[nodiscard]] struct lm_worker *lm_crew_take(struct lm_crew *crew, const struct lm_run *run, const struct lm_part *part);
void lm_crew_give(struct lm_crew *crew, struct lm_worker *worker);

// Room for a large member that is inflated in one call: false when all members that are have as much as they may together.
[[nodiscard]] bool lm_crew_hold(struct lm_crew *crew, size_t bytes);
void lm_crew_let_go(struct lm_crew *crew, size_t bytes);
