// Inside of providers: what an API is, and what they share. Only provider*.c and cassette*.c include it.
#pragma once

#include "batch/provider.h"
#include "net/call.h"

#include <jansson.h>

// A line of a request file with holes.
enum lm_hole { LM_HOLE_END, LM_HOLE_ID, LM_HOLE_PROMPT, LM_HOLE_SYSTEM };
enum { LM_TEMPLATE_PARTS_MAX = 5 };
struct lm_template {
	char *text; // owned
	struct {
		struct lm_str before; // in text
		enum lm_hole hole;    // what follows it
	} parts[LM_TEMPLATE_PARTS_MAX];
};
// In the text a template is made of, these bytes are the holes (JSON text cannot hold them).
#define LM_HOLE_ID_MARK "\1"
#define LM_HOLE_PROMPT_MARK "\2"
#define LM_HOLE_SYSTEM_MARK "\3"

struct lm_cassette;
struct lm_provider {
	const struct lm_api *api;
	char *base_url; // without "/" and version at its end
	char *model, *endpoint, *completion_window, *gemini_input_mode;
	char *secret;      // the key, to keep it out of messages; null: none
	char *auth_header; // "Authorization: Bearer ..."; null: none
	uint64_t timeout_ms;
	struct lm_http_client *client;
	struct lm_cassette *cassette; // replayed, or recorded
	bool replays;
	struct lm_template with_system, without_system;
};

// The path of a call about one thing, whose name goes in between. Zero-initialised: there is no such call, and no need of it.
struct lm_api_place {
	const char *before, *after;
};

// What differs from API to API. Calls are as those of provider.h; each is given `call` cleared.
struct lm_api {
	const char *name; // as in cassettes: "openai", ...
	const char *base_url, *version; // version: what a base URL may end in, "/v1"
	const char *auth; // the key's header up to the key; null: there is none
	const char *extra_header; // or null
	const char *quota_class; // of errors that mean: no credit left
	const char *const *quota_words; // that mean it in an answer 429, null-terminated; null: the usual ones
	// The text of a template: append the line of a request with LM_HOLE_... marks, without LF.
	int (*render)(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err);
	// Null: the requests go along with the creation.
	int (*upload)(struct lm_provider *provider, const char *path, const struct lm_intent *intent, char *ref,
		struct lm_call *call, struct lm_err *err);
	int (*create)(struct lm_provider *provider, const char *path, const char *ref, const struct lm_intent *intent,
		char *batch_id, struct lm_call *call, struct lm_err *err);
	// Look at the page of batches at search->place, and go on to the next.
	int (*look)(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
		struct lm_call *call, struct lm_err *err);
	int (*poll)(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
		struct lm_err *err);
	// Null: what is at answers_at is downloaded as it is.
	int (*fetch)(struct lm_provider *provider, const char *ref, const char *path, uint64_t *bytes, struct lm_call *call,
		struct lm_err *err);
	struct lm_api_place answers_at, file_at, cancel_at; // GET; DELETE; POST
	const char *cancel_body; // or null
	// The document is in answer->scan; custom_id, raw, ok and text, or the error, are to be set.
	int (*read)(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err);
};

extern const struct lm_api lm_api_openai, lm_api_anthropic, lm_api_gemini, lm_api_echo;

int lm_openai_read(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err);

// ---- requests (provider_render.c)

void lm_template_make(struct lm_template *out, char *text); // takes over text
void lm_template_release(struct lm_template *template);
void lm_template_fill(const struct lm_template *template, const struct lm_request *request, struct lm_buf *out);
// Append `"key":"text"`, quoted and escaped.
void lm_render_member(struct lm_buf *out, const char *key, const char *text);
// Append the schema as it is sent, closed; nothing without one.
[[nodiscard]] int lm_render_schema(const struct lm_batch_config *config, struct lm_buf *out, struct lm_err *err);
// Append the members of config->params_json, each with a comma in front. LM_E_USAGE when one is named in `ours`
// (null-terminated): what lamina sets itself.
[[nodiscard]] int lm_render_params(
	const struct lm_batch_config *config, const char *const *ours, struct lm_buf *out, struct lm_err *err);
bool lm_params_have(const struct lm_batch_config *config, const char *key);

// ---- calls (provider_call.c)

