#include "fake/server.h"

#include "base/mem.h"
#include "fake/gemini.h"
#include "os/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	LM_FAKE_MAX_CONNECTIONS = 512,
	LM_FAKE_CONNECTION_BYTES = 256 * 1024, // headers, and what is read at once
	LM_FAKE_IDLE_S = 300,
};

static void
reply_release(struct lm_fake_reply *reply)
{
	lm_buf_release(&reply->body);
	lm_buf_release(&reply->note);
	lm_fd_close(&reply->fd);
	for (size_t i = 0; i < reply->header_count; i++)
		lm_free(reply->headers[i].value);
}

static void
request_free(struct lm_fake_request *request)
{
	if (request->call.path != nullptr)
		(void)unlink(request->call.path); // nobody took it
	lm_free(request->call.path);
	lm_spool_abandon(&request->spool);
	lm_form_release(&request->form);
	lm_buf_release(&request->body);
	lm_fake_faults_drop(request->faults);
	lm_free(request->method);
	lm_free(request->path);
	lm_free(request->id);
	lm_free(request);
}

// ---- the beginning

// Prepare for the body of a call.
static void
begin_body(struct lm_fake_request *request)
{
	const struct lm_fake_place *place = request->call.place;
	if (place->body == LM_FAKE_BODY_SMALL)
		return;
	LM_AUTO(lm_free_ptr) char *path = lm_fake_state_path(&request->fake->state);
	if (lm_spool_open(&request->spool, path, &request->fault) < 0)
		return;
	request->call.path = lm_strdup(path);
	if (place->body == LM_FAKE_BODY_FORM)
		(void)lm_form_begin(
			&request->form, lm_fake_header(&request->call, "Content-Type"), &request->spool, &request->fault);
}

// Gemini has its API as v1beta and as v1, where OpenAI's is; its key tells which one is meant. Yours to lm_free.
static char *
plain_path(const struct lm_fake_call *call, const char *path)
{
	static const char *const parents[] = { "", "/upload", "/download" };
	bool gemini = lm_fake_header(call, "x-goog-api-key") != nullptr || lm_fake_query(call, "key") != nullptr;
	for (size_t i = 0; gemini && i < LM_COUNT(parents); i++) {
		size_t len = strlen(parents[i]);
		if (strncmp(path, parents[i], len) == 0 && lm_cstr_starts(path + len, "/v1/"))
			return lm_format("%s/v1beta/%s", parents[i], path + len + strlen("/v1/"));
	}
	return lm_strdup(path);
}

static struct lm_fake_request *
request_new(struct lm_fake *fake, struct MHD_Connection *connection, const char *method, const char *path, bool *known)
{
	struct lm_fake_request *request = lm_alloc(sizeof(*request));
	request->fake = fake;
	request->method = lm_strdup(method);
	request->path = lm_strdup(path);
	request->call.connection = connection;
	request->call.port = fake->port;
	LM_AUTO(lm_free_ptr) char *plain = plain_path(&request->call, path);
	request->call.place = lm_fake_route_find(method, plain, &request->id, known);
	request->call.id = request->id;
	pthread_mutex_lock(&fake->state.lock);
	request->faults = lm_fake_faults_share(fake->state.faults);
	pthread_mutex_unlock(&fake->state.lock);
	return request;
}

// Answer before the body was read: the connection ends with it.
static enum MHD_Result
refuse_early(struct lm_fake_request *request, unsigned status, const char *message)
{
	LM_AUTO(reply_release) struct lm_fake_reply reply = { .status = status, .fd = -1 };
	enum lm_fake_api api = request->call.place != nullptr ? request->call.place->api : LM_FAKE_NO_API;
	lm_fake_refuse(&reply, api, status, "%s", message);
	lm_fake_log_request(request, &reply);
	return lm_fake_send(request, &reply);
}

