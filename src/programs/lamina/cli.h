// The command line: one table of options says what each command takes, what it means, and what --help shows.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "programs/common/options.h"
#include "programs/common/ui.h"
#include "steps/project.h"
#include "steps/publish.h"

enum lm_command {
	LM_CMD_LOCK = 1,
	LM_CMD_BUILD = 2,
	LM_CMD_PUBLISH = 4,
	LM_CMD_EXPORT = 8,
	LM_CMD_SHOW = 16,
	LM_CMD_CHECK = 32,
	LM_CMD_DIFF = 64,
	LM_CMD_STORE = 128, // this one, the one before and the next have no spec
	LM_CMD_UNPACK = 256,
	LM_CMD_ARTIFACTS = 512, // may have one
	LM_CMD_ALL = 1023,
};

struct lm_cli {
	enum lm_command command;
	const struct lm_command_info *info;
	const char *spec,
		*folder;  // positional; folder null when not given; diff: its two arguments; store: '.', and what to do
	const char *build_dir, *output_dir, *store, *runtime_mirror, *uv, *format, *level, *jobs, *expected, *max_size,
		*directory; // null: not given
	const char *const *archives; // unpack: its arguments
	size_t archive_count;
	struct lm_strings include, reset_lock, local_wheels, platforms;
	bool if_needed, no_lock_if_needed; // lock --if-needed; build --no-lock-if-needed
	int build; // 1: asked for, -1: refused, 0: neither
	bool publish;
	bool cached, diffoscope; // check, diff
	bool all_stacks, duplicates; // artifacts: without a spec
	bool no_index, clean, tagged, force, dry_run, show, show_only, json, allow_missing;
	bool lock_dependencies, build_dependencies, publish_dependencies, include_dependencies, build_derived, publish_derived;
	int verbosity;
	bool help, version;
};

extern const struct lm_program lm_lamina;

// Parse argv[1..] for the command in cli->info. LM_E_USAGE with "did you mean".
[[nodiscard]] int lm_cli_parse(struct lm_cli *cli, int argc, char **argv, struct lm_err *err);
void lm_cli_release(struct lm_cli *cli);

// Settings of a run: options first, then environment, then defaults.
struct lm_run {
	struct lm_cli cli;
	struct lm_ui *ui;
	struct lm_project project;
	struct lm_settings settings;
	struct lm_arena arena;
	lm_platform_set platforms;
	bool only_known; // platforms came from "all"
	bool has_format;
	enum lm_format format;
	int level;
	json_t *answer; // what --json prints, once the command is done
	int exit_code; // of a run without error: 0, or 3 when something differs
};
// --jobs N: 0 when it is not given.
[[nodiscard]] int lm_run_jobs(const struct lm_run *run, unsigned *jobs, struct lm_err *err);
[[nodiscard]] int lm_run_settings(struct lm_run *run, struct lm_err *err);

// A run of the command; the exit code.
[[nodiscard]] int lm_run_lock(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_build(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_publish(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_export(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_show(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_check(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_diff(struct lm_run *run, struct lm_err *err); // without project and settings
[[nodiscard]] int lm_run_store(struct lm_run *run, struct lm_err *err); // without project
[[nodiscard]] int lm_run_artifacts(struct lm_run *run, struct lm_err *err); // without project when cli.all_stacks
[[nodiscard]] int lm_run_unpack(struct lm_run *run, struct lm_err *err); // without project and settings

// Shared by the commands.
[[nodiscard]] int lm_run_select(struct lm_run *run, const struct lm_strings *include, bool dependencies, bool derived,
	enum lm_operation operation, unsigned *operations, struct lm_err *err);
// Show the stack: printed at once, or with --json part of the answer.
//   shown  per layer; null: all
[[nodiscard]] int lm_run_status(struct lm_run *run, const unsigned *operations, const bool *shown, struct lm_err *err);
// What was made in a folder: a line for each, then the total; or with --json the answer.
[[nodiscard]] int lm_run_report(
	struct lm_run *run, const struct lm_outputs *outputs, const char *folder, const char *verb, struct lm_err *err);
// One line of a table for people: what became of which layer, what else is known of it, and where.
struct lm_report_row {
	const char *state, *layer, *path;
	char middle[48];
};
// Paths are shortened to those in `folder` (may be null) when the terminal is too narrow.
void lm_run_put_rows(const struct lm_report_row *rows, size_t count, const char *folder);
// Locks before and after locking: what came of it.
struct lm_lock_before {
	bool selected, present;
	char *requirements_hash; // null when there was no lock
};
struct lm_lock_before *lm_locks_before(const struct lm_run *run, const unsigned *operations);
void lm_locks_before_free(const struct lm_run *run, struct lm_lock_before *before);
[[nodiscard]] int lm_run_report_locks(
	struct lm_run *run, const struct lm_lock_before *before, const unsigned *operations, struct lm_err *err);
// Text of any bytes as JSON: what is not UTF-8 is shown as \xNN; null stays null.
json_t *lm_report_json_text(const char *text);
// The JSON document of a run that failed.
json_t *lm_report_failure(const struct lm_diags *diags, const struct lm_err *err, int exit_code);
void lm_print_json(const json_t *value);
// What was compared (docs/formats/report.md); sets the exit code. Takes `report`.
[[nodiscard]] int lm_run_compared(struct lm_run *run, json_t *report, bool equal, struct lm_err *err);
// A path given as option: relative to the spec's folder. In the run's arena.
const char *lm_run_path(struct lm_run *run, const char *given, const char *fallback);
