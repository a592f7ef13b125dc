// Anthropic (API reference: "Message Batches", version 2023-06-01). There are no files: a batch is created with all its
// requests in one body, which is streamed from the request file. A batch keeps nothing of ours but the custom ids, which its results
// repeat.
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "os/clock.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	LM_FIND_HEAD_BYTES = 64 * 1024, // of results: some lines
	LM_INTENT_DIGITS = 8, // of the intent id, in custom ids
};

// ---- requests

static int
render_output_config(const struct lm_batch_config *config, struct lm_buf *out, struct lm_err *err)
{
	const char *separator = "";

	if (config->reasoning_effort == nullptr && config->schema_json == nullptr)
		return 0;
	lm_buf_text(out, ",\"output_config\":{");
	if (config->reasoning_effort != nullptr) {
		lm_render_member(out, "effort", config->reasoning_effort);
		separator = ",";
	}
	if (config->schema_json != nullptr) {
		lm_buf_format(out, "%s\"format\":{\"type\":\"json_schema\",\"schema\":", separator);
		if (lm_render_schema(config, out, err) < 0)
			return -1;
		lm_buf_byte(out, '}');
	}
	lm_buf_byte(out, '}');
	return 0;
}

static int
render(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err)
{
	static const char *const ours[] = { "model", "messages", "stream", nullptr };
	static const char *const with_system[] = { "model", "messages", "stream", "system", nullptr };
	static const char *const with_output[] = { "model", "messages", "stream", "output_config", nullptr };
	static const char *const with_all[] = { "model", "messages", "stream", "system", "output_config", nullptr };
	bool output = config->reasoning_effort != nullptr || config->schema_json != nullptr;
	bool always_system = config->system_prompt != nullptr;

	lm_buf_text(out, "{\"custom_id\":\"" LM_HOLE_ID_MARK "\",\"params\":{");
	lm_render_member(out, "model", config->model == nullptr ? "" : config->model);
	if (!lm_params_have(config, "max_tokens"))
		lm_buf_format(out, ",\"max_tokens\":%" PRIu64, config->max_tokens);
	lm_buf_text(out, ",\"messages\":[{\"role\":\"user\",\"content\":\"" LM_HOLE_PROMPT_MARK "\"}]");
	if (system)
		lm_buf_text(out, ",\"system\":\"" LM_HOLE_SYSTEM_MARK "\"");
	if (render_output_config(config, out, err) < 0)
		return -1;
	const char *const *names = always_system ? output ? with_all : with_system : output ? with_output : ours;
	if (lm_render_params(config, names, out, err) < 0)
		return -1;
	lm_buf_text(out, "}}");
	return 0;
}

// ---- calls

static int
create(struct lm_provider *provider, const char *path, const char *ref, const struct lm_intent *intent, char *batch_id,
	struct lm_call *call, struct lm_err *err)
{
	uint64_t size = 0;

	(void)ref;
	if (lm_api_file_size(path, &size, call, err) < 0)
		return -1;
	const struct lm_http_piece body[] = {
		{ .bytes = LM_STR("{\"requests\":[") },
		{ .path = path, .length = size, .newline_as = ',', .drop_last_newline = true },
		{ .bytes = LM_STR("]}") },
	};
	return lm_api_create(provider, "/v1/messages/batches", intent, body, LM_COUNT(body), "id", "", batch_id, call, err);
}

// ---- poll

struct counts {
	uint64_t processing, succeeded, errored, canceled, expired;
};

static struct counts
read_counts(const json_t *batch)
{
	const json_t *counts = json_object_get(batch, "request_counts");
	struct counts got = {};

	(void)lm_json_u64(counts, "processing", &got.processing);
	(void)lm_json_u64(counts, "succeeded", &got.succeeded);
	(void)lm_json_u64(counts, "errored", &got.errored);
	(void)lm_json_u64(counts, "canceled", &got.canceled);
	(void)lm_json_u64(counts, "expired", &got.expired);
	return got;
}

