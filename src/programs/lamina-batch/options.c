// The commands and options of lamina-batch. Names and defaults of those that batchor has too are the same, so that scripts go on
// working.
#include "cli.h"

#include <string.h>

#define DONE \
	"Exit status: 0 done (also with failed items), 1 the work failed, 2 wrong use,\n130 interrupted (the run goes " \
	"on from there).\n"
#define NO_FILES "'*: :'"

enum group {
	GROUP_NONE,
	GROUP_RUN,
	GROUP_ROWS,
	GROUP_PROVIDER,
	GROUP_LIMITS,
	GROUP_RESULTS,
	GROUP_FAKE,
	GROUP_STORE,
	GROUP_OTHER
};
static const char *const titles[] = { [GROUP_RUN] = "The run",
	[GROUP_ROWS] = "Rows and prompts",
	[GROUP_PROVIDER] = "Provider",
	[GROUP_LIMITS] = "Limits",
	[GROUP_RESULTS] = "Results",
	[GROUP_FAKE] = "Fake provider",
	[GROUP_STORE] = "Where runs are kept",
	[GROUP_OTHER] = "Other options" };

static const struct lm_command_info commands[] = {
	{ LM_BATCH_START, "start", "", "read the inputs, check every row, submit",
		"Nothing is sent before all rows were read and are good. 'start' on a run that\n"
		"exists goes on with it, when it asks for the same. The run's id is printed\n"
		"before anything else happens.",
		"  lamina-batch start --input items.jsonl --id-field id --prompt-field text \\\n"
		"      --model gpt-5-mini --run-id tuesday\n"
		"  lamina-batch start --input a.csv --input b.parquet --id-field id \\\n"
		"      --prompt-template 'Sum up: {title}: {body}' --provider anthropic \\\n"
		"      --model claude-haiku-4-5",
		DONE, NO_FILES },
	{ LM_BATCH_STATUS, "status", "", "say how a run stands", "One line of JSON. Nothing is asked of the provider.",
		"  lamina-batch status --run-id tuesday | jq .status", DONE, NO_FILES },
	{ LM_BATCH_WAIT, "wait", "", "submit, poll and take in answers until the run is finished",
		"It can be ended and started again at any time. When another process works on\n"
		"the run, it waits for that one to finish or to go away.",
		"  lamina-batch wait --run-id tuesday --timeout 3600", DONE, NO_FILES },
	{ LM_BATCH_STEP, "step", "", "do what can be done now, and end: for cron",
		"One round of what 'wait' does. When another process works on the run, nothing\n"
		"is done, and that is no failure.",
		"  */10 * * * * lamina-batch step --run-id tuesday", DONE, NO_FILES },
	{ LM_BATCH_RESULTS, "results", "", "write results as JSON lines or CSV",
		"Every item of a finished run, in the order of the inputs; or, at any time,\n"
		"terminal results in the order in which they came, with --after-sequence.",
		"  lamina-batch results --run-id tuesday --output results.jsonl\n"
		"  lamina-batch results --run-id tuesday --after-sequence 1200 --limit 500",
		DONE, NO_FILES },
	{ LM_BATCH_EXPORT, "export-artifacts", "", "copy results and artifacts of a finished run into a folder",
		"DIR/RUN gets results.jsonl, the request and answer files, and manifest.json with\n"
		"their digests. The same run gives the same bytes.",
		"  lamina-batch export-artifacts --run-id tuesday --destination-dir out", DONE, NO_FILES },
	{ LM_BATCH_PRUNE, "prune-artifacts", "", "remove request files, and raw answers once they were exported",
		"Results stay.", "  lamina-batch prune-artifacts --run-id tuesday --include-raw-output-artifacts", DONE,
		NO_FILES },
	{ LM_BATCH_PAUSE, "pause", "", "stop submitting and polling",
		"From any process, at any time; what was submitted goes on at the provider.",
		"  lamina-batch pause --run-id tuesday", DONE, NO_FILES },
	{ LM_BATCH_RESUME, "resume", "", "take a pause back",
		"Also after a pause that the runner made itself, when the provider had no credit.",
		"  lamina-batch resume --run-id tuesday && lamina-batch wait --run-id tuesday", DONE, NO_FILES },
	{ LM_BATCH_CANCEL, "cancel", "", "end a run: take in what is submitted, give up the rest",
		"It cannot be taken back. Run 'wait' or 'step' for what is still at the provider.",
		"  lamina-batch cancel --run-id tuesday", DONE, NO_FILES },
	{ LM_BATCH_RETRY, "retry", "", "give items that failed for good another chance",
		"They are pending again, with no attempts counted.",
		"  lamina-batch retry --run-id tuesday && lamina-batch wait --run-id tuesday", DONE, NO_FILES },
	{ LM_BATCH_RESOLVE, "resolve", "", "say what became of a submission whose outcome stayed unknown",
		"Needed only where the provider keeps nothing by which the batch could be found,\n"
		"and, with --batch, of a batch that the provider does not know (any more).",
		"  lamina-batch resolve --run-id tuesday --batch 3 --created msgbatch_01HkcTj\n"
		"  lamina-batch resolve --run-id tuesday --not-created",
		DONE, NO_FILES },
	{ LM_BATCH_LIST, "list", "", "list all runs", "One line of JSON a run, oldest first.",
		"  lamina-batch list | jq -r 'select(.status==\"running\").run_id'", DONE, NO_FILES },
	{ LM_BATCH_VALIDATE, "validate", "", "check the inputs, and send nothing",
		"What 'start' checks before the first upload: duplicate ids, missing fields, text\n"
		"that is no UTF-8, rows and requests that are too large.",
		"  lamina-batch validate --input items.csv --id-field id --prompt-field text", DONE, NO_FILES },
	{ LM_BATCH_ESTIMATE, "estimate", "", "count rows, bytes, tokens and batches, and send nothing",
		"Tokens are an estimate: bytes of the request divided by --bytes-per-token.",
		"  lamina-batch estimate --input items.jsonl --id-field id --prompt-field text \\\n"
		"      --model gpt-5-mini",
		DONE, NO_FILES },
	{ LM_BATCH_FAKE, "fake-provider", "", "serve the three batch APIs here, for trying things out",
		"The first line of output is 'listening on http://127.0.0.1:PORT'. It ends on INT\n"
		"or TERM, and keeps nothing.",
		"  lamina-batch fake-provider --port 8089 &\n"
		"  lamina-batch start --base-url http://127.0.0.1:8089 --input items.jsonl ...",
		"Exit status: 0 ended by a signal, 1 it could not start, 2 wrong use.\n", NO_FILES },
};

