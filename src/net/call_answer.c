// Answers to calls: to memory or to a file, and what is known of the request when they do not come.
#include "net/call_parts.h"

#include "os/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { LM_CALL_HEADERS_MAX_BYTES = 256 * 1024 };

static int
status_of(const struct lm_exchange *exchange)
{
	long code = 0;
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &code);
	return (int)code;
}

// "Name: value\r\n" as "name: value\n".
static void
add_header(struct lm_buf *headers, struct lm_str line)
{
	struct lm_str value = line, name = lm_str_cut(&value, ':');

	if (name.len == line.len)
		return;
	value = lm_str_trim(value);
	for (size_t i = 0; i < name.len; i++)
		lm_buf_byte(headers, (char)tolower((unsigned char)name.ptr[i]));
	lm_buf_text(headers, ": ");
	lm_buf_str(headers, value);
	lm_buf_byte(headers, '\n');
}

size_t
lm_exchange_on_header(char *bytes, size_t one, size_t len, void *context)
{
	struct lm_exchange *exchange = context;
	struct lm_buf *headers = &exchange->answer->headers;
	struct lm_str line = { bytes, len };

	(void)one;
	exchange->moved_at_ms = lm_clock_monotonic_ms();
	if (lm_str_starts(line, LM_STR("HTTP/"))) // one answer more: what came before was provisional
		lm_buf_clear(headers);
	else if (headers->len + len <= LM_CALL_HEADERS_MAX_BYTES)
		add_header(headers, line);
	else {
		(void)lm_err_set(&exchange->err, LM_E_LIMIT, "the headers of the answer have more than %d bytes",
			LM_CALL_HEADERS_MAX_BYTES);
		return 0;
	}
	return len;
}

static bool
goes_to_file(const struct lm_exchange *exchange)
{
	int status = status_of(exchange);
	return exchange->call->answer_path != nullptr && status >= 200 && status <= 299;
}

static uint64_t
limit_of(const struct lm_exchange *exchange)
{
	uint64_t max = exchange->call->answer_max;
	if (goes_to_file(exchange))
		return max == 0 ? INT64_MAX : max;
	return max == 0 || max > LM_HTTP_CALL_ANSWER_MAX ? LM_HTTP_CALL_ANSWER_MAX : max;
}

static int
too_large(struct lm_exchange *exchange)
{
	return lm_err_set(&exchange->err, LM_E_LIMIT, "the answer has more than %" PRIu64 " bytes", limit_of(exchange));
}

static bool
says_where_it_ends(const struct lm_exchange *exchange, curl_off_t length)
{
	struct lm_str coding = {};
	return length >= 0 || lm_http_answer_header(exchange->answer, "transfer-encoding", &coding);
}

// Before the first byte of the body, or after an answer without any.
static int
begin(struct lm_exchange *exchange)
{
	curl_off_t length = -1;
	struct lm_str coding = {};

	exchange->began = true;
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > 0 && (uint64_t)length > limit_of(exchange) && !exchange->call->only_beginning)
		return too_large(exchange);
	if (!goes_to_file(exchange)) {
		if (length > 0 && (uint64_t)length <= limit_of(exchange))
			(void)lm_buf_reserve(&exchange->answer->body, (size_t)length);
		return 0;
	}
	if (!says_where_it_ends(exchange, length)) // a cut one would pass for whole
		return lm_err_set(&exchange->err, LM_E_INTEGRITY, "the answer does not say how long it is");
	if (lm_http_answer_header(exchange->answer, "content-encoding", &coding) && !lm_str_equal(coding, LM_STR("identity")))
		return lm_err_set(&exchange->err, LM_E_INTEGRITY, "the answer is compressed, which nobody asked for");
	return lm_outfile_open(&exchange->file, exchange->call->answer_path, 0600, &exchange->err);
}

// The next bytes of the body; last: there are no more.
static int
keep(struct lm_exchange *exchange, struct lm_str bytes, bool last)
{
	const struct lm_http_filter *filter = exchange->call->answer_filter;

	if (!exchange->file.open) {
		lm_buf_str(&exchange->answer->body, bytes);
		return 0;
	}
	if (filter != nullptr)
		bytes = filter->pass(filter->context, bytes, last);
	return lm_outfile_write(&exchange->file, bytes.ptr, bytes.len, &exchange->err);
}

