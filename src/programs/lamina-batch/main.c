#include "cli.h"

#include "os/cancel.h"
#include "os/kill_point.h"
#include "programs/common/out.h"

#include <errno.h>
#include <stdlib.h>

typedef int command_fn(struct lm_batch_run *run, struct lm_err *err);

static command_fn *
function_of(unsigned command)
{
	static const struct {
		unsigned commands;
		command_fn *function;
	} functions[] = {
		{ LM_BATCH_START, lm_batch_start },
		{ LM_BATCH_STATUS, lm_batch_status },
		{ LM_BATCH_WAIT, lm_batch_wait },
		{ LM_BATCH_STEP, lm_batch_step },
		{ LM_BATCH_RESULTS, lm_batch_results },
		{ LM_BATCH_EXPORT, lm_batch_export },
		{ LM_BATCH_PRUNE, lm_batch_prune },
		{ LM_BATCH_PAUSE | LM_BATCH_RESUME | LM_BATCH_CANCEL, lm_batch_control },
		{ LM_BATCH_RETRY, lm_batch_retry },
		{ LM_BATCH_RESOLVE, lm_batch_resolve },
		{ LM_BATCH_LIST, lm_batch_list },
		{ LM_BATCH_VALIDATE | LM_BATCH_ESTIMATE, lm_batch_survey },
		{ LM_BATCH_FAKE, lm_batch_fake_provider },
	};
	size_t i = 0;
	while ((functions[i].commands & command) == 0)
		i++;
	return functions[i].function;
}

static int
exit_code(const struct lm_err *err)
{
	switch (err->code) {
	case LM_E_USAGE:
		return 2;
	case LM_E_INTERRUPTED:
		return 130;
	default:
		return 1;
	}
}

// The error on stderr, nothing on stdout. A reader who left is told nothing.
static int
fail(struct lm_ui *ui, const struct lm_err *err)
{
	lm_out_drop();
	struct lm_err interrupted = { .code = LM_E_INTERRUPTED, .text = "interrupted" }; // whatever was going on
	if (err->code != LM_E_IO || err->sys != EPIPE)
		lm_ui_error(ui, err->code == LM_E_INTERRUPTED ? &interrupted : err);
	return exit_code(err);
}

static int
run_command(int argc, char **argv)
{
	struct lm_err err = {};
	struct lm_batch_run run = {};
	int rc = -1, first = 0;
	lm_batch_config_init(&run.config);
	run.cli.info = lm_command_find(&lm_batch_program, argv[1], &err);
	if (run.cli.info != nullptr)
		rc = lm_options_parse(&lm_batch_program, run.cli.info, &run.cli, argc - 1, argv + 1, &first, &err);
	if (rc == 0 && !run.cli.help && first < argc - 1)
		rc = lm_err_set(&err, LM_E_USAGE, "'%s' is one argument too many", argv[1 + first]);
	run.ui = lm_ui_new(lm_batch_program.name, run.cli.verbosity);
	run.sink = lm_batch_progress_sink(&run.progress, run.ui);
	if (rc == 0 && run.cli.help) {
		lm_help_command(&lm_batch_program, run.cli.info);
	} else if (rc == 0) {
		if (run.cli.info->command != LM_BATCH_FAKE)
			rc = lm_batch_read_dotenv(&run, &err);
		if (rc == 0)
			rc = function_of(run.cli.info->command)(&run, &err);
		lm_ui_finish(run.ui);
		lm_ui_diags(run.ui, &run.faults);
	}
	if (rc == 0)
		rc = lm_out_flush(&err);
	int code = rc < 0 ? fail(run.ui, &err) : 0;
	lm_ui_free(run.ui);
	lm_batch_run_release(&run);
	return code;
}

int
main(int argc, char **argv)
{
	struct lm_err err = {};
	lm_out_init();
	int rc = lm_answer_plainly(&lm_batch_program, argc, argv, &err);
	if (rc == 1) {
#ifdef LM_KILL_POINTS
		lm_kill_point_arm(getenv("LAMINA_KILL_POINT"), getenv("LAMINA_KILL_TRACE"));
#endif
		lm_cancel_install();
		return run_command(argc, argv);
	}
	if (rc == 0)
		rc = lm_out_flush(&err);
	if (rc == 0)
		return 0;
	struct lm_ui *ui = lm_ui_new(lm_batch_program.name, 0);
	int code = fail(ui, &err);
	lm_ui_free(ui);
	return code;
}