#define AT(member) offsetof(struct lm_batch_cli, member)
enum {
	ALL = (1 << 15) - 1,
	READS = LM_BATCH_START | LM_BATCH_VALIDATE | LM_BATCH_ESTIMATE,
	ONE = ALL & ~(LM_BATCH_LIST | LM_BATCH_VALIDATE | LM_BATCH_ESTIMATE),
	CALLS = LM_BATCH_START | LM_BATCH_WAIT | LM_BATCH_STEP | LM_BATCH_RESOLVE,
	SENDS = LM_BATCH_START | LM_BATCH_ESTIMATE | LM_BATCH_VALIDATE,
};

static const struct lm_option_row rows[] = {
	{ GROUP_RUN, "run-id", 0, "ID", ONE, LM_OPTION_TEXT, false, AT(run_id), "the run (start: made when not given)" },
	{ GROUP_RUN, "allow-change", 0, nullptr, LM_BATCH_START, LM_OPTION_YES, false, AT(allow_change),
		"go on with a run although what is asked for, or an input, has changed; rows that were read stay as they are" },
	{ GROUP_RUN, "timeout", 0, "SECONDS", LM_BATCH_WAIT, LM_OPTION_SECONDS, false, AT(timeout),
		"give up after so long, with exit status 1 (default: never)" },
	{ GROUP_RUN, "batch", 0, "N", LM_BATCH_RESOLVE, LM_OPTION_NUMBER, false, AT(batch),
		"the batch of the run (default: the first whose outcome is not known)" },
	{ GROUP_RUN, "created", 0, "BATCH", LM_BATCH_RESOLVE, LM_OPTION_TEXT, false, AT(created),
		"the batch exists; the provider's id of it" },
	{ GROUP_RUN, "not-created", 0, nullptr, LM_BATCH_RESOLVE, LM_OPTION_YES, false, AT(not_created),
		"the batch does not exist: its items are sent again" },

	{ GROUP_ROWS, "input", 'i', "FILE", READS, LM_OPTION_LIST, false, AT(inputs),
		".jsonl, .csv or .parquet; repeatable: one after the other" },
	{ GROUP_ROWS, "id-field", 0, "FIELD", READS, LM_OPTION_TEXT, false, AT(id_field), "the field that names an item" },
	{ GROUP_ROWS, "prompt-field", 0, "FIELD", READS, LM_OPTION_TEXT, false, AT(prompt_field),
		"the field that is the prompt; or" },
	{ GROUP_ROWS, "prompt-template", 0, "TEXT", READS, LM_OPTION_TEXT, false, AT(prompt_template),
		"the prompt, with fields in braces as Python's str.format has them" },
	{ GROUP_ROWS, "system-prompt", 0, "TEXT", READS, LM_OPTION_TEXT, false, AT(system_prompt),
		"the system prompt, a template as well" },
	{ GROUP_ROWS, "structured-output-schema", 0, "FILE", SENDS, LM_OPTION_TEXT, false, AT(schema_file),
		"answers are JSON that follows this JSON Schema; or" },
	{ GROUP_ROWS, "structured-output-class", 0, "MODULE:CLASS", SENDS, LM_OPTION_TEXT, false, AT(schema_class),
		"the schema of a pydantic model, which the layer's Python imports" },
	{ GROUP_ROWS, "schema-name", 0, "NAME", SENDS, LM_OPTION_TEXT, false, AT(schema_name),
		"what the schema is called (default: its title, else 'output')" },

	{ GROUP_PROVIDER, "provider", 0, "PROVIDER", SENDS, LM_OPTION_TEXT, false, AT(provider),
		"openai, anthropic, gemini, echo or replay (default: openai)" },
	{ GROUP_PROVIDER, "model", 'm', "MODEL", SENDS, LM_OPTION_TEXT, false, AT(model), "the model" },
	{ GROUP_PROVIDER, "base-url", 0, "URL", LM_BATCH_START, LM_OPTION_TEXT, false, AT(base_url),
		"another server that speaks the provider's API" },
	{ GROUP_PROVIDER, "endpoint", 0, "PATH", SENDS, LM_OPTION_TEXT, false, AT(endpoint),
		"OpenAI: /v1/responses (default) or /v1/chat/completions" },
	{ GROUP_PROVIDER, "completion-window", 0, "TIME", LM_BATCH_START, LM_OPTION_TEXT, false, AT(completion_window),
		"OpenAI (default: 24h)" },
	{ GROUP_PROVIDER, "reasoning-effort", 0, "EFFORT", SENDS, LM_OPTION_TEXT, false, AT(reasoning_effort),
		"OpenAI: none, minimal, low, medium, high or xhigh" },
	{ GROUP_PROVIDER, "anthropic-max-tokens", 0, "N", SENDS, LM_OPTION_NUMBER, false, AT(anthropic_max_tokens),
		"of an answer (default: 1024)" },
	{ GROUP_PROVIDER, "anthropic-message-params", 0, "JSON", SENDS, LM_OPTION_TEXT, false, AT(anthropic_params),
		"further parameters of each message" },
	{ GROUP_PROVIDER, "gemini-backend", 0, "NAME", SENDS, LM_OPTION_TEXT, false, AT(gemini_backend),
		"auto or developer (default: auto)" },
	{ GROUP_PROVIDER, "gemini-input-mode", 0, "MODE", SENDS, LM_OPTION_TEXT, false, AT(gemini_input_mode),
		"auto, inline or file (default: auto)" },
	{ GROUP_PROVIDER, "gemini-generation-config", 0, "JSON", SENDS, LM_OPTION_TEXT, false, AT(gemini_config),
		"generationConfig of each request" },
	{ GROUP_PROVIDER, "gcs-uri", 0, "URI", LM_BATCH_START, LM_OPTION_TEXT, false, AT(gcs_uri),
		"nothing: Vertex is not supported, and said so" },
	{ GROUP_PROVIDER, "google-cloud-project", 0, "NAME", LM_BATCH_START, LM_OPTION_TEXT, false, AT(cloud_project),
		"nothing: Vertex is not supported" },
	{ GROUP_PROVIDER, "google-cloud-location", 0, "NAME", LM_BATCH_START, LM_OPTION_TEXT, false, AT(cloud_location),
		"nothing: Vertex is not supported" },
	{ GROUP_PROVIDER, "cassette", 0, "DIR", SENDS, LM_OPTION_TEXT, false, AT(cassette),
		"replay: the recorded exchanges; others: where RECORD_NEW_FIXTURES=1 records" },
	{ GROUP_PROVIDER, "request-timeout-sec", 0, "SECONDS", LM_BATCH_START, LM_OPTION_SECONDS, false, AT(request_timeout),
		"of silence, for one call (default: 30)" },
	{ GROUP_PROVIDER, "poll-interval-sec", 0, "SECONDS", LM_BATCH_START, LM_OPTION_SECONDS, false, AT(poll_interval),
		"between two looks at a batch (default: 1)" },
	{ GROUP_PROVIDER, "poll-interval", 0, "SECONDS", LM_BATCH_WAIT | LM_BATCH_STEP, LM_OPTION_SECONDS, false,
		AT(poll_interval), "between two looks at a batch (default: as the run was started)" },

	{ GROUP_LIMITS, "max-requests", 0, "N", SENDS, LM_OPTION_NUMBER, false, AT(max_requests),
		"of a batch (default: as many as the provider takes)" },
	{ GROUP_LIMITS, "max-file-bytes", 0, "N", SENDS, LM_OPTION_NUMBER, false, AT(max_file_bytes),
		"of a batch (default: 157286400, or what the provider takes)" },
	{ GROUP_LIMITS, "bytes-per-token", 0, "N", SENDS, LM_OPTION_NUMBER, false, AT(bytes_per_token),
		"of the estimate (default: 4)" },
	{ GROUP_LIMITS, "enqueued-token-limit", 0, "N", LM_BATCH_START, LM_OPTION_NUMBER, false, AT(token_limit),
		"tokens that may wait at the provider, of all runs with this --quota-scope (default: no limit)" },
	{ GROUP_LIMITS, "enqueued-target-percent", 0, "N", LM_BATCH_START, LM_OPTION_NUMBER, false, AT(token_percent),
		"how much of that limit is used (default: 70)" },
	{ GROUP_LIMITS, "enqueued-headroom", 0, "N", LM_BATCH_START, LM_OPTION_NUMBER, false, AT(token_headroom),
		"tokens of that limit that are left free (default: 0)" },
	{ GROUP_LIMITS, "max-batch-enqueued-tokens", 0, "N", SENDS, LM_OPTION_NUMBER, false, AT(batch_token_limit),
		"tokens of one batch (default: no limit)" },
	{ GROUP_LIMITS, "quota-scope", 0, "NAME", LM_BATCH_START, LM_OPTION_TEXT, false, AT(quota_scope),
		"runs that share the token limit (default: those with the same provider and model)" },
	{ GROUP_LIMITS, "max-attempts", 0, "N", LM_BATCH_START, LM_OPTION_NUMBER, false, AT(max_attempts),
		"answers that an item gets before it has failed for good (default: 3)" },
	{ GROUP_LIMITS, "max-batch-attempts", 0, "N", LM_BATCH_START, LM_OPTION_NUMBER, false, AT(max_batch_attempts),
		"failures of one call, or batches without an answer, before giving up (default: 5)" },
	{ GROUP_LIMITS, "base-backoff-sec", 0, "SECONDS", LM_BATCH_START, LM_OPTION_SECONDS, false, AT(base_backoff),
		"after the first failure; twice as long after each further one (default: 1)" },
	{ GROUP_LIMITS, "max-backoff-sec", 0, "SECONDS", LM_BATCH_START, LM_OPTION_SECONDS, false, AT(max_backoff),
		"(default: 300)" },
	{ GROUP_LIMITS, "adopt-grace-sec", 0, "SECONDS", LM_BATCH_START, LM_OPTION_SECONDS, false, AT(adopt_grace),
		"how long a batch whose creation was cut off may take to show up (default: 60)" },

	{ GROUP_RESULTS, "output", 'o', "FILE", LM_BATCH_RESULTS, LM_OPTION_TEXT, false, AT(output),
		"write there, whole or not at all, and print a summary (default: standard output)" },
	{ GROUP_RESULTS, "format", 'f', "FORMAT", LM_BATCH_RESULTS | LM_BATCH_EXPORT, LM_OPTION_TEXT, false, AT(format),
		"jsonl or csv (default: jsonl)" },
	{ GROUP_RESULTS, "after-sequence", 0, "N", LM_BATCH_RESULTS, LM_OPTION_NUMBER, false, AT(after_sequence),
		"terminal results only, those that came after the N-th; 0: from the first" },
	{ GROUP_RESULTS, "limit", 0, "N", LM_BATCH_RESULTS, LM_OPTION_NUMBER, false, AT(limit), "so many at most" },
	{ GROUP_RESULTS, "destination-dir", 'd', "DIR", LM_BATCH_EXPORT, LM_OPTION_TEXT, false, AT(destination),
		"the export is DIR/RUN" },
	{ GROUP_RESULTS, "include-raw-output-artifacts", 0, nullptr, LM_BATCH_PRUNE, LM_OPTION_YES, false, AT(prune_raw),
		"the raw answers too" },
	{ GROUP_RESULTS, "force", 0, nullptr, LM_BATCH_PRUNE, LM_OPTION_YES, false, AT(force),
		"raw answers that were not exported too" },
	{ GROUP_RESULTS, "raw-artifacts", 0, nullptr, LM_BATCH_START, LM_OPTION_NO, true, AT(no_raw),
		"keep raw output and error files (default)" },
	{ GROUP_RESULTS, "keep-remote-files", 0, nullptr, LM_BATCH_START, LM_OPTION_YES, false, AT(keep_remote_files),
		"leave uploaded request files at the provider (default: each is removed when its answers are here)" },

	{ GROUP_FAKE, "port", 0, "N", LM_BATCH_FAKE, LM_OPTION_NUMBER, false, AT(port),
		"the port; 0: any that is free (default)" },
	{ GROUP_FAKE, "faults", 0, "FILE", LM_BATCH_FAKE, LM_OPTION_TEXT, false, AT(faults),
		"what shall go wrong: a file, or a JSON document itself (it begins with '{')" },
	{ GROUP_FAKE, "log", 0, "FILE", LM_BATCH_FAKE, LM_OPTION_TEXT, false, AT(log), "a line of JSON per call" },
	{ GROUP_FAKE, "latency-ms", 0, "N", LM_BATCH_FAKE, LM_OPTION_NUMBER, false, AT(latency_ms), "wait before each answer" },
	{ GROUP_FAKE, "folder", 0, "DIR", LM_BATCH_FAKE, LM_OPTION_TEXT, false, AT(folder),
		"where a temporary folder is made (default: TMPDIR, or /tmp)" },

	{ GROUP_STORE, "db-path", 0, "FILE|URL", ALL & ~(LM_BATCH_VALIDATE | LM_BATCH_ESTIMATE), LM_OPTION_TEXT, false,
		AT(db_path),
		"an SQLite file, or postgresql://... (default: LAMINA_BATCH_DB, else in the user's state folder)" },
	{ GROUP_STORE, "db-schema", 0, "NAME", ALL & ~(LM_BATCH_VALIDATE | LM_BATCH_ESTIMATE), LM_OPTION_TEXT, false,
		AT(db_schema), "PostgreSQL: where the tables are (default: lamina_batch)" },
	{ GROUP_STORE, "artifacts", 0, "DIR", ALL & ~(LM_BATCH_VALIDATE | LM_BATCH_ESTIMATE), LM_OPTION_TEXT, false,
		AT(artifacts), "folder of the runs' files (default: beside the SQLite file)" },
	{ GROUP_STORE, "python", 0, "PROGRAM", READS | CALLS, LM_OPTION_TEXT, false, AT(python),
		"a Python with pyarrow, for Parquet (default: LAMINA_BATCH_PYTHON, else python3)" },

	{ GROUP_OTHER, "quiet", 'q', nullptr, ALL | LM_BATCH_FAKE, LM_OPTION_DOWN, false, AT(verbosity), "errors only" },
	{ GROUP_OTHER, "verbose", 'v', nullptr, ALL | LM_BATCH_FAKE, LM_OPTION_UP, false, AT(verbosity),
		"more about what happens" },
	{ GROUP_OTHER, "help", 'h', nullptr, ALL | LM_BATCH_FAKE, LM_OPTION_YES, false, AT(help), "this text" },
};