size_t
lm_exchange_on_body(char *bytes, size_t one, size_t len, void *context)
{
	struct lm_exchange *exchange = context;
	struct lm_http_answer *answer = exchange->answer;

	(void)one;
	exchange->moved_at_ms = lm_clock_monotonic_ms();
	if (!exchange->began && begin(exchange) < 0)
		return CURL_WRITEFUNC_ERROR;
	uint64_t room = limit_of(exchange) - answer->body_bytes;
	exchange->enough = len > room && exchange->call->only_beginning;
	if (len > room && !exchange->enough) {
		(void)too_large(exchange);
		return CURL_WRITEFUNC_ERROR;
	}
	size_t wanted = len < room ? len : (size_t)room;
	answer->body_bytes += wanted;
	if (keep(exchange, (struct lm_str){ bytes, wanted }, false) < 0)
		return CURL_WRITEFUNC_ERROR;
	return wanted; // less than there is ends it
}

static void
describe(struct lm_exchange *exchange, CURLcode result)
{
	bool tls = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
		result == CURLE_SSL_CONNECT_ERROR;

	if (result == CURLE_PARTIAL_FILE)
		(void)lm_err_set(&exchange->err, LM_E_INTEGRITY, "the answer was cut after %" PRIu64 " bytes",
			exchange->answer->body_bytes);
	else if (tls && exchange->curl_text[0] != '\0') // names the fault of the certificate; other texts could show a URL
		(void)lm_err_set(&exchange->err, LM_E_NETWORK, "%s", exchange->curl_text);
	else
		(void)lm_err_set(&exchange->err, LM_E_NETWORK, "%s", curl_easy_strerror(result));
}

// Seconds or a date, which libcurl knows; some APIs add a finer one.
static uint64_t
retry_after(const struct lm_exchange *exchange)
{
	struct lm_str text = {};
	curl_off_t wait_s = 0;
	uint64_t ms = 0;

	if (lm_http_answer_header(exchange->answer, "retry-after-ms", &text) && lm_parse_u64(text, INT32_MAX, &ms))
		return ms;
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &wait_s);
	return wait_s <= 0 ? 0 : (uint64_t)wait_s > INT32_MAX ? INT32_MAX : (uint64_t)wait_s * 1000;
}

int
lm_exchange_finish(struct lm_exchange *exchange, CURLcode result)
{
	struct lm_http_answer *answer = exchange->answer;

	answer->fate = exchange->sent ? LM_HTTP_UNKNOWN : LM_HTTP_NOT_SENT;
	if (exchange->err.code != LM_OK) // one of our callbacks ended it
		return -1;
	if (result != CURLE_OK && !exchange->enough) {
		describe(exchange, result);
		return -1;
	}
	if (!exchange->began && begin(exchange) < 0)
		return -1;
	if (exchange->file.open && keep(exchange, (struct lm_str){}, true) < 0)
		return -1;
	if (exchange->file.open && lm_outfile_commit(&exchange->file, &exchange->err) < 0)
		return -1;
	answer->fate = LM_HTTP_ANSWERED;
	answer->status = status_of(exchange);
	answer->retry_after_ms = retry_after(exchange);
	return 0;
}

bool
lm_http_answer_header(const struct lm_http_answer *answer, const char *name, struct lm_str *value)
{
	struct lm_str rest = lm_buf_view(&answer->headers);

	while (rest.len > 0) {
		struct lm_str line = lm_str_cut(&rest, '\n');
		struct lm_str key = lm_str_cut(&line, ':');
		if (!lm_str_equal(key, lm_str_of(name)))
			continue;
		*value = lm_str_trim(line);
		return true;
	}
	return false;
}

void
lm_http_answer_release(struct lm_http_answer *answer)
{
	lm_buf_release(&answer->body);
	lm_buf_release(&answer->headers);
	*answer = (struct lm_http_answer){};
}
