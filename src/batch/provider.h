// LLM providers with a batch API. Nothing here is retried, and nothing here touches the store: each call says what became
// of it, and the engine decides.
//
// Sources: OpenAI API reference "Batch" and "Files"; Anthropic API reference "Message Batches" (version 2023-06-01);
// Gemini API reference "Batch API", "Files API" (v1beta).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "batch/config.h"
#include "text/json_scan.h"

enum {
	LM_PROVIDER_REF_MAX = 256,  // ids of the provider, NUL included
	LM_ERROR_CLASS_MAX = 64,
	LM_CUSTOM_ID_MAX = 64,
};

struct lm_provider; // safe for use by several threads

struct lm_provider_secrets {
	const char
		*api_key; // borrowed for lm_provider_new only; never shown, never stored; null: render and read work, and calls
	// that need it are refused (LM_E_USAGE, naming the variable: OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY)
};

[[nodiscard]] int lm_provider_new(struct lm_provider **out, const struct lm_batch_config *config,
	const struct lm_provider_secrets *secrets, struct lm_err *err);
void lm_provider_free(struct lm_provider *provider);
void lm_provider_free_ptr(struct lm_provider **provider);
// Record every exchange of this process into a cassette folder (RECORD_NEW_FIXTURES=1); redacted as misc/check_cassette_redaction wants.
[[nodiscard]] int lm_provider_record(struct lm_provider *provider, const char *folder, struct lm_err *err);

// ---- requests

struct lm_request {
	struct lm_str custom_id; // [A-Za-z0-9_-], at most LM_CUSTOM_ID_MAX
	struct lm_str prompt, system; // system.ptr null: none
};
// Append one line of a request file, with its LF.
void lm_provider_render(const struct lm_provider *provider, const struct lm_request *request, struct lm_buf *out);

// ---- calls

// What became of a call.
enum lm_call_fate {
	LM_CALL_DONE,
	LM_CALL_REFUSED, // the provider said no (4xx): it was not done and will not be
	LM_CALL_LATER, // it was not done, and may be tried again: 429, refused connection, 5xx of a call that changes nothing
	LM_CALL_PAUSE, // no credit or quota left (openai_insufficient_quota): not before a person did something
	LM_CALL_UNKNOWN, // a create that may have happened: time-out, cut connection, 5xx
};

struct lm_call {
	enum lm_call_fate fate;
	char error_class
		[LM_ERROR_CLASS_MAX]; // "control_plane_transient", "enqueue_token_limit", "openai_insufficient_quota", "batch_error", ...
	uint64_t retry_after_ms; // 0: the provider did not say
};

// A batch to create: what the provider keeps of it is what lets us find it again.
struct lm_intent {
	const char *run_id;
	const char *intent_id; // 24 hexadecimal digits, unique to this batch
	uint64_t seq; // of the batch in its run
	uint64_t item_count;
	int64_t created_at_s; // when the intent was recorded
	// Batches that are known to be others', for `find` where the provider keeps little: their ids. May be left out.
	const char *const *known_ids;
	size_t known_count;
};

// Each returns 0 with call->fate LM_CALL_DONE, or -1 with call and err set (the provider's words in err, without secrets).

// Make a request file known to the provider. `ref` gets what `create` wants (OpenAI, Gemini: a file id; else empty).
[[nodiscard]] int lm_provider_upload(struct lm_provider *provider, const char *path, const struct lm_intent *intent,
	char ref[LM_PROVIDER_REF_MAX], struct lm_call *call, struct lm_err *err);
// Create the batch: sent exactly once.
[[nodiscard]] int lm_provider_create(struct lm_provider *provider, const char *path, const char *ref,
	const struct lm_intent *intent, char batch_id[LM_PROVIDER_REF_MAX], struct lm_call *call, struct lm_err *err);

enum lm_found { LM_FOUND_NONE, LM_FOUND_ONE, LM_FOUND_CANNOT_TELL };

