// lamina unpack
#include "cli.h"

#include "base/mem.h"
#include "os/path.h"
#include "programs/common/live.h"
#include "programs/common/out.h"
#include "steps/unpack.h"
#include "text/unicode.h"

#include <string.h>

static const char *
folder_of(const struct lm_run *run)
{
	return run->cli.directory != nullptr ? run->cli.directory : ".";
}

// The command that finishes a layer; null when it needs none.
static json_t *
finish_json(const struct lm_run *run, const struct lm_unpacked *unpacked)
{
	if (unpacked->python == nullptr)
		return json_null();
	LM_AUTO(lm_free_ptr) char *python = lm_path_join(folder_of(run), unpacked->python);
	LM_AUTO(lm_free_ptr) char *tree = lm_path_join(folder_of(run), unpacked->name);
	LM_AUTO(lm_free_ptr) char *script = lm_path_join(tree, "postinstall.py");
	json_t *command = json_array();
	(void)json_array_append_new(command, lm_report_json_text(python));
	(void)json_array_append_new(command, lm_report_json_text(script));
	return command;
}

static json_t *
unpacked_json(const struct lm_run *run, const struct lm_unpacked *unpacked)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder_of(run), unpacked->name);
	json_t *item = json_object();
	(void)json_object_set_new(item, "archive", lm_report_json_text(unpacked->archive));
	(void)json_object_set_new(item, "path", lm_report_json_text(path));
	(void)json_object_set_new(item, "layer_name", lm_report_json_text(unpacked->layer));
	(void)json_object_set_new(item, "target_platform", lm_report_json_text(unpacked->platform));
	(void)json_object_set_new(item, "verified", json_boolean(unpacked->verified));
	(void)json_object_set_new(item, "replaced", json_boolean(unpacked->replaced));
	(void)json_object_set_new(item, "entries", json_integer((json_int_t)unpacked->entry_count));
	(void)json_object_set_new(item, "size_bytes", json_integer((json_int_t)unpacked->total_bytes));
	(void)json_object_set_new(item, "segments", json_integer((json_int_t)unpacked->segment_count));
	(void)json_object_set_new(item, "finish", finish_json(run, unpacked));
	return item;
}

static void
put_lines(const struct lm_run *run, const struct lm_unpacked *unpacked, size_t count)
{
	int width = 0;
	for (size_t i = 0; i < count; i++)
		width = (int)strlen(unpacked[i].name) > width ? (int)strlen(unpacked[i].name) : width;
	for (size_t i = 0; i < count; i++) {
		LM_AUTO(lm_buf_release) struct lm_buf line = {}, escaped = {};
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder_of(run), unpacked[i].name);
		char size[16];
		lm_format_bytes(unpacked[i].total_bytes, size);
		lm_buf_format(&line, "%-8s  %-*s  %9s  %-10s  %s", unpacked[i].replaced ? "replaced" : "unpacked", width,
			unpacked[i].name, size, unpacked[i].verified ? "verified" : "unverified", path);
		lm_text_escape(&escaped, lm_buf_view(&line));
		lm_out_format("%s\n", lm_buf_cstr(&escaped));
	}
}

// The closing lines: how much, and what is to be done next, which needs the runtime that the layers stand on.
static void
put_total(const struct lm_run *run, const struct lm_unpacked *unpacked, size_t count)
{
	uint64_t bytes = 0;
	char size[16];
	for (size_t i = 0; i < count; i++)
		bytes += unpacked[i].total_bytes;
	lm_format_bytes(bytes, size);
	LM_AUTO(lm_free_ptr) char *total = lm_format("%zu unpacked, %s in '%s'", count, size, folder_of(run));
	lm_ui_total(run->ui, total);
	for (size_t i = 0; i < count; i++) {
		if (unpacked[i].python == nullptr)
			continue;
		LM_AUTO(lm_free_ptr) char *python = lm_path_join(folder_of(run), unpacked[i].python);
		LM_AUTO(lm_free_ptr) char *tree = lm_path_join(folder_of(run), unpacked[i].name);
		LM_AUTO(lm_free_ptr) char *hint = lm_format("to finish it: %s %s/postinstall.py", python, tree);
		lm_ui_hint(run->ui, hint);
	}
}

static int
report(struct lm_run *run, const struct lm_unpacked *unpacked, size_t count, struct lm_err *err)
{
	lm_ui_finish(run->ui);
	if (run->cli.json) {
		json_t *list = json_array();
		for (size_t i = 0; i < count; i++)
			(void)json_array_append_new(list, unpacked_json(run, &unpacked[i]));
		run->answer = json_object();
		(void)json_object_set_new(run->answer, "unpacked", list);
		return 0;
	}
	if (run->cli.verbosity < 0)
		return 0;
	put_lines(run, unpacked, count);
	if (lm_out_flush(err) < 0)
		return -1;
	put_total(run, unpacked, count);
	return 0;
}

int
lm_run_unpack(struct lm_run *run, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	struct lm_sink sink = lm_ui_sink(run->ui);
	struct lm_unpack_options options = { .folder = folder_of(run), .force = cli->force, .sink = &sink };
	if (lm_run_jobs(run, &options.jobs, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) struct lm_unpacked *unpacked = lm_alloc_array(cli->archive_count, sizeof *unpacked);
	int rc = lm_step_unpack(cli->archives, cli->archive_count, &options, unpacked, err);
	if (rc == 0)
		rc = report(run, unpacked, cli->archive_count, err);
	for (size_t i = 0; i < cli->archive_count; i++)
		lm_unpacked_release(&unpacked[i]);
	return rc;
}
