// Results for users: rows as JSON lines or CSV, exports, pruning, status. Format: docs/formats/batch-run.md.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "batch/folder.h"
#include "batch/provider.h"
#include "batch/runs.h"

#include <jansson.h>

enum lm_result_format { LM_RESULT_JSONL, LM_RESULT_CSV };

// Where results are read from. All borrowed.
struct lm_results {
	struct lm_runs *runs;
	const struct lm_run_row *run;
	const struct lm_run_folder *folder;
	const struct lm_provider *provider; // reads answers; null for what looks at none
	bool structured;                    // answers are JSON that followed a schema
};

struct lm_result_options {
	enum lm_result_format format;
	bool by_sequence;        // terminal results in the order in which they came; else every item by index
	uint64_t after_sequence; // only those above
	uint64_t limit;          // 0: all
	const char *output_key;  // what structured answers are called: "output" (command line) or "output_json" (exports)
};
// Call `write` with pieces of output; *next_after_sequence is where to go on. Memory is bounded whatever the number of items.
typedef int lm_result_write(void *context, struct lm_str bytes, struct lm_err *err);
[[nodiscard]] int lm_results_write(const struct lm_results *results, const struct lm_result_options *options,
	lm_result_write *write, void *context, uint64_t *count, uint64_t *next_after_sequence, struct lm_err *err);

struct lm_export {
	char *folder; // <destination>/<run id>
	char *manifest_path, *results_path; // with the folder in front
	struct lm_strings artifact_paths; // in the folder
};
void lm_export_release(struct lm_export *done);
// Export a finished run into <destination>/<run id>/: results.jsonl (or .csv), the artifacts, and manifest.json with their digests;
// built beside and renamed; an earlier export of this run is replaced, but for artifacts that were pruned since: those stay. No times and no provider ids: the same run gives the same bytes.
// LM_E_CONFLICT when the run is not finished, or something else is at <destination>/<run id>.
[[nodiscard]] int lm_results_export(const struct lm_results *results, const char *destination, enum lm_result_format format,
	int64_t now_s, struct lm_export *out, struct lm_err *err);

struct lm_pruned {
	struct lm_strings removed, missing; // relative to the run's folder
	uint64_t item_pointers, batch_pointers; // to files that are gone now
};
void lm_pruned_release(struct lm_pruned *pruned);
// Remove request files, and with `raw` the raw answers. Results do not need them.
// LM_E_CONFLICT: not finished, or raw files that were not exported (`force` overrides the latter).
[[nodiscard]] int lm_results_prune(
	const struct lm_results *results, bool raw, bool force, struct lm_pruned *out, struct lm_err *err);

// The summary: run_id, status (running, completed, completed_with_failures), total_items, completed_items, failed_items, status_counts,
// active_batches, backoff_remaining_sec, control_state, control_reason, and what a person wants to know when something goes wrong.
json_t *lm_results_status(const struct lm_run_row *run, int64_t now_ms);
