// The command line of lamina-batch.
#pragma once

#include "base/base.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "batch/config.h"
#include "batch/engine.h"
#include "batch/folder.h"
#include "batch/provider.h"
#include "batch/results.h"
#include "batch/runs.h"
#include "programs/common/options.h"
#include "programs/common/ui.h"

enum lm_batch_command {
	LM_BATCH_START = 1 << 0,
	LM_BATCH_STATUS = 1 << 1,
	LM_BATCH_WAIT = 1 << 2,
	LM_BATCH_STEP = 1 << 3,
	LM_BATCH_RESULTS = 1 << 4,
	LM_BATCH_EXPORT = 1 << 5,
	LM_BATCH_PRUNE = 1 << 6,
	LM_BATCH_PAUSE = 1 << 7,
	LM_BATCH_RESUME = 1 << 8,
	LM_BATCH_CANCEL = 1 << 9,
	LM_BATCH_RETRY = 1 << 10,
	LM_BATCH_RESOLVE = 1 << 11,
	LM_BATCH_LIST = 1 << 12,
	LM_BATCH_VALIDATE = 1 << 13,
	LM_BATCH_ESTIMATE = 1 << 14,
	LM_BATCH_FAKE = 1 << 15,
};

struct lm_batch_cli {
	const struct lm_command_info *info;
	// where runs are
	const char *db_path, *db_schema, *artifacts, *run_id, *python;
	// what a run is asked to do; null: not given
	struct lm_strings inputs;
	const char *id_field, *prompt_field, *prompt_template, *system_prompt;
	const char *schema_class, *schema_file, *schema_name;
	const char *provider, *model, *base_url, *endpoint, *completion_window, *reasoning_effort, *cassette;
	const char *gemini_backend, *gemini_input_mode, *gemini_config, *gcs_uri, *cloud_project, *cloud_location,
		*anthropic_params;
	const char *quota_scope;
	struct lm_given_number anthropic_max_tokens, request_timeout, poll_interval, max_requests, max_file_bytes,
		bytes_per_token;
	struct lm_given_number token_limit, token_percent, token_headroom, batch_token_limit;
	struct lm_given_number max_attempts, max_batch_attempts, base_backoff, max_backoff, adopt_grace;
	bool no_raw, keep_remote_files, allow_change;
	// of single commands
	struct lm_given_number timeout, after_sequence, limit, batch;
	const char *output, *destination, *format, *created;
	bool prune_raw, force, not_created;
	struct lm_given_number port, latency_ms;
	const char *faults, *log, *folder;
	int verbosity;
	bool help;
};

extern const struct lm_program lm_batch_program;

// ---- progress.c: what a run comes to while it works: two live lines, or a plain one every half minute.

struct lm_batch_progress {
	struct lm_ui *ui;
	struct lm_sink to;
	bool begun;
	uint64_t told_ms; // monotonic: the last plain line, or the beginning
	char *told;       // owned: its text
};
struct lm_sink lm_batch_progress_sink(struct lm_batch_progress *progress, struct lm_ui *ui);
void lm_batch_progress_release(struct lm_batch_progress *progress);

struct lm_batch_run {
	struct lm_batch_cli cli;
	struct lm_ui *ui;
	struct lm_sink sink;
	struct lm_batch_progress progress; // behind the sink
	struct lm_diags faults;            // of rows; shown when the command is over
	char *db_path, *artifacts, *api_key, *record; // owned
	const char *db_schema, *python;
	struct lm_strings dotenv; // "NAME=VALUE": secrets of the environment, then those of the .env file
	struct lm_runs *runs;
	struct lm_run_row row; // of the run that the command is about
	bool made;             // by this command
	struct lm_batch_config config;
	struct lm_provider *provider;
	struct lm_run_folder folder;
};

// ---- from options and environment to what commands need; each LM_E_USAGE, or what opening says

// A variable of the environment, else of the .env file found from the working folder upwards; null when empty or not there.
const char *lm_batch_env(struct lm_batch_run *run, const char *name);
[[nodiscard]] int lm_batch_read_dotenv(struct lm_batch_run *run, struct lm_err *err);
// Open the store of runs.
[[nodiscard]] int lm_batch_open(struct lm_batch_run *run, struct lm_err *err);
// The run that --run-id names, its configuration and its folder.
[[nodiscard]] int lm_batch_load(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_reload(struct lm_batch_run *run, struct lm_err *err); // the row alone
// The provider of the configuration. with_key: calls will be made.
[[nodiscard]] int lm_batch_provider(struct lm_batch_run *run, bool with_key, struct lm_err *err);
// The configuration that the options of `start`, `validate` and `estimate` ask for.
[[nodiscard]] int lm_batch_config(struct lm_batch_run *run, struct lm_err *err);
// An engine for the run that was loaded. 1: another process has it (holder has 64 bytes).
[[nodiscard]] int lm_batch_engine(struct lm_batch_run *run, struct lm_engine **out, char *holder, struct lm_err *err);
void lm_batch_run_release(struct lm_batch_run *run);

// Print one line of JSON, keys in the order of insertion. Takes the reference.
void lm_batch_print(json_t *value);
// Print the summary of the run as it is now.
[[nodiscard]] int lm_batch_summary(struct lm_batch_run *run, struct lm_err *err);

// ---- commands

[[nodiscard]] int lm_batch_start(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_status(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_list(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_wait(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_step(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_results(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_export(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_prune(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_control(struct lm_batch_run *run, struct lm_err *err); // pause, resume, cancel
[[nodiscard]] int lm_batch_retry(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_resolve(struct lm_batch_run *run, struct lm_err *err);
[[nodiscard]] int lm_batch_survey(struct lm_batch_run *run, struct lm_err *err); // validate, estimate
[[nodiscard]] int lm_batch_fake_provider(struct lm_batch_run *run, struct lm_err *err); // until it is interrupted
