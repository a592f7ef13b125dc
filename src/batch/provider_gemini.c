// Gemini, the developer API (API reference: "Batch API", "Files API", v1beta). Small batches are created with their requests
// in the body, and give their answers in the batch itself; large ones are files both ways.
#include "batch/provider_gemini.h"

#include "base/mem.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	LM_GEMINI_INLINE_MAX_BYTES = 20'000'000,
	// unless the user wants it: each look at a batch brings all inline answers along
	LM_GEMINI_INLINE_AUTO_BYTES = 2'000'000,
	LM_GEMINI_LINE_MORE_BYTES = 32, // an inline request has so much more around it than its line
};

// ---- requests

static int
render_config(const struct lm_batch_config *config, struct lm_buf *out, struct lm_err *err)
{
	static const char *const with_schema[] = { "responseMimeType", "responseSchema", "responseJsonSchema", nullptr };
	static const char *const with_effort[] = { "thinkingConfig", nullptr };
	static const char *const with_both[] = { "responseMimeType", "responseSchema", "responseJsonSchema", "thinkingConfig",
		nullptr };
	static const char *const none[] = { nullptr };
	bool effort = config->reasoning_effort != nullptr, schema = config->schema_json != nullptr;
	LM_AUTO(lm_buf_release) struct lm_buf members = {};

	if (effort) {
		lm_buf_text(&members, ",\"thinkingConfig\":{");
		lm_render_member(&members, "thinkingLevel", config->reasoning_effort);
		lm_buf_byte(&members, '}');
	}
	if (schema) {
		lm_buf_text(&members, ",\"responseMimeType\":\"application/json\",\"responseJsonSchema\":");
		if (lm_render_schema(config, &members, err) < 0)
			return -1;
	}
	const char *const *ours = schema ? effort ? with_both : with_schema : effort ? with_effort : none;
	if (lm_render_params(config, ours, &members, err) < 0)
		return -1;
	if (members.len > 0)
		lm_buf_format(out, ",\"generationConfig\":{%s}", lm_buf_cstr(&members) + 1); // without the first comma
	return 0;
}

static int
render(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err)
{
	lm_buf_text(out, LM_GEMINI_LINE_BEGIN LM_HOLE_ID_MARK LM_GEMINI_LINE_REQUEST);
	lm_buf_text(out, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" LM_HOLE_PROMPT_MARK "\"}]}]");
	if (system)
		lm_buf_text(out, ",\"systemInstruction\":{\"parts\":[{\"text\":\"" LM_HOLE_SYSTEM_MARK "\"}]}");
	if (render_config(config, out, err) < 0)
		return -1;
	lm_buf_text(out, "}}");
	return 0;
}

// {"key":"K","request":R} as {"request":R,"metadata":{"key":"K"}}.
static bool
add_inline(struct lm_str line, struct lm_buf *out)
{
	const struct lm_str begin = LM_STR(LM_GEMINI_LINE_BEGIN), middle = LM_STR(LM_GEMINI_LINE_REQUEST);

	if (!lm_str_starts(line, begin) || !lm_str_ends(line, LM_STR("}")))
		return false;
	struct lm_str rest = { line.ptr + begin.len, line.len - begin.len - 1 };
	struct lm_str key = { rest.ptr, lm_str_find(rest, '"') };
	struct lm_str request = { rest.ptr + key.len, rest.len - key.len };
	if (!lm_str_starts(request, middle))
		return false;
	lm_buf_text(out, "{\"request\":");
	lm_buf_append(out, request.ptr + middle.len, request.len - middle.len);
	lm_buf_text(out, ",\"metadata\":{\"key\":\"");
	lm_buf_str(out, key);
	lm_buf_text(out, "\"}}");
	return true;
}

static int
add_inline_requests(const char *path, struct lm_buf *out, struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;

	if (lm_file_read(path, LM_GEMINI_INLINE_MAX_BYTES, &text, &len, err) < 0) {
		*call = (struct lm_call){ .fate = LM_CALL_REFUSED, .error_class = "local_error" };
		return -1;
	}
	struct lm_str rest = { text, len };
	for (uint64_t number = 1; rest.len > 0; number++) {
		struct lm_str line = lm_str_cut(&rest, '\n');
		if (number > 1)
			lm_buf_byte(out, ',');
		if (!add_inline(line, out)) {
			*call = (struct lm_call){ .fate = LM_CALL_REFUSED, .error_class = "local_error" };
			return lm_err_set(err, LM_E_INTEGRITY, "line %" PRIu64 " of '%s' is no request", number, path);
		}
	}
	return 0;
}

// ---- upload

static int
goes_inline(const struct lm_provider *provider, const char *path, const struct lm_intent *intent, bool *is_inline,
	struct lm_call *call, struct lm_err *err)
{
	const char *mode = provider->gemini_input_mode;
	uint64_t size = 0;

	if (lm_api_file_size(path, &size, call, err) < 0)
		return -1;
	size += intent->item_count * LM_GEMINI_LINE_MORE_BYTES;
	*is_inline = lm_cstr_equal(mode, "inline") || (!lm_cstr_equal(mode, "file") && size < LM_GEMINI_INLINE_AUTO_BYTES);
	if (!*is_inline || size < LM_GEMINI_INLINE_MAX_BYTES)
		return 0;
	*call = (struct lm_call){ .fate = LM_CALL_REFUSED, .error_class = "too_large" };
	return lm_err_set(
		err, LM_E_LIMIT, "'%s' is too large for inline requests (%d bytes)", path, LM_GEMINI_INLINE_MAX_BYTES);
}

