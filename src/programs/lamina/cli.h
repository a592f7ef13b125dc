// The command line: one table of options says what each command takes, what it means, and what --help shows.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "steps/project.h"
#include "steps/publish.h"
#include "ui.h"

enum lm_command {
	LM_CMD_LOCK = 1,
	LM_CMD_BUILD = 2,
	LM_CMD_PUBLISH = 4,
	LM_CMD_EXPORT = 8,
	LM_CMD_SHOW = 16,
	LM_CMD_ALL = 31,
};

struct lm_cli {
	enum lm_command command;
	const char *spec, *folder;  // positional; folder null when not given
	const char *build_dir, *output_dir, *store, *runtime_mirror, *uv, *format, *level, *jobs; // null: not given
	struct lm_strings include, reset_lock, local_wheels, platforms;
	bool if_needed, no_lock_if_needed; // lock --if-needed; build --no-lock-if-needed
	bool build, no_build, publish;
	bool no_index, clean, tagged, force, dry_run, show, show_only, json, allow_missing;
	bool lock_dependencies, build_dependencies, publish_dependencies, include_dependencies, build_derived, publish_derived;
	int verbosity;
	bool help, version;
};

// Parse argv[2..] for a command. LM_E_USAGE with "did you mean".
[[nodiscard]] int lm_cli_parse(struct lm_cli *cli, int argc, char **argv, struct lm_err *err);
void lm_cli_release(struct lm_cli *cli);
void lm_cli_help(enum lm_command command); // to stdout
void lm_cli_overview(void);                // to stdout
// The command of a name, or 0 with LM_E_USAGE.
int lm_command_parse(const char *name, enum lm_command *out, struct lm_err *err);
const char *lm_command_name(enum lm_command command);

// The table behind them, for completions: the summary of the index-th command (null after the last), the index-th option.
struct lm_option_info {
	const char *name, *argument, *help; // argument null: a switch
	char letter;   // or 0
};
const char *lm_command_at(size_t index, enum lm_command *command);
bool lm_option_at(size_t index, enum lm_command command, struct lm_option_info *out);
// Completion scripts, to stdout: "bash" or "zsh".
[[nodiscard]] int lm_completion(const char *shell, struct lm_err *err);

// Settings of a run: options first, then environment, then defaults.
struct lm_run {
	struct lm_cli cli;
	struct lm_ui *ui;
	struct lm_project project;
	struct lm_settings settings;
	struct lm_arena arena;
	lm_platform_set platforms;
	bool only_known; // platforms came from "all"
};
[[nodiscard]] int lm_run_settings(struct lm_run *run, struct lm_err *err);

// A run of the command; the exit code.
[[nodiscard]] int lm_run_lock(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_build(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_publish(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_export(struct lm_run *run, struct lm_err *err);
[[nodiscard]] int lm_run_show(struct lm_run *run, struct lm_err *err);

// Shared by the commands.
[[nodiscard]] int lm_run_select(struct lm_run *run, const struct lm_strings *include, bool dependencies, bool derived,
	enum lm_operation operation, unsigned *operations, struct lm_err *err);
void lm_run_status(struct lm_run *run, const unsigned *operations);
void lm_run_report(struct lm_run *run, const struct lm_outputs *outputs, const char *verb);
void lm_print_json(const json_t *value);
// A path given as option: relative to the spec's folder. In the run's arena.
const char *lm_run_path(struct lm_run *run, const char *given, const char *fallback);
