#include "steps/publish.h"

#include "os/cancel.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pool.h"
#include "steps/catalogue.h"
#include "steps/output.h"
#include "steps/stage.h"

#include <stdlib.h>
#include <string.h>

void
lm_outputs_release(struct lm_outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		lm_free(outputs->items[i].path);
	lm_free(outputs->items);
	json_decref(outputs->manifests);
	*outputs = (struct lm_outputs){};
}

// One layer on its way into an output folder.
struct item {
	struct lm_work *work;
	char *folder;       // of its platform
	struct lm_prior prior;
	struct lm_archive_options archive;
	char compressor[96];
	char *name;         // of the archive
	bool staged;        // a new archive of that name, its segments and its listing wait for the end of the run
	uint64_t estimate;  // of how much there is to do
	json_t *metadata;   // new
	bool metadata_staged; // it differs from what is there
	struct lm_output output;
};

struct run {
	struct lm_project *project;
	const struct lm_publish_options *options;
	struct lm_work_plan plan;
	struct item *items; // by platform
	size_t count;
	struct item **order; // those to be made, the largest first
	size_t order_count;
	struct lm_crew *crew;
	json_t *manifests[LM_PLATFORM_COUNT];   // that are there
	bool folder_checked[LM_PLATFORM_COUNT]; // a folder has one manifest for all of its layers
	bool manifest_staged[LM_PLATFORM_COUNT];
};

static void
release_run(struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		struct item *item = &run->items[i];
		lm_free(item->folder);
		lm_prior_release(&item->prior);
		lm_free(item->name);
		json_decref(item->metadata);
	}
	for (int p = 0; p < LM_PLATFORM_COUNT; p++)
		json_decref(run->manifests[p]);
	lm_free(run->items);
	lm_free(run->order);
	lm_crew_free(run->crew);
	lm_work_plan_release(&run->plan);
}

static enum lm_format
choose_format(const struct run *run, enum lm_platform platform)
{
	if (run->options->has_format)
		return run->options->format;
	if (run->project->spec.has_archive_format)
		return run->project->spec.archive_format;
	return lm_platform_is_windows(platform) ? LM_FORMAT_ZIP : LM_FORMAT_TAR_ZST;
}

static bool
prior_says(const struct item *item, const char *key, const char *value)
{
	const char *prior = lm_json_string(item->prior.metadata, key);
	return prior != nullptr && lm_cstr_equal(prior, value);
}

// What the metadata of the last publication says of its archive; false when something is missing.
static bool
prior_facts(const struct item *item, struct lm_archive_facts *facts)
{
	const json_t *metadata = item->prior.metadata;
	const char *content = lm_json_string(metadata, "content_hash");
	const char *digest = lm_json_string(json_object_get(metadata, "archive_hashes"), "sha256");
	*facts = (struct lm_archive_facts){ .archive_build = item->prior.archive_build,
		.archive_name = lm_json_string(metadata, "archive_name"),
		.compressor = item->compressor };
	return facts->archive_build > 0 && facts->archive_name != nullptr && digest != nullptr && content != nullptr &&
		lm_cstr_starts(content, "sha256:") && prior_says(item, "compressor", item->compressor) &&
		lm_digest_parse(lm_str_of(digest), &facts->archive_digest) &&
		lm_digest_parse(lm_str_of(content + strlen("sha256:")), &facts->content_hash) &&
		lm_json_u64(metadata, "archive_size", &facts->archive_size) &&
		lm_json_u64(metadata, "content_size", &facts->content_size) &&
		lm_json_u64(metadata, "entry_count", &facts->entry_count);
}

// Is the archive that the metadata speaks of there, under the name it would get now?
static bool
archive_in_place(const struct run *run, const struct item *item, const struct lm_archive_facts *facts)
{
	struct lm_file_info info = {};
	struct lm_err ignored = {};
	LM_AUTO(lm_free_ptr)
	char *now = lm_manifest_archive_name(run->project->locks[item->work->layer].install_target, item->work->platform,
		facts->archive_build, run->options->tagged, item->archive.format);
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(item->folder, now);
	return item->prior.vouched && lm_cstr_equal(facts->archive_name, now) && lm_file_info(path, &info, &ignored) == 0 &&
		info.is_file && info.size_bytes == facts->archive_size;
}

