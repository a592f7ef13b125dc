// Ingestion for tests in Python.
//   batch_ingest_tool run DB ARTIFACTS CONFIG PYTHON STOP    make run "r" (unless it is there) and read its sources; STOP: after so many
//                                                            slices (0: never). A line "slice" between slices
//   batch_ingest_tool unchanged DB ARTIFACTS CONFIG PYTHON
//   batch_ingest_tool accept DB ARTIFACTS CONFIG PYTHON
//   batch_ingest_tool survey - - CONFIG PYTHON               prints the facts as JSON
// Faults are lines on standard output; a failure is "<code> <message>" on standard error and exit code 1.
#include "base/mem.h"
#include "batch/ingest.h"
#include "batch/provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct stopping {
	unsigned long after, seen;
};

static bool
stop(void *context)
{
	struct stopping *stopping = context;
	(void)printf("slice\n");
	(void)fflush(stdout);
	return stopping->after > 0 && stopping->seen++ >= stopping->after;
}

static void
print_faults(const struct lm_diags *faults)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_diags_format(faults, &text);
	(void)fputs(lm_buf_cstr(&text), stdout);
}

static int
with_run(char **argv, const struct lm_batch_config *config, const struct lm_source_env *env, struct lm_err *err)
{
	LM_AUTO(lm_runs_close_ptr) struct lm_runs *runs = nullptr;
	LM_AUTO(lm_run_row_release) struct lm_run_row row = {};
	LM_AUTO(lm_run_folder_release) struct lm_run_folder folder = {};
	LM_AUTO(lm_diags_release) struct lm_diags faults = {};
	struct lm_lease lease;
	char holder[64];
	int64_t until = 0;
	if (lm_runs_open(&runs, argv[2], nullptr, err) < 0 || lm_run_folder_open(&folder, argv[3], "r", true, err) < 0)
		return -1;
	if (lm_runs_load(runs, "r", &row, err) < 0 &&
		(lm_runs_create(runs, "r", "0123456789abcdef", argv[4], 1, err) < 0 || lm_runs_load(runs, "r", &row, err) < 0))
		return -1;
	if (lm_cstr_equal(argv[1], "unchanged"))
		return lm_ingest_unchanged(runs, row.key, config, env, err);
	if (lm_cstr_equal(argv[1], "accept"))
		return lm_ingest_accept(runs, row.key, config, err);
	if (lm_lease_take(runs, row.key, LM_UNIT_RUN, "tool", 1, 100, &lease, holder, &until, err) != 1)
		return -1;
	struct stopping stopping = { .after = strtoul(argv[6], nullptr, 10) };
	int rc = lm_ingest_run(runs, &lease, config, &folder, env, stop, &stopping, &faults, nullptr, err);
	print_faults(&faults);
	return rc;
}

static int
survey(const struct lm_batch_config *config, const struct lm_source_env *env, struct lm_err *err)
{
	LM_AUTO(lm_provider_free_ptr) struct lm_provider *provider = nullptr;
	LM_AUTO(lm_diags_release) struct lm_diags faults = {};
	struct lm_input_facts facts = {};
	if (lm_provider_new(&provider, config, &(struct lm_provider_secrets){}, err) < 0)
		return -1;
	int rc = lm_ingest_survey(config, provider, env, &faults, &facts, nullptr, err);
	print_faults(&faults);
	(void)printf("{\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"request_bytes\":%" PRIu64 ",\"tokens\":%" PRIu64
		     ",\"batches\":%" PRIu64 ",\"largest\":%" PRIu64 "}\n",
		facts.rows, facts.bytes, facts.request_bytes, facts.tokens, facts.batches, facts.largest_request_bytes);
	return rc;
}

int
main(int argc, char **argv)
{
	LM_AUTO(lm_batch_config_release) struct lm_batch_config config = {};
	struct lm_err err = {};
	if (argc < 6) {
		(void)fprintf(
			stderr, "usage: batch_ingest_tool run|unchanged|accept|survey DB ARTIFACTS CONFIG PYTHON [STOP]\n");
		return 2;
	}
	struct lm_source_env env = { .python = argv[5] };
	int rc = lm_batch_config_parse(lm_str_of(argv[4]), &config, &err);
	if (rc == 0)
		rc = lm_cstr_equal(argv[1], "survey") ? survey(&config, &env, &err) : with_run(argv, &config, &env, &err);
	if (rc == 0)
		return 0;
	(void)fprintf(stderr, "%d %s\n", err.code, err.text);
	return 1;
}
