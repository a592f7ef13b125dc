// lamina artifacts
#include "cli.h"

#include "base/mem.h"
#include "programs/common/live.h"
#include "programs/common/out.h"
#include "steps/artifacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MISSING = LM_ARTIFACT_GONE + 1, STATES };

static const char *const state_names[STATES] = {
	[LM_ARTIFACT_PUBLISHED] = "published",
	[LM_ARTIFACT_REPLACED] = "replaced",
	[LM_ARTIFACT_GONE] = "gone",
	[MISSING] = "missing",
};

static const char *const reasons[] = {
	[LM_LACK_NOTHING] = "",
	[LM_LACK_ARCHIVE] = "not published as it is now",
	[LM_LACK_LOCK] = "to be locked",
	[LM_LACK_LOWER_LOCK] = "a layer below is to be locked",
	[LM_LACK_RUNTIME] = "no runtime archive is known",
};

// One line: an archive of the catalogue, or (archive null) one that a stack lacks, and why.
struct shown {
	const char *layer, *platform;
	enum lm_lack lack;
	const struct lm_catalogued *archive;
};

struct list {
	struct shown *items;
	size_t count;
};

static size_t
state_of(const struct shown *shown)
{
	return shown->archive == nullptr ? (size_t)MISSING : (size_t)shown->archive->state;
}

static bool
is_there(const struct shown *shown)
{
	return state_of(shown) == LM_ARTIFACT_PUBLISHED;
}

static void
set_text(json_t *object, const char *key, const char *text)
{
	(void)json_object_set_new(object, key, lm_report_json_text(text));
}

static void
set_number(json_t *object, const char *key, uint64_t value)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *
shown_json(const struct shown *shown)
{
	json_t *item = json_object();
	set_text(item, "layer_name", shown->layer);
	set_text(item, "target_platform", shown->platform);
	set_text(item, "state", state_names[state_of(shown)]);
	if (shown->archive == nullptr) {
		set_text(item, "reason", reasons[shown->lack]);
		return item;
	}
	const struct lm_artifact *artifact = &shown->archive->artifact;
	char hex[LM_DIGEST_HEX];
	json_t *hashes = json_object();
	lm_digest_hex(&artifact->archive_digest, hex);
	set_text(hashes, "sha256", hex);
	set_text(item, "install_target", artifact->install_target);
	set_text(item, "path", artifact->place);
	set_number(item, "size_bytes", artifact->size_bytes);
	set_number(item, "archive_build", artifact->archive_build);
	set_number(item, "lock_version", artifact->lock_version);
	(void)json_object_set_new(item, "archive_hashes", hashes);
	set_text(item, "content_hash", artifact->content_hash);
	set_text(item, "inputs_hash", artifact->inputs_hash);
	set_text(item, "published_at", shown->archive->published_at);
	return item;
}

// "linux_x86_64   135.2 MB  2026-11-22 21:02"
static void
fill_middle(const struct shown *shown, char *out, size_t size)
{
	enum { DAY = 10, TIME = 5 };
	char bytes[16] = "";
	const char *at = shown->archive == nullptr ? "" : shown->archive->published_at;
	bool whole = strlen(at) > DAY + 1 + TIME;
	if (shown->archive != nullptr)
		lm_format_bytes(shown->archive->artifact.size_bytes, bytes);
	(void)snprintf(out, size, "%-14s %8s  %*.*s %*.*s", shown->platform, bytes, DAY, DAY, whole ? at : "", TIME, TIME,
		whole ? at + DAY + 1 : "");
}

static void
put_list(const struct list *list)
{
	LM_AUTO(lm_free_ptr) struct lm_report_row *rows = lm_alloc_array(list->count, sizeof *rows);
	for (size_t i = 0; i < list->count; i++) {
		const struct shown *shown = &list->items[i];
		rows[i] = (struct lm_report_row){ .state = state_names[state_of(shown)],
			.layer = shown->layer,
			.path = shown->archive == nullptr ? reasons[shown->lack] : shown->archive->artifact.place };
		fill_middle(shown, rows[i].middle, sizeof rows[i].middle);
	}
	lm_run_put_rows(rows, list->count, nullptr);
}

