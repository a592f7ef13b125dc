#include "batch/cassette_parts.h"

#include "base/mem.h"
#include "batch/redact.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

enum { LM_CASSETTE_HEAD_MAX_BYTES = 64 * 1024 };

char *
lm_cassette_file(const struct lm_cassette *cassette, unsigned number, const char *kind)
{
	return lm_format("%s/%04u.%s", cassette->folder, number, kind);
}

static struct lm_cassette *
make(const char *folder)
{
	struct lm_cassette *cassette = lm_alloc(sizeof *cassette);

	cassette->folder = lm_strdup(folder);
	(void)pthread_mutex_init(&cassette->lock, nullptr);
	return cassette;
}

static void
close_ptr(struct lm_cassette **cassette)
{
	lm_cassette_close(*cassette);
}

void
lm_cassette_close(struct lm_cassette *cassette)
{
	if (cassette == nullptr)
		return;
	for (size_t i = 0; i < cassette->count; i++) {
		lm_free(cassette->exchanges[i].method);
		lm_free(cassette->exchanges[i].path);
		lm_free(cassette->exchanges[i].request);
		lm_free(cassette->exchanges[i].headers);
	}
	lm_free(cassette->exchanges);
	lm_free(cassette->folder);
	lm_free(cassette->api);
	lm_free(cassette->secret);
	(void)pthread_mutex_destroy(&cassette->lock);
	lm_free(cassette);
}

const char *
lm_cassette_api(const struct lm_cassette *cassette)
{
	return cassette->api;
}

static int
read_json(const char *path, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;

	if (lm_file_read(path, LM_CASSETTE_HEAD_MAX_BYTES, &text, &len, err) < 0)
		return -1;
	if (lm_json_parse((struct lm_str){ text, len }, out, err) < 0)
		return lm_err_wrap(err, "%s", path);
	return 0;
}

int
lm_cassette_read_head(struct lm_cassette *cassette, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(cassette->folder, "cassette.json");
	LM_AUTO(lm_json_decref_ptr) json_t *head = nullptr;
	uint64_t format = 0;

	if (read_json(path, &head, err) < 0)
		return -1;
	const char *api = lm_json_string(head, "api");
	if (!lm_json_u64(head, "format", &format) || api == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "%s: 'format' or 'api' is missing", path);
	if (format != LM_CASSETTE_FORMAT)
		return lm_err_set(err, LM_E_UNSUPPORTED, "%s: its format is not %d", path, LM_CASSETTE_FORMAT);
	cassette->api = lm_strdup(api);
	return 0;
}

int
lm_cassette_numbers(struct lm_cassette *cassette, unsigned **numbers, size_t *count, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};

	if (lm_dir_list(cassette->folder, &names, err) < 0)
		return -1;
	*numbers = lm_alloc_array(names.count, sizeof(unsigned));
	*count = 0;
	for (size_t i = 0; i < names.count; i++) {
		struct lm_str rest = lm_str_of(names.items[i]);
		struct lm_str digits = lm_str_cut(&rest, '.');
		uint64_t number = 0;
		if (digits.len == 4 && lm_str_equal(rest, LM_STR("json")) &&
			lm_parse_u64(digits, LM_CASSETTE_EXCHANGES_MAX, &number))
			(*numbers)[(*count)++] = (unsigned)number;
	}
	return 0;
}

// ---- replaying

// {"name": "value"} as "name: value\n".
static char *
read_headers(const json_t *object)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value) // reads only
		if (json_is_string(value) && strpbrk(json_string_value(value), "\r\n") == nullptr)
			lm_buf_format(&text, "%s: %s\n", name, json_string_value(value));
	return lm_strdup(lm_buf_cstr(&text));
}

static int
load_exchange(struct lm_cassette *cassette, unsigned number, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_cassette_file(cassette, number, "json");
	LM_AUTO(lm_free_ptr) char *request_path = lm_cassette_file(cassette, number, "request");
	LM_AUTO(lm_free_ptr) char *body = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *document = nullptr;
	uint64_t status = 0;
	size_t len = 0;

	if (read_json(path, &document, err) < 0)
		return -1;
	const json_t *request = json_object_get(document, "request"), *answer = json_object_get(document, "answer");
	const char *method = lm_json_string(request, "method"), *target = lm_json_string(request, "path");
	if (method == nullptr || target == nullptr || !lm_json_u64(answer, "status", &status) || status < 100 || status > 599)
		return lm_err_set(err, LM_E_SYNTAX, "%s: it is no recorded exchange", path);
	if (lm_file_exists(request_path) && lm_file_read(request_path, LM_CASSETTE_BODY_MAX_BYTES, &body, &len, err) < 0)
		return -1;
	lm_grow(cassette->exchanges, cassette->count, cassette->cap);
	cassette->exchanges[cassette->count++] = (struct lm_cassette_exchange){
		.number = number,
		.method = lm_strdup(method),
		.path = lm_strdup(target),
		.request = lm_take(&body),
		.request_len = len,
		.status = (int)status,
		.headers = read_headers(json_object_get(answer, "headers")),
	};
	return 0;
}

