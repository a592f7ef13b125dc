// Inside of ingestion; only ingest*.c include it.
#pragma once

#include "base/mem.h"
#include "batch/ingest.h"
#include "batch/prompt.h"

// A row that was looked at: its texts. Reused from row to row.
struct lm_ingest_texts {
	struct lm_buf prompt, system;
};
void lm_ingest_texts_release(struct lm_ingest_texts *texts);

// The columns that the configuration names, where `env` names none.
struct lm_source_env lm_ingest_env(const struct lm_source_env *env, const struct lm_prompts *prompts);
// The next row of a source, with its texts: 1, 0 at the end, -1 (LM_E_SYNTAX: of this row alone).
[[nodiscard]] int lm_ingest_next(struct lm_source *source, const char *path, const struct lm_prompts *prompts,
	struct lm_row *row, struct lm_ingest_texts *texts, struct lm_err *err);
// Add what is wrong with a row; its "<path>:<line>: column C: " becomes the place. False: there are enough of them.
bool lm_ingest_fault(struct lm_diags *faults, const char *path, const struct lm_err *err);
// -1 LM_E_SYNTAX: so many rows cannot be used.
int lm_ingest_refuse(const struct lm_diags *faults, struct lm_err *err);
// "src_<12 digits>__<id>"
void lm_ingest_namespaced(const struct lm_batch_config *config, uint32_t source, struct lm_str id, struct lm_buf *out);

// ---- has a source changed? (ingest_changed.c)

[[nodiscard]] int lm_ingest_stamp(const char *path, struct lm_source_stamp *out, struct lm_err *err);
// Is what was read of a source still there? Looks at the content only where the stamp differs, and then keeps the new stamp.
//   whole  the source was read to its end: it must not have grown either
// LM_E_CONFLICT names file and bytes.
[[nodiscard]] int lm_ingest_same(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config, uint32_t source,
	const struct lm_source_env *env, bool whole, struct lm_err *err);
