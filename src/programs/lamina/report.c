// Results, to stdout: lines for people, or one JSON document.
#include "cli.h"

#include "base/mem.h"
#include "programs/common/live.h"
#include "os/path.h"
#include "programs/common/out.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

json_t *
lm_report_json_text(const char *text)
{
	json_t *value = json_string(text);
	if (value != nullptr || text == nullptr)
		return value != nullptr ? value : json_null();
	LM_AUTO(lm_buf_release) struct lm_buf escaped = {};
	lm_text_escape(&escaped, lm_str_of(text));
	return json_string(lm_buf_cstr(&escaped));
}

int
lm_run_status(struct lm_run *run, const unsigned *operations, const bool *shown, struct lm_err *err)
{
	if (run->cli.json) {
		json_t *status = lm_status_json(&run->project.spec, run->project.locks, operations, shown);
		if (run->cli.show && !run->cli.show_only)
			run->answer = json_pack("{s:o}", "stack", status); // results follow
		else
			run->answer = status;
		return 0;
	}
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, escaped = {};
	lm_status_text(&run->project.spec, run->project.locks, operations, shown, &text);
	lm_text_escape(&escaped, lm_buf_view(&text));
	lm_out_text(lm_buf_cstr(&escaped));
	return lm_out_flush(err);
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

static json_t *
output_json(const struct lm_run *run, const struct lm_output *output, const char *verb)
{
	json_t *item = json_object();
	(void)json_object_set_new(item, "layer_name", lm_report_json_text(run->project.spec.layers[output->layer].build_name));
	(void)json_object_set_new(item, "target_platform", json_string(lm_platform_name(output->platform)));
	(void)json_object_set_new(item, "state", json_string(state_word(output, verb)));
	(void)json_object_set_new(item, "path", lm_report_json_text(output->path));
	(void)json_object_set_new(item, "size_bytes", json_integer((json_int_t)output->size_bytes));
	if (output->archive_build > 0)
		(void)json_object_set_new(item, "archive_build", json_integer((json_int_t)output->archive_build));
	return item;
}

static void
report_json(struct lm_run *run, const struct lm_outputs *outputs, const char *verb)
{
	json_t *list = json_array();
	for (size_t i = 0; i < outputs->count; i++)
		(void)json_array_append_new(list, output_json(run, &outputs->items[i], verb));
	if (run->answer == nullptr)
		run->answer = json_object();
	(void)json_object_set_new(run->answer, "outputs", list);
	if (outputs->manifests != nullptr)
		(void)json_object_set(run->answer, "manifests", outputs->manifests);
}

// A path as short as it gets: relative to the working folder when it is below it.
static const char *
short_path(const char *path)
{
	LM_AUTO(lm_free_ptr) char *here = lm_path_absolute(".");
	size_t len = strlen(here);
	return len > 1 && strncmp(path, here, len) == 0 && path[len] == '/' && path[len + 1] != '\0' ? path + len + 1 : path;
}

static size_t
layer_width(const struct lm_report_row *rows, size_t count)
{
	size_t width = 0;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(rows[i].layer);
		width = len > width ? len : width;
	}
	return width;
}

void
lm_run_put_rows(const struct lm_report_row *rows, size_t count, const char *folder)
{
	size_t width = layer_width(rows, count), columns = lm_out_columns(), cut = folder == nullptr ? 0 : strlen(folder) + 1;
	for (size_t i = 0; i < count; i++)
		if (cut > 0 && (strncmp(rows[i].path, folder, cut - 1) != 0 || rows[i].path[cut - 1] != '/'))
			cut = 0;
	bool fits = true;
	for (size_t i = 0; i < count; i++)
		fits = fits && 9 + 2 + width + 2 + strlen(rows[i].middle) + 2 + strlen(short_path(rows[i].path)) <= columns;
	for (size_t i = 0; i < count; i++) {
		LM_AUTO(lm_buf_release) struct lm_buf line = {}, escaped = {};
		lm_buf_format(&line, "%-9s  %-*s  %s  %s", rows[i].state, (int)width, rows[i].layer, rows[i].middle,
			fits ? short_path(rows[i].path) : rows[i].path + cut);
		for (struct lm_str rest = lm_buf_view(&line), part = {}; rest.len > 0;) { // one row is one line
			part = lm_str_cut(&rest, '\n');
			lm_text_escape(&escaped, part);
			lm_buf_format(&escaped, "%s", rest.len > 0 ? "\\x0a" : "");
		}
		lm_out_format("%s\n", lm_buf_cstr(&escaped));
	}
}

// "2 published, 7 unchanged, 153 MB in 'out'"
static void
put_total(const struct lm_run *run, const struct lm_outputs *outputs, const char *folder, const char *verb)
{
	size_t counts[3] = {};
	uint64_t bytes = 0;
	char size[16];
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	static const enum lm_output_state states[] = { LM_OUTPUT_WRITTEN, LM_OUTPUT_PENDING, LM_OUTPUT_UNCHANGED };
	for (size_t i = 0; i < outputs->count; i++) {
		counts[outputs->items[i].state]++;
		bytes += outputs->items[i].size_bytes;
	}
	for (size_t i = 0; i < LM_COUNT(states); i++)
		if (counts[states[i]] > 0)
			lm_buf_format(&text, "%s%zu %s", text.len > 0 ? ", " : "", counts[states[i]],
				state_word(&(struct lm_output){ .state = states[i] }, verb));
	lm_format_bytes(bytes, size);
	if (bytes > 0)
		lm_buf_format(&text, ", %s", size);
	lm_buf_format(&text, " in '%s'", short_path(folder));
	lm_ui_total(run->ui, lm_buf_cstr(&text));
}

