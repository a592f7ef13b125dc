#include "cli.h"

#include "base/mem.h"
#include "os/clock.h"
#include "programs/common/out.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SHOWN_MAX = 20 }; // batches of unknown outcome

void
lm_batch_print(json_t *value)
{
	char *line = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (line != nullptr)
		lm_out_text(line);
	lm_out_text("\n");
	free(line);
	json_decref(value);
}

int
lm_batch_summary(struct lm_batch_run *run, struct lm_err *err)
{
	if (lm_batch_reload(run, err) < 0)
		return -1;
	lm_batch_print(lm_results_status(&run->row, lm_clock_now_ms()));
	return 0;
}

// Batches that wait for `resolve`, and how it is said.
static int
tell_unknown(struct lm_batch_run *run, struct lm_err *err)
{
	struct lm_batch_row *rows = nullptr;
	size_t count = 0;
	if (run->row.unknown_batches == 0)
		return 0;
	if (lm_runs_batches(run->runs, run->row.key, 1U << LM_BATCH_UNKNOWN, 0, SHOWN_MAX, &rows, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		LM_AUTO(lm_free_ptr)
		char *hint = lm_format("batch %" PRId64 " of run '%s': %s", rows[i].seq, run->row.run_id,
			rows[i].error_text != nullptr ? rows[i].error_text : "its outcome is not known");
		lm_ui_hint(run->ui, hint);
		lm_batch_row_release(&rows[i]);
	}
	lm_free(rows);
	return 0;
}

int
lm_batch_status(struct lm_batch_run *run, struct lm_err *err)
{
	if (lm_batch_load(run, err) < 0 || tell_unknown(run, err) < 0)
		return -1;
	return lm_batch_summary(run, err);
}

int
lm_batch_list(struct lm_batch_run *run, struct lm_err *err)
{
	struct lm_run_row *rows = nullptr;
	size_t count = 0;
	if (lm_batch_open(run, err) < 0)
		return -1;
	int rc = lm_runs_list(run->runs, &rows, &count, err);
	for (size_t i = 0; i < count; i++) {
		lm_batch_print(lm_results_status(&rows[i], lm_clock_now_ms()));
		lm_run_row_release(&rows[i]);
	}
	lm_free(rows);
	return rc;
}