static json_t *
layer_metadata(const struct run *run, const struct item *item, const struct lm_archive_facts *facts)
{
	struct lm_layer_facts layer = {};
	char time[LM_TIME_TEXT];
	lm_layer_facts_fill(run->project, item->work, &layer);
	json_t *metadata = lm_manifest_layer(&layer, facts);
	lm_time_format(item->work->mtime_s, time);
	(void)json_object_set_new(metadata, "inputs_hash", json_string(item->work->inputs_hash));
	(void)json_object_set_new(metadata, "archive_time", json_string(time));
	struct lm_module_info *support = nullptr;
	memcpy(&support, &layer.support, sizeof support);
	lm_free(support);
	return metadata;
}

static void
keep_archive(struct run *run, struct item *item, const struct lm_archive_facts *facts)
{
	item->metadata = layer_metadata(run, item, facts);
	item->output.state = LM_OUTPUT_UNCHANGED;
	item->output.archive_build = facts->archive_build;
	item->output.size_bytes = facts->archive_size;
}

static int
prepare_item(struct run *run, struct item *item, struct lm_err *err)
{
	struct lm_work *work = item->work;
	const struct lm_project *project = run->project;
	struct lm_archive_facts facts = {};
	item->folder = lm_output_folder(run->options->folder, run->options->platforms, work->platform);
	if (!run->folder_checked[work->platform] &&
		lm_output_check(item->folder, work->platform, true, &run->manifests[work->platform], err) < 0)
		return -1;
	run->folder_checked[work->platform] = true;
	if (lm_prior_load(project, item->folder, run->manifests[work->platform], work, &item->prior, err) < 0)
		return lm_err_wrap(err, "reading the metadata of layer '%s'", project->spec.layers[work->layer].name);
	item->archive = (struct lm_archive_options){ .format = choose_format(run, work->platform),
		.level = run->options->level,
		.jobs = project->settings.jobs,
		.mtime_s = work->mtime_s,
		.prefix = project->locks[work->layer].install_target,
		.sink = &project->settings.sink,
		.subject = project->spec.layers[work->layer].build_name };
	if (lm_archive_check(&item->archive, err) < 0)
		return -1;
	lm_archive_compressor(&item->archive, item->compressor);
	item->output = (struct lm_output){ .layer = work->layer,
		.platform = work->platform,
		.archive_build = item->prior.archive_build,
		.state = LM_OUTPUT_PENDING };
	work->dirty = run->options->force || !prior_says(item, "inputs_hash", work->inputs_hash) ||
		!prior_facts(item, &facts) || !archive_in_place(run, item, &facts);
	if (!work->dirty) // what the metadata says beyond the archive may have changed all the same
		keep_archive(run, item, &facts);
	return 0;
}

// Will the archive have the bytes of the one that was published last? Then it has its number, too.
static bool
same_bytes(const struct item *item, const struct lm_archive_facts *prior, const struct lm_digest *content)
{
	char time[LM_TIME_TEXT];
	lm_time_format(item->work->mtime_s, time);
	LM_AUTO(lm_free_ptr) char *extension = lm_format(".%s", lm_format_extension(item->archive.format));
	return lm_digest_equal(&prior->content_hash, content) && prior_says(item, "archive_time", time) &&
		lm_cstr_ends(prior->archive_name, extension);
}

// "<layer>.<what>": the name of a staged file. Yours to lm_free.
static char *
staged_name(const struct run *run, const struct item *item, const char *what)
{
	return lm_format("%s.%s", run->project->spec.layers[item->work->layer].build_name, what);
}

static int
stage_json(const char *folder, const char *name, const json_t *value, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(value, &text);
	return lm_stage_write(folder, name, lm_buf_view(&text), err);
}

// What goes with a new archive: where its segments are, and which entries it has.
static int
stage_descriptions(const struct run *run, const struct item *item, const struct lm_archive_result *result,
	const struct lm_entries *entries, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *segments = lm_manifest_segments(result);
	LM_AUTO(lm_buf_release) struct lm_buf listing = {};
	LM_AUTO(lm_free_ptr) char *segments_name = staged_name(run, item, "segments");
	LM_AUTO(lm_free_ptr) char *listing_name = staged_name(run, item, "entries");
	lm_entries_listing(entries, &listing);
	if (stage_json(item->folder, segments_name, segments, err) < 0)
		return -1;
	return lm_stage_write(item->folder, listing_name, lm_buf_view(&listing), err);
}

