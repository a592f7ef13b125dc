#include "cli.h"

#include "base/mem.h"
#include "os/clock.h"
#include "programs/common/out.h"

#include <stdlib.h>

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

int
lm_batch_status(struct lm_batch_run *run, struct lm_err *err)
{
	if (lm_batch_load(run, err) < 0)
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