int
lm_cassette_open(struct lm_cassette **out, const char *folder, struct lm_err *err)
{
	LM_AUTO(close_ptr) struct lm_cassette *cassette = make(folder);
	LM_AUTO(lm_free_ptr) unsigned *numbers = nullptr;
	size_t count = 0;

	if (lm_cassette_read_head(cassette, err) < 0 || lm_cassette_numbers(cassette, &numbers, &count, err) < 0)
		return lm_err_wrap(err, "cannot replay");
	for (size_t i = 0; i < count; i++)
		if (load_exchange(cassette, numbers[i], err) < 0)
			return lm_err_wrap(err, "cannot replay");
	*out = lm_take(&cassette);
	return 0;
}

static bool
is_same(const struct lm_cassette_exchange *exchange, const char *method, const char *path, struct lm_str body)
{
	return strcmp(exchange->method, method) == 0 && strcmp(exchange->path, path) == 0 &&
		lm_str_equal((struct lm_str){ exchange->request, exchange->request_len }, body);
}

// The next answer to a request; null: there is none. *used: how many there were.
static struct lm_cassette_exchange *
take(struct lm_cassette *cassette, const char *method, const char *path, struct lm_str body, unsigned *used)
{
	struct lm_cassette_exchange *last = nullptr;

	*used = 0;
	for (size_t i = 0; i < cassette->count; i++) {
		struct lm_cassette_exchange *exchange = &cassette->exchanges[i];
		if (!is_same(exchange, method, path, body))
			continue;
		if (!exchange->given) {
			exchange->given = true;
			return exchange;
		}
		last = exchange;
		(*used)++;
	}
	return strcmp(method, "GET") == 0 ? last : nullptr;
}

static int
give(const struct lm_cassette *cassette, const struct lm_cassette_exchange *exchange, const struct lm_http_call *call,
	struct lm_http_answer *answer, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_cassette_file(cassette, exchange->number, "answer");
	LM_AUTO(lm_free_ptr) char *body = nullptr;
	struct lm_str retry_after = {};
	uint64_t seconds = 0;
	size_t len = 0;

	if (lm_file_exists(path) && lm_file_read(path, LM_CASSETTE_BODY_MAX_BYTES, &body, &len, err) < 0)
		return -1;
	lm_buf_text(&answer->headers, exchange->headers);
	if (lm_http_answer_header(answer, "retry-after", &retry_after) && lm_parse_u64(retry_after, 86400, &seconds))
		answer->retry_after_ms = seconds * 1000;
	if (call->only_beginning && call->answer_max > 0 && len > call->answer_max)
		len = (size_t)call->answer_max;
	struct lm_str kept = { body == nullptr ? "" : body, len };
	if (call->answer_path != nullptr && exchange->status >= 200 && exchange->status <= 299) {
		if (call->answer_filter != nullptr)
			kept = call->answer_filter->pass(call->answer_filter->context, kept, true);
		if (lm_file_replace(call->answer_path, kept.ptr, kept.len, 0600, err) < 0)
			return -1;
	} else {
		lm_buf_str(&answer->body, kept);
	}
	answer->body_bytes = len;
	answer->fate = LM_HTTP_ANSWERED;
	answer->status = exchange->status;
	return 0;
}

int
lm_cassette_replay(struct lm_cassette *cassette, const struct lm_http_call *call, const char *path,
	struct lm_http_answer *answer, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf sent = {}, body = {}, target = {};
	unsigned used = 0;

	*answer = (struct lm_http_answer){ .fate = LM_HTTP_NOT_SENT };
	if (lm_http_call_body(call, LM_CASSETTE_BODY_MAX_BYTES, &sent, err) < 0)
		return -1;
	lm_redact(lm_buf_view(&sent), nullptr, &body); // as it was recorded
	lm_redact(lm_str_of(path), nullptr, &target);
	(void)pthread_mutex_lock(&cassette->lock);
	const struct lm_cassette_exchange *exchange =
		take(cassette, call->method, lm_buf_cstr(&target), lm_buf_view(&body), &used);
	(void)pthread_mutex_unlock(&cassette->lock);
	if (exchange != nullptr)
		return give(cassette, exchange, call, answer, err);
	if (used > 0)
		return lm_err_set(err, LM_E_NOT_FOUND, "the cassette '%s' has no further answer to %s %s (%u given)",
			cassette->folder, call->method, lm_buf_cstr(&target), used);
	(void)lm_err_set(err, LM_E_NOT_FOUND, "the cassette '%s' has no answer to %s %s", cassette->folder, call->method,
		lm_buf_cstr(&target));
	lm_cassette_explain(cassette, call->method, lm_buf_cstr(&target), lm_buf_view(&body), err);
	return -1;
}