enum lm_call_kind {
	LM_CALL_CHANGES_NOTHING, // or nothing that matters when it is done twice
	LM_CALL_CREATES,         // must not be done twice
};
struct lm_api_call {
	enum lm_call_kind kind;
	const char *method;
	const char *path;    // behind the base URL, or, with `whole_url`, a URL
	bool whole_url;      // one that the provider gave: it gets no key
	const char *headers[5]; // besides the key, null-terminated
	const struct lm_http_piece *pieces;
	size_t piece_count;
	const char *answer_path; // as in lm_http_call
	uint64_t answer_max;
	bool only_beginning; // as in lm_http_call
};
// Make the call and judge it. 0: the provider did it (2xx), `answer` has what it said; else -1 with call and err. Release `answer`
// in every case.
[[nodiscard]] int lm_api_do(struct lm_provider *provider, const struct lm_api_call *what, struct lm_http_answer *answer,
	struct lm_call *call, struct lm_err *err);
// Download what is at answers_at of the API.
[[nodiscard]] int lm_api_fetch(struct lm_provider *provider, const char *ref, const char *path, uint64_t *bytes,
	struct lm_call *call, struct lm_err *err);
// The same as lm_api_do, and the answer as a JSON object, yours to json_decref.
[[nodiscard]] int lm_api_json(
	struct lm_provider *provider, const struct lm_api_call *what, json_t **out, struct lm_call *call, struct lm_err *err);
// Create a batch with this body, and copy its name: the text `member` of the answer, which begins with `prefix`.
[[nodiscard]] int lm_api_create(struct lm_provider *provider, const char *path, const struct lm_intent *intent,
	const struct lm_http_piece *body, size_t piece_count, const char *member, const char *prefix, char *batch_id,
	struct lm_call *call, struct lm_err *err);
// The provider did it, but what it said makes no sense: "the provider's answer <what>".
int lm_api_nonsense(const struct lm_api_call *what, struct lm_call *call, struct lm_err *err, const char *text);
// Copy an id of the provider. False when it is null, empty, too long, or could not stand in a URL as it is.
bool lm_ref_copy(char out[LM_PROVIDER_REF_MAX], const char *text);
// The size of a file that is to be sent.
[[nodiscard]] int lm_api_file_size(const char *path, uint64_t *size, struct lm_call *call, struct lm_err *err);

// ---- looking for a batch (provider_find.c)

enum {
	LM_SEARCH_PAGES_MAX = 10'000,
	LM_SEARCH_SKEW_S = 600, // clocks of the provider and ours
};
// A batch is of the intent. dead: it ended without all its answers, and another one would be better.
void lm_search_match(struct lm_search *search, const char *id, bool dead);
// It may be.
void lm_search_candidate(struct lm_search *search, const char *id, int64_t created_s);
// All up to here was looked at. False: nothing can be asked for from there.
bool lm_search_reached(struct lm_search *search, const char *place);

// A page of a list {"data": [...], "has_more"}: PATH?limit=100, and &AFTER=place where there is one. *more: one follows. Yours to
// json_decref.
[[nodiscard]] int lm_search_page(struct lm_provider *provider, const char *path, const char *after,
	const struct lm_search *search, json_t **page, bool *more, struct lm_call *call, struct lm_err *err);

// ---- errors (provider_error.c)

// What an answer other than 2xx means. The words of the provider go to err, without secrets.
void lm_judge_answer(const struct lm_provider *provider, const struct lm_api_call *what, const struct lm_http_answer *answer,
	struct lm_call *call, struct lm_err *err);
// The class of an error from its texts (each may be null): "openai_insufficient_quota", "insufficient_quota",
// "enqueue_token_limit", "control_plane_transient" or null.
const char *lm_error_class_of(const struct lm_api *api, int status, const char *code, const char *type, const char *message);
bool lm_error_class_is_quota(const char *error_class);
// Copy words of a provider: no secrets, nothing that acts on a terminal, cut at a character.
void lm_words_copy(const struct lm_provider *provider, char *out, size_t size, const char *words);

// ---- answers (provider_read.c)

void lm_answer_fail(struct lm_answer *answer, const char *error_class, const char *format, ...) LM_PRINTF(3, 4);
// A failure with the provider's error: class from its texts.
void lm_answer_error(const struct lm_api *api, struct lm_answer *answer, int status, struct lm_json_value error);
// The members of an object with these keys, in one pass; null (LM_JSON_NULL) where there is none.
void lm_pick(struct lm_json_value object, const struct lm_str *keys, size_t count, struct lm_json_value *values);
// The same of the document itself.
void lm_pick_top(const struct lm_json_scan *scan, const struct lm_str *keys, size_t count, struct lm_json_value *values);
// Add a part of the text, with LF between parts.
void lm_answer_add_text(struct lm_answer *answer, struct lm_json_value text);
// The end of a success: ok, unless the text is empty.
void lm_answer_done(struct lm_answer *answer);
// The member `custom_id` (key) of the line. LM_E_SYNTAX.
[[nodiscard]] int lm_answer_id(struct lm_answer *answer, struct lm_json_value value, const char *what, struct lm_err *err);