enum : uint64_t { DAY_MS = 86400000ULL, MANY = 1000000000000ULL };
static const struct lm_option_range ranges[] = {
	{ "timeout", 0, MANY },
	{ "anthropic-max-tokens", 1, 10000000 },
	{ "request-timeout-sec", 100, DAY_MS },
	{ "poll-interval-sec", 0, DAY_MS },
	{ "poll-interval", 0, DAY_MS },
	{ "max-requests", 1, 10000000 },
	{ "max-file-bytes", 1000, 2000000000 },
	{ "bytes-per-token", 1, 1000 },
	{ "enqueued-token-limit", 0, MANY },
	{ "enqueued-target-percent", 1, 100 },
	{ "enqueued-headroom", 0, MANY },
	{ "max-batch-enqueued-tokens", 0, MANY },
	{ "max-attempts", 1, 1000 },
	{ "max-batch-attempts", 1, 1000 },
	{ "base-backoff-sec", 1, DAY_MS },
	{ "max-backoff-sec", 1, DAY_MS },
	{ "adopt-grace-sec", 0, DAY_MS },
	{ "after-sequence", 0, MANY },
	{ "limit", 1, MANY },
	{ "batch", 1, MANY },
	{ "port", 0, UINT16_MAX },
	{ "latency-ms", 0, 3600000 },
};

