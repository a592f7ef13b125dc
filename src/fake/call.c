#include "fake/call.h"

#include "base/mem.h"
#include "fake/microhttpd.h"
#include "fake/shape.h"
#include "os/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *
lm_fake_header(const struct lm_fake_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

const char *
lm_fake_query(const struct lm_fake_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

uint64_t
lm_fake_query_number(const struct lm_fake_call *call, const char *name, uint64_t most, uint64_t otherwise)
{
	uint64_t number = 0;
	if (!lm_parse_u64(lm_str_of(lm_fake_query(call, name)), most, &number) || number == 0)
		return otherwise;
	return number;
}

void
lm_fake_reply_header(struct lm_fake_reply *reply, const char *name, const char *value)
{
	if (reply->header_count == LM_FAKE_MAX_HEADERS)
		return;
	reply->headers[reply->header_count].name = name;
	reply->headers[reply->header_count++].value = lm_strdup(value);
}

void
lm_fake_refuse(struct lm_fake_reply *reply, enum lm_fake_api api, unsigned status, const char *format, ...)
{
	struct lm_fake_refusal refusal = lm_fake_refusal_of(api, nullptr, status);
	char message[LM_ERR_TEXT_MAX];
	if (format != nullptr) {
		va_list args;
		va_start(args, format);
		(void)vsnprintf(message, sizeof(message), format, args);
		va_end(args);
		refusal.message = message;
	}
	reply->status = status;
	lm_buf_clear(&reply->body);
	lm_fake_refusal_body(&reply->body, api, &refusal);
}

void
lm_fake_broken(struct lm_fake_reply *reply, enum lm_fake_api api, const struct lm_err *err)
{
	lm_fake_refuse(reply, api, 500, "the fake provider: %s", err->text);
}

void
lm_fake_reply_file(struct lm_fake_reply *reply, const struct lm_fake_call *call, const char *path, uint64_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		struct lm_err err = {};
		lm_err_sys(&err, errno, "cannot open '%s'", path);
		lm_fake_broken(reply, call->place->api, &err);
		return;
	}
	reply->fd = fd;
	reply->size_bytes = size_bytes;
	reply->type = "application/octet-stream";
}

void
lm_fake_note_batch(struct lm_fake_reply *reply, const struct lm_fake_batch *batch, bool created)
{
	lm_buf_format(&reply->note, ",\"batch_id\":\"%s\"", batch->id);
	if (created)
		lm_buf_format(&reply->note, ",\"created\":true,\"requests\":%llu,\"metadata\":%s",
			(unsigned long long)batch->requests, batch->metadata != nullptr ? batch->metadata : "null");
}

void
lm_fake_add_text(struct lm_buf *out, const char *name, const char *text)
{
	lm_buf_format(out, ",\"%s\":", name);
	lm_fake_quote(out, text);
}

void
lm_fake_add_time(struct lm_buf *out, const char *name, int64_t time_s)
{
	char text[LM_TIME_TEXT];
	if (time_s != 0)
		lm_time_format(time_s, text);
	lm_fake_add_text(out, name, time_s != 0 ? text : nullptr);
}

bool
lm_fake_list_next(struct lm_fake_list *list, const char *id)
{
	if (list->shown == list->limit) {
		list->more = true;
		return false;
	}
	if (list->shown++ > 0)
		lm_buf_byte(list->out, ',');
	if (list->first == nullptr)
		list->first = id;
	list->last = id;
	return true;
}

void
lm_fake_list_end(const struct lm_fake_list *list)
{
	lm_buf_text(list->out, "]");
	lm_fake_add_text(list->out, "first_id", list->first);
	lm_fake_add_text(list->out, "last_id", list->last);
	lm_buf_format(list->out, ",\"has_more\":%s}", list->more ? "true" : "false");
}

struct lm_fake_batch *
lm_fake_batch_from_list(struct lm_fake_call *call, struct lm_fake_reply *reply, const char *const *keys)
{
	LM_AUTO(lm_map_close) struct lm_map map = {};
	enum lm_fake_api api = call->place->api;
	struct lm_err err = {};
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};

	if (lm_map_open(&map, call->path, &err) < 0) {
		lm_fake_broken(reply, api, &err);
		return nullptr;
	}
	struct lm_str text = { map.len > 0 ? (const char *)map.ptr : "", map.len };
	if (lm_json_scan(&scan, text, &err) < 0) {
		lm_fake_refuse(reply, api, 400, "The body of the request is no JSON: %s", err.text);
		return nullptr;
	}
	struct lm_json_value list = scan.value;
	for (size_t i = 0; keys[i] != nullptr; i++)
		list = lm_fake_get(list, keys[i]);
	if (list.kind != LM_JSON_ARRAY) {
		lm_fake_refuse(reply, api, 400, "The request has no list of requests.");
		return nullptr;
	}
	struct lm_fake_batch *batch = lm_alloc(sizeof(*batch));
	batch->api = api;
	batch->path = lm_take(&call->path);
	batch->source = (struct lm_fake_source){
		.api = api,
		.path = batch->path,
		.list = true,
		.start = (uint64_t)(list.raw.ptr - text.ptr),
		.end = (uint64_t)(list.raw.ptr - text.ptr) + list.raw.len,
	};
	return batch;
}
