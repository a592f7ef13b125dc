// Locking: uv resolves, we amend and write the four files per layer.
#pragma once

#include "steps/project.h"

struct lm_lock_options {
	const unsigned *operations; // per layer: LM_OP_LOCK (always), LM_OP_LOCK_IF_NEEDED, LM_OP_RESET_LOCK
};

// Lock the selected layers, several at once, each when those below it are done; lower layers that are not selected must have valid
// locks. Old files stay as they are, byte for byte, when anything fails; the failure reported is that of the first layer in the
// order of the spec that fails, for any number of jobs. Locks in `project` are current after success.
[[nodiscard]] int lm_step_lock(struct lm_project *project, const struct lm_lock_options *options, struct lm_err *err);
