// Recording: what is kept of an exchange. Nothing is kept that is not named here.
#include "batch/cassette_parts.h"

#include "base/mem.h"
#include "batch/redact.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"

#include <string.h>

static const char *const request_headers[] = { "content-type", "idempotency-key", "anthropic-version", "x-goog-upload-protocol",
	"x-goog-upload-command", "x-goog-upload-offset", "x-goog-upload-header-content-length",
	"x-goog-upload-header-content-type" };
static const char *const answer_headers[] = { "content-type", "retry-after", "retry-after-ms", "x-goog-upload-url" };

static bool
is_kept(struct lm_str name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == name.len && strncasecmp(names[i], name.ptr, name.len) == 0)
			return true;
	return false;
}

static void
keep_header(const struct lm_cassette *cassette, json_t *headers, struct lm_str line, const char *const *names, size_t count)
{
	LM_AUTO(lm_buf_release) struct lm_buf value = {}, key = {};
	struct lm_str name = lm_str_cut(&line, ':');

	if (!is_kept(name, names, count))
		return;
	for (size_t i = 0; i < name.len; i++)
		lm_buf_byte(&key, (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + 32 : name.ptr[i]));
	lm_redact(lm_str_trim(line), cassette->secret, &value);
	(void)json_object_set_new(headers, key.ptr, json_string(lm_buf_cstr(&value)));
}

static int
write_json(const char *path, const json_t *document, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	lm_json_format(document, &text);
	return lm_file_replace(path, text.ptr, text.len, 0644, err);
}

// No file for a body of no bytes.
static int
write_body(const struct lm_cassette *cassette, unsigned number, const char *kind, struct lm_str body, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_cassette_file(cassette, number, kind);
	LM_AUTO(lm_buf_release) struct lm_buf clean = {};

	if (body.len == 0)
		return 0;
	lm_redact(body, cassette->secret, &clean);
	return lm_file_replace(path, clean.ptr, clean.len, 0644, err);
}

static json_t *
describe(const struct lm_cassette *cassette, const struct lm_http_call *call, const char *path,
	const struct lm_http_answer *answer)
{
	LM_AUTO(lm_buf_release) struct lm_buf target = {};
	struct lm_str rest = lm_buf_view(&answer->headers);
	json_t *sent = json_object(), *got = json_object();

	lm_redact(lm_str_of(path), cassette->secret, &target);
	for (const char *const *header = call->headers; header != nullptr && *header != nullptr; header++)
		keep_header(cassette, sent, lm_str_of(*header), request_headers, LM_COUNT(request_headers));
	while (rest.len > 0)
		keep_header(cassette, got, lm_str_cut(&rest, '\n'), answer_headers, LM_COUNT(answer_headers));
	return json_pack("{s:{s:s, s:s, s:o}, s:{s:i, s:o}}", "request", "method", call->method, "path", lm_buf_cstr(&target),
		"headers", sent, "answer", "status", answer->status, "headers", got);
}

// The bodies first: an exchange is there when its description is.
static int
write_exchange(const struct lm_cassette *cassette, unsigned number, const struct lm_http_call *call, const char *path,
	const struct lm_http_answer *answer, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf body = {};
	LM_AUTO(lm_free_ptr) char *from_file = nullptr;
	LM_AUTO(lm_free_ptr) char *json_path = lm_cassette_file(cassette, number, "json");
	LM_AUTO(lm_json_decref_ptr) json_t *document = describe(cassette, call, path, answer);
	struct lm_str got = lm_buf_view(&answer->body);
	size_t len = 0;

	if (lm_http_call_body(call, LM_CASSETTE_BODY_MAX_BYTES, &body, err) < 0 ||
		write_body(cassette, number, "request", lm_buf_view(&body), err) < 0)
		return -1;
	if (call->answer_path != nullptr && answer->status >= 200 && answer->status <= 299) {
		if (lm_file_read(call->answer_path, LM_CASSETTE_BODY_MAX_BYTES, &from_file, &len, err) < 0)
			return -1;
		got = (struct lm_str){ from_file, len };
	}
	if (write_body(cassette, number, "answer", got, err) < 0)
		return -1;
	return write_json(json_path, document, err);
}

int
lm_cassette_add(struct lm_cassette *cassette, const struct lm_http_call *call, const char *path,
	const struct lm_http_answer *answer, struct lm_err *err)
{
	(void)pthread_mutex_lock(&cassette->lock);
	unsigned number = ++cassette->last_number;
	(void)pthread_mutex_unlock(&cassette->lock);
	if (number > LM_CASSETTE_EXCHANGES_MAX)
		return lm_err_set(err, LM_E_LIMIT, "the cassette '%s' has %d exchanges already", cassette->folder,
			LM_CASSETTE_EXCHANGES_MAX);
	if (write_exchange(cassette, number, call, path, answer, err) < 0)
		return lm_err_wrap(err, "cannot record");
	return 0;
}

static int
write_head(const struct lm_cassette *cassette, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(cassette->folder, "cassette.json");
	LM_AUTO(lm_json_decref_ptr)
	json_t *head = json_pack("{s:i, s:s}", "format", LM_CASSETTE_FORMAT, "api", cassette->api);

	return write_json(path, head, err);
}

static int
open_head(struct lm_cassette *cassette, const char *api, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(cassette->folder, "cassette.json");

	if (!lm_file_exists(path)) {
		cassette->api = lm_strdup(api);
		return write_head(cassette, err);
	}
	if (lm_cassette_read_head(cassette, err) < 0)
		return -1;
	if (strcmp(cassette->api, api) == 0)
		return 0;
	return lm_err_set(
		err, LM_E_CONFLICT, "the cassette '%s' is one of %s, not of %s", cassette->folder, cassette->api, api);
}

static void
close_ptr(struct lm_cassette **cassette)
{
	lm_cassette_close(*cassette);
}

int
lm_cassette_record(struct lm_cassette **out, const char *folder, const char *api, const char *secret, struct lm_err *err)
{
	LM_AUTO(close_ptr) struct lm_cassette *cassette = lm_alloc(sizeof *cassette);
	LM_AUTO(lm_free_ptr) unsigned *numbers = nullptr;
	size_t count = 0;

	cassette->folder = lm_strdup(folder);
	cassette->secret = secret == nullptr ? nullptr : lm_strdup(secret);
	(void)pthread_mutex_init(&cassette->lock, nullptr);
	if (lm_dir_make(folder, err) < 0 || open_head(cassette, api, err) < 0 ||
		lm_cassette_numbers(cassette, &numbers, &count, err) < 0)
		return lm_err_wrap(err, "cannot record");
	cassette->last_number = count == 0 ? 0 : numbers[count - 1];
	*out = lm_take(&cassette);
	return 0;
}
