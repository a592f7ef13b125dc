// The summary of a run. Keys and their order are those that scripts know from batchor, then ours.
#include "batch/results.h"

static const char *
status_name(const struct lm_run_row *run)
{
	if (!run->finished)
		return "running";
	return run->counts[LM_ITEM_PERMANENT] > 0 ? "completed_with_failures" : "completed";
}

static void
put(json_t *object, const char *key, uint64_t value)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void
put_text(json_t *object, const char *key, const char *text)
{
	(void)json_object_set_new(object, key, text != nullptr ? json_string(text) : json_null());
}

json_t *
lm_results_status(const struct lm_run_row *run, int64_t now_ms)
{
	json_t *status = json_object(), *counts = json_object();
	for (int i = 0; i < LM_ITEM_STATUS_COUNT; i++)
		if (run->counts[i] > 0)
			put(counts, lm_item_status_name((enum lm_item_status)i), run->counts[i]);
	int64_t wait_ms = run->next_retry_at_ms > now_ms ? run->next_retry_at_ms - now_ms : 0;
	put_text(status, "run_id", run->run_id);
	put_text(status, "status", status_name(run));
	put(status, "total_items", run->item_count);
	put(status, "completed_items", run->counts[LM_ITEM_COMPLETED]);
	put(status, "failed_items", run->counts[LM_ITEM_PERMANENT]);
	(void)json_object_set_new(status, "status_counts", counts);
	put(status, "active_batches", run->active_batches);
	(void)json_object_set_new(status, "backoff_remaining_sec", json_real((double)wait_ms / 1000));
	put_text(status, "control_state", lm_control_name(run->control));
	put_text(status, "control_reason", run->control_reason);
	(void)json_object_set_new(status, "ingest_complete", json_boolean(run->ingest_complete));
	put(status, "batches", run->batch_count);
	put(status, "unknown_batches", run->unknown_batches);
	put(status, "failures", run->total_failures);
	put(status, "consecutive_failures", run->consecutive_failures);
	put_text(status, "last_error_class", run->last_error_class);
	put_text(status, "last_error", run->last_error_text);
	put(status, "last_sequence", run->last_sequence);
	return status;
}
