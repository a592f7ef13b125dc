#include "cli.h"

#include "base/mem.h"

int
lm_batch_control(struct lm_batch_run *run, struct lm_err *err)
{
	unsigned command = run->cli.info->command;
	if (lm_batch_load(run, err) < 0)
		return -1;
	if (run->row.finished)
		return lm_err_set(err, LM_E_CONFLICT, "run '%s' is finished", run->row.run_id);
	enum lm_control control = command == LM_BATCH_PAUSE ? LM_CONTROL_PAUSED
		: command == LM_BATCH_CANCEL                ? LM_CONTROL_CANCELLED
							    : LM_CONTROL_RUNNING;
	if (lm_runs_control(run->runs, run->row.key, control, control == LM_CONTROL_RUNNING ? nullptr : "manual", err) < 0)
		return -1;
	return lm_batch_summary(run, err);
}

int
lm_batch_retry(struct lm_batch_run *run, struct lm_err *err)
{
	uint64_t count = 0;
	if (lm_batch_load(run, err) < 0 || lm_runs_retry(run->runs, run->row.key, &count, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr)
	char *hint = lm_format("%llu item%s pending again", (unsigned long long)count, count == 1 ? " is" : "s are");
	lm_ui_hint(run->ui, hint);
	return lm_batch_summary(run, err);
}