static int
write_archive(struct run *run, struct item *item, const struct lm_assembled *assembled, const struct lm_digest *content,
	uint64_t build, struct lm_err *err)
{
	LM_AUTO(lm_archive_result_release) struct lm_archive_result result = {};
	lm_free(item->name); // of an attempt with damaged sources
	item->name = lm_manifest_archive_name(run->project->locks[item->work->layer].install_target, item->work->platform,
		build, run->options->tagged, item->archive.format);
	item->staged = true;
	LM_AUTO(lm_free_ptr) char *path = lm_stage_path(item->folder, item->name);
	LM_AUTO(lm_free_ptr) char *replaced = lm_path_join(item->folder, item->name);
	struct lm_segment_cache cache = {};
	struct lm_archive_options archive = item->archive;
	lm_store_segment_cache(run->project->store, &cache);
	archive.cache = &cache;
	archive.crew = run->crew;
	archive.unflushed = true; // settle_run
	archive.replaces = replaced;
	if (lm_archive_write(&assembled->entries, &archive, path, &result, err) < 0 ||
		stage_descriptions(run, item, &result, &assembled->entries, err) < 0)
		return -1;
	struct lm_archive_facts facts = { .archive_build = build,
		.archive_name = item->name,
		.archive_size = result.size,
		.archive_digest = result.digest,
		.content_hash = *content,
		.content_size = result.content_size,
		.entry_count = result.entry_count,
		.compressor = result.compressor };
	item->metadata = layer_metadata(run, item, &facts);
	item->output.state = LM_OUTPUT_WRITTEN;
	item->output.archive_build = build;
	item->output.size_bytes = result.size;
	return 0;
}

struct making {
	struct run *run;
	struct item *item;
};

// Write the archive of an item, unless the one that is there has the same bytes.
static int
make_archive(void *context, const struct lm_assembled *assembled, struct lm_err *err)
{
	struct run *run = ((struct making *)context)->run;
	struct item *item = ((struct making *)context)->item;
	struct lm_archive_facts prior = {};
	struct lm_digest content;
	lm_entries_content_hash(&assembled->entries, &content);
	bool same = prior_facts(item, &prior) && same_bytes(item, &prior, &content);
	uint64_t build = same ? prior.archive_build : item->prior.archive_build + 1;
	if (same && !run->options->force && archive_in_place(run, item, &prior))
		keep_archive(run, item, &prior);
	else if (write_archive(run, item, assembled, &content, build, err) < 0)
		return lm_err_wrap(err, "publishing layer '%s'", run->project->spec.layers[item->work->layer].build_name);
	return 0;
}

static int
make_item(struct run *run, struct item *item, struct lm_err *err)
{
	const char *layer = run->project->spec.layers[item->work->layer].build_name;
	struct making making = { run, item };
	lm_emit_begin(&run->project->settings.sink, "publish", layer, 0);
	if (lm_work_do(&run->plan, item->work, make_archive, &making, err) < 0)
		return -1;
	lm_emit_end(&run->project->settings.sink, "publish", layer, "%s for %s, build %llu",
		item->output.state == LM_OUTPUT_WRITTEN ? "written" : "content unchanged",
		lm_platform_name(item->work->platform), (unsigned long long)item->output.archive_build);
	return 0;
}

// Whether the file at `place` (from the output folder) has other bytes than this document.
static bool
differs(const char *folder, const char *place, const json_t *value)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, place);
	lm_json_format(value, &text);
	return !lm_file_equals(path, text.ptr, text.len);
}

static char *
metadata_place(const struct run *run, const struct item *item)
{
	return lm_format("__venvstacks__/env_metadata/%s.json", run->project->spec.layers[item->work->layer].build_name);
}

static int
stage_metadata(struct run *run, struct item *item, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *place = metadata_place(run, item), *name = staged_name(run, item, "metadata");
	item->metadata_staged = item->staged || differs(item->folder, place, item->metadata);
	if (!item->metadata_staged)
		return 0;
	if (lm_stage_make(item->folder, err) < 0)
		return -1;
	return stage_json(item->folder, name, item->metadata, err);
}

