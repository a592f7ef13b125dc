// lamina diff
#include "cli.h"

#include "base/mem.h"
#include "os/process.h"
#include "os/scratch.h"
#include "steps/diffoscope.h"

#include <stdlib.h>

static int
with_diffoscope(struct lm_run *run, json_t **report, bool *equal, struct lm_err *err)
{
	const char *parent = getenv("TMPDIR");
	LM_AUTO(lm_free_ptr) char *program = lm_process_find("diffoscope", nullptr);
	LM_AUTO(lm_scratch_remove) struct lm_scratch scratch = {}; // of one that is killed: removed by the next
	if (program == nullptr)
		return lm_err_set(err, LM_E_NOT_FOUND, "there is no program 'diffoscope' in PATH, which --diffoscope needs");
	if (lm_scratch_make(parent != nullptr && parent[0] != '\0' ? parent : "/tmp", "lamina-diff-", &scratch, err) < 0)
		return -1;
	struct lm_diffoscope diffoscope = { .program = program, .scratch = scratch.path };
	struct lm_diff_options options = { .different = lm_diffoscope_layer, .context = &diffoscope };
	return lm_diff_paths(run->cli.spec, run->cli.folder, &options, report, equal, err);
}

int
lm_run_diff(struct lm_run *run, struct lm_err *err)
{
	struct lm_diff_options options = {};
	json_t *report = nullptr;
	bool equal = false;
	int rc = run->cli.diffoscope ? with_diffoscope(run, &report, &equal, err)
				     : lm_diff_paths(run->cli.spec, run->cli.folder, &options, &report, &equal, err);
	if (rc < 0) {
		json_decref(report);
		return -1;
	}
	return lm_run_compared(run, report, equal, err);
}
