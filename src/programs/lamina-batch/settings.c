// From options, environment and .env to what the commands work with. The one place that reads the environment.
#include "cli.h"

#include "base/mem.h"
#include "dotenv.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *
lm_batch_env(struct lm_batch_run *run, const char *name)
{
	const char *value = getenv(name);
	size_t len = strlen(name);
	for (size_t i = 0; value == nullptr && i < run->dotenv.count; i++)
		if (strncmp(run->dotenv.items[i], name, len) == 0 && run->dotenv.items[i][len] == '=')
			value = run->dotenv.items[i] + len + 1;
	return value != nullptr && value[0] != '\0' ? value : nullptr;
}

// Secrets leave the environment: neither 'ps e' nor a program that is started here sees them.
static void
take_secrets(struct lm_strings *out)
{
	static const char *const names[] = { "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY",
		"LAMINA_BATCH_DB" }; // its URL may have a password
	for (size_t i = 0; i < LM_COUNT(names); i++) {
		char *value = getenv(names[i]);
		if (value == nullptr)
			continue;
		LM_AUTO(lm_free_ptr) char *line = lm_format("%s=%s", names[i], value);
		lm_strings_add(out, line);
		explicit_bzero(value, strlen(value)); // what /proc/PID/environ shows
		(void)unsetenv(names[i]);
	}
}

int
lm_batch_read_dotenv(struct lm_batch_run *run, struct lm_err *err)
{
	take_secrets(&run->dotenv);
	return lm_dotenv_find(".", &run->dotenv, err);
}

static bool
is_url(const char *where)
{
	return lm_cstr_starts(where, "postgresql://") || lm_cstr_starts(where, "postgres://");
}

static int
state_folder(struct lm_batch_run *run, char **out, struct lm_err *err)
{
	const char *state = lm_batch_env(run, "XDG_STATE_HOME"), *home = lm_batch_env(run, "HOME");
	if (state != nullptr && state[0] == '/')
		*out = lm_format("%s/lamina-batch", state);
	else if (home != nullptr)
		*out = lm_format("%s/.local/state/lamina-batch", home);
	else
		return lm_err_set(err, LM_E_USAGE,
			"neither XDG_STATE_HOME nor HOME is set: give a file with --db-path or LAMINA_BATCH_DB");
	return 0;
}

// "<database without ending>_artifacts" beside an SQLite file.
static char *
beside(const char *db_path)
{
	const char *slash = strrchr(db_path, '/'), *dot = strrchr(db_path, '.');
	size_t len = dot != nullptr && dot != db_path && (slash == nullptr || dot > slash + 1) ? (size_t)(dot - db_path)
											       : strlen(db_path);
	return lm_format("%.*s_artifacts", (int)len, db_path);
}

static int
find_places(struct lm_batch_run *run, struct lm_err *err)
{
	const char *given = run->cli.db_path != nullptr ? run->cli.db_path : lm_batch_env(run, "LAMINA_BATCH_DB");
	const char *artifacts =
		run->cli.artifacts != nullptr ? run->cli.artifacts : lm_batch_env(run, "LAMINA_BATCH_ARTIFACTS");
	LM_AUTO(lm_free_ptr) char *folder = nullptr;
	if ((given == nullptr || (is_url(given) && artifacts == nullptr)) && state_folder(run, &folder, err) < 0)
		return -1;
	run->db_path = given != nullptr ? lm_strdup(given) : lm_format("%s/default.sqlite3", folder);
	run->db_schema = run->cli.db_schema != nullptr ? run->cli.db_schema : lm_batch_env(run, "LAMINA_BATCH_DB_SCHEMA");
	if (artifacts != nullptr)
		run->artifacts = lm_strdup(artifacts);
	else
		run->artifacts = is_url(run->db_path) ? lm_format("%s/artifacts", folder) : beside(run->db_path);
	return 0;
}

int
lm_batch_open(struct lm_batch_run *run, struct lm_err *err)
{
	if (find_places(run, err) < 0)
		return -1;
	bool may_make = run->cli.info->command == LM_BATCH_START;
	if (!is_url(run->db_path) && may_make) {
		LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(run->db_path);
		if (lm_dir_make(folder, err) < 0)
			return -1;
	}
	if (!is_url(run->db_path) && !may_make && !lm_file_exists(run->db_path))
		return lm_err_set(err, LM_E_NOT_FOUND, "there are no runs: '%s' does not exist", run->db_path);
	return lm_runs_open(&run->runs, run->db_path, run->db_schema, err);
}

