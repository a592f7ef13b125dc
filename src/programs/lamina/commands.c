// The commands: each turns options into selected operations and calls the steps.
#include "cli.h"

#include "base/mem.h"
#include "steps/lock.h"

#include <string.h>

int
lm_run_select(struct lm_run *run, const struct lm_strings *include, bool dependencies, bool derived,
	enum lm_operation operation, unsigned *operations, struct lm_err *err)
{
	struct lm_selection selection = { .include = (const char *const *)include->items,
		.include_count = include->count,
		.allow_missing = run->cli.allow_missing,
		.with_dependencies = dependencies,
		.with_derived = derived };
	return lm_project_select(&run->project, &selection, operation, operations, err);
}

// --reset-lock: only layers that are selected for locking.
static int
select_reset(struct lm_run *run, unsigned *operations, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) unsigned *reset = lm_alloc_array(run->project.spec.layer_count, sizeof *reset);
	if (run->cli.reset_lock.count == 0)
		return 0;
	if (lm_run_select(run, &run->cli.reset_lock, false, false, LM_OP_RESET_LOCK, reset, err) < 0)
		return -1;
	for (size_t i = 0; i < run->project.spec.layer_count; i++)
		if ((operations[i] & (LM_OP_LOCK | LM_OP_LOCK_IF_NEEDED)) != 0)
			operations[i] |= reset[i];
	return 0;
}

// Show the stack when asked to. 1: and that is all.
static int
show_first(struct lm_run *run, const unsigned *operations, struct lm_err *err)
{
	if (!run->cli.show && !run->cli.show_only)
		return 0;
	if (lm_run_status(run, operations, nullptr, err) < 0)
		return -1;
	return run->cli.show_only ? 1 : 0;
}

static int
lock_layers(struct lm_run *run, const unsigned *operations, struct lm_err *err)
{
	struct lm_lock_options options = { .operations = operations };
	return lm_step_lock(&run->project, &options, err);
}