// A batch that has ended is one that others would call completed, expired or cancelled.
static void
set_ended(struct lm_batch_status *status, const char *batch_id, const struct counts *counts)
{
	const char *word = counts->canceled > 0 ? "cancelled" : counts->expired > 0 ? "expired" : "completed";

	status->ended = true;
	(void)snprintf(status->status, sizeof status->status, "%s", word);
	(void)snprintf(status->output_ref, sizeof status->output_ref, "%s", batch_id);
	if (strcmp(word, "completed") == 0)
		return;
	(void)snprintf(status->error_class, sizeof status->error_class, "batch_terminal_%s", word);
	(void)snprintf(status->error_text, sizeof status->error_text, "%" PRIu64 " requests were not carried out: %s",
		counts->canceled + counts->expired, word);
}

static int
poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *batch = nullptr;
	LM_AUTO(lm_free_ptr) char *path = lm_format("/v1/messages/batches/%s", batch_id);
	const struct lm_api_call what = { .method = "GET", .path = path };

	if (lm_api_json(provider, &what, &batch, call, err) < 0)
		return -1;
	const char *word = lm_json_string(batch, "processing_status");
	struct counts counts = read_counts(batch);
	if (word == nullptr)
		return lm_api_nonsense(&what, call, err, "has no 'processing_status'");
	status->done = counts.succeeded;
	status->failed = counts.errored;
	if (strcmp(word, "ended") == 0)
		set_ended(status, batch_id, &counts);
	else
		(void)snprintf(status->status, sizeof status->status, "%s",
			strcmp(word, "canceling") == 0 ? "cancelling" : "in_progress");
	return 0;
}

// ---- find

static bool
is_known(const struct lm_intent *intent, const char *id)
{
	for (size_t i = 0; i < intent->known_count; i++)
		if (lm_cstr_equal(intent->known_ids[i], id))
			return true;
	return false;
}

// Do the first results say that the batch is of this intent? 1 yes, 0 no, -1 failed.
static int
results_are_ours(
	struct lm_provider *provider, const struct lm_intent *intent, const char *id, struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_http_answer_release) struct lm_http_answer answer = {};
	LM_AUTO(lm_free_ptr) char *path = lm_format("/v1/messages/batches/%s/results", id);
	const struct lm_api_call what = {
		.method = "GET", .path = path, .answer_max = LM_FIND_HEAD_BYTES, .only_beginning = true
	};

	if (lm_api_do(provider, &what, &answer, call, err) < 0)
		return call->fate == LM_CALL_REFUSED ? 0 : -1;
	LM_AUTO(lm_free_ptr) char *end = lm_format("-%.*s\"", LM_INTENT_DIGITS, intent->intent_id);
	struct lm_str head = lm_buf_view(&answer.body);
	const char *mark = "\"custom_id\":";
	const char *at = head.len == 0 ? nullptr : memmem(head.ptr, head.len, mark, strlen(mark));
	if (at == nullptr)
		return 0;
	struct lm_str rest = { at, head.len - (size_t)(at - head.ptr) };
	struct lm_str id_and_more = { rest.ptr, rest.len < LM_CUSTOM_ID_MAX + 32 ? rest.len : LM_CUSTOM_ID_MAX + 32 };
	const char *close = memmem(id_and_more.ptr, id_and_more.len, end, strlen(end));
	const char *comma = memchr(id_and_more.ptr, ',', id_and_more.len);
	return close != nullptr && (comma == nullptr || close < comma) ? 1 : 0;
}

static int
consider(struct lm_provider *provider, const struct lm_intent *intent, struct lm_search *search, const json_t *batch,
	int64_t created_s, struct lm_call *call, struct lm_err *err)
{
	const char *status = lm_json_string(batch, "processing_status"), *id = lm_json_string(batch, "id");
	struct counts counts = read_counts(batch);
	uint64_t all = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired;
	char ref[LM_PROVIDER_REF_MAX];

	if (all != intent->item_count || is_known(intent, id) || !lm_ref_copy(ref, id))
		return 0;
	if (!lm_cstr_equal(status, "ended")) {
		lm_search_candidate(search, ref, created_s);
		return 0;
	}
	int ours = results_are_ours(provider, intent, ref, call, err);
	if (ours == 1) {
		lm_search_match(search, ref, true); // nothing of it is left to cancel
		search->ended = true;
	}
	return ours < 0 ? -1 : 0;
}

