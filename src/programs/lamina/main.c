#include "cli.h"

#include "base/mem.h"
#include "lamina/version.h"
#include "os/cancel.h"

#include <stdio.h>
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
	default:
		return lm_run_show(run, err);
	}
}

// Load the project and run; findings are shown before the error that sums them up.
static int
work(struct lm_run *run, struct lm_err *err)
{
	if (lm_run_settings(run, err) < 0)
		return -1;
	int rc = lm_project_load(&run->project, run->cli.spec, &run->settings, err);
	lm_ui_diags(run->ui, &run->project.diags);
	if (rc == 0)
		rc = run_command(run, err);
	lm_ui_finish(run->ui);
	return rc;
}

static int
run_cli(int argc, char **argv, struct lm_err *err)
{
	struct lm_run run = {};
	int rc = lm_command_parse(argv[1], &run.cli.command, err);
	if (rc == 0)
		rc = lm_cli_parse(&run.cli, argc - 1, argv + 1, err);
	run.ui = lm_ui_new(run.cli.verbosity);
	if (rc == 0 && run.cli.help)
		lm_cli_help(run.cli.command);
	else if (rc == 0)
		rc = work(&run, err);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout) != 0))
		rc = lm_err_set(err, LM_E_IO, "cannot write to standard output");
	if (rc < 0)
		lm_ui_error(run.ui, err);
	lm_project_release(&run.project);
	lm_ui_free(run.ui);
	lm_cli_release(&run.cli);
	lm_arena_release(&run.arena);
	return rc < 0 ? exit_code(err) : 0;
}

int
main(int argc, char **argv)
{
	struct lm_err err = {};
	if (argc < 2) {
		(void)fputs("lamina: a command is missing; 'lamina --help' lists them\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		(void)puts("lamina " LAMINA_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		lm_cli_overview();
		return 0;
	}
	if (strcmp(argv[1], "completion") == 0) {
		if (lm_completion(argc == 3 ? argv[2] : "", &err) == 0)
			return 0;
		(void)fprintf(stderr, "lamina: %s\n", err.text);
		return 2;
	}
	lm_cancel_install();
	return run_cli(argc, argv, &err);
}
