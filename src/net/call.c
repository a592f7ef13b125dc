// Calls of an API: the pool of connections, and the life of one exchange.
#include "net/call_parts.h"

#include "base/mem.h"
#include "net/transfer.h"
#include "net/url.h"
#include "os/cancel.h"
#include "os/clock.h"

#include <lamina/version.h>

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum {
	LM_CALL_TIMEOUT_MS = 30000,
	LM_CALL_CONNECT_MS = 20000,
	LM_CALL_LOOK_AROUND_MS = 1000, // longest wait without looking around
	LM_CALL_RECEIVE_BYTES = 128 * 1024,
	LM_CALL_SEND_BYTES = 256 * 1024,
};

// A handle of its own connections; one call at a time.
struct line {
	CURLM *multi;
	CURL *easy;
	struct line *next;
};

struct lm_http_client {
	pthread_mutex_t lock;
	struct line *idle;
};

struct lm_http_client *
lm_http_client_new(void)
{
	struct lm_http_client *client = lm_alloc(sizeof *client);
	(void)pthread_mutex_init(&client->lock, nullptr);
	return client;
}

static void
free_line(struct line *line)
{
	if (lm_cancel_requested()) // do not wait for an answer about a host name
		(void)curl_easy_setopt(line->easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_cleanup(line->easy);
	(void)curl_multi_cleanup(line->multi);
	lm_free(line);
}

void
lm_http_client_free(struct lm_http_client *client)
{
	if (client == nullptr)
		return;
	while (client->idle != nullptr) {
		struct line *line = client->idle;
		client->idle = line->next;
		free_line(line);
	}
	(void)pthread_mutex_destroy(&client->lock);
	lm_free(client);
}

void
lm_http_client_free_ptr(struct lm_http_client **client)
{
	lm_http_client_free(*client);
}

static struct line *
make_line(void)
{
	struct line *line = lm_alloc(sizeof *line);

	line->multi = curl_multi_init();
	line->easy = curl_easy_init();
	if (line->multi != nullptr && line->easy != nullptr)
		return line;
	free_line(line);
	return nullptr;
}

static struct line *
take_line(struct lm_http_client *client)
{
	(void)pthread_mutex_lock(&client->lock);
	struct line *line = client->idle;
	if (line != nullptr)
		client->idle = line->next;
	(void)pthread_mutex_unlock(&client->lock);
	return line != nullptr ? line : make_line();
}

static void
give_line_back(struct lm_http_client *client, struct line *line)
{
	curl_easy_reset(line->easy); // borrows nothing of the call any more; connections stay
	(void)pthread_mutex_lock(&client->lock);
	line->next = client->idle;
	client->idle = line;
	(void)pthread_mutex_unlock(&client->lock);
}

// libcurl's callback before it sends a request on a connection that is ready, TLS and proxy included.
static int
on_ready(void *context, char *remote, char *local, int remote_port, int local_port)
{
	struct lm_exchange *exchange = context;

	(void)remote, (void)local, (void)remote_port, (void)local_port;
	exchange->sent = true;
	exchange->moved_at_ms = lm_clock_monotonic_ms();
	return CURL_PREREQFUNC_OK;
}

static size_t
on_send(char *out, size_t one, size_t cap, void *context)
{
	struct lm_exchange *exchange = context;
	size_t len = 0;

	exchange->moved_at_ms = lm_clock_monotonic_ms();
	return lm_call_body_read(&exchange->body, out, one * cap, &len, &exchange->err) < 0 ? CURL_READFUNC_ABORT : len;
}

static void
set_method(struct lm_exchange *exchange)
{
	CURL *easy = exchange->easy;
	const char *method = exchange->call->method;
	bool get = strcmp(method, "GET") == 0;

	if (exchange->body.total > 0 || strcmp(method, "POST") == 0) {
		(void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.total);
		(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
		(void)curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
	}
	if (!get && strcmp(method, "POST") != 0)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	// libcurl sends a request again when the server closed a kept connection meanwhile; on one of its own there is no doubt
	if (!get)
		(void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void
set_connection(struct lm_exchange *exchange, uint64_t timeout_ms)
{
	CURL *easy = exchange->easy;
	const char *trusted = lm_transfer_trusted();

	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (trusted != nullptr)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, trusted);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); // keys would go along to another host
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ms < LM_CALL_CONNECT_MS ? timeout_ms : LM_CALL_CONNECT_MS));
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)LM_CALL_RECEIVE_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)LM_CALL_SEND_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "lamina/" LAMINA_VERSION);
}