static enum MHD_Result
begin(struct lm_fake *fake, struct MHD_Connection *connection, const char *method, const char *path, void **context)
{
	bool known = false;
	struct lm_fake_request *request = request_new(fake, connection, method, path, &known);
	*context = request;
	const struct lm_fake_place *place = request->call.place;
	if (place == nullptr)
		return refuse_early(request, known ? 405 : 404,
			known ? "This cannot be done here." : "The fake provider has nothing at this path.");
	uint64_t length = 0;
	const char *told = lm_fake_header(&request->call, "Content-Length");
	if (told != nullptr && (!lm_parse_u64(lm_str_of(told), UINT64_MAX, &length) || length > place->body_max))
		return refuse_early(request, 413, "The request is too large.");
	if (place->api != LM_FAKE_NO_API)
		request->rule = lm_fake_faults_choose(request->faults, place->name, 0);
	begin_body(request);
	return MHD_YES;
}

// ---- the body

static enum MHD_Result
cut_upload(struct lm_fake_request *request)
{
	lm_fake_log_request(request, nullptr);
	return lm_fake_reset(request);
}

static enum MHD_Result
take_body(struct lm_fake_request *request, const char *bytes, size_t len)
{
	const struct lm_fake_place *place = request->call.place;
	const struct lm_fake_rule *rule = request->rule;

	request->received += len;
	bool ends = rule != nullptr && rule->act == LM_FAKE_RESET_UPLOAD && request->received > rule->bytes;
	if (ends)
		len -= (size_t)(request->received - rule->bytes);
	if (request->received > place->body_max)
		request->too_large = true;
	if (request->too_large || request->fault.code != LM_OK)
		return ends ? cut_upload(request) : MHD_YES; // read to its end, so that the client reads the answer
	if (place->body == LM_FAKE_BODY_SMALL)
		lm_buf_append(&request->body, bytes, len);
	else if (place->body == LM_FAKE_BODY_FILE)
		(void)lm_spool_write(&request->spool, bytes, len, &request->fault);
	else
		(void)lm_form_feed(&request->form, bytes, len, &request->fault);
	return ends ? cut_upload(request) : MHD_YES;
}

static void
end_body(struct lm_fake_request *request)
{
	struct lm_fake_call *call = &request->call;
	call->body = lm_buf_view(&request->body);
	if (call->place->body == LM_FAKE_BODY_SMALL || request->fault.code != LM_OK)
		return;
	if (call->place->body == LM_FAKE_BODY_FORM && lm_form_end(&request->form, &request->fault) < 0)
		return;
	call->file_name = lm_buf_view(&request->form.file_name);
	call->purpose = lm_buf_view(&request->form.purpose);
	call->size_bytes = request->spool.size_bytes;
	(void)lm_spool_close(&request->spool, &request->fault);
}

// ---- the answer

// Is there a key, and the right one? Any will do when none is demanded.
static bool
is_allowed(const struct lm_fake_request *request)
{
	const struct lm_fake_call *call = &request->call;
	const char *key = nullptr, *wanted = request->faults->api_key, *bearer = lm_fake_header(call, "Authorization");
	if (bearer != nullptr && !lm_cstr_starts(bearer, "Bearer "))
		bearer = nullptr;
	if (call->place->api == LM_FAKE_NO_API || call->place->route == LM_FAKE_UPLOAD_DATA)
		return true; // an upload's address is a secret itself
	if (call->place->api == LM_FAKE_ANTHROPIC)
		key = lm_fake_header(call, "x-api-key");
	if (call->place->api == LM_FAKE_GEMINI)
		key = lm_fake_header(call, "x-goog-api-key");
	if (call->place->api == LM_FAKE_GEMINI && key == nullptr)
		key = lm_fake_query(call, "key");
	if (call->place->api != LM_FAKE_GEMINI && key == nullptr && bearer != nullptr)
		key = bearer + strlen("Bearer "); // newer clients of Anthropic do so too
	return key != nullptr && *key != '\0' && (wanted == nullptr || strcmp(key, wanted) == 0);
}

static void
answer(struct lm_fake_request *request, struct lm_fake_reply *reply)
{
	struct lm_fake *fake = request->fake;
	struct lm_fake_call *call = &request->call;
	bool alone = call->place->route == LM_FAKE_CONTROL_RESET;

	if (alone)
		pthread_rwlock_wrlock(&fake->use);
	else
		pthread_rwlock_rdlock(&fake->use);
	if (alone)
		lm_fake_control_reset(&fake->control, reply);
	else if (call->place->api == LM_FAKE_OPENAI)
		lm_fake_openai(&fake->state, call, reply);
	else if (call->place->api == LM_FAKE_ANTHROPIC)
		lm_fake_anthropic(&fake->state, call, reply);
	else if (call->place->api == LM_FAKE_GEMINI)
		lm_fake_gemini(&fake->state, call, reply);
	else
		lm_fake_control(&fake->control, call, reply);
	pthread_rwlock_unlock(&fake->use);
}

