// From sources to rows: checks every row, gives ids, keeps checkpoints. Used by the engine, and without a store by `validate` and `estimate`.
#pragma once

#include "base/base.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/event.h"
#include "batch/config.h"
#include "batch/folder.h"
#include "batch/provider.h"
#include "batch/runs.h"
#include "batch/source.h"

enum { LM_INGEST_SLICE_ITEMS = 5000, LM_INGEST_FAULTS_MAX = 20 };

// Go on with the ingestion of a run until its sources are at their end, `control` says stop (looked at between slices), or a fault.
// Rows go to rows.jsonl (cut back to what was committed first), flushed before each slice is committed.
// The id of a row that another input had before becomes "src_<12 hexadecimal digits of SHA-256(input number NUL kind NUL path)>__<id>".
// `env` without columns gets those that the configuration names.
//   faults  rows that cannot be used, at most LM_INGEST_FAULTS_MAX; with any of them nothing more is committed, and -1 LM_E_SYNTAX
// A source that is no longer what was read: LM_E_CONFLICT names file and byte.
[[nodiscard]] int lm_ingest_run(struct lm_runs *runs, const struct lm_lease *lease, const struct lm_batch_config *config,
	const struct lm_run_folder *folder, const struct lm_source_env *env, bool (*stop)(void *context), void *context,
	struct lm_diags *faults, const struct lm_sink *sink, struct lm_err *err);
// Are the sources of a run what they were? By size and times, and only where these differ by content. LM_E_CONFLICT as above.
[[nodiscard]] int lm_ingest_unchanged(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config,
	const struct lm_source_env *env, struct lm_err *err);

// Take the sources for what was read, whatever they are now: what `--allow-change` is for. Goes before lm_ingest_run.
[[nodiscard]] int lm_ingest_accept(struct lm_runs *runs, int64_t run, const struct lm_batch_config *config, struct lm_err *err);

struct lm_input_facts {
	uint64_t rows;
	uint64_t bytes; // of the files, as far as they were read
	uint64_t request_bytes, tokens, batches; // 0 without a provider
	uint64_t largest_request_bytes;
};
// Read all without a run: `validate` wants the faults, `estimate` the facts. Duplicate ids are found through a database in a
// temporary file, so memory stays flat. With faults -1 LM_E_SYNTAX, the facts are those of the good rows; a request that no batch has
// room for is a warning among the faults, since its item alone fails.
//   provider  null: no requests are made
[[nodiscard]] int lm_ingest_survey(const struct lm_batch_config *config, const struct lm_provider *provider,
	const struct lm_source_env *env, struct lm_diags *faults, struct lm_input_facts *facts, const struct lm_sink *sink,
	struct lm_err *err);
