// What `start`, `validate` and `estimate` are asked for: from options to the configuration of a run.
#include "cli.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/process.h"
#include "text/json.h"

#include <string.h>

enum { SCHEMA_MAX_BYTES = 4 << 20, CLASS_TIMEOUT_MS = 60000 };

static void
give(char **field, const char *text)
{
	if (text == nullptr)
		return;
	lm_free(*field);
	*field = lm_strdup(text);
}

static void
give_number(uint64_t *field, const struct lm_given_number *number)
{
	if (number->given)
		*field = number->value;
}

static int
add_input(struct lm_batch_config *config, const char *path, struct lm_err *err)
{
	static const struct {
		const char *ending;
		enum lm_input_kind kind;
	} kinds[] = { { ".jsonl", LM_INPUT_JSONL }, { ".csv", LM_INPUT_CSV }, { ".parquet", LM_INPUT_PARQUET } };
	for (size_t i = 0; i < LM_COUNT(kinds); i++) {
		if (!lm_cstr_ends(path, kinds[i].ending))
			continue;
		config->inputs = lm_realloc_array(config->inputs, config->input_count + 1, sizeof *config->inputs);
		config->inputs[config->input_count++] =
			(struct lm_batch_input){ .kind = kinds[i].kind, .path = lm_strdup(path) };
		return 0;
	}
	return lm_err_set(err, LM_E_USAGE, "input '%s' ends in none of .jsonl, .csv and .parquet", path);
}

// The JSON Schema of a pydantic model: "module:Class", imported by the layer's Python with the working folder in its path.
static int
class_schema(struct lm_batch_run *run, const char *name, struct lm_buf *out, struct lm_err *err)
{
	static const char script[] = "import importlib, json, sys\n"
				     "sys.path.insert(0, '')\n"
				     "module, _, name = sys.argv[1].partition(':')\n"
				     "found = importlib.import_module(module)\n"
				     "for part in name.split('.'):\n"
				     "    found = getattr(found, part)\n"
				     "print(json.dumps(found.model_json_schema()))\n";
	const char *python = run->cli.python != nullptr ? run->cli.python : lm_batch_env(run, "LAMINA_BATCH_PYTHON");
	if (strchr(name, ':') == nullptr)
		return lm_err_set(err, LM_E_USAGE, "--structured-output-class is '%s', not MODULE:CLASS", name);
	const char *argv[] = { python != nullptr ? python : "python3", "-c", script, name, nullptr };
	struct lm_process process = { .argv = argv, .timeout_ms = CLASS_TIMEOUT_MS, .output_max = SCHEMA_MAX_BYTES };
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	if (lm_process_run(&process, &result, err) < 0)
		return lm_err_wrap(err, "reading the schema of '%s'", name);
	if (result.exit_code != 0) {
		struct lm_str said = lm_str_trim(lm_buf_view(&result.err));
		for (size_t at = said.len; at > 0; at--)
			if (said.ptr[at - 1] == '\n') {
				said = (struct lm_str){ said.ptr + at, said.len - at };
				break;
			}
		return lm_err_set(err, LM_E_USAGE, "--structured-output-class '%s': %.*s", name, LM_STR_ARG(said));
	}
	lm_buf_str(out, lm_buf_view(&result.out));
	return 0;
}

// One line, as the file has it but for white space; its title names it.
static int
take_schema(struct lm_batch_run *run, struct lm_err *err)
{
	const struct lm_batch_cli *cli = &run->cli;
	struct lm_batch_config *config = &run->config;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	LM_AUTO(lm_free_ptr) char *file = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *schema = nullptr;
	size_t len = 0;
	if (cli->schema_file != nullptr && cli->schema_class != nullptr)
		return lm_err_set(
			err, LM_E_USAGE, "--structured-output-schema and --structured-output-class exclude each other");
	if (cli->schema_file == nullptr && cli->schema_class == nullptr)
		return cli->schema_name == nullptr
			? 0
			: lm_err_set(err, LM_E_USAGE,
				  "--schema-name needs --structured-output-schema or --structured-output-class");
	if (cli->schema_class != nullptr && class_schema(run, cli->schema_class, &text, err) < 0)
		return -1;
	if (cli->schema_file != nullptr) {
		if (lm_file_read(cli->schema_file, SCHEMA_MAX_BYTES, &file, &len, err) < 0)
			return -1;
		lm_buf_append(&text, file, len);
	}
	if (lm_json_parse(lm_buf_view(&text), &schema, err) < 0) {
		err->code = LM_E_USAGE;
		return lm_err_wrap(err, "schema '%s'", cli->schema_file != nullptr ? cli->schema_file : cli->schema_class);
	}
	const char *title = lm_json_string(schema, "title");
	give(&config->schema_name, cli->schema_name != nullptr ? cli->schema_name : title != nullptr ? title : "output");
	char *line = json_dumps(schema, JSON_COMPACT | JSON_ENCODE_ANY);
	give(&config->schema_json, line);
	free(line);
	return 0;
}

