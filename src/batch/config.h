// What a run is asked to do. Fixed when the run is made; a later `start` must ask the same, or say what may change.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum lm_provider_kind { LM_PROVIDER_OPENAI, LM_PROVIDER_ANTHROPIC, LM_PROVIDER_GEMINI, LM_PROVIDER_ECHO, LM_PROVIDER_REPLAY };
enum lm_input_kind { LM_INPUT_JSONL, LM_INPUT_CSV, LM_INPUT_PARQUET };

struct lm_batch_input {
	enum lm_input_kind kind; // from the file's ending
	char *path;              // as given: a relative one is kept relative, so that a moved folder still matches
};

// All strings are owned; null where not given. Defaults are those of lm_batch_config_init.
struct lm_batch_config {
	struct lm_batch_input *inputs;
	size_t input_count;
	char *id_field;
	char *prompt_field;    // exactly one of these two
	char *prompt_template; // as Python's str.format
	char *system_prompt;   // a template as well
	char *schema_name;     // of structured output
	char *schema_json;     // its JSON Schema, one line, as given

	enum lm_provider_kind provider;
	char *model;
	char *base_url;          // null: the provider's own
	char *endpoint;          // OpenAI: "/v1/responses" (default) or "/v1/chat/completions"
	char *completion_window; // OpenAI: "24h"
	char *reasoning_effort;
	char *params_json;       // Anthropic: further message parameters; Gemini: generationConfig; else null
	uint64_t max_tokens;     // Anthropic: 1024
	char *gemini_input_mode; // "auto", "inline", "file"
	char *cassette;          // replay: the folder

	uint64_t max_requests;   // per batch; 0: the provider's limit
	uint64_t max_file_bytes; // per batch; 0: the provider's limit, at most 150 MiB
	uint64_t bytes_per_token;           // of the estimate: 4
	uint64_t enqueued_token_limit;      // 0: none
	uint64_t enqueued_target_percent;   // 70
	uint64_t enqueued_headroom;         // 0
	uint64_t max_batch_enqueued_tokens; // 0: none
	char *quota_scope;

	uint64_t max_attempts;       // answers per item: 3
	uint64_t max_batch_attempts; // sendings per item that brought no answer, and failures in a row of one call: 5
	uint64_t base_backoff_ms;    // 1000
	uint64_t max_backoff_ms;     // 300000
	uint64_t adopt_grace_ms;     // a create of unknown outcome is looked for again after so long: 60000
	bool keep_raw;               // raw output and error files: true

	// how, not what: no part of what must match
	uint64_t request_timeout_ms; // 30000
	uint64_t poll_interval_ms;   // 1000
	bool keep_remote_files;      // request files that were uploaded stay at the provider: false
};

void lm_batch_config_init(struct lm_batch_config *config);
void lm_batch_config_release(struct lm_batch_config *config);

// The one stored form: JSON, keys sorted, one line; holds no secret. Format: docs/formats/batch-input.md.
void lm_batch_config_format(const struct lm_batch_config *config, struct lm_buf *out);
// *out is set on success, whatever was in it; release it.
[[nodiscard]] int lm_batch_config_parse(struct lm_str json, struct lm_batch_config *out, struct lm_err *err);
// Check what does not need the sources (LM_E_USAGE: one sentence with the option's name).
[[nodiscard]] int lm_batch_config_check(const struct lm_batch_config *config, struct lm_err *err);
// Append what differs, one line a field: "prompt_template: 'A {x}' before, 'B {x}' now". Nothing when they match.
void lm_batch_config_differences(const struct lm_batch_config *before, const struct lm_batch_config *now, struct lm_buf *out);

const char *lm_provider_name(enum lm_provider_kind kind);
bool lm_provider_by_name(const char *name, enum lm_provider_kind *out);
// The limits that hold for a batch: the configuration's and the provider's, whichever is smaller.
uint64_t lm_batch_max_requests(const struct lm_batch_config *config);
uint64_t lm_batch_max_bytes(const struct lm_batch_config *config);
// Tokens of a request of so many bytes: an estimate, rounded up.
uint64_t lm_batch_tokens(const struct lm_batch_config *config, uint64_t bytes);