// The URL that takes the bytes. It is a secret of its own and gets no key; but prompts do not leave https.
static int
begin_upload(struct lm_provider *provider, const struct lm_intent *intent, uint64_t size, char **url, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(lm_http_answer_release) struct lm_http_answer answer = {};
	LM_AUTO(lm_free_ptr) char *length = lm_format("X-Goog-Upload-Header-Content-Length: %" PRIu64, size);
	LM_AUTO(lm_free_ptr) char *body = lm_format("{\"file\":{\"display_name\":\"lamina-%s\"}}", intent->intent_id);
	const struct lm_http_piece piece = { .bytes = lm_str_of(body) };
	const struct lm_api_call what = {
		.method = "POST",
		.path = "/upload/v1beta/files",
		.headers = { "Content-Type: application/json", "X-Goog-Upload-Protocol: resumable",
			"X-Goog-Upload-Command: start", length, "X-Goog-Upload-Header-Content-Type: application/jsonl" },
		.pieces = &piece,
		.piece_count = 1,
	};
	struct lm_str value = {};

	if (lm_api_do(provider, &what, &answer, call, err) < 0)
		return -1;
	if (!lm_http_answer_header(&answer, "x-goog-upload-url", &value))
		return lm_api_nonsense(&what, call, err, "has no header 'X-Goog-Upload-URL'");
	if (!provider->replays && lm_cstr_starts(provider->base_url, "https://") && !lm_str_starts(value, LM_STR("https://")))
		return lm_api_nonsense(&what, call, err, "names a place for the upload that is not https");
	*url = lm_strndup(value.ptr, value.len);
	return 0;
}

static int
upload(struct lm_provider *provider, const char *path, const struct lm_intent *intent, char *ref, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *answer = nullptr;
	LM_AUTO(lm_free_ptr) char *url = nullptr;
	uint64_t size = 0;
	bool is_inline = false;

	if (goes_inline(provider, path, intent, &is_inline, call, err) < 0)
		return -1;
	if (is_inline)
		return 0;
	if (lm_api_file_size(path, &size, call, err) < 0 || begin_upload(provider, intent, size, &url, call, err) < 0)
		return -1;
	const struct lm_http_piece piece = { .path = path, .length = size };
	const struct lm_api_call what = {
		.method = "POST",
		.path = url,
		.whole_url = true,
		.headers = { "Content-Type: application/jsonl", "X-Goog-Upload-Offset: 0",
			"X-Goog-Upload-Command: upload, finalize" },
		.pieces = &piece,
		.piece_count = 1,
	};
	if (lm_api_json(provider, &what, &answer, call, err) < 0)
		return -1;
	const char *name = lm_json_string(json_object_get(answer, "file"), "name");
	return name != nullptr && lm_cstr_starts(name, "files/") && lm_ref_copy(ref, name)
		? 0
		: lm_api_nonsense(&what, call, err, "has no usable 'file.name'");
}

// ---- create

static void
add_display_name(struct lm_buf *out, const struct lm_intent *intent)
{
	LM_AUTO(lm_free_ptr) char *name = lm_format(LM_GEMINI_NAME_BEGIN "%s", intent->intent_id);
	lm_render_member(out, "displayName", name);
}

static int
create(struct lm_provider *provider, const char *path, const char *ref, const struct lm_intent *intent, char *batch_id,
	struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf body = {};
	const char *model = provider->model == nullptr ? "" : provider->model;
	LM_AUTO(lm_free_ptr)
	char *url = lm_format("/v1beta/%s%s:batchGenerateContent", lm_cstr_starts(model, "models/") ? "" : "models/", model);

	lm_buf_text(&body, "{\"batch\":{");
	add_display_name(&body, intent);
	lm_buf_text(&body, ",\"inputConfig\":{");
	if (ref != nullptr && ref[0] != '\0') {
		lm_render_member(&body, "fileName", ref);
	} else {
		lm_buf_text(&body, "\"requests\":{\"requests\":[");
		if (add_inline_requests(path, &body, call, err) < 0)
			return -1;
		lm_buf_text(&body, "]}");
	}
	lm_buf_text(&body, "}}}");
	const struct lm_http_piece piece = { .bytes = lm_buf_view(&body) };
	return lm_api_create(provider, url, intent, &piece, 1, "name", "batches/", batch_id, call, err);
}

static const char *const quota_words[] = { "credits are depleted", "prepay", "spend cap", "spending cap", nullptr };

const struct lm_api lm_api_gemini = {
	.name = "gemini",
	.base_url = "https://generativelanguage.googleapis.com",
	.version = "/v1beta",
	.auth = "X-Goog-Api-Key: ",
	.quota_class = "insufficient_quota",
	// what it says of too many requests a minute speaks of quota and billing too
	.quota_words = quota_words,
	.answers_at = { "/v1beta/", ":download?alt=media" },
	.file_at = { "/v1beta/", "" },
	.cancel_at = { "/v1beta/", ":cancel" },
	.cancel_body = "{}",
	.render = render,
	.upload = upload,
	.create = create,
	.look = lm_gemini_look,
	.poll = lm_gemini_poll,
	.fetch = lm_gemini_fetch,
	.read = lm_gemini_read,
};
