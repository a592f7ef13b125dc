// OpenAI, and servers that speak its API (API reference: "Files", "Batch").
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "os/path.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool
is_chat(const struct lm_batch_config *config)
{
	return lm_cstr_equal(config->endpoint, "/v1/chat/completions");
}

// ---- requests

static int
render_format(const struct lm_batch_config *config, struct lm_buf *out, struct lm_err *err)
{
	lm_render_member(out, "name", config->schema_name);
	lm_buf_text(out, ",\"strict\":true,\"schema\":");
	return lm_render_schema(config, out, err);
}

static int
render_responses(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err)
{
	static const char *const ours[] = { "model", "input", "instructions", nullptr };

	lm_buf_text(out, ",\"input\":\"" LM_HOLE_PROMPT_MARK "\"");
	if (system)
		lm_buf_text(out, ",\"instructions\":\"" LM_HOLE_SYSTEM_MARK "\"");
	if (config->reasoning_effort != nullptr) {
		lm_buf_text(out, ",\"reasoning\":{");
		lm_render_member(out, "effort", config->reasoning_effort);
		lm_buf_byte(out, '}');
	}
	if (config->schema_json != nullptr) {
		lm_buf_text(out, ",\"text\":{\"format\":{\"type\":\"json_schema\",");
		if (render_format(config, out, err) < 0)
			return -1;
		lm_buf_text(out, "}}");
	}
	return lm_render_params(config, ours, out, err);
}