#define STAGED_MANIFEST "manifest"

// The manifest of one platform's folder as it will be.
static int
stage_manifest(struct run *run, const char *folder, enum lm_platform platform, json_t **manifest, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) json_t **fresh = lm_alloc_array(run->project->spec.layer_count, sizeof(json_t *));
	for (size_t i = 0; i < run->count; i++)
		if (run->items[i].work->platform == platform)
			fresh[run->items[i].work->layer] = run->items[i].metadata;
	if (lm_manifest_make(run->project, folder, platform, fresh, manifest, err) < 0)
		return -1;
	run->manifest_staged[platform] = differs(folder, LM_MANIFEST_PATH, *manifest);
	if (!run->manifest_staged[platform])
		return 0;
	if (lm_stage_make(folder, err) < 0)
		return -1;
	return stage_json(folder, STAGED_MANIFEST, *manifest, err);
}

// Is this the last item of its platform?
static bool
is_last(const struct run *run, size_t index)
{
	return index + 1 == run->count || run->items[index + 1].work->platform != run->items[index].work->platform;
}

static int
stage_run(struct run *run, struct lm_outputs *outputs, struct lm_err *err)
{
	outputs->manifests = json_object();
	for (size_t i = 0; i < run->count; i++) {
		struct item *item = &run->items[i];
		json_t *manifest = nullptr;
		if (stage_metadata(run, item, err) < 0)
			return -1;
		if (!is_last(run, i))
			continue;
		int rc = stage_manifest(run, item->folder, item->work->platform, &manifest, err);
		(void)json_object_set_new(outputs->manifests, lm_platform_name(item->work->platform), manifest);
		if (rc < 0)
			return -1;
	}
	return 0;
}

// A new archive, its segments and its listing get their places.
static int
place_archive(const struct run *run, const struct item *item, struct lm_err *err)
{
	const char *layer = run->project->spec.layers[item->work->layer].build_name, *folder = item->folder;
	LM_AUTO(lm_free_ptr) char *segments = lm_format("__venvstacks__/segments/%s.json", layer);
	LM_AUTO(lm_free_ptr) char *listing = lm_format("__venvstacks__/entries/%s.txt", layer);
	LM_AUTO(lm_free_ptr) char *segments_name = staged_name(run, item, "segments");
	LM_AUTO(lm_free_ptr) char *listing_name = staged_name(run, item, "entries");
	if (lm_stage_place(folder, item->name, item->name, err) < 0 || lm_stage_place(folder, segments_name, segments, err) < 0)
		return -1;
	return lm_stage_place(folder, listing_name, listing, err);
}

// What is done to the layers of a folder, one step after the other; each is on disk before the next begins.
enum placing { REMOVE_METADATA, PLACE_ARCHIVE, PLACE_METADATA, PLACING_COUNT };

static int
place_step(const struct run *run, const struct item *item, enum placing step, bool *changed, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *metadata = metadata_place(run, item), *staged = staged_name(run, item, "metadata");
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(item->folder, metadata);
	if (step == PLACE_METADATA ? !item->metadata_staged : !item->staged)
		return 0;
	*changed = true;
	switch (step) {
	case REMOVE_METADATA:
		return lm_file_remove(path, err);
	case PLACE_ARCHIVE:
		return place_archive(run, item, err);
	default:
		return lm_stage_place(item->folder, staged, metadata, err);
	}
}

// Put the layers of one folder where readers look, and its manifest last. All is in the staging folder, so there are only renames
// to do. The metadata of an archive goes before the archive does and comes back after it: at no instant is an archive described
// by the metadata of another.
static int
place_folder(const struct run *run, size_t first, size_t end, struct lm_err *err)
{
	const char *folder = run->items[first].folder;
	for (enum placing step = 0; step < PLACING_COUNT; step++) {
		bool changed = false;
		for (size_t i = first; i < end; i++)
			if (place_step(run, &run->items[i], step, &changed, err) < 0)
				return lm_err_wrap(err, "publishing layer '%s'",
					run->project->spec.layers[run->items[i].work->layer].build_name);
		if (changed && lm_stage_flush(folder, step == PLACE_ARCHIVE ? LM_STAGE_ARCHIVES : LM_STAGE_METADATA, err) < 0)
			return -1;
	}
	if (run->manifest_staged[run->items[first].work->platform] &&
		(lm_stage_place(folder, STAGED_MANIFEST, LM_MANIFEST_PATH, err) < 0 ||
			lm_stage_flush(folder, LM_STAGE_MANIFEST, err) < 0))
		return lm_err_wrap(err, "writing the manifest");
	return lm_stage_drop(folder, err);
}