static int
take_provider(struct lm_batch_run *run, struct lm_err *err)
{
	const struct lm_batch_cli *cli = &run->cli;
	struct lm_batch_config *config = &run->config;
	static const char *const names[] = { "openai", "anthropic", "gemini", "echo", "replay" };
	if (cli->provider != nullptr && !lm_provider_by_name(cli->provider, &config->provider)) {
		const char *near = lm_nearest(cli->provider, names, LM_COUNT(names));
		return lm_err_set(err, LM_E_USAGE, "there is no provider '%s'%s%s%s", cli->provider,
			near != nullptr ? ", did you mean '" : "", near != nullptr ? near : "",
			near != nullptr ? "'?" : "; there are openai, anthropic, gemini, echo and replay");
	}
	bool vertex = lm_cstr_equal(cli->gemini_backend, "vertex") || cli->gcs_uri != nullptr ||
		cli->cloud_project != nullptr || cli->cloud_location != nullptr || lm_cstr_equal(cli->gemini_input_mode, "gcs");
	if (vertex)
		return lm_err_set(
			err, LM_E_UNSUPPORTED, "Vertex is not supported: use the developer API (--gemini-backend developer)");
	if (cli->gemini_backend != nullptr && strcmp(cli->gemini_backend, "auto") != 0 &&
		strcmp(cli->gemini_backend, "developer") != 0)
		return lm_err_set(err, LM_E_USAGE, "--gemini-backend is '%s', not auto or developer", cli->gemini_backend);
	give(&config->params_json, config->provider == LM_PROVIDER_GEMINI ? cli->gemini_config : cli->anthropic_params);
	return 0;
}

static void
take_base_url(struct lm_batch_run *run)
{
	static const char *const variables[] = {
		[LM_PROVIDER_OPENAI] = "OPENAI_BASE_URL",
		[LM_PROVIDER_ANTHROPIC] = "ANTHROPIC_BASE_URL",
		[LM_PROVIDER_GEMINI] = "GEMINI_BASE_URL",
	};
	const char *url = run->cli.base_url;
	if (url == nullptr && run->config.provider < LM_COUNT(variables))
		url = lm_batch_env(run, variables[run->config.provider]);
	give(&run->config.base_url, url);
}

static void
take_numbers(const struct lm_batch_cli *cli, struct lm_batch_config *config)
{
	give_number(&config->max_tokens, &cli->anthropic_max_tokens);
	give_number(&config->max_requests, &cli->max_requests);
	give_number(&config->max_file_bytes, &cli->max_file_bytes);
	give_number(&config->bytes_per_token, &cli->bytes_per_token);
	give_number(&config->enqueued_token_limit, &cli->token_limit);
	give_number(&config->enqueued_target_percent, &cli->token_percent);
	give_number(&config->enqueued_headroom, &cli->token_headroom);
	give_number(&config->max_batch_enqueued_tokens, &cli->batch_token_limit);
	give_number(&config->max_attempts, &cli->max_attempts);
	give_number(&config->max_batch_attempts, &cli->max_batch_attempts);
	give_number(&config->base_backoff_ms, &cli->base_backoff);
	give_number(&config->max_backoff_ms, &cli->max_backoff);
	give_number(&config->adopt_grace_ms, &cli->adopt_grace);
	give_number(&config->request_timeout_ms, &cli->request_timeout);
	give_number(&config->poll_interval_ms, &cli->poll_interval);
}

int
lm_batch_config(struct lm_batch_run *run, struct lm_err *err)
{
	const struct lm_batch_cli *cli = &run->cli;
	struct lm_batch_config *config = &run->config;
	if (cli->inputs.count == 0)
		return lm_err_set(err, LM_E_USAGE, "'lamina-batch %s' needs '--input FILE'", cli->info->name);
	for (size_t i = 0; i < cli->inputs.count; i++)
		if (add_input(config, cli->inputs.items[i], err) < 0)
			return -1;
	if (take_provider(run, err) < 0 || take_schema(run, err) < 0)
		return -1;
	take_base_url(run);
	take_numbers(cli, config);
	give(&config->id_field, cli->id_field);
	give(&config->prompt_field, cli->prompt_field);
	give(&config->prompt_template, cli->prompt_template);
	give(&config->system_prompt, cli->system_prompt);
	give(&config->model, cli->model);
	if (cli->model == nullptr && cli->info->command == LM_BATCH_VALIDATE) // the rows do not depend on it
		give(&config->model, "any");
	give(&config->endpoint, cli->endpoint);
	give(&config->completion_window, cli->completion_window);
	give(&config->reasoning_effort, cli->reasoning_effort);
	give(&config->gemini_input_mode, cli->gemini_input_mode);
	give(&config->cassette, cli->cassette);
	give(&config->quota_scope, cli->quota_scope);
	config->keep_raw = !cli->no_raw;
	config->keep_remote_files = cli->keep_remote_files;
	return lm_batch_config_check(config, err);
}