static int
look(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *page = nullptr;
	const json_t *batch;
	bool more = false;
	size_t i;

	(void)ref;
	if (lm_search_page(provider, "/v1/messages/batches", "after_id", search, &page, &more, call, err) < 0)
		return -1;
	json_array_foreach(json_object_get(page, "data"), i, batch)
	{
		const char *created = lm_json_string(batch, "created_at"), *id = lm_json_string(batch, "id");
		int64_t created_s = 0;
		char place[LM_PROVIDER_REF_MAX] = "";
		if (created != nullptr && lm_time_parse(created, &created_s) &&
			created_s < intent->created_at_s - LM_SEARCH_SKEW_S) {
			more = false; // they come newest first
			break;
		}
		if (consider(provider, intent, search, batch, created_s, call, err) < 0)
			return -1;
		(void)lm_ref_copy(place, id);
		more = lm_search_reached(search, place) && more;
	}
	search->ended = search->ended || !more;
	return 0;
}

// ---- answers

static void
read_message(struct lm_answer *answer, struct lm_json_value message)
{
	struct lm_json_value content = {}, block, text, reason = {};

	(void)lm_json_get(message, "content", &content);
	for (size_t at = 0; lm_json_next_element(content, &at, &block);)
		if (lm_json_get(block, "type", &text) && lm_json_text_equal(text, LM_STR("text")) &&
			lm_json_get(block, "text", &text))
			lm_answer_add_text(answer, text);
	(void)lm_json_get(message, "stop_reason", &reason);
	if (lm_json_text_equal(reason, LM_STR("max_tokens")) ||
		lm_json_text_equal(reason, LM_STR("model_context_window_exceeded")))
		lm_answer_fail(
			answer, "output_truncated", "the answer was cut: %.*s", (int)reason.raw.len - 2, reason.raw.ptr + 1);
	else if (lm_json_text_equal(reason, LM_STR("refusal")))
		lm_answer_fail(answer, "provider_refusal", "the model refused");
	else
		lm_answer_done(answer);
}

static void
read_result(const struct lm_api *api, struct lm_answer *answer, struct lm_json_value result)
{
	struct lm_json_value type = {}, message = {}, error = {}, inner;

	(void)lm_json_get(result, "type", &type);
	answer->raw = result.raw;
	if (lm_json_text_equal(type, LM_STR("succeeded")) && lm_json_get(result, "message", &message) &&
		message.kind == LM_JSON_OBJECT) {
		read_message(answer, message);
	} else if (lm_json_text_equal(type, LM_STR("expired")) || lm_json_text_equal(type, LM_STR("canceled"))) {
		answer->free_attempt = true;
		lm_answer_fail(answer, "batch_ended_early", "the batch ended before this request: %.*s", (int)type.raw.len - 2,
			type.raw.ptr + 1);
	} else if (lm_json_get(result, "error", &error) && error.kind == LM_JSON_OBJECT) {
		answer->raw = error.raw;
		if (lm_json_get(error, "error", &inner) && inner.kind == LM_JSON_OBJECT)
			error = inner;
		lm_answer_error(api, answer, 0, error);
	} else {
		lm_answer_fail(answer, "provider_item_error", "the provider gave neither an answer nor an error");
	}
}

static int
read_line(const struct lm_api *api, bool from_error_file, struct lm_answer *answer, struct lm_err *err)
{
	struct lm_json_value line = answer->scan.value, id = {}, result = {};

	(void)from_error_file;
	(void)lm_json_get(line, "custom_id", &id);
	if (lm_answer_id(answer, id, "custom_id", err) < 0)
		return -1;
	(void)lm_json_get(line, "result", &result);
	if (result.kind == LM_JSON_OBJECT)
		read_result(api, answer, result);
	else
		lm_answer_fail(answer, "provider_item_error", "the provider gave neither an answer nor an error");
	return 0;
}

const struct lm_api lm_api_anthropic = {
	.name = "anthropic",
	.base_url = "https://api.anthropic.com",
	.version = "/v1",
	.auth = "X-Api-Key: ",
	.extra_header = "anthropic-version: 2023-06-01",
	.quota_class = "insufficient_quota",
	// not the results_url of a batch: a key goes only where the user said
	.answers_at = { "/v1/messages/batches/", "/results" },
	.cancel_at = { "/v1/messages/batches/", "/cancel" },
	.render = render,
	.create = create,
	.look = look,
	.poll = poll,
	.read = read_line,
};