static int
settle_run(const struct run *run, struct lm_err *err)
{
	for (size_t i = 0; i < run->count; i++)
		if (is_last(run, i) && lm_stage_settle(run->items[i].folder, err) < 0)
			return lm_err_wrap(err, "flushing what is published");
	return 0;
}

static int
place_run(const struct run *run, struct lm_err *err)
{
	size_t first = 0;
	for (size_t i = 0; i < run->count; i++) {
		if (!is_last(run, i))
			continue;
		if (place_folder(run, first, i + 1, err) < 0)
			return -1;
		first = i + 1;
	}
	return 0;
}

static int
record_artifacts(struct run *run, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_artifact *artifacts = lm_alloc_array(run->count, sizeof *artifacts);
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	size_t count = 0;
	for (size_t i = 0; i < run->count; i++) {
		const struct item *item = &run->items[i];
		const struct lm_layer_lock *lock = &run->project->locks[item->work->layer];
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(item->folder, lm_json_string(item->metadata, "archive_name"));
		LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(path);
		struct lm_artifact *artifact = &artifacts[count++];
		*artifact = (struct lm_artifact){ .layer = run->project->spec.layers[item->work->layer].build_name,
			.install_target = lock->install_target,
			.platform = lm_platform_name(item->work->platform),
			.place = lm_arena_strdup(&arena, absolute),
			.content_hash = lm_json_string(item->metadata, "content_hash"),
			.inputs_hash = item->work->inputs_hash,
			.size_bytes = item->output.size_bytes,
			.archive_build = item->output.archive_build,
			.lock_version = lock->meta.lock_version };
		const char *digest = lm_json_string(json_object_get(item->metadata, "archive_hashes"), "sha256");
		(void)lm_digest_parse(lm_str_of(digest), &artifact->archive_digest);
	}
	return lm_catalogue_record(run->project, artifacts, count, err);
}

// Of a source in the store, or else as the lock has it.
static uint64_t
source_bytes(const struct run *run, const struct lm_digest *digest, uint64_t known)
{
	struct lm_file_info info = {};
	struct lm_err ignored = {};
	LM_AUTO(lm_free_ptr) char *path = lm_store_find(run->project->store, digest);
	return path == nullptr || lm_file_info(path, &info, &ignored) < 0 ? known : info.size_bytes;
}

// About how much there is to do for an item, by its sources: what is compressed holds about three times as much.
static uint64_t
estimate(const struct run *run, const struct item *item)
{
	enum { FACTOR = 3, RUNTIME_BYTES = 30 * 1024 * 1024 }; // a lock does not say how large a runtime archive is
	uint64_t bytes = 0;
	const struct lm_layer_sources *sources = &item->work->sources;
	for (size_t i = 0; i < sources->count; i++)
		bytes += FACTOR * source_bytes(run, &sources->wheels[i]->digest, sources->wheels[i]->size_bytes);
	if (sources->needs_runtime)
		bytes += source_bytes(run, &sources->runtime.digest, RUNTIME_BYTES) *
			(lm_cstr_ends(sources->runtime.name, ".tar") ? 1 : FACTOR);
	return bytes;
}

static int
compare_items(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	if (x->estimate != y->estimate)
		return x->estimate > y->estimate ? -1 : 1;
	return (x > y) - (x < y);
}

static int
run_item(void *context, size_t index, struct lm_err *err)
{
	struct run *run = context;
	struct item *item = run->order[index];
	return lm_stage_make(item->folder, err) < 0 ? -1 : make_item(run, item, err);
}

