// Drives the input side of src/batch for tests in Python; input on stdin, one answer line for each input line.
//   batch_input_tool template   lines [template, row]: "ok <JSON string>" or "no <code> <message>"
//   batch_input_tool field      lines [name, row]: the same with --prompt-field
#include "base/mem.h"
#include "batch/config.h"
#include "batch/prompt.h"
#include "text/json_scan.h"

#include <stdio.h>

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

static int
prompts(struct lm_str line, bool is_field, struct lm_buf *out)
{
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	LM_AUTO(lm_buf_release) struct lm_buf prompt = {};
	struct lm_json_value template, row;
	struct lm_err err = {};
	size_t at = 0;
	if (lm_json_scan(&scan, line, &err) < 0 || !lm_json_next_element(scan.value, &at, &template) ||
		!lm_json_next_element(scan.value, &at, &row)) {
		lm_buf_format(out, "bad line: %s\n", err.text);
		return -1;
	}
	LM_AUTO(lm_free_ptr) char *text = element_text(template);
	if (render(text, is_field, row.raw, &prompt, &err) < 0) {
		lm_buf_format(out, "no %d %s\n", err.code, err.text);
		return 0;
	}
	lm_buf_text(out, "ok ");
	lm_json_quote(out, lm_buf_view(&prompt));
	lm_buf_byte(out, '\n');
	return 0;
}

int
main(int argc, char **argv)
{
	LM_AUTO(lm_buf_release) struct lm_buf input = {}, output = {};
	int rc = 0;
	if (argc != 2) {
		(void)fprintf(stderr, "usage: batch_input_tool template|field\n");
		return 2;
	}
	read_all(stdin, &input);
	for (struct lm_str text = lm_buf_view(&input); text.len > 0 && rc == 0;)
		rc = prompts(lm_str_cut(&text, '\n'), lm_cstr_equal(argv[1], "field"), &output);
	return fwrite(output.ptr, 1, output.len, stdout) == output.len && rc == 0 ? 0 : 1;
}
