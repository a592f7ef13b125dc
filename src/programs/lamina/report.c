// Results, to stdout.
#include "cli.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void
lm_print_json(const json_t *value)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(value, &text);
	(void)fputs(lm_buf_cstr(&text), stdout);
}

void
lm_run_status(struct lm_run *run, const unsigned *operations)
{
	if (run->cli.json) {
		LM_AUTO(lm_json_decref_ptr) json_t *status = lm_status_json(&run->project.spec, run->project.locks, operations);
		lm_print_json(status);
		return;
	}
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_status_text(&run->project.spec, run->project.locks, operations, &text);
	(void)fputs(lm_buf_cstr(&text), stdout);
}

static const char *
state_word(const struct lm_output *output, const char *verb)
{
	switch (output->state) {
	case LM_OUTPUT_UNCHANGED:
		return "unchanged";
	case LM_OUTPUT_PENDING:
		return "pending";
	case LM_OUTPUT_WRITTEN:
		break;
	}
	return verb;
}

static void
report_json(const struct lm_run *run, const struct lm_outputs *outputs, const char *verb)
{
	LM_AUTO(lm_json_decref_ptr) json_t *document = json_object();
	json_t *list = json_array();
	for (size_t i = 0; i < outputs->count; i++) {
		const struct lm_output *output = &outputs->items[i];
		json_t *item = json_object();
		(void)json_object_set_new(item, "layer_name", json_string(run->project.spec.layers[output->layer].build_name));
		(void)json_object_set_new(item, "target_platform", json_string(lm_platform_name(output->platform)));
		(void)json_object_set_new(item, "state", json_string(state_word(output, verb)));
		(void)json_object_set_new(item, "path", json_string(output->path));
		(void)json_object_set_new(item, "size_bytes", json_integer((json_int_t)output->size_bytes));
		if (output->archive_build > 0)
			(void)json_object_set_new(item, "archive_build", json_integer((json_int_t)output->archive_build));
		(void)json_array_append_new(list, item);
	}
	(void)json_object_set_new(document, "outputs", list);
	if (outputs->manifests != nullptr)
		(void)json_object_set(document, "manifests", outputs->manifests);
	lm_print_json(document);
}

void
lm_run_report(struct lm_run *run, const struct lm_outputs *outputs, const char *verb)
{
	int layer_width = 5, platform_width = 8;
	lm_ui_finish(run->ui);
	if (run->cli.json) {
		report_json(run, outputs, verb);
		return;
	}
	if (run->cli.verbosity < 0)
		return;
	for (size_t i = 0; i < outputs->count; i++) {
		int layer = (int)strlen(run->project.spec.layers[outputs->items[i].layer].build_name);
		int platform = (int)strlen(lm_platform_name(outputs->items[i].platform));
		layer_width = layer > layer_width ? layer : layer_width;
		platform_width = platform > platform_width ? platform : platform_width;
	}
	for (size_t i = 0; i < outputs->count; i++) {
		const struct lm_output *output = &outputs->items[i];
		char size[16];
		lm_format_bytes(output->size_bytes, size);
		(void)printf("%-9s  %-*s  %-*s  %9s  %s\n", state_word(output, verb), layer_width,
			run->project.spec.layers[output->layer].build_name, platform_width, lm_platform_name(output->platform),
			output->size_bytes > 0 ? size : "", output->path);
	}
	if (outputs->count == 0)
		(void)fputs("lamina: no layer of the selection is for this platform ('lamina show' lists them)\n", stderr);
}
