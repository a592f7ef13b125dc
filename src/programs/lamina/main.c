#include "cli.h"

#include "base/mem.h"
#include "os/cancel.h"
#include "os/kill_point.h"
#include "programs/common/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
exit_code(const struct lm_err *err)
{
	switch (err->code) {
	case LM_E_SPEC:
	case LM_E_USAGE:
		return 2;
	case LM_E_DIFFERENT:
		return 3;
	case LM_E_INTEGRITY:
		return 4;
	case LM_E_INTERRUPTED:
		return 130;
	default:
		return 1;
	}
}

static int
run_command(struct lm_run *run, struct lm_err *err)
{
	switch (run->cli.command) {
	case LM_CMD_LOCK:
		return lm_run_lock(run, err);
	case LM_CMD_BUILD:
		return lm_run_build(run, err);
	case LM_CMD_PUBLISH:
		return lm_run_publish(run, err);
	case LM_CMD_EXPORT:
		return lm_run_export(run, err);
	case LM_CMD_CHECK:
		return lm_run_check(run, err);
	case LM_CMD_ARTIFACTS:
		return lm_run_artifacts(run, err);
	default:
		return lm_run_show(run, err);
	}
}

// Load the project and run; findings are shown before the error that sums them up.
static int
work(struct lm_run *run, struct lm_err *err)
{
	if (run->cli.command == LM_CMD_DIFF)
		return lm_run_diff(run, err);
	if (run->cli.command == LM_CMD_UNPACK)
		return lm_run_unpack(run, err);
	if (lm_run_settings(run, err) < 0)
		return -1;
	if (run->cli.command == LM_CMD_STORE)
		return lm_run_store(run, err);
	if (run->cli.all_stacks)
		return lm_run_artifacts(run, err);
	int rc = lm_project_load(&run->project, run->cli.spec, &run->settings, err);
	lm_ui_diags(run->ui, &run->project.diags);
	if (rc == 0)
		rc = run_command(run, err);
	lm_ui_finish(run->ui);
	return rc;
}

// --json stands for all that is printed, also when the command line could not be read to its end.
static bool
wants_json(const struct lm_run *run, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return run->cli.json;
}

// The error on stderr, and with --json a document on stdout that says the same. A reader who left is told nothing.
static int
fail(struct lm_run *run, bool json, const struct lm_err *err)
{
	struct lm_err ignored = {};
	int code = exit_code(err);
	lm_out_drop();
	if (err->code == LM_E_IO && err->sys == EPIPE)
		return code;
	lm_ui_error(run->ui, err);
	if (json) {
		LM_AUTO(lm_json_decref_ptr) json_t *document = lm_report_failure(&run->project.diags, err, code);
		lm_print_json(document);
		(void)lm_out_flush(&ignored);
	}
	return code;
}

static int
run_cli(int argc, char **argv)
{
	struct lm_err err = {};
	struct lm_run run = {};
	int rc = -1;
	run.cli.info = lm_command_find(&lm_lamina, argv[1], &err);
	if (run.cli.info != nullptr) {
		run.cli.command = run.cli.info->command;
		rc = lm_cli_parse(&run.cli, argc - 1, argv + 1, &err);
	}
	run.ui = lm_ui_new(lm_lamina.name, run.cli.verbosity);
	if (rc == 0 && run.cli.help)
		lm_help_command(&lm_lamina, run.cli.info);
	else if (rc == 0)
		rc = work(&run, &err);
	if (rc == 0 && run.answer != nullptr)
		lm_print_json(run.answer);
	if (rc == 0)
		rc = lm_out_flush(&err);
	int code = rc < 0 ? fail(&run, wants_json(&run, argc, argv), &err) : run.exit_code;
	json_decref(run.answer);
	lm_project_release(&run.project);
	lm_ui_free(run.ui);
	lm_cli_release(&run.cli);
	lm_arena_release(&run.arena);
	return code;
}

int
main(int argc, char **argv)
{
	struct lm_err err = {};
	lm_mem_give_back();
	lm_out_init();
	int rc = lm_answer_plainly(&lm_lamina, argc, argv, &err);
	if (rc == 0)
		rc = lm_out_flush(&err);
	if (rc == 1) {
#ifdef LM_KILL_POINTS
		lm_kill_point_arm(getenv("LAMINA_KILL_POINT"), getenv("LAMINA_KILL_TRACE"));
#endif
		lm_cancel_install();
		return run_cli(argc, argv);
	}
	if (rc == 0)
		return 0;
	struct lm_run run = { .ui = lm_ui_new(lm_lamina.name, 0) };
	int code = fail(&run, false, &err);
	lm_ui_free(run.ui);
	return code;
}