int
lm_batch_reload(struct lm_batch_run *run, struct lm_err *err)
{
	struct lm_run_row row = {};
	if (lm_runs_load(run->runs, run->cli.run_id != nullptr ? run->cli.run_id : run->row.run_id, &row, err) < 0)
		return -1;
	lm_run_row_release(&run->row);
	run->row = row;
	return 0;
}

int
lm_batch_load(struct lm_batch_run *run, struct lm_err *err)
{
	if (run->cli.run_id == nullptr)
		return lm_err_set(err, LM_E_USAGE, "'lamina-batch %s' needs '--run-id ID'; 'lamina-batch list' lists runs",
			run->cli.info->name);
	if (lm_batch_open(run, err) < 0 || lm_batch_reload(run, err) < 0)
		return -1;
	struct lm_batch_config config = {};
	if (lm_batch_config_parse(lm_str_of(run->row.config_json), &config, err) < 0) {
		lm_batch_config_release(&config);
		return lm_err_wrap(err, "configuration of run '%s'", run->row.run_id);
	}
	lm_batch_config_release(&run->config);
	run->config = config;
	if (run->cli.poll_interval.given)
		run->config.poll_interval_ms = run->cli.poll_interval.value;
	return lm_run_folder_open(&run->folder, run->artifacts, run->row.run_id, true, err);
}

int
lm_batch_provider(struct lm_batch_run *run, bool with_key, struct lm_err *err)
{
	static const char *const variables[][2] = {
		[LM_PROVIDER_OPENAI] = { "OPENAI_API_KEY" },
		[LM_PROVIDER_ANTHROPIC] = { "ANTHROPIC_API_KEY" },
		[LM_PROVIDER_GEMINI] = { "GEMINI_API_KEY", "GOOGLE_API_KEY" },
		[LM_PROVIDER_ECHO] = {},
		[LM_PROVIDER_REPLAY] = {},
	};
	struct lm_provider_secrets secrets = {};
	const char *record = lm_batch_env(run, "RECORD_NEW_FIXTURES");
	for (size_t i = 0; with_key && i < 2 && secrets.api_key == nullptr; i++)
		if (variables[run->config.provider][i] != nullptr)
			secrets.api_key = lm_batch_env(run, variables[run->config.provider][i]);
	if (with_key && secrets.api_key == nullptr && variables[run->config.provider][0] != nullptr &&
		run->config.base_url == nullptr) // other servers may need none
		return lm_err_set(err, LM_E_USAGE, "%s is set neither in the environment nor in a .env file",
			variables[run->config.provider][0]);
	if (lm_provider_new(&run->provider, &run->config, &secrets, err) < 0)
		return -1;
	if (with_key && lm_cstr_equal(record, "1") && run->config.cassette != nullptr &&
		run->config.provider != LM_PROVIDER_REPLAY)
		return lm_provider_record(run->provider, run->config.cassette, err);
	return 0;
}

int
lm_batch_engine(struct lm_batch_run *run, struct lm_engine **out, char *holder, struct lm_err *err)
{
	run->python = run->cli.python != nullptr ? run->cli.python : lm_batch_env(run, "LAMINA_BATCH_PYTHON");
	struct lm_engine_options options = {
		.runs = run->runs,
		.provider = run->provider,
		.artifacts = run->artifacts,
		.run_id = run->row.run_id,
		.source = { .python = run->python },
		.faults = &run->faults,
		.sink = &run->sink,
		.poll_interval_ms = run->config.poll_interval_ms,
	};
	return lm_engine_open(out, &options, holder, err);
}

void
lm_batch_run_release(struct lm_batch_run *run)
{
	lm_run_row_release(&run->row);
	lm_batch_config_release(&run->config);
	lm_provider_free(run->provider);
	lm_run_folder_release(&run->folder);
	lm_runs_close(run->runs);
	lm_diags_release(&run->faults);
	lm_batch_progress_release(&run->progress);
	lm_strings_release(&run->dotenv);
	lm_strings_release(&run->cli.inputs);
	lm_free(run->db_path);
	lm_free(run->artifacts);
}