static void
set_callbacks(struct lm_exchange *exchange)
{
	CURL *easy = exchange->easy;

	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_text);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, lm_exchange_on_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, lm_exchange_on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
	(void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
}

static struct curl_slist *
make_headers(const struct lm_http_call *call)
{
	struct curl_slist *list = curl_slist_append(nullptr, "Expect:"); // no second of waiting before a large body
	list = curl_slist_append(list, "Accept-Encoding: identity"); // to leave it out would mean any
	for (const char *const *header = call->headers; header != nullptr && *header != nullptr; header++)
		list = curl_slist_append(list, *header);
	return list;
}

// Until libcurl is done with the exchange, or nothing moved for too long.
static int
drive(CURLM *multi, struct lm_exchange *exchange, uint64_t timeout_ms, CURLcode *result)
{
	for (;;) {
		struct curl_waitfd cancel = { .fd = lm_cancel_fd(), .events = CURL_WAIT_POLLIN };
		int running = 0, left = 0;

		if (lm_cancel_check(&exchange->err) < 0)
			return -1;
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return lm_err_set(&exchange->err, LM_E_NETWORK, "libcurl cannot go on");
		CURLMsg *message = running == 0 ? curl_multi_info_read(multi, &left) : nullptr;
		if (message != nullptr) {
			*result = message->data.result;
			return 0;
		}
		uint64_t still_ms = lm_clock_monotonic_ms() - exchange->moved_at_ms;
		if (still_ms >= timeout_ms)
			return lm_err_set(&exchange->err, LM_E_NETWORK, "nothing moved for %" PRIu64 " ms", timeout_ms);
		uint64_t wait_ms = timeout_ms - still_ms;
		(void)curl_multi_poll(
			multi, &cancel, 1, (int)(wait_ms < LM_CALL_LOOK_AROUND_MS ? wait_ms : LM_CALL_LOOK_AROUND_MS), nullptr);
	}
}

static int
perform(struct line *line, struct lm_exchange *exchange)
{
	const struct lm_http_call *call = exchange->call;
	uint64_t timeout_ms = call->timeout_ms == 0 ? LM_CALL_TIMEOUT_MS : call->timeout_ms;
	struct curl_slist *headers = make_headers(call);
	CURLcode result = CURLE_OK;
	int rc = -1;

	exchange->easy = line->easy;
	exchange->moved_at_ms = lm_clock_monotonic_ms();
	(void)curl_easy_setopt(line->easy, CURLOPT_URL, call->url);
	(void)curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, headers);
	set_method(exchange);
	set_connection(exchange, timeout_ms);
	set_callbacks(exchange);
	if (curl_multi_add_handle(line->multi, line->easy) != CURLM_OK)
		(void)lm_err_set(&exchange->err, LM_E_NETWORK, "libcurl cannot make a call");
	else {
		if (drive(line->multi, exchange, timeout_ms, &result) == 0)
			rc = 0;
		(void)curl_multi_remove_handle(line->multi, line->easy);
	}
	if (lm_exchange_finish(exchange, result) < 0)
		rc = -1;
	curl_slist_free_all(headers);
	return rc;
}

static int
run(struct lm_http_client *client, struct lm_exchange *exchange)
{
	struct line *line = take_line(client);

	if (line == nullptr)
		return lm_err_set(&exchange->err, LM_E_NETWORK, "libcurl cannot be used");
	int rc = perform(line, exchange);
	if (exchange->err.code == LM_E_INTERRUPTED)
		free_line(line);
	else
		give_line_back(client, line);
	return rc;
}

static void
release(struct lm_exchange *exchange)
{
	lm_call_body_close(&exchange->body);
	lm_outfile_abandon(&exchange->file);
}

int
lm_http_do(struct lm_http_client *client, const struct lm_http_call *call, struct lm_http_answer *answer, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *shown = nullptr;
	LM_AUTO(release) struct lm_exchange exchange = { .call = call, .answer = answer };
	enum lm_url_scheme scheme = LM_URL_HTTP;

	*answer = (struct lm_http_answer){ .fate = LM_HTTP_NOT_SENT };
	if (lm_url_check(call->url, &scheme, &shown, err) < 0)
		return -1;
	if (scheme == LM_URL_FILE)
		return lm_err_set(err, LM_E_UNSUPPORTED, "the URL is not one of http or https");
	if (lm_call_body_open(&exchange.body, call->pieces, call->piece_count, &exchange.err) == 0 &&
		run(client, &exchange) == 0)
		return 0;
	*err = exchange.err;
	return lm_err_wrap(err, "%s '%s'", call->method, shown);
}