int
lm_run_report(struct lm_run *run, const struct lm_outputs *outputs, const char *folder, const char *verb, struct lm_err *err)
{
	lm_ui_finish(run->ui);
	if (outputs->count == 0)
		lm_ui_hint(run->ui, "no selected layer is for this platform; 'lamina show' lists the layers");
	if (run->cli.json) {
		report_json(run, outputs, verb);
		return 0;
	}
	if (run->cli.verbosity < 0 || outputs->count == 0)
		return 0;
	LM_AUTO(lm_free_ptr) struct lm_report_row *rows = lm_alloc_array(outputs->count, sizeof *rows);
	for (size_t i = 0; i < outputs->count; i++) {
		const struct lm_output *output = &outputs->items[i];
		char size[16] = "";
		if (output->size_bytes > 0)
			lm_format_bytes(output->size_bytes, size);
		rows[i] = (struct lm_report_row){ .state = state_word(output, verb),
			.layer = run->project.spec.layers[output->layer].build_name,
			.path = output->path };
		(void)snprintf(rows[i].middle, sizeof rows[i].middle, "%7s", size);
	}
	lm_run_put_rows(rows, outputs->count, folder);
	if (lm_out_flush(err) < 0)
		return -1;
	put_total(run, outputs, folder, verb);
	return 0;
}

struct lm_lock_before *
lm_locks_before(const struct lm_run *run, const unsigned *operations)
{
	struct lm_lock_before *before = lm_alloc_array(run->project.spec.layer_count, sizeof *before);
	for (size_t i = 0; i < run->project.spec.layer_count; i++) {
		const struct lm_layer_lock *lock = &run->project.locks[i];
		before[i] = (struct lm_lock_before){ .selected = (operations[i] & (LM_OP_LOCK | LM_OP_LOCK_IF_NEEDED)) != 0,
			.present = lock->present };
		if (lock->present)
			before[i].requirements_hash = lm_strdup(lock->meta.requirements_hash);
	}
	return before;
}

void
lm_locks_before_free(const struct lm_run *run, struct lm_lock_before *before)
{
	for (size_t i = 0; i < run->project.spec.layer_count; i++)
		lm_free(before[i].requirements_hash);
	lm_free(before);
}

int
lm_run_report_locks(struct lm_run *run, const struct lm_lock_before *before, const unsigned *operations, struct lm_err *err)
{
	const struct lm_spec *spec = &run->project.spec;
	size_t count = 0, locked = 0;
	lm_ui_finish(run->ui);
	if (run->cli.json) {
		json_decref(run->answer);
		run->answer = lm_status_json(spec, run->project.locks, operations, nullptr);
		return 0;
	}
	if (run->cli.verbosity < 0)
		return 0;
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	LM_AUTO(lm_free_ptr) struct lm_report_row *rows = lm_alloc_array(spec->layer_count, sizeof *rows);
	for (size_t i = 0; i < spec->layer_count; i++) {
		const struct lm_layer_lock *lock = &run->project.locks[i];
		if (!before[i].selected)
			continue;
		bool same = lm_cstr_equal(before[i].requirements_hash, lock->meta.requirements_hash);
		LM_AUTO(lm_free_ptr) char *file = lm_project_lock_path(&run->project, i, "pylock");
		LM_AUTO(lm_free_ptr) char *path = lm_path_parent(file); // four files are in it
		struct lm_report_row *row = &rows[count++];
		*row = (struct lm_report_row){ .state = same ? "unchanged" : "locked",
			.layer = spec->layers[i].build_name,
			.path = lm_arena_strdup(&arena, path) };
		(void)snprintf(row->middle, sizeof row->middle, "%3zu package%s", lock->pylock.package_count,
			lock->pylock.package_count == 1 ? " " : "s");
		locked += same ? 0 : 1;
	}
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(spec->path);
	lm_run_put_rows(rows, count, folder);
	if (lm_out_flush(err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *total = lm_format("%zu locked, %zu unchanged", locked, count - locked);
	lm_ui_total(run->ui, total);
	return 0;
}

static json_t *
finding_json(const struct lm_diag *diag)
{
	json_t *item = json_object();
	(void)json_object_set_new(item, "severity", json_string(diag->warning ? "warning" : "error"));
	(void)json_object_set_new(item, "file", lm_report_json_text(diag->file));
	(void)json_object_set_new(item, "line", diag->line == 0 ? json_null() : json_integer(diag->line));
	(void)json_object_set_new(item, "column", diag->line == 0 ? json_null() : json_integer(diag->column));
	(void)json_object_set_new(item, "layer", lm_report_json_text(diag->layer));
	(void)json_object_set_new(item, "text", lm_report_json_text(diag->text));
	return item;
}

json_t *
lm_report_failure(const struct lm_diags *diags, const struct lm_err *err, int exit_code)
{
	json_t *document = json_object(), *findings = json_array();
	for (size_t i = 0; i < diags->count; i++)
		(void)json_array_append_new(findings, finding_json(&diags->items[i]));
	(void)json_object_set_new(document, "error", lm_report_json_text(err->text));
	(void)json_object_set_new(document, "exit_code", json_integer(exit_code));
	(void)json_object_set_new(document, "findings", findings);
	return document;
}

void
lm_print_json(const json_t *value)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(value, &text);
	lm_out_text(lm_buf_cstr(&text));
}