// What a rule wants to be answered.
static void
answer_status(const struct lm_fake_request *request, struct lm_fake_reply *reply)
{
	const struct lm_fake_rule *rule = request->rule;
	enum lm_fake_api api = request->call.place->api;
	struct lm_fake_refusal refusal = lm_fake_refusal_of(api, rule->error, rule->status);
	const char *name;
	json_t *value;

	if (rule->message != nullptr)
		refusal.message = rule->message;
	if (rule->code != nullptr)
		refusal.code = refusal.type = rule->code;
	reply->status = refusal.status;
	if (json_is_string(rule->body))
		lm_buf_text(&reply->body, json_string_value(rule->body));
	else if (rule->body != nullptr) {
		char *text = json_dumps(rule->body, JSON_COMPACT | JSON_ENCODE_ANY);
		lm_buf_text(&reply->body, text);
		free(text);
	} else
		lm_fake_refusal_body(&reply->body, api, &refusal);
	if (rule->retry_after != nullptr)
		lm_fake_reply_header(reply, "Retry-After", rule->retry_after);
	json_object_foreach((json_t *)(uintptr_t)rule->headers, name, value)
		lm_fake_reply_header(reply, name, json_string_value(value));
}

static void
process(struct lm_fake_request *request, struct lm_fake_reply *reply)
{
	enum lm_fake_api api = request->call.place->api;
	if (request->rule != nullptr && request->rule->act == LM_FAKE_STATUS)
		answer_status(request, reply);
	else if (!is_allowed(request))
		lm_fake_refuse(
			reply, api, api == LM_FAKE_GEMINI ? 400 : 401, "%s", lm_fake_refusal_of(api, "invalid_key", 0).message);
	else if (request->too_large)
		lm_fake_refuse(reply, api, 413, nullptr);
	else if (request->fault.code == LM_E_IO)
		lm_fake_broken(reply, api, &request->fault);
	else if (request->fault.code != LM_OK)
		lm_fake_refuse(reply, api, request->fault.code == LM_E_LIMIT ? 413 : 400, "%s", request->fault.text);
	else
		answer(request, reply);
}

static enum MHD_Result
finish(struct lm_fake_request *request)
{
	LM_AUTO(reply_release) struct lm_fake_reply reply = { .status = 200, .fd = -1 };
	enum lm_fake_act act = request->rule != nullptr ? request->rule->act : LM_FAKE_NOTHING;
	bool control = request->call.place->api == LM_FAKE_NO_API;

	end_body(request);
	if (act == LM_FAKE_TIMEOUT || act == LM_FAKE_RESET || act == LM_FAKE_RESET_UPLOAD)
		lm_fake_log_request(request, nullptr);
	else {
		process(request, &reply);
		lm_fake_log_request(request, &reply);
	}
	if (act == LM_FAKE_TIMEOUT || act == LM_FAKE_TIMEOUT_AFTER)
		lm_fake_hang(request);
	if (act == LM_FAKE_TIMEOUT || act == LM_FAKE_TIMEOUT_AFTER || act == LM_FAKE_RESET || act == LM_FAKE_RESET_AFTER ||
		act == LM_FAKE_RESET_UPLOAD)
		return lm_fake_reset(request);
	uint64_t ms = control ? 0 : request->fake->latency_ms + request->faults->latency_ms;
	if (act == LM_FAKE_DELAY)
		ms += request->rule->ms;
	if (ms > 0 && lm_fake_wait(request->fake, ms))
		return lm_fake_reset(request);
	return lm_fake_send(request, &reply);
}

static enum MHD_Result
handle(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
	const char *bytes, size_t *len, void **slot)
{
	struct lm_fake_request *request = *slot;
	(void)version;
	if (request == nullptr)
		return begin(context, connection, method, path, slot);
	if (request->answered)
		return MHD_NO;
	if (*len == 0)
		return finish(request);
	size_t given = *len;
	*len = 0;
	return take_body(request, bytes, given);
}

