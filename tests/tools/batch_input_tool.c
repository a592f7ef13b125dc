// Drives the input side of src/batch for tests in Python; input on stdin, one answer line for each input line.
//   batch_input_tool template   lines [template, row]: "ok <JSON string>" or "no <code> <message>"
//   batch_input_tool field      lines [name, row]: the same with --prompt-field
//   batch_input_tool schema     lines [schema, value]: "ok" or "no <code> <message>" ("bad ...": of the schema)
//   batch_input_tool closed     lines [schema]: "ok <schema>"
//   batch_input_tool answer     lines [text]: "ok <JSON>"
#include "base/mem.h"
#include "batch/config.h"
#include "batch/prompt.h"
#include "batch/schema.h"
#include "text/json.h"
#include "text/json_scan.h"

#include <stdio.h>
#include <stdlib.h>

static void
read_all(FILE *file, struct lm_buf *out)
{
	for (;;) {
		size_t got = fread(lm_buf_reserve(out, 65536), 1, 65536, file);
		out->len += got;
		if (got == 0)
			return;
	}
}

static char *
element_text(struct lm_json_value value)
{
	struct lm_buf text = {};
	lm_buf_text(&text, "");
	lm_json_append_text(value, &text);
	return text.ptr;
}

static int
render(const char *text, bool is_field, struct lm_str row, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_prompts_free_ptr) struct lm_prompts *prompts = nullptr;
	struct lm_batch_config config = { .id_field = (char *)(uintptr_t)"id" };
	*(is_field ? &config.prompt_field : &config.prompt_template) = (char *)(uintptr_t)text;
	if (lm_prompts_new(&prompts, &config, err) < 0)
		return -1;
	return lm_prompts_render(prompts, row, out, nullptr, err);
}

static void
prompts(struct lm_json_value template, struct lm_json_value row, bool is_field, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf prompt = {};
	LM_AUTO(lm_free_ptr) char *text = element_text(template);
	struct lm_err err = {};
	if (render(text, is_field, row.raw, &prompt, &err) < 0) {
		lm_buf_format(out, "no %d %s\n", err.code, err.text);
		return;
	}
	lm_buf_text(out, "ok ");
	lm_json_quote(out, lm_buf_view(&prompt));
	lm_buf_byte(out, '\n');
}

static void
schemas(struct lm_json_value schema_json, struct lm_json_value value_json, bool closed, struct lm_buf *out)
{
	LM_AUTO(lm_schema_free_ptr) struct lm_schema *schema = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	struct lm_err err = {};
	if (lm_schema_new(&schema, schema_json.raw, &err) < 0) {
		lm_buf_format(out, "bad %d %s\n", err.code, err.text);
		return;
	}
	if (closed) {
		lm_buf_text(out, "ok ");
		lm_schema_closed(schema, out);
		lm_buf_byte(out, '\n');
		return;
	}
	if (lm_json_parse(value_json.raw, &value, &err) == 0 && lm_schema_check(schema, value, &err) == 0)
		lm_buf_text(out, "ok \n");
	else
		lm_buf_format(out, "no %d %s\n", err.code, err.text);
}

static void
answer(struct lm_json_value text_json, struct lm_buf *out)
{
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	LM_AUTO(lm_free_ptr) char *text = element_text(text_json);
	struct lm_err err = {};
	if (lm_schema_read_answer(lm_str_of(text), &value, &err) < 0) {
		lm_buf_format(out, "no %d %s\n", err.code, err.text);
		return;
	}
	char *line = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	lm_buf_format(out, "ok %s\n", line);
	free(line);
}

static int
one_line(struct lm_str line, const char *command, struct lm_buf *out)
{
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	struct lm_json_value first = {}, second = {};
	struct lm_err err = {};
	size_t at = 0;
	if (lm_json_scan(&scan, line, &err) < 0 || !lm_json_next_element(scan.value, &at, &first)) {
		lm_buf_format(out, "bad line: %s\n", err.text);
		return -1;
	}
	(void)lm_json_next_element(scan.value, &at, &second);
	if (lm_cstr_equal(command, "schema") || lm_cstr_equal(command, "closed"))
		schemas(first, second, lm_cstr_equal(command, "closed"), out);
	else if (lm_cstr_equal(command, "answer"))
		answer(first, out);
	else
		prompts(first, second, lm_cstr_equal(command, "field"), out);
	return 0;
}

int
main(int argc, char **argv)
{
	LM_AUTO(lm_buf_release) struct lm_buf input = {}, output = {};
	int rc = 0;
	if (argc != 2) {
		(void)fprintf(stderr, "usage: batch_input_tool template|field|schema|closed|answer\n");
		return 2;
	}
	read_all(stdin, &input);
	for (struct lm_str text = lm_buf_view(&input); text.len > 0 && rc == 0;)
		rc = one_line(lm_str_cut(&text, '\n'), argv[1], &output);
	return fwrite(output.ptr, 1, output.len, stdout) == output.len && rc == 0 ? 0 : 1;
}
