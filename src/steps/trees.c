// Layers as trees on disk: build and local-export.
#include "layer/tree.h"
#include "os/cancel.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/pool.h"
#include "os/process.h"
#include "steps/child_env.h"
#include "steps/output.h"
#include "steps/publish.h"
#include "steps/replace.h"
#include "steps/stage.h"
#include "steps/swap.h"

#include <string.h>

enum { POSTINSTALL_TIMEOUT_MS = 30 * 60 * 1000 };

// One tree; the output of the same index has its place.
struct item {
	struct lm_work *work;
	char *folder;   // of its platform
	size_t runtime; // the item it needs, if it does
};

struct run {
	struct lm_project *project;
	const struct lm_tree_options *options;
	struct lm_work_plan plan;
	struct lm_outputs *outputs;
	struct item *items; // the selected ones, in the order of the plan
	size_t count;
	struct lm_pool_needs *needs; // of each item
	sem_t turns;               // as many files are written at a time as there are jobs, whatever the number of trees
	pthread_mutex_t finishing; // one postinstall.py at a time: each uses all processors
};

// Where a tree's inputs hash is kept between runs.
static char *
state_path(const struct run *run, const char *folder, size_t layer)
{
	if (run->options->operation == LM_OP_EXPORT)
		return lm_metadata_path(run->project, folder, layer);
	return lm_format("%s/__lamina__/%s.json", folder, run->project->spec.layers[layer].build_name);
}

static bool
is_current(const struct run *run, const char *folder, const struct lm_work *work, const char *tree)
{
	LM_AUTO(lm_free_ptr) char *path = state_path(run, folder, work->layer);
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *state = nullptr;
	struct lm_err ignored = {};
	size_t len = 0;
	if (run->options->force || !lm_file_exists(tree) || lm_file_read(path, 1024 * 1024, &text, &len, &ignored) < 0 ||
		lm_json_parse((struct lm_str){ text, len }, &state, &ignored) < 0)
		return false;
	const char *hash = lm_json_string(state, "inputs_hash");
	return hash != nullptr && lm_cstr_equal(hash, work->inputs_hash);
}

// Does the tree know where its runtime is? Not when it was built without one, or moved since. A runtime is its own.
static bool
is_ready(const char *tree, const char *program)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(tree, "pyvenv.cfg");
	LM_AUTO(lm_free_ptr) char *bin = lm_path_parent(program);
	LM_AUTO(lm_free_ptr) char *home = lm_format("home = %s\n", bin);
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	struct lm_err ignored = {};
	return lm_file_read(path, 1024 * 1024, &text, nullptr, &ignored) == 0 && lm_cstr_starts(text, home);
}

static int
run_postinstall(struct run *run, const char *layer, const char *program, const char *tree, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *script = lm_format("%s/postinstall.py", tree);
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(script);
	const char *argv[] = { program, "-I", "-B", absolute, nullptr };
	LM_AUTO(lm_free_ptr) const char **env = lm_child_env(nullptr, 0);
	struct lm_process process = { .argv = argv, .env = env, .timeout_ms = POSTINSTALL_TIMEOUT_MS };
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	(void)pthread_mutex_lock(&run->finishing);
	int rc = lm_process_run(&process, &result, err);
	(void)pthread_mutex_unlock(&run->finishing);
	if (rc < 0)
		return lm_err_wrap(err, "running postinstall.py of layer '%s'", layer);
	if (result.exit_code != 0)
		return lm_err_set(err, LM_E_CHILD, "postinstall.py of layer '%s' failed: %s", layer, lm_buf_cstr(&result.err));
	return 0;
}

// Make a tree of this host ready to run: the runtime's own Python runs the layer's postinstall.py.
//   fresh  the tree was written just now
static int
finish_tree(struct run *run, const char *folder, const struct lm_work *work, const char *tree, bool fresh, struct lm_err *err)
{
	const struct lm_layer_spec *spec = &run->project->spec.layers[work->layer];
	if (work->platform != lm_platform_host() || (!fresh && spec->kind == LM_RUNTIME))
		return 0;
	char python[128];
	lm_layer_python(&run->project->spec.layers[spec->runtime], work->platform, python);
	LM_AUTO(lm_free_ptr)
	char *relative = lm_format("%s/%s/%s", folder, run->project->locks[spec->runtime].install_target, python);
	LM_AUTO(lm_free_ptr) char *program = lm_path_absolute(relative);
	if (!fresh && is_ready(tree, program))
		return 0;
	if (!lm_file_exists(program)) {
		lm_emit_warning(&run->project->settings.sink, "'%s' is not made ready to run: its runtime is not in '%s'",
			spec->build_name, folder);
		return 0;
	}
	return run_postinstall(run, spec->name, program, tree, err);
}

static json_t *
tree_state(const struct run *run, const struct lm_work *work)
{
	struct lm_layer_facts facts = {};
	lm_layer_facts_fill(run->project, work, &facts);
	json_t *state = lm_manifest_layer(&facts, nullptr);
	(void)json_object_set_new(state, "inputs_hash", json_string(work->inputs_hash));
	struct lm_module_info *support = nullptr;
	memcpy(&support, &facts.support, sizeof support);
	lm_free(support);
	return state;
}

