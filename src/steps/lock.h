// Locking: uv resolves, we amend and write the four files per layer.
#pragma once

#include "steps/project.h"

struct lm_lock_options {
	const unsigned *operations; // per layer: LM_OP_LOCK (always), LM_OP_LOCK_IF_NEEDED, LM_OP_RESET_LOCK
};

// Lock the selected layers in order; lower layers that are not selected must have valid locks. Old files stay as they
// are, byte for byte, when anything fails. Locks in `project` are current afterwards.
[[nodiscard]] int lm_step_lock(struct lm_project *project, const struct lm_lock_options *options, struct lm_err *err);