static bool
has_same_content(const struct shown *one, const struct shown *other)
{
	return lm_cstr_equal(one->archive->artifact.content_hash, other->archive->artifact.content_hash);
}

// Equal contents in a table of their own, with an empty line between.
static size_t
put_contents(const struct list *list)
{
	size_t contents = 0;
	for (size_t first = 0, end = 0; first < list->count; first = end) {
		for (end = first; end < list->count && has_same_content(&list->items[first], &list->items[end]); end++)
			continue;
		lm_out_text(contents++ > 0 ? "\n" : "");
		put_list(&(struct list){ &list->items[first], end - first });
	}
	return contents;
}

// "7 published, 1 gone, 2 missing, 153 MB"; "4 published, 2 contents, 153 MB"
static void
put_total(const struct lm_run *run, const struct list *list, size_t contents)
{
	size_t counts[STATES] = {}, wanted = 0;
	uint64_t bytes = 0;
	char size[16];
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (size_t i = 0; i < list->count; i++) {
		const struct shown *shown = &list->items[i];
		counts[state_of(shown)]++;
		bytes += is_there(shown) ? shown->archive->artifact.size_bytes : 0;
		wanted += is_there(shown) || shown->lack == LM_LACK_RUNTIME ? 0 : 1;
	}
	for (size_t i = 0; i < STATES; i++)
		if (counts[i] > 0)
			lm_buf_format(&text, "%s%zu %s", text.len > 0 ? ", " : "", counts[i], state_names[i]);
	if (contents > 0)
		lm_buf_format(&text, ", %zu content%s", contents, contents == 1 ? "" : "s");
	lm_format_bytes(bytes, size);
	if (bytes > 0)
		lm_buf_format(&text, ", %s", size);
	lm_ui_total(run->ui, lm_buf_cstr(&text));
	if (wanted > 0 && !run->cli.all_stacks)
		lm_ui_hint(run->ui,
			"'lamina build --publish' locks and publishes what is not there, with --platform for another platform");
}

static json_t *
list_json(const struct list *list)
{
	json_t *items = json_array();
	for (size_t i = 0; i < list->count; i++)
		(void)json_array_append_new(items, shown_json(&list->items[i]));
	return items;
}

static int
report(struct lm_run *run, const struct list *list, const char *nothing, struct lm_err *err)
{
	lm_ui_finish(run->ui);
	if (run->cli.json) {
		run->answer = json_pack("{s:o}", "artifacts", list_json(list));
		return 0;
	}
	if (list->count == 0) {
		lm_ui_hint(run->ui, nothing);
		return 0;
	}
	size_t contents = 0;
	if (run->cli.duplicates)
		contents = put_contents(list);
	else
		put_list(list);
	if (lm_out_flush(err) < 0)
		return -1;
	put_total(run, list, contents);
	return 0;
}

// ---- all stacks

// As for a spec: the name may have the prefix of its kind or not.
static bool
is_named(const struct lm_strings *globs, const char *layer)
{
	const char *bare =
		lm_cstr_starts(layer, "framework-") || lm_cstr_starts(layer, "app-") ? strchr(layer, '-') + 1 : layer;
	for (size_t i = 0; i < globs->count; i++)
		if (lm_glob_match(globs->items[i], layer) || lm_glob_match(globs->items[i], bare))
			return true;
	return globs->count == 0;
}

static bool
is_for(lm_platform_set platforms, const char *name)
{
	for (int p = 0; p < LM_PLATFORM_COUNT; p++)
		if ((platforms & (1u << p)) != 0 && lm_cstr_equal(name, lm_platform_name((enum lm_platform)p)))
			return true;
	return false;
}

static bool
is_asked_for(const struct lm_run *run, const struct shown *shown)
{
	bool any = run->cli.platforms.count == 0;
	return is_named(&run->cli.include, shown->layer) && (any || is_for(run->platforms, shown->platform));
}

