// A tree on disk: one projection of a layer.
#pragma once

#include "archive/entry.h"
#include "base/event.h"

// Write finished entries into `folder`, which must not exist: made beside as "<folder>.partial", renamed at the end. Modes exact,
// times `mtime_s`, contents checked against their digests, in parallel.
[[nodiscard]] int lm_tree_write(const struct lm_entries *entries, const char *folder, int64_t mtime_s, unsigned jobs,
	const struct lm_sink *sink, const char *subject, struct lm_err *err);
