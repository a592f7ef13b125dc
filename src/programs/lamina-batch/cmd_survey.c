#include "cli.h"

#include "batch/ingest.h"

static int
survey(struct lm_batch_run *run, struct lm_input_facts *facts, struct lm_err *err)
{
	run->python = run->cli.python != nullptr ? run->cli.python : lm_batch_env(run, "LAMINA_BATCH_PYTHON");
	struct lm_source_env env = { .python = run->python };
	if (lm_batch_config(run, err) < 0 || lm_batch_provider(run, false, err) < 0)
		return -1;
	return lm_ingest_survey(&run->config, run->provider, &env, &run->faults, facts, &run->sink, err);
}

int
lm_batch_survey(struct lm_batch_run *run, struct lm_err *err)
{
	struct lm_input_facts facts = {};
	if (survey(run, &facts, err) < 0)
		return -1;
	lm_batch_print(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)facts.rows, "input_bytes",
		(json_int_t)facts.bytes, "request_bytes", (json_int_t)facts.request_bytes, "largest_request_bytes",
		(json_int_t)facts.largest_request_bytes, "estimated_tokens", (json_int_t)facts.tokens, "batches",
		(json_int_t)facts.batches));
	return 0;
}
