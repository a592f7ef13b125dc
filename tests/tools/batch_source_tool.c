// Reads sources for tests in Python.
//   batch_source_tool rows KIND PATH ID PYTHON [CHECKPOINT [COLUMN...]]
//       a JSON line for each row: [line, id, row, checkpoint], or for a fault: [code, message]
//   batch_source_tool slices KIND PATH ID PYTHON EVERY [CHECKPOINT]
//       a line "BEGIN END SHA256 SAME" after each EVERY rows and at the end
//   batch_source_tool same KIND PATH ID PYTHON BEGIN END SHA256
//       "1" or "0"
//   batch_source_tool prompts KIND PATH ID PYTHON TEMPLATE
//       rows and prompts, counted: "ROWS BYTES"
#include "base/mem.h"
#include "batch/config.h"
#include "batch/prompt.h"
#include "batch/source.h"
#include "text/json_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int
rows(struct lm_source *source, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	struct lm_row row;
	for (;;) {
		struct lm_err fault = {};
		int rc = lm_source_next(source, &row, &fault);
		lm_buf_clear(&out);
		if (rc == 0)
			return 0;
		if (rc < 0) {
			lm_buf_format(&out, "[%d,", fault.code);
			lm_json_quote(&out, lm_str_of(fault.text));
		} else {
			lm_buf_format(&out, "[%" PRIu64 ",", row.line);
			lm_json_quote(&out, row.id);
			lm_buf_byte(&out, ',');
			lm_buf_str(&out, row.json);
			lm_buf_byte(&out, ',');
			lm_source_checkpoint(source, &out);
		}
		(void)printf("%s]\n", out.ptr);
		if (rc < 0 && fault.code != LM_E_SYNTAX) {
			*err = fault;
			return -1;
		}
	}
}

static int
slices(struct lm_source *source, const struct lm_batch_input *input, const struct lm_source_env *env, const char *id,
	unsigned long every, struct lm_err *err)
{
	struct lm_row row;
	int rc = 1;
	while (rc != 0) {
		struct lm_digest digest;
		uint64_t begin = 0, end = 0;
		char hex[LM_DIGEST_HEX];
		for (unsigned long i = 0; i < every && rc != 0; i++) {
			rc = lm_source_next(source, &row, err);
			if (rc < 0)
				return -1;
		}
		lm_source_slice(source, &begin, &end, &digest);
		lm_digest_hex(&digest, hex);
		(void)printf("%" PRIu64 " %" PRIu64 " %s %d\n", begin, end, hex,
			lm_source_slice_same(input, env, id, begin, end, &digest, err));
	}
	return 0;
}

static int
prompts(struct lm_source *source, const char *id, const char *template, struct lm_err *err)
{
	LM_AUTO(lm_prompts_free_ptr) struct lm_prompts *compiled = nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf prompt = {};
	struct lm_batch_config config = {
		.id_field = (char *)(uintptr_t)id,
		.prompt_template = (char *)(uintptr_t)template,
	};
	struct lm_row row;
	uint64_t count = 0, bytes = 0;
	int rc;
	if (lm_prompts_new(&compiled, &config, err) < 0)
		return -1;
	while ((rc = lm_source_next(source, &row, err)) == 1) {
		lm_buf_clear(&prompt);
		if (lm_prompts_render(compiled, row.json, &prompt, nullptr, err) < 0)
			return -1;
		count++;
		bytes += prompt.len;
	}
	(void)printf("%" PRIu64 " %" PRIu64 "\n", count, bytes);
	return rc;
}

static int
run(int argc, char **argv, struct lm_err *err)
{
	static const char *const kinds[] = { "jsonl", "csv", "parquet" };
	LM_AUTO(lm_source_close_ptr) struct lm_source *source = nullptr;
	struct lm_batch_input input = { .path = argv[3] };
	struct lm_source_env env = { .python = argv[5][0] == '\0' ? nullptr : argv[5] };
	const char *command = argv[1], *id = argv[4], *checkpoint = nullptr;
	for (size_t i = 0; i < LM_COUNT(kinds); i++)
		if (lm_cstr_equal(argv[2], kinds[i]))
			input.kind = (enum lm_input_kind)i;
	if (lm_cstr_equal(command, "same") && argc == 9) {
		struct lm_digest digest = {};
		if (!lm_digest_parse(lm_str_of(argv[8]), &digest))
			return lm_err_set(err, LM_E_USAGE, "no digest");
		int rc = lm_source_slice_same(
			&input, &env, id, strtoull(argv[6], nullptr, 10), strtoull(argv[7], nullptr, 10), &digest, err);
		(void)printf("%d\n", rc);
		return rc < 0 ? -1 : 0;
	}
	bool is_rows = lm_cstr_equal(command, "rows");
	int at = is_rows ? 6 : 7;
	if (argc > at && argv[at][0] != '\0')
		checkpoint = argv[at];
	if (is_rows && argc > 7)
		env.columns = (const char *const *)(uintptr_t)(argv + 7);
	if (lm_source_open(&source, &input, id, &env, checkpoint, err) < 0)
		return -1;
	if (is_rows)
		return rows(source, err);
	if (lm_cstr_equal(command, "slices") && argc > 6)
		return slices(source, &input, &env, id, strtoul(argv[6], nullptr, 10), err);
	if (lm_cstr_equal(command, "prompts") && argc > 6)
		return prompts(source, id, argv[6], err);
	return lm_err_set(err, LM_E_USAGE, "no such command");
}

int
main(int argc, char **argv)
{
	struct lm_err err = {};
	if (argc < 6) {
		(void)fprintf(stderr, "usage: batch_source_tool rows|slices|same|prompts KIND PATH ID PYTHON ...\n");
		return 2;
	}
	if (run(argc, argv, &err) == 0)
		return 0;
	(void)fprintf(stderr, "%d %s\n", err.code, err.text);
	return 1;
}
