// Answers, and what can go wrong with them.
#include "base/mem.h"
#include "fake/server.h"
#include "fake/shape.h"
#include "os/fd.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 128 * 1024, SLOW_STEPS_PER_S = 10, LOOK_AGAIN_MS = 200 };

bool
lm_fake_wait(const struct lm_fake *fake, uint64_t ms)
{
	struct pollfd stop = { .fd = fake->stop, .events = POLLIN };
	return poll(&stop, 1, ms > INT32_MAX ? INT32_MAX : (int)ms) > 0;
}

static int
socket_of(const struct lm_fake_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->call.connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info != nullptr ? info->connect_fd : -1;
}

void
lm_fake_hang(struct lm_fake_request *request)
{
	struct pollfd both[2] = {
		{ .fd = request->fake->stop, .events = POLLIN },
		{ .fd = socket_of(request), .events = POLLRDHUP },
	};
	(void)poll(both, 2, -1);
}

enum MHD_Result
lm_fake_reset(struct lm_fake_request *request)
{
	const struct linger at_once = { .l_onoff = 1 };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket_of(request);
	request->answered = true;
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		(void)connect(fd, &none, sizeof(none)); // Linux: ends the connection with a reset
	}
	return MHD_NO;
}

// ---- bodies that are slow, or not whole

struct body {
	struct lm_fake *fake;
	struct lm_fake_faults *faults; // shared: the rule is in them
	int fd;
	char *bytes;
	uint64_t size_bytes, end, bytes_per_second;
};

static ssize_t
read_body(void *context, uint64_t at, char *out, size_t max)
{
	struct body *body = context;
	uint64_t left = at < body->end ? body->end - at : 0;
	if (left == 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > left)
		max = (size_t)left;
	if (body->bytes_per_second > 0) {
		uint64_t piece = body->bytes_per_second / SLOW_STEPS_PER_S + 1;
		uint64_t ms = (max < piece ? max : piece) * 1000 / body->bytes_per_second;
		if (max > piece)
			max = (size_t)piece;
		if (lm_fake_wait(body->fake, ms))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (body->fd >= 0)
		return pread(body->fd, out, max, (off_t)at);
	for (size_t i = 0; i < max; i++)
		out[i] = body->bytes[at + i];
	return (ssize_t)max;
}

static void
free_body(void *context)
{
	struct body *body = context;
	lm_fd_close(&body->fd);
	lm_free(body->bytes);
	lm_free(body);
}

static struct MHD_Response *
make_poor_response(struct lm_fake_request *request, struct lm_fake_reply *reply)
{
	const struct lm_fake_rule *rule = request->rule;
	struct body *body = lm_alloc(sizeof(*body));
	*body = (struct body){ .fake = request->fake, .fd = reply->fd, .size_bytes = reply->size_bytes };
	if (reply->fd < 0) {
		body->bytes = lm_take(&reply->body.ptr);
		body->size_bytes = reply->body.len;
		reply->body = (struct lm_buf){};
	}
	reply->fd = -1;
	body->end = body->size_bytes;
	if (rule->act == LM_FAKE_CUT && rule->bytes < body->end)
		body->end = rule->bytes;
	if (rule->act == LM_FAKE_SLOW)
		body->bytes_per_second = rule->bytes_per_second;
	// something is missing at least: a body that was cut where it ends would be whole
	if (rule->act == LM_FAKE_CUT && body->end == body->size_bytes && body->end > 0)
		body->end--;
	struct MHD_Response *response = MHD_create_response_from_callback(body->size_bytes, BLOCK, read_body, body, free_body);
	if (response == nullptr)
		free_body(body);
	return response;
}

static struct MHD_Response *
make_response(struct lm_fake_request *request, struct lm_fake_reply *reply)
{
	enum lm_fake_act act = request->rule != nullptr ? request->rule->act : LM_FAKE_NOTHING;
	struct MHD_Response *response;
	if (act == LM_FAKE_CUT || act == LM_FAKE_SLOW)
		return make_poor_response(request, reply);
	if (reply->fd >= 0) {
		response = MHD_create_response_from_fd64(reply->size_bytes, reply->fd);
		if (response != nullptr)
			reply->fd = -1;
		return response;
	}
	return MHD_create_response_from_buffer(
		reply->body.len, (void *)(uintptr_t)lm_buf_cstr(&reply->body), MHD_RESPMEM_MUST_COPY);
}

// ----

void
lm_fake_log_request(struct lm_fake_request *request, const struct lm_fake_reply *reply)
{
	static const char *const acts[] = { "", "status", "timeout", "timeout_after", "reset", "reset_after", "reset_upload",
		"cut", "slow", "delay" };
	const struct lm_fake_place *place = request->call.place;
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	if (place != nullptr && place->api == LM_FAKE_NO_API)
		return; // what is asked of ourselves
	lm_buf_text(&line, "\"call\":");
	lm_fake_quote(&line, place != nullptr ? place->name : "unknown");
	lm_buf_text(&line, ",\"method\":");
	lm_fake_quote(&line, request->method);
	lm_buf_text(&line, ",\"path\":");
	lm_fake_quote(&line, request->path);
	lm_buf_format(&line, ",\"bytes_in\":%llu", (unsigned long long)request->received);
	if (reply != nullptr)
		lm_buf_format(&line, ",\"status\":%u,\"bytes_out\":%llu", reply->status,
			(unsigned long long)(reply->fd >= 0 ? reply->size_bytes : reply->body.len));
	if (request->rule != nullptr)
		lm_buf_format(&line, ",\"fault\":\"%s\",\"rule\":%td", acts[request->rule->act],
			request->rule - request->faults->rules + 1);
	if (reply != nullptr)
		lm_buf_str(&line, lm_buf_view(&reply->note));
	lm_fake_log_add(&request->fake->log, lm_buf_view(&line));
}

enum MHD_Result
lm_fake_send(struct lm_fake_request *request, struct lm_fake_reply *reply)
{
	request->answered = true;
	struct MHD_Response *response = make_response(request, reply);
	if (response == nullptr)
		return MHD_NO;
	(void)MHD_add_response_header(response, "Content-Type", reply->type != nullptr ? reply->type : "application/json");
	for (size_t i = 0; i < reply->header_count; i++)
		(void)MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	enum MHD_Result result = MHD_queue_response(request->call.connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}