enum { LM_CANDIDATES_MAX = 8 };
// A look-up of a batch whose creation has an unknown outcome. One that failed goes on where it was when it is given again.
// Its result holds for the time at which it was begun.
struct lm_search {
	uint64_t steps; // that brought it further
	// What it may be, where that cannot be told: the newest of them.
	struct {
		char id[LM_PROVIDER_REF_MAX];
		int64_t created_s; // 0: not known
	} candidates[LM_CANDIDATES_MAX];
	size_t candidate_count; // all of them

	// inside
	char place[512]; // where to go on; empty: at the beginning
	unsigned pages;
	bool ended;
	char best[LM_PROVIDER_REF_MAX]; // the oldest match that is alive, else the oldest
	bool best_dead;
	struct lm_strings others; // further ones that are alive
};
[[nodiscard]] struct lm_search *lm_search_new(void);
void lm_search_free(struct lm_search *search); // null is fine
// Look for a batch whose creation has an unknown outcome. LM_FOUND_CANNOT_TELL: the provider keeps nothing that would tell
// (Anthropic while it is in progress): a person has to say (`resolve`). Further batches of the same intent are cancelled.
//   search  new, or one that failed
[[nodiscard]] int lm_provider_find(struct lm_provider *provider, const struct lm_intent *intent, const char *ref,
	struct lm_search *search, enum lm_found *found, char batch_id[LM_PROVIDER_REF_MAX], struct lm_call *call,
	struct lm_err *err);

struct lm_batch_status {
	bool ended;
	char status[32]; // the provider's word, mapped to: validating, in_progress, finalizing, completed, failed, expired, cancelling, cancelled
	char output_ref[LM_PROVIDER_REF_MAX], error_ref[LM_PROVIDER_REF_MAX]; // for lm_provider_fetch; empty: there is none
	uint64_t done, failed; // requests, where the provider tells
	char error_class[LM_ERROR_CLASS_MAX]; // of a failed batch
	char error_text[512]; // the provider's words
};
[[nodiscard]] int lm_provider_poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status,
	struct lm_call *call, struct lm_err *err);
// Download answers to a file, whole (as lm_http_call.answer_path). What a provider gives in another shape (Gemini inline) is
// written as one JSON line per answer. The key, where answers repeat it, is asterisks (lm_redactor).
[[nodiscard]] int lm_provider_fetch(struct lm_provider *provider, const char *ref, const char *path, uint64_t *bytes,
	struct lm_call *call, struct lm_err *err);
[[nodiscard]] int lm_provider_cancel(
	struct lm_provider *provider, const char *batch_id, struct lm_call *call, struct lm_err *err);
// Remove a file at the provider, where it has any.
[[nodiscard]] int lm_provider_forget(struct lm_provider *provider, const char *ref, struct lm_call *call, struct lm_err *err);

// ---- answers

// One line of an answer file.
struct lm_answer {
	struct lm_str custom_id; // into the line
	bool ok; // the request succeeded; text is what the model said
	struct lm_str raw; // into the line: the provider's answer object, or error object
	struct lm_buf text; // output text, parts joined by LF; cleared by each call, release at the end
	bool free_attempt; // the failure does not count as an attempt (quota, enqueue limit)
	bool pause; // no credit left
	char error_class
		[LM_ERROR_CLASS_MAX]; // "provider_item_error", "empty_response_text", "output_truncated", "provider_refusal", ...
	char error_text[512];
	// inside
	struct lm_json_scan scan;
	struct lm_buf scratch;
};
// LM_E_SYNTAX: the line is not what this provider writes. Only slices of the line are looked at: no document is built.
[[nodiscard]] int lm_provider_read(const struct lm_provider *provider, struct lm_str line, bool from_error_file,
	struct lm_answer *answer, struct lm_err *err);
// The same of a line that is byte for byte one that was read before: whether it is JSON is not looked at again.
[[nodiscard]] int lm_provider_read_again(const struct lm_provider *provider, struct lm_str line, bool from_error_file,
	struct lm_answer *answer, struct lm_err *err);
void lm_answer_release(struct lm_answer *answer);