// The new tree is beside its place: put it there, make it ready, and note what it was made from.
static int
swap_tree(struct run *run, const char *folder, const struct lm_work *work, const char *tree, const char *state,
	struct lm_err *err)
{
	struct lm_err ignored = {};
	LM_AUTO(lm_json_decref_ptr) json_t *metadata = tree_state(run, work);
	if (lm_swap_begin(tree, state, err) < 0 || finish_tree(run, folder, work, tree, true, err) < 0 ||
		lm_json_write(state, metadata, err) < 0) {
		if (lm_swap_undo(tree, state, &ignored) < 0)
			lm_emit_warning(&run->project->settings.sink, "%s", ignored.text);
		return -1;
	}
	return lm_swap_end(tree, state, err);
}

struct making {
	struct run *run;
	const struct lm_work *work;
	const char *step, *place;
	uint64_t entry_count, size_bytes;
};

static int
write_tree(void *context, const struct lm_assembled *assembled, struct lm_err *err)
{
	struct making *making = context;
	const struct lm_project *project = making->run->project;
	const char *layer = project->spec.layers[making->work->layer].build_name;
	if (lm_tree_write(&assembled->entries, making->place, making->work->mtime_s, project->settings.jobs,
		    &making->run->turns, &project->settings.sink, making->step, layer, err) < 0)
		return lm_err_wrap(err, "writing layer '%s'", layer);
	making->entry_count = assembled->entries.count;
	for (size_t i = 0; i < assembled->entries.count; i++)
		making->size_bytes += assembled->entries.items[i].size;
	return 0;
}

// Replace one tree; until the new one is ready, the old one is there, or comes back.
static int
make_tree(struct run *run, const char *folder, struct lm_work *work, const char *tree, struct lm_output *output,
	struct lm_err *err)
{
	const char *layer = run->project->spec.layers[work->layer].build_name;
	const char *step = run->options->operation == LM_OP_EXPORT ? "export" : "build";
	LM_AUTO(lm_free_ptr) char *state = state_path(run, folder, work->layer);
	LM_AUTO(lm_free_ptr) char *state_folder = lm_path_parent(state);
	LM_AUTO(lm_free_ptr) char *fresh = lm_swap_new(tree);
	struct making making = { .run = run, .work = work, .step = step, .place = fresh };
	lm_emit_begin(&run->project->settings.sink, step, layer, 0);
	if (lm_dir_make(state_folder, err) < 0 || lm_work_do(&run->plan, work, write_tree, &making, err) < 0 ||
		swap_tree(run, folder, work, tree, state, err) < 0)
		return -1;
	output->size_bytes = making.size_bytes;
	output->state = LM_OUTPUT_WRITTEN;
	lm_emit_end(&run->project->settings.sink, step, layer, "%llu entries for %s", (unsigned long long)making.entry_count,
		lm_platform_name(work->platform));
	return 0;
}

static void
add_item(struct run *run, struct lm_work *work, const char *folder, const char *tree)
{
	struct lm_outputs *outputs = run->outputs;
	lm_grow(outputs->items, outputs->count, outputs->cap);
	outputs->items[outputs->count++] = (struct lm_output){ .layer = work->layer,
		.platform = work->platform,
		.state = work->dirty ? LM_OUTPUT_PENDING : LM_OUTPUT_UNCHANGED,
		.path = lm_strdup(tree) };
	run->items[run->count++] = (struct item){ .work = work, .folder = lm_strdup(folder) };
}

static int
clean_folder(const struct run *run, struct lm_err *err)
{
	const char *folder = run->options->folder;
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (!run->options->clean || run->options->dry_run || !lm_file_exists(folder))
		return 0;
	if (lm_check_cleaning(run->project, folder, err) < 0 || lm_dir_list(folder, &names, err) < 0)
		return -1;
	int rc = 0;
	for (size_t i = 0; i < names.count && rc == 0; i++) { // not the folder itself: whoever waits for us holds on to it
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, names.items[i]);
		rc = lm_dir_remove(path, err);
	}
	return rc;
}

static int
run_item(void *context, size_t index, struct lm_err *err)
{
	struct run *run = context;
	const struct item *item = &run->items[index];
	struct lm_output *output = &run->outputs->items[index];
	if (lm_cancel_check(err) < 0)
		return -1;
	return item->work->dirty ? make_tree(run, item->folder, item->work, output->path, output, err)
				 : finish_tree(run, item->folder, item->work, output->path, false, err);
}

// A tree of this host is finished by its runtime's Python, so it is begun when that one's tree is in its place, compiled and noted. Not
// inside a task: all that run would wait for one that was never begun. As it is, a task that runs waits only for what others have in hand
// (`turns`, `finishing`), and the first that was not begun needs only what was.
static void
note_needs(struct run *run, size_t index)
{
	struct item *item = &run->items[index];
	size_t runtime = run->project->spec.layers[item->work->layer].runtime;
	for (size_t i = 0; i < index && item->work->platform == lm_platform_host(); i++) {
		if (run->items[i].work->platform != item->work->platform || run->items[i].work->layer != runtime)
			continue;
		item->runtime = i;
		run->needs[index] = (struct lm_pool_needs){ .items = &item->runtime, .count = 1 };
	}
}

