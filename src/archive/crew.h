// The threads' share of state that is dear: as many workers as may work at once. For the modules of src/archive.
#pragma once

#include "archive/run.h"

// A worker for a piece of this run; waits until one is free. Who holds one must not wait for another piece.
[[nodiscard]] struct lm_worker *lm_crew_take(struct lm_crew *crew, const struct lm_run *run);
void lm_crew_give(struct lm_crew *crew, struct lm_worker *worker);