static int
compare_contents(const void *a, const void *b)
{
	const struct shown *one = a, *other = b;
	int order = strcmp(one->archive->artifact.content_hash, other->archive->artifact.content_hash);
	return order != 0 ? order : (one->archive > other->archive) - (one->archive < other->archive);
}

static bool
has_same_name(const struct shown *one, const struct shown *other)
{
	return lm_cstr_equal(one->layer, other->layer) && lm_cstr_equal(one->platform, other->platform);
}

// Equal content together, where it is in several layers or for several platforms, and one of them is asked for. The same again at
// another place or under another lock version is no duplicate, and what is not at its place any more does not count.
static void
keep_duplicates(const struct lm_run *run, struct list *list)
{
	size_t there = 0, kept = 0;
	for (size_t i = 0; i < list->count; i++)
		if (is_there(&list->items[i]))
			list->items[there++] = list->items[i];
	if (there > 0)
		qsort(list->items, there, sizeof *list->items, compare_contents);
	for (size_t first = 0, end = 0; first < there; first = end) {
		bool several = false, asked = false;
		for (end = first; end < there && has_same_content(&list->items[first], &list->items[end]); end++) {
			several = several || !has_same_name(&list->items[first], &list->items[end]);
			asked = asked || is_asked_for(run, &list->items[end]);
		}
		for (size_t i = first; several && asked && i < end; i++)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static void
keep_asked_for(const struct lm_run *run, struct list *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++)
		if (is_asked_for(run, &list->items[i]))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static int
report_all(struct lm_run *run, const struct lm_catalogue *catalogue, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct shown *items = lm_alloc_array(catalogue->count, sizeof *items);
	struct list list = { items, catalogue->count };
	for (size_t i = 0; i < catalogue->count; i++)
		items[i] = (struct shown){ .layer = catalogue->items[i].artifact.layer,
			.platform = catalogue->items[i].artifact.platform,
			.archive = &catalogue->items[i] };
	if (run->cli.duplicates)
		keep_duplicates(run, &list);
	else
		keep_asked_for(run, &list);
	const char *nothing = run->cli.duplicates
		? "no content is published twice in different layers or for different platforms"
		: catalogue->count > 0 ? "no archive of the catalogue matches"
				       : "nothing was published from this machine yet";
	return report(run, &list, nothing, err);
}

// ---- one stack

static int
report_stack(struct lm_run *run, const struct lm_catalogue *catalogue, struct lm_err *err)
{
	enum { NOT_THERE = 3 };
	const struct lm_spec *spec = &run->project.spec;
	bool chosen = run->cli.platforms.count > 0;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(spec->layer_count, sizeof *operations);
	LM_AUTO(lm_free_ptr) struct lm_declared *declared = nullptr;
	size_t count = 0;
	if (lm_run_select(run, &run->cli.include, false, false, LM_OP_PUBLISH, operations, err) < 0 ||
		lm_step_artifacts(&run->project, operations, chosen ? run->platforms : LM_ALL_PLATFORMS,
			!chosen || run->only_known, catalogue, &declared, &count, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) struct shown *items = lm_alloc_array(count, sizeof *items);
	for (size_t i = 0; i < count; i++) {
		items[i] = (struct shown){ .layer = spec->layers[declared[i].layer].build_name,
			.platform = lm_platform_name(declared[i].platform),
			.lack = declared[i].lack,
			.archive = declared[i].found };
		run->exit_code = is_there(&items[i]) ? run->exit_code : NOT_THERE;
	}
	return report(run, &(struct list){ items, count }, "no selected layer is for this platform", err);
}

int
lm_run_artifacts(struct lm_run *run, struct lm_err *err)
{
	struct lm_catalogue catalogue = {};
	if (lm_catalogue_read(run->settings.state_folder, &catalogue, err) < 0)
		return -1;
	int rc = run->cli.all_stacks ? report_all(run, &catalogue, err) : report_stack(run, &catalogue, err);
	lm_catalogue_release(&catalogue);
	return rc;
}