// What can stand behind an option: words, or null for a file or folder.
static const char *
words_for(const char *argument)
{
	if (strcmp(argument, "PROVIDER") == 0)
		return "openai anthropic gemini echo replay";
	if (strcmp(argument, "FORMAT") == 0)
		return "jsonl csv";
	if (strcmp(argument, "PATH") == 0)
		return "/v1/responses /v1/chat/completions";
	if (strcmp(argument, "EFFORT") == 0)
		return "none minimal low medium high xhigh";
	if (strcmp(argument, "MODE") == 0)
		return "auto inline file";
	static const char *const files[] = { "FILE", "DIR", "FILE|URL", "PROGRAM" };
	for (size_t i = 0; i < LM_COUNT(files); i++)
		if (strcmp(argument, files[i]) == 0)
			return nullptr;
	return "";
}

const struct lm_program lm_batch_program = {
	.name = "lamina-batch",
	.usage = "COMMAND [OPTION]...",
	.purpose = "Send items from files through an LLM provider's batch API. Whatever happens in\n"
		   "the hours in between, nothing is lost and nothing is submitted twice.\n",
	.hint = "Example:\n"
		"  lamina-batch start --input items.jsonl --id-field id --prompt-field text \\\n"
		"      --model gpt-5-mini --run-id tuesday\n"
		"  lamina-batch wait --run-id tuesday\n"
		"  lamina-batch results --run-id tuesday --output results.jsonl\n\n"
		"'lamina-batch COMMAND --help' shows the options of a command, 'man lamina-batch'\n"
		"more; 'lamina-batch --version' the version.\n",
	.commands = commands,
	.command_count = LM_COUNT(commands),
	.rows = rows,
	.row_count = LM_COUNT(rows),
	.ranges = ranges,
	.range_count = LM_COUNT(ranges),
	.titles = titles,
	.words_for = words_for,
};
