// lamina check
#include "cli.h"

#include "base/mem.h"
#include "programs/common/out.h"
#include "steps/check.h"
#include "text/unicode.h"

#include <stdlib.h>

enum { SHOWN_ENTRIES = 40 }; // of a layer, without -v

// Unset and empty are the same.
static const char *
from_env(const char *name)
{
	const char *value = getenv(name);
	return value != nullptr && value[0] != '\0' ? value : nullptr;
}

int
lm_run_compared(struct lm_run *run, json_t *report, bool equal, struct lm_err *err)
{
	run->exit_code = equal ? 0 : 3;
	lm_ui_finish(run->ui);
	if (run->cli.json) {
		run->answer = report;
		return 0;
	}
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, escaped = {};
	lm_report_text(report, run->cli.verbosity > 0 ? 0 : SHOWN_ENTRIES, run->cli.verbosity < 0, &text);
	lm_text_escape(&escaped, lm_buf_view(&text));
	lm_out_text(lm_buf_cstr(&escaped));
	json_decref(report);
	return lm_out_flush(err);
}

int
lm_run_check(struct lm_run *run, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(run->project.spec.layer_count, sizeof *operations);
	json_t *report = nullptr;
	bool equal = false;
	if (lm_run_select(run, &cli->include, false, false, LM_OP_PUBLISH, operations, err) < 0)
		return -1;
	struct lm_check_options options = { .expected = cli->expected,
		.operations = operations,
		.all_layers = cli->include.count == 0,
		.platforms = cli->platforms.count > 0 ? run->platforms : 0,
		.only_known = run->only_known,
		.cached = cli->cached,
		.tagged = cli->tagged,
		.has_format = run->has_format,
		.format = run->format,
		.level = run->level,
		.export_folder = from_env("LAMINA_EXPORT_TEST_ARTIFACTS"),
		.export_always = from_env("LAMINA_FORCE_TEST_EXPORT") != nullptr &&
			!lm_cstr_equal(from_env("LAMINA_FORCE_TEST_EXPORT"), "0") };
	if (lm_step_check(&run->project, &options, &report, &equal, err) < 0)
		return -1;
	return lm_run_compared(run, report, equal, err);
}
