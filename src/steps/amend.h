// From the resolver's answer to a layer's lock: inherited packages are marked, what no target needs is dropped, markers that hold
// everywhere are removed, and for each target the best wheel is kept.
#pragma once

#include "steps/project.h"
#include "steps/uv.h"

// LM_E_NOT_FOUND when a target has no wheel: lists packages, platforms, and the platforms that would work.
[[nodiscard]] int lm_amend(
	struct lm_project *project, size_t layer, const struct lm_pylock *resolved, struct lm_pylock *out, struct lm_err *err);

// Which of the layer's platforms a package is for.
[[nodiscard]] int lm_amend_applies_on(
	const struct lm_layer_spec *layer, const struct lm_lock_package *package, lm_platform_set *out, struct lm_err *err);
// A marker that holds on exactly these platforms.
char *lm_amend_platform_marker(lm_platform_set set, struct lm_arena *arena);
