// Replacing a tree on disk so that the old one is lost only when the new one is ready. A tree is good when its state file is
// there; ".<tree>.new" is being written, ".<tree>.old" and ".<state>.old" are what a swap that has not come to its end replaces.
#pragma once

#include "base/base.h"
#include "base/err.h"

// Bring back what a swap that was killed, or failed, has moved aside, and remove what it left. Nothing to do is no error.
[[nodiscard]] int lm_swap_undo(const char *tree, const char *state, struct lm_err *err);
// Where the new tree is to be written. Yours to lm_free.
[[nodiscard]] char *lm_swap_new(const char *tree);
// Move the old tree and its state aside, and the new tree to its place.
[[nodiscard]] int lm_swap_begin(const char *tree, const char *state, struct lm_err *err);
// The new tree is ready and has its state: remove the old one.
[[nodiscard]] int lm_swap_end(const char *tree, const char *state, struct lm_err *err);
