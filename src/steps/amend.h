// From the resolver's answer to a layer's lock: inherited packages are marked, what no target needs is dropped, markers that hold
// everywhere are removed, and for each target the best wheel is kept.
#pragma once

#include "steps/project.h"
#include "steps/uv.h"

// LM_E_NOT_FOUND when a target has no wheel: lists packages, platforms, and the platforms that would work.
[[nodiscard]] int lm_amend(
	struct lm_project *project, size_t layer, const struct lm_pylock *resolved, struct lm_pylock *out, struct lm_err *err);

// After a failed resolution for several platforms: find which of them would resolve alone, and add that to the text.
void lm_amend_explain_failure(struct lm_project *project, const struct lm_resolve *resolve, struct lm_err *err);
