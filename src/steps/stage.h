// The new files of an output folder wait in its staging folder until all of them were made, and are flushed to disk together; what is
// left then are renames, which need no space. So a run that fails leaves the folder as it was, and one that is killed leaves files
// that are each whole.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Remove what killed runs left: the staging folder, and partial files beside what we write. What is not there is no error.
[[nodiscard]] int lm_stage_sweep(const char *folder, struct lm_err *err);
// Make the output folder, what we put into it, and the staging folder.
[[nodiscard]] int lm_stage_make(const char *folder, struct lm_err *err);
// Remove the staging folder with what is in it.
[[nodiscard]] int lm_stage_drop(const char *folder, struct lm_err *err);
// The same after a failure: with the folders that lm_stage_make made, but not the output folder itself, where nothing is in them.
[[nodiscard]] int lm_stage_undo(const char *folder, struct lm_err *err);

// Where a staged file is; name: one component, unlike every other's. Yours to lm_free.
[[nodiscard]] char *lm_stage_path(const char *folder, const char *name);
[[nodiscard]] int lm_stage_write(const char *folder, const char *name, struct lm_str text, struct lm_err *err);
// All staged files are on disk now.
[[nodiscard]] int lm_stage_settle(const char *folder, struct lm_err *err);
// Give a staged file its place.
//   to  from the output folder; what is there is replaced
[[nodiscard]] int lm_stage_place(const char *folder, const char *name, const char *to, struct lm_err *err);
// What was renamed and removed stays so, even after a power cut.
enum lm_stage_places {
	LM_STAGE_ARCHIVES = 1, // in the output folder, the folders of segments and of entries
	LM_STAGE_METADATA = 2, // in env_metadata
	LM_STAGE_MANIFEST = 4, // in __venvstacks__
};
//   places  which
[[nodiscard]] int lm_stage_flush(const char *folder, unsigned places, struct lm_err *err);