// Several trees at once, in the order of the spec, so that the first failure is the one that a single job would find. All jobs help with
// each tree: where one ends, no processor waits.
static int
run_items(struct run *run, struct lm_err *err)
{
	enum { TREES_AT_ONCE = 3 };
	unsigned jobs = run->project->settings.jobs;
	struct lm_store *store = nullptr;
	LM_AUTO(lm_free_ptr) struct lm_work **order = lm_alloc_array(run->count, sizeof *order);
	bool any = false;
	run->needs = lm_alloc_array(run->count, sizeof *run->needs);
	for (size_t i = 0; i < run->count; i++) {
		order[i] = run->items[i].work;
		any = any || order[i]->dirty;
		note_needs(run, i);
	}
	if (any && lm_project_store(run->project, &store, err) < 0)
		return -1;
	return lm_work_plan_run(
		&run->plan, order, run->count, run->needs, jobs < TREES_AT_ONCE ? jobs : TREES_AT_ONCE, run_item, run, err);
}

static int
write_manifests(struct run *run, struct lm_err *err)
{
	run->outputs->manifests = json_object();
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		bool any = false;
		for (size_t i = 0; i < run->plan.count; i++)
			any = any || (run->plan.works[i].selected && run->plan.works[i].platform == (enum lm_platform)p);
		if (!any)
			continue;
		json_t *manifest = nullptr;
		LM_AUTO(lm_free_ptr)
		char *folder = lm_output_folder(run->options->folder, run->options->platforms, (enum lm_platform)p);
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, LM_MANIFEST_PATH);
		if (lm_manifest_make(run->project, folder, (enum lm_platform)p, nullptr, &manifest, err) < 0)
			return -1;
		(void)json_object_set_new(run->outputs->manifests, lm_platform_name((enum lm_platform)p), manifest);
		if (lm_json_write(path, manifest, err) < 0)
			return lm_err_wrap(err, "writing the manifest");
	}
	return 0;
}

static void
release_run(struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		lm_free(run->items[i].folder);
	lm_free(run->items);
	lm_free(run->needs);
	(void)sem_destroy(&run->turns);
	(void)pthread_mutex_destroy(&run->finishing);
	lm_work_plan_release(&run->plan);
}

// What killed runs left beside the states of one folder. Not while trees are made: each writes its own then.
static int
sweep_states(const char *state, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(state);
	return lm_file_exists(folder) ? lm_outfile_sweep(folder, err) : 0;
}

int
lm_step_trees(struct lm_project *project, const struct lm_tree_options *options, struct lm_outputs *outputs, struct lm_err *err)
{
	LM_AUTO(release_run)
	struct run run = { .project = project, .options = options, .outputs = outputs, .finishing = PTHREAD_MUTEX_INITIALIZER };
	(void)sem_init(&run.turns, 0, project->settings.jobs);
	LM_AUTO(lm_hold_release) struct lm_hold hold = {};
	if (!options->dry_run && lm_dir_make(options->folder, err) < 0)
		return lm_err_wrap(err, "making the output folder");
	if (lm_project_hold(project, "building", options->folder, &hold, err) < 0)
		return -1;
	if (lm_work_plan_make(project, options->operations, options->operation, options->platforms, options->only_known,
		    &run.plan, err) < 0 ||
		clean_folder(&run, err) < 0)
		return -1;
	run.items = lm_alloc_array(run.plan.count, sizeof *run.items);
	bool checked[LM_PLATFORM_COUNT] = {}; // a folder has one manifest for all of its layers
	for (size_t i = 0; i < run.plan.count; i++) {
		struct lm_work *work = &run.plan.works[i];
		LM_AUTO(lm_free_ptr) char *folder = lm_output_folder(options->folder, options->platforms, work->platform);
		LM_AUTO(lm_free_ptr) char *tree = lm_path_join(folder, project->locks[work->layer].install_target);
		if (options->operation == LM_OP_EXPORT && !checked[work->platform] &&
			lm_output_check(folder, work->platform, false, nullptr, err) < 0)
			return -1;
		LM_AUTO(lm_free_ptr) char *state = state_path(&run, folder, work->layer);
		if (!checked[work->platform] && !options->dry_run && sweep_states(state, err) < 0)
			return -1;
		checked[work->platform] = true;
		if (work->selected && !options->dry_run &&
			(lm_stage_sweep(folder, err) < 0 || lm_swap_undo(tree, state, err) < 0))
			return -1;
		work->dirty = work->selected && !is_current(&run, folder, work, tree);
		if (work->dirty && lm_check_replacing(project, tree, state, err) < 0)
			return -1;
		if (work->selected)
			add_item(&run, work, folder, tree);
	}
	if (!options->dry_run && run_items(&run, err) < 0)
		return -1;
	return options->operation == LM_OP_EXPORT && !options->dry_run ? write_manifests(&run, err) : 0;
}
