// The same as lm_bulk_... of runs_parts.h, as PostgreSQL likes it.
#pragma once

#include "batch/runs_parts.h"

[[nodiscard]] int lm_arrays_insert_items(struct lm_change *change, const struct lm_ingest_slice *slice, size_t *duplicate,
	uint32_t *first_source, bool *conflict, struct lm_err *err);
[[nodiscard]] int lm_arrays_known(
	struct lm_runs *runs, int64_t run, const struct lm_str *ids, size_t count, uint32_t *first_sources, struct lm_err *err);
[[nodiscard]] int lm_arrays_match(struct lm_change *change, int64_t seq, const struct lm_outcome *outcomes, size_t count,
	uint32_t *attempts, uint32_t *returns, struct lm_err *err);
[[nodiscard]] int lm_arrays_settle(struct lm_change *change, const struct lm_settled *rows, size_t count, struct lm_err *err);