static int
render_chat(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err)
{
	static const char *const ours[] = { "model", "messages", nullptr };

	lm_buf_text(out, ",\"messages\":[");
	if (system)
		lm_buf_text(out, "{\"role\":\"system\",\"content\":\"" LM_HOLE_SYSTEM_MARK "\"},");
	lm_buf_text(out, "{\"role\":\"user\",\"content\":\"" LM_HOLE_PROMPT_MARK "\"}]");
	if (config->reasoning_effort != nullptr) {
		lm_buf_byte(out, ',');
		lm_render_member(out, "reasoning_effort", config->reasoning_effort);
	}
	if (config->schema_json != nullptr) {
		lm_buf_text(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{");
		if (render_format(config, out, err) < 0)
			return -1;
		lm_buf_text(out, "}}");
	}
	return lm_render_params(config, ours, out, err);
}

static int
render(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err)
{
	lm_buf_text(out, "{\"custom_id\":\"" LM_HOLE_ID_MARK "\",\"method\":\"POST\",");
	lm_render_member(out, "url", config->endpoint == nullptr ? "/v1/responses" : config->endpoint);
	lm_buf_text(out, ",\"body\":{");
	lm_render_member(out, "model", config->model == nullptr ? "" : config->model);
	if ((is_chat(config) ? render_chat : render_responses)(config, system, out, err) < 0)
		return -1;
	lm_buf_text(out, "}}");
	return 0;
}

// ---- calls

static int
upload(struct lm_provider *provider, const char *path, const struct lm_intent *intent, char *ref, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *file = nullptr;
	uint64_t size = 0;

	if (lm_api_file_size(path, &size, call, err) < 0)
		return -1;
	// lines of JSON have no line break and "--" at its beginning, so no boundary can be in them
	LM_AUTO(lm_free_ptr) char *type = lm_format("Content-Type: multipart/form-data; boundary=lamina-%s", intent->intent_id);
	LM_AUTO(lm_free_ptr)
	char *before = lm_format("--lamina-%s\r\n"
				 "Content-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
				 "--lamina-%s\r\n"
				 "Content-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
				 "Content-Type: application/octet-stream\r\n\r\n",
		intent->intent_id, intent->intent_id, lm_path_name(path));
	LM_AUTO(lm_free_ptr) char *after = lm_format("\r\n--lamina-%s--\r\n", intent->intent_id);
	const struct lm_http_piece pieces[] = {
		{ .bytes = lm_str_of(before) },
		{ .path = path, .length = size },
		{ .bytes = lm_str_of(after) },
	};
	const struct lm_api_call what = {
		.method = "POST",
		.path = "/v1/files",
		.headers = { type },
		.pieces = pieces,
		.piece_count = LM_COUNT(pieces),
	};
	if (lm_api_json(provider, &what, &file, call, err) < 0)
		return -1;
	return lm_ref_copy(ref, lm_json_string(file, "id")) ? 0 : lm_api_nonsense(&what, call, err, "has no usable 'id'");
}

static int
create(struct lm_provider *provider, const char *path, const char *ref, const struct lm_intent *intent, char *batch_id,
	struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf body = {};

	(void)path;
	lm_buf_byte(&body, '{');
	lm_render_member(
		&body, "completion_window", provider->completion_window == nullptr ? "24h" : provider->completion_window);
	lm_buf_byte(&body, ',');
	lm_render_member(&body, "endpoint", provider->endpoint == nullptr ? "/v1/responses" : provider->endpoint);
	lm_buf_byte(&body, ',');
	lm_render_member(&body, "input_file_id", ref);
	lm_buf_text(&body, ",\"metadata\":{");
	lm_render_member(&body, "intent_id", intent->intent_id);
	lm_buf_byte(&body, ',');
	lm_render_member(&body, "run_id", intent->run_id);
	lm_buf_format(&body, ",\"seq\":\"%" PRIu64 "\"}}", intent->seq);
	const struct lm_http_piece piece = { .bytes = lm_buf_view(&body) };
	return lm_api_create(provider, "/v1/batches", intent, &piece, 1, "id", "", batch_id, call, err);
}

// ---- poll

static bool
is_one_of(const char *word, const char *const *list)
{
	for (; *list != nullptr; list++)
		if (lm_cstr_equal(word, *list))
			return true;
	return false;
}

// Why a batch as a whole came to nothing.
static void
read_errors(const struct lm_provider *provider, const json_t *batch, struct lm_batch_status *status)
{
	const json_t *error = json_array_get(json_object_get(json_object_get(batch, "errors"), "data"), 0);
	const char *code = lm_json_string(error, "code"), *message = lm_json_string(error, "message");
	const char *error_class = lm_error_class_of(provider->api, 0, code, nullptr, message);
	uint64_t line = 0;

	if (lm_cstr_equal(status->status, "completed"))
		return;
	if (error_class != nullptr)
		(void)snprintf(status->error_class, sizeof status->error_class, "%s", error_class);
	else
		(void)snprintf(status->error_class, sizeof status->error_class, "batch_terminal_%s", status->status);
	lm_words_copy(provider, status->error_text, sizeof status->error_text, message != nullptr ? message : status->status);
	size_t len = strlen(status->error_text);
	if (lm_json_u64(error, "line", &line))
		(void)snprintf(status->error_text + len, sizeof status->error_text - len, " (line %" PRIu64 ")", line);
}

static int
poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err)
{
	static const char *const known[] = { "validating", "in_progress", "finalizing", "cancelling", nullptr };
	static const char *const ended[] = { "completed", "failed", "expired", "cancelled", nullptr };
	LM_AUTO(lm_json_decref_ptr) json_t *batch = nullptr;
	LM_AUTO(lm_free_ptr) char *path = lm_format("/v1/batches/%s", batch_id);
	const struct lm_api_call what = { .method = "GET", .path = path };

	if (lm_api_json(provider, &what, &batch, call, err) < 0)
		return -1;
	const char *word = lm_json_string(batch, "status");
	const char *output = lm_json_string(batch, "output_file_id"), *error = lm_json_string(batch, "error_file_id");
	const json_t *counts = json_object_get(batch, "request_counts");
	if (word == nullptr)
		return lm_api_nonsense(&what, call, err, "has no 'status'");
	if ((output != nullptr && output[0] != '\0' && !lm_ref_copy(status->output_ref, output)) ||
		(error != nullptr && error[0] != '\0' && !lm_ref_copy(status->error_ref, error)))
		return lm_api_nonsense(&what, call, err, "names a file that cannot be asked for");
	status->ended = is_one_of(word, ended);
	// a word of later versions is one of a batch that goes on
	(void)snprintf(
		status->status, sizeof status->status, "%s", status->ended || is_one_of(word, known) ? word : "in_progress");
	(void)lm_json_u64(counts, "completed", &status->done);
	(void)lm_json_u64(counts, "failed", &status->failed);
	if (status->ended)
		read_errors(provider, batch, status);
	return 0;
}

// ---- find

static bool
is_ours(const struct lm_intent *intent, const char *ref, const json_t *batch)
{
	const char *named = lm_json_string(json_object_get(batch, "metadata"), "intent_id");

	if (named != nullptr)
		return lm_cstr_equal(named, intent->intent_id);
	return ref != nullptr && ref[0] != '\0' && lm_cstr_equal(lm_json_string(batch, "input_file_id"), ref);
}

// Newest first.
static int
look(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	struct lm_call *call, struct lm_err *err)
{
	static const char *const dead[] = { "failed", "expired", "cancelling", "cancelled", nullptr };
	LM_AUTO(lm_json_decref_ptr) json_t *page = nullptr;
	const json_t *batch;
	uint64_t created_s = 0;
	bool more = false;
	size_t i;

	if (lm_search_page(provider, "/v1/batches", "after", search, &page, &more, call, err) < 0)
		return -1;
	json_array_foreach(json_object_get(page, "data"), i, batch)
	{
		const char *id = lm_json_string(batch, "id"), *status = lm_json_string(batch, "status");
		char place[LM_PROVIDER_REF_MAX] = "";
		if (is_ours(intent, ref, batch))
			lm_search_match(search, id, status != nullptr && is_one_of(status, dead));
		if (lm_json_u64(batch, "created_at", &created_s) &&
			(int64_t)created_s < intent->created_at_s - LM_SEARCH_SKEW_S)
			more = false;
		(void)lm_ref_copy(place, id);
		more = lm_search_reached(search, place) && more;
	}
	search->ended = !more;
	return 0;
}

const struct lm_api lm_api_openai = {
	.name = "openai",
	.base_url = "https://api.openai.com",
	.version = "/v1",
	.auth = "Authorization: Bearer ",
	.quota_class = "openai_insufficient_quota",
	.answers_at = { "/v1/files/", "/content" },
	.file_at = { "/v1/files/", "" },
	.cancel_at = { "/v1/batches/", "/cancel" },
	.render = render,
	.upload = upload,
	.create = create,
	.look = look,
	.poll = poll,
	.read = lm_openai_read,
};
