// One call of an API: over the network or from a cassette, and what became of it.
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "batch/cassette.h"
#include "batch/redact.h"
#include "os/file.h"
#include "text/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LM_API_HEADERS_MAX = 8 };

static const char *
transport_class(enum lm_code code)
{
	return code == LM_E_NETWORK || code == LM_E_INTEGRITY || code == LM_E_INTERRUPTED ? "control_plane_transient"
		: code == LM_E_SYNTAX || code == LM_E_UNSUPPORTED                         ? "bad_url"
											  : "local_error";
}

// No answer came.
static void
judge_failure(const struct lm_api_call *what, const struct lm_http_answer *answer, struct lm_call *call, struct lm_err *err)
{
	bool creates = what->kind == LM_CALL_CREATES;

	(void)snprintf(call->error_class, sizeof call->error_class, "%s", transport_class(err->code));
	call->fate = creates && answer->fate == LM_HTTP_UNKNOWN ? LM_CALL_UNKNOWN : LM_CALL_LATER;
	if (err->code == LM_E_SYNTAX || err->code == LM_E_UNSUPPORTED || err->code == LM_E_NOT_FOUND)
		call->fate = call->fate == LM_CALL_UNKNOWN ? LM_CALL_UNKNOWN : LM_CALL_REFUSED;
}

static int
exchange(struct lm_provider *provider, const struct lm_http_call *call, const char *path, struct lm_http_answer *answer,
	struct lm_err *err)
{
	if (provider->replays)
		return lm_cassette_replay(provider->cassette, call, path, answer, err);
	if (lm_http_do(provider->client, call, answer, err) < 0)
		return -1;
	if (provider->cassette == nullptr || lm_cassette_add(provider->cassette, call, path, answer, err) == 0)
		return 0;
	answer->fate = LM_HTTP_UNKNOWN; // it was carried out, but who records wants all of it
	return -1;
}

// The path of a URL that the provider gave: behind scheme and host.
static const char *
path_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host == nullptr ? nullptr : strchr(host + 3, '/');
	return path == nullptr ? url : path;
}

// The URL in a message may be one that the provider gave.
static int
hide_key(const struct lm_provider *provider, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf clean = {};

	lm_redact(lm_str_of(err->text), provider->secret, &clean);
	(void)snprintf(err->text, sizeof err->text, "%s", lm_buf_cstr(&clean));
	return -1;
}

static struct lm_str
redact(void *context, struct lm_str bytes, bool last)
{
	return lm_redactor_pass(context, bytes, last);
}

int
lm_api_do(struct lm_provider *provider, const struct lm_api_call *what, struct lm_http_answer *answer, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr)
	char *url = what->whole_url ? lm_strdup(what->path) : lm_format("%s%s", provider->base_url, what->path);
	LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
	const struct lm_http_filter filter = { .pass = redact, .context = &redactor };
	const char *headers[LM_API_HEADERS_MAX] = {};
	size_t count = 0;

	lm_redactor_init(&redactor, provider->secret);
	for (size_t i = 0; i < LM_COUNT(what->headers) && what->headers[i] != nullptr; i++)
		headers[count++] = what->headers[i];
	if (provider->api->extra_header != nullptr)
		headers[count++] = provider->api->extra_header;
	if (provider->auth_header != nullptr && !what->whole_url)
		headers[count++] = provider->auth_header;
	struct lm_http_call http = {
		.method = what->method,
		.url = url,
		.headers = headers,
		.pieces = what->pieces,
		.piece_count = what->piece_count,
		.answer_path = what->answer_path,
		.answer_filter = what->answer_path == nullptr ? nullptr : &filter,
		.answer_max = what->answer_max,
		.only_beginning = what->only_beginning,
		.timeout_ms = provider->timeout_ms,
	};
	*call = (struct lm_call){};
	if (exchange(provider, &http, what->whole_url ? path_of(url) : what->path, answer, err) < 0) {
		judge_failure(what, answer, call, err);
		return hide_key(provider, err);
	}
	if (answer->status >= 200 && answer->status <= 299)
		return 0;
	lm_judge_answer(provider, what, answer, call, err);
	return -1;
}

int
lm_api_fetch(struct lm_provider *provider, const char *ref, const char *to, uint64_t *bytes, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(lm_http_answer_release) struct lm_http_answer answer = {};
	const struct lm_api_place *place = &provider->api->answers_at;
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s%s%s", place->before, ref, place->after);
	const struct lm_api_call what = { .method = "GET", .path = path, .answer_path = to };

	if (lm_api_do(provider, &what, &answer, call, err) < 0)
		return -1;
	*bytes = answer.body_bytes;
	return 0;
}

int
lm_api_nonsense(const struct lm_api_call *what, struct lm_call *call, struct lm_err *err, const char *text)
{
	call->fate = what->kind == LM_CALL_CREATES ? LM_CALL_UNKNOWN : LM_CALL_LATER;
	(void)snprintf(call->error_class, sizeof call->error_class, "bad_answer");
	return lm_err_set(err, LM_E_SYNTAX, "the provider's answer %s", text);
}

int
lm_api_json(
	struct lm_provider *provider, const struct lm_api_call *what, json_t **out, struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_http_answer_release) struct lm_http_answer answer = {};
	struct lm_err ignored = {};

	if (lm_api_do(provider, what, &answer, call, err) < 0)
		return -1;
	if (lm_json_parse(lm_buf_view(&answer.body), out, &ignored) < 0)
		return lm_api_nonsense(what, call, err, "is not JSON");
	if (json_is_object(*out))
		return 0;
	json_decref(lm_take(out));
	return lm_api_nonsense(what, call, err, "is no JSON object");
}

int
lm_api_create(struct lm_provider *provider, const char *path, const struct lm_intent *intent, const struct lm_http_piece *body,
	size_t piece_count, const char *member, const char *prefix, char *batch_id, struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *batch = nullptr;
	LM_AUTO(lm_free_ptr) char *key = lm_format("Idempotency-Key: %s", intent->intent_id);
	const struct lm_api_call what = {
		.kind = LM_CALL_CREATES,
		.method = "POST",
		.path = path,
		.headers = { "Content-Type: application/json", key },
		.pieces = body,
		.piece_count = piece_count,
	};
	if (lm_api_json(provider, &what, &batch, call, err) < 0)
		return -1;
	const char *name = lm_json_string(batch, member);
	if (name != nullptr && lm_cstr_starts(name, prefix) && lm_ref_copy(batch_id, name))
		return 0;
	LM_AUTO(lm_free_ptr) char *text = lm_format("has no usable '%s'", member);
	return lm_api_nonsense(&what, call, err, text);
}

bool
lm_ref_copy(char out[LM_PROVIDER_REF_MAX], const char *text)
{
	size_t len = text == nullptr ? 0 : strlen(text);

	if (len == 0 || len >= LM_PROVIDER_REF_MAX || text[0] == '/' || strstr(text, "..") != nullptr)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && strchr("-_./", text[i]) == nullptr)
			return false;
	memcpy(out, text, len + 1);
	return true;
}

int
lm_api_file_size(const char *path, uint64_t *size, struct lm_call *call, struct lm_err *err)
{
	struct lm_file_info info;

	*call = (struct lm_call){ .fate = LM_CALL_LATER, .error_class = "local_error" };
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (!info.is_file) {
		call->fate = LM_CALL_REFUSED;
		return lm_err_set(err, LM_E_NOT_FOUND, "there is no file '%s'", path);
	}
	*size = info.size_bytes;
	*call = (struct lm_call){};
	return 0;
}