// What stands on a layer that is locked again may not fit any more: it is locked again too, where it was locked before.
static int
select_derived(struct lm_run *run, unsigned *operations, struct lm_err *err)
{
	size_t count = run->project.spec.layer_count;
	LM_AUTO(lm_free_ptr) unsigned *derived = lm_alloc_array(count, sizeof *derived);
	const struct lm_cli *cli = &run->cli;
	bool dependencies = cli->lock_dependencies || cli->include_dependencies;
	if (lm_run_select(run, &cli->include, dependencies, true, LM_OP_LOCK_IF_NEEDED, derived, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (operations[i] == 0 && run->project.locks[i].valid)
			operations[i] = derived[i];
	return 0;
}

int
lm_run_lock(struct lm_run *run, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(run->project.spec.layer_count, sizeof *operations);
	enum lm_operation operation = cli->if_needed ? LM_OP_LOCK_IF_NEEDED : LM_OP_LOCK;
	if (lm_run_select(run, &cli->include, cli->lock_dependencies || cli->include_dependencies, false, operation, operations,
		    err) < 0 ||
		select_derived(run, operations, err) < 0 || select_reset(run, operations, err) < 0)
		return -1;
	int shown = show_first(run, operations, err);
	if (shown != 0)
		return shown < 0 ? -1 : 0;
	struct lm_lock_before *before = lm_locks_before(run, operations);
	int rc = lock_layers(run, operations, err);
	if (rc == 0)
		rc = lm_run_report_locks(run, before, operations, err);
	lm_locks_before_free(run, before);
	return rc;
}

static int
publish_layers(struct lm_run *run, const char *folder, const unsigned *operations, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	struct lm_outputs outputs = {};
	struct lm_publish_options options = { .operations = operations,
		.platforms = run->platforms,
		.only_known = run->only_known,
		.folder = folder,
		.tagged = cli->tagged,
		.force = cli->force,
		.dry_run = cli->dry_run,
		.has_format = run->has_format,
		.format = run->format,
		.level = run->level };
	int rc = lm_step_publish(&run->project, &options, &outputs, err);
	if (rc == 0)
		rc = lm_run_report(run, &outputs, folder, "published", err);
	lm_outputs_release(&outputs);
	return rc;
}

static int
write_trees(struct lm_run *run, const char *folder, enum lm_operation operation, const unsigned *operations, bool with_report,
	struct lm_err *err)
{
	struct lm_outputs outputs = {};
	struct lm_tree_options options = { .operations = operations,
		.operation = operation,
		.platforms = run->platforms,
		.only_known = run->only_known,
		.folder = folder,
		.clean = run->cli.clean,
		.force = run->cli.force,
		.dry_run = run->cli.dry_run };
	int rc = lm_step_trees(&run->project, &options, &outputs, err);
	if (rc == 0 && with_report)
		rc = lm_run_report(run, &outputs, folder, operation == LM_OP_EXPORT ? "exported" : "built", err);
	lm_outputs_release(&outputs);
	return rc;
}

// A folder given as second argument is the user's, from the working folder; options are relative to the spec.
static const char *
positional(struct lm_run *run, const char *option, const char *fallback)
{
	return run->cli.folder != nullptr && option == nullptr ? run->cli.folder : lm_run_path(run, option, fallback);
}

static int
select_build(struct lm_run *run, bool trees, unsigned *operations, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	const struct lm_strings *include = &cli->include;
	bool all = cli->include_dependencies;
	// what is built or published needs valid locks below it, so those are locked too when they have none
	if (!cli->no_lock_if_needed &&
		lm_run_select(run, include, true, cli->build_derived || cli->publish_derived, LM_OP_LOCK_IF_NEEDED, operations,
			err) < 0)
		return -1;
	if (trees &&
		lm_run_select(run, include, all || cli->build_dependencies, cli->build_derived, LM_OP_BUILD, operations, err) <
			0)
		return -1;
	if (cli->publish &&
		lm_run_select(run, include, all || cli->publish_dependencies, cli->publish_derived, LM_OP_PUBLISH, operations,
			err) < 0)
		return -1;
	return select_reset(run, operations, err);
}

// --dry-run: nothing can be said of layers that a real run would lock first.
static void
leave_unlocked(struct lm_run *run, unsigned *operations)
{
	const unsigned made = LM_OP_BUILD | LM_OP_PUBLISH;
	for (size_t i = 0; i < run->project.spec.layer_count; i++) {
		if (run->project.locks[i].valid || (operations[i] & LM_OP_LOCK_IF_NEEDED) == 0 || (operations[i] & made) == 0)
			continue;
		operations[i] &= ~made;
		lm_emit_warning(&run->settings.sink, "'%s' is to be locked first, and what would be made of it is known then",
			run->project.spec.layers[i].build_name);
	}
}

int
lm_run_build(struct lm_run *run, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	bool build_folder_given = cli->build_dir != nullptr || (cli->folder != nullptr && cli->output_dir != nullptr);
	bool trees = cli->build > 0 || (cli->build == 0 && (!cli->publish || build_folder_given));
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(run->project.spec.layer_count, sizeof *operations);
	if (!trees && !cli->publish)
		return lm_err_set(err, LM_E_USAGE, "--no-build without --publish leaves nothing to do");
	if (select_build(run, trees, operations, err) < 0)
		return -1;
	int shown = show_first(run, operations, err);
	if (shown != 0)
		return shown < 0 ? -1 : 0;
	lm_ui_keep(run->ui, "lock");
	if (cli->dry_run)
		leave_unlocked(run, operations);
	else if (lock_layers(run, operations, err) < 0)
		return -1;
	bool folder_is_output = cli->publish && cli->output_dir == nullptr;
	if (trees) {
		const char *folder = folder_is_output || cli->folder == nullptr || cli->build_dir != nullptr
			? lm_run_path(run, cli->build_dir, "_build")
			: cli->folder;
		if (write_trees(run, folder, LM_OP_BUILD, operations, !cli->publish, err) < 0)
			return -1;
	}
	if (!cli->publish)
		return 0;
	const char *output =
		folder_is_output && cli->folder != nullptr ? cli->folder : lm_run_path(run, cli->output_dir, "_artifacts");
	return publish_layers(run, output, operations, err);
}

int
lm_run_publish(struct lm_run *run, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(run->project.spec.layer_count, sizeof *operations);
	if (lm_run_select(run, &cli->include, cli->publish_dependencies || cli->include_dependencies, cli->publish_derived,
		    LM_OP_PUBLISH, operations, err) < 0)
		return -1;
	int shown = show_first(run, operations, err);
	if (shown != 0)
		return shown < 0 ? -1 : 0;
	return publish_layers(run, positional(run, cli->output_dir, "_artifacts"), operations, err);
}

int
lm_run_export(struct lm_run *run, struct lm_err *err)
{
	const struct lm_cli *cli = &run->cli;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(run->project.spec.layer_count, sizeof *operations);
	if (lm_run_select(run, &cli->include, cli->publish_dependencies || cli->include_dependencies, cli->publish_derived,
		    LM_OP_EXPORT, operations, err) < 0)
		return -1;
	int shown = show_first(run, operations, err);
	if (shown != 0)
		return shown < 0 ? -1 : 0;
	return write_trees(run, positional(run, cli->output_dir, "_export"), LM_OP_EXPORT, operations, true, err);
}

// Nothing is selected for work: `selected_operations` is null everywhere. --include says what is shown.
int
lm_run_show(struct lm_run *run, struct lm_err *err)
{
	size_t count = run->project.spec.layer_count;
	LM_AUTO(lm_free_ptr) unsigned *operations = lm_alloc_array(count, sizeof *operations);
	LM_AUTO(lm_free_ptr) bool *shown = lm_alloc_array(count, sizeof *shown);
	if (lm_run_select(run, &run->cli.include, false, false, LM_OP_BUILD, operations, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct lm_layer_lock *lock = &run->project.locks[i];
		shown[i] = operations[i] != 0;
		if (shown[i] && !lock->valid && lock->reason != nullptr)
			lm_emit_note(&run->settings.sink, "'%s' is to be locked: %s", run->project.spec.layers[i].build_name,
				lock->reason);
	}
	return lm_run_status(run, nullptr, shown, err);
}
