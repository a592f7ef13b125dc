// A tree on disk: one projection of a layer.
#pragma once

#include "archive/entry.h"
#include "base/event.h"

#include <semaphore.h>

// Write finished entries into `folder`, which must not exist (LM_E_CONFLICT): made beside as "<folder>.partial", renamed at
// the end. Modes are exact, times of files, links and folders are `mtime_s`, contents are checked against their digests; any
// number of `jobs` gives the same tree. Trees that are written at the same time may share `turns`: a file of one of them is written
// for each that the semaphore counts; null: there are no others. On failure nothing is left. After a kill either nothing or all of it is under the
// name; bytes are not forced to disk: after a power cut a tree is to be made again. Progress events are of `step` and
// `subject`; the caller tells begin and end.
[[nodiscard]] int lm_tree_write(const struct lm_entries *entries, const char *folder, int64_t mtime_s, unsigned jobs,
	sem_t *turns, const struct lm_sink *sink, const char *step, const char *subject, struct lm_err *err);
