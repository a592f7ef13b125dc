// The four files of a layer's lock, as text and on disk (docs/formats/lock.md).
#pragma once

#include "steps/project.h"

struct lm_lock_files {
	struct lm_buf pylock, meta, packages, requirements; // all empty: nothing is to be written for this layer
};

// Fill `packages` and `requirements`: what a lock holds, for people and for tools that know no lock files.
void lm_lock_files_summarize(const struct lm_layer_spec *layer, const struct lm_pylock *lock, struct lm_lock_files *files);
// Write the files of all layers, as far as they differ from what is there: all of them are on disk beside their final names
// before the first one is renamed, so what can fail for want of space or permission fails before anything changed.
//   files  one per layer of the spec
[[nodiscard]] int lm_lock_files_write(const struct lm_project *project, const struct lm_lock_files *files, struct lm_err *err);
void lm_lock_files_release(struct lm_lock_files *files);
