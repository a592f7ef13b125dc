// What building may take away: nothing that lamina did not make, and nothing that a run is made from.
#pragma once

#include "steps/plan.h"

// May this folder be removed with all that is in it (--clean)? It has to be empty or one of ours: LM_E_CONFLICT else. One that
// holds the spec, the store or the state folder is refused with LM_E_USAGE.
[[nodiscard]] int lm_check_cleaning(const struct lm_project *project, const char *folder, struct lm_err *err);
// May the tree of a layer take the place of what is there now? As above; a tree that has a state file is ours, too.
[[nodiscard]] int lm_check_replacing(const struct lm_project *project, const char *tree, const char *state, struct lm_err *err);