// Several layers at once, so that one that ends leaves no processor idle, and the large segments of the next one are seen in time to go
// first: their threads share `jobs` workers.
static int
run_items(struct run *run, struct lm_err *err)
{
	enum { LAYERS_AT_ONCE = 3 };
	unsigned jobs = run->project->settings.jobs == 0 ? lm_cpu_count() : run->project->settings.jobs;
	struct lm_store *store = nullptr;
	run->order = lm_alloc_array(run->count, sizeof(struct item *));
	for (size_t i = 0; i < run->count; i++)
		if (run->items[i].work->dirty)
			run->order[run->order_count++] = &run->items[i];
	if (run->order_count == 0)
		return 0;
	if (lm_project_store(run->project, &store, err) < 0)
		return -1;
	for (size_t i = 0; i < run->order_count; i++)
		run->order[i]->estimate = estimate(run, run->order[i]);
	qsort(run->order, run->order_count, sizeof *run->order, compare_items);
	LM_AUTO(lm_free_ptr) struct lm_work **works = lm_alloc_array(run->order_count, sizeof *works);
	for (size_t i = 0; i < run->order_count; i++)
		works[i] = run->order[i]->work;
	run->crew = lm_crew_new(jobs);
	return lm_work_plan_run(
		&run->plan, works, run->order_count, nullptr, jobs == 1 ? 1 : LAYERS_AT_ONCE, run_item, run, err);
}

// A run that failed leaves nothing behind but what was there before.
static void
drop_staged(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		struct lm_err ignored = {};
		if (!is_last(run, i))
			continue;
		if (lm_stage_undo(run->items[i].folder, &ignored) < 0)
			lm_emit_warning(&run->project->settings.sink, "%s", ignored.text);
		if (!lm_cstr_equal(run->items[i].folder, run->options->folder))
			lm_dir_remove_empty(run->items[i].folder);
	}
}

static int
sweep_folders(const struct run *run, struct lm_err *err)
{
	for (size_t i = 0; i < run->count; i++)
		if (is_last(run, i) && lm_stage_sweep(run->items[i].folder, err) < 0)
			return -1;
	return 0;
}

// After the renames began, an interruption waits until they are done.
static int
make_and_place(struct run *run, struct lm_outputs *outputs, struct lm_err *err)
{
	if (sweep_folders(run, err) < 0)
		return -1;
	if (run_items(run, err) < 0 || stage_run(run, outputs, err) < 0 || settle_run(run, err) < 0 ||
		lm_cancel_check(err) < 0 || place_run(run, err) < 0) {
		drop_staged(run);
		return -1;
	}
	return record_artifacts(run, err);
}

static void
report(struct run *run, struct lm_outputs *outputs)
{
	for (size_t i = 0; i < run->count; i++) {
		struct item *item = &run->items[i];
		const char *name = item->name != nullptr ? item->name : lm_json_string(item->prior.metadata, "archive_name");
		LM_AUTO(lm_free_ptr)
		char *fresh = name != nullptr
			? nullptr
			: lm_manifest_archive_name(run->project->locks[item->work->layer].install_target, item->work->platform,
				  item->prior.archive_build + 1, run->options->tagged, item->archive.format);
		lm_grow(outputs->items, outputs->count, outputs->cap);
		outputs->items[outputs->count] = item->output;
		outputs->items[outputs->count++].path = lm_path_join(item->folder, name != nullptr ? name : fresh);
	}
}

int
lm_step_publish(
	struct lm_project *project, const struct lm_publish_options *options, struct lm_outputs *outputs, struct lm_err *err)
{
	LM_AUTO(release_run) struct run run = { .project = project, .options = options };
	LM_AUTO(lm_hold_release) struct lm_hold hold = {};
	if (!options->dry_run && lm_dir_make(options->folder, err) < 0)
		return lm_err_wrap(err, "making the output folder");
	if (lm_project_hold(project, "publishing", options->folder, &hold, err) < 0)
		return -1;
	if (lm_work_plan_make(
		    project, options->operations, LM_OP_PUBLISH, options->platforms, options->only_known, &run.plan, err) < 0)
		return -1;
	run.items = lm_alloc_array(run.plan.count, sizeof *run.items);
	for (size_t i = 0; i < run.plan.count; i++) {
		if (!run.plan.works[i].selected)
			continue;
		struct item *item = &run.items[run.count++];
		item->work = &run.plan.works[i];
		if (prepare_item(&run, item, err) < 0)
			return -1;
	}
	if (!options->dry_run && make_and_place(&run, outputs, err) < 0)
		return -1;
	report(&run, outputs);
	return 0;
}