// The connection broke in the middle of a body. What came of a resumable upload counts.
static void
keep_part(struct lm_fake_request *request)
{
	struct lm_fake *fake = request->fake;
	struct lm_err ignored = {};
	if (request->call.place == nullptr || request->call.place->route != LM_FAKE_UPLOAD_DATA || !request->spool.open)
		return;
	request->call.size_bytes = request->spool.size_bytes;
	if (lm_spool_close(&request->spool, &ignored) < 0)
		return;
	pthread_rwlock_rdlock(&fake->use);
	lm_fake_gemini_broken_upload(&fake->state, &request->call);
	pthread_rwlock_unlock(&fake->use);
}

static void
completed(void *context, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why)
{
	(void)context, (void)connection, (void)why;
	if (*slot != nullptr) {
		keep_part(*slot);
		request_free(*slot);
	}
	*slot = nullptr;
}

// ---- start and stop

// A socket of our own: which port it got is known before the first thread begins.
static int
open_socket(struct lm_fake *fake, uint16_t port, struct lm_err *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, SOMAXCONN) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		lm_err_sys(err, errno, "cannot listen on port %u of 127.0.0.1", port);
		lm_fd_close(&fd);
		return -1;
	}
	fake->port = ntohs(address.sin_port);
	return fd;
}

static int
listen_on(struct lm_fake *fake, uint16_t port, struct lm_err *err)
{
	if (lm_microhttpd_load(err) < 0)
		return -1;
	int fd = open_socket(fake, port, err);
	if (fd < 0)
		return -1;
	errno = 0;
	fake->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0,
		nullptr, nullptr, handle, fake, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed, nullptr,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)LM_FAKE_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)LM_FAKE_CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)LM_FAKE_IDLE_S, MHD_OPTION_END);
	if (fake->daemon != nullptr)
		return 0; // it closes the socket
	lm_err_sys(err, errno, "cannot start a server on port %u of 127.0.0.1", fake->port);
	lm_fd_close(&fd);
	return -1;
}

static int
prepare(struct lm_fake *fake, const struct lm_fake_options *options, struct lm_err *err)
{
	struct lm_fake_state *state = &fake->state;
	lm_buf_str(&fake->faults, options->faults);
	fake->latency_ms = options->latency_ms;
	if (lm_fake_faults_parse(options->faults, &state->faults, err) < 0)
		return -1;
	if (lm_scratch_make(options->folder, "lamina-fake-", &state->scratch, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *log = lm_format("%s/log", state->scratch.path);
	if (lm_fake_log_open(&fake->log, options->log != nullptr ? options->log : log, err) < 0)
		return -1;
	fake->control = (struct lm_fake_control){ state, &fake->log, lm_buf_view(&fake->faults) };
	fake->stop = eventfd(0, EFD_CLOEXEC);
	return fake->stop < 0 ? lm_err_sys(err, errno, "cannot make an event descriptor") : 0;
}

int
lm_fake_start(const struct lm_fake_options *options, struct lm_fake **out, struct lm_err *err)
{
	struct lm_fake *fake = lm_alloc(sizeof(*fake));
	fake->stop = -1;
	pthread_mutex_init(&fake->state.lock, nullptr);
	pthread_cond_init(&fake->state.made, nullptr);
	pthread_rwlock_init(&fake->use, nullptr);
	if (prepare(fake, options, err) < 0 || listen_on(fake, options->port, err) < 0) {
		lm_fake_stop(fake);
		return -1;
	}
	*out = fake;
	return 0;
}

uint16_t
lm_fake_port(const struct lm_fake *fake)
{
	return fake->port;
}

void
lm_fake_stop(struct lm_fake *fake)
{
	if (fake == nullptr)
		return;
	if (fake->stop >= 0)
		(void)eventfd_write(fake->stop, 1);
	if (fake->daemon != nullptr)
		MHD_stop_daemon(fake->daemon);
	lm_fake_log_close(&fake->log);
	lm_fake_state_release(&fake->state);
	lm_buf_release(&fake->faults);
	lm_fd_close(&fake->stop);
	pthread_rwlock_destroy(&fake->use);
	lm_free(fake);
}
