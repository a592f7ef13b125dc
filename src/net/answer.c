#include "net/answer.h"

#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

enum {
	LM_HTTP_VALIDATOR_BYTES = 256,         // a longer ETag is not used
	LM_HTTP_PROGRESS_BYTES = 1024 * 1024,  // an attempt that got so much further does not count as failed
};

uint64_t
lm_download_limit(const struct lm_download *download)
{
	uint64_t max = download->max_bytes == 0 ? INT64_MAX : download->max_bytes;
	return download->size_bytes != 0 && download->size_bytes < max ? download->size_bytes : max;
}

int
lm_answer_too_large(struct lm_transfer *transfer)
{
	uint64_t limit = lm_download_limit(transfer->download);
	bool is_expected = limit == transfer->download->size_bytes; // then it is another file, as one that is too small
	return lm_err_set(
		&transfer->err, is_expected ? LM_E_INTEGRITY : LM_E_LIMIT, "it has more than %" PRIu64 " bytes", limit);
}

static long
response_code(struct lm_transfer *transfer)
{
	long code = 0;
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
	return code;
}

// A header of the last answer, or null. Borrowed.
static const char *
header(struct lm_transfer *transfer, const char *name)
{
	struct curl_header *found = nullptr;
	if (curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return nullptr;
	return found->value;
}

// What If-Range may name: an ETag, unless it is a weak one, else the date (RFC 9110, 13.1.5).
static void
remember_validator(struct lm_transfer *transfer)
{
	const char *tag = header(transfer, "ETag"), *date = header(transfer, "Last-Modified");
	const char *validator = tag != nullptr && tag[0] == '"' ? tag : date;

	lm_free(transfer->validator);
	transfer->validator = nullptr;
	if (validator != nullptr && validator[0] != '\0' && strlen(validator) <= LM_HTTP_VALIDATOR_BYTES)
		transfer->validator = lm_strdup(validator);
}

// "bytes <first>-<last>/<total or *>" (RFC 9110, 14.4). *total is 0 when the server does not tell.
static bool
parse_content_range(const char *text, uint64_t *first, uint64_t *total)
{
	struct lm_str rest = lm_str_of(text);
	uint64_t last = 0;

	*total = 0;
	if (!lm_str_starts(rest, LM_STR("bytes ")))
		return false;
	rest = (struct lm_str){ rest.ptr + 6, rest.len - 6 };
	struct lm_str range = lm_str_cut(&rest, '/');
	struct lm_str from = lm_str_cut(&range, '-');
	if (!lm_parse_u64(from, INT64_MAX, first) || !lm_parse_u64(range, INT64_MAX, &last))
		return false;
	return lm_str_equal(rest, LM_STR("*")) || (lm_parse_u64(rest, INT64_MAX, total) && last < *total && *first <= last);
}

static int
check_total(struct lm_transfer *transfer, uint64_t total)
{
	const struct lm_download *download = transfer->download;

	if (total > lm_download_limit(download))
		return lm_answer_too_large(transfer);
	if (download->size_bytes != 0 && total < download->size_bytes)
		return lm_err_set(&transfer->err, LM_E_INTEGRITY, "it has %" PRIu64 " bytes, expected %" PRIu64, total,
			download->size_bytes);
	transfer->total_bytes = total;
	return 0;
}

// The whole file, asked for or not.
static int
begin_whole(struct lm_transfer *transfer)
{
	curl_off_t length = -1;

	if (transfer->partial.size_bytes > 0 && lm_partial_restart(&transfer->partial, &transfer->err) < 0)
		return -1;
	transfer->resumed = false;
	remember_validator(transfer);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length < 0 ? 0 : check_total(transfer, (uint64_t)length);
}

static int
begin_rest(struct lm_transfer *transfer)
{
	const char *range = header(transfer, "Content-Range");
	uint64_t first = 0, total = 0;

	if (transfer->asked_from == 0 || range == nullptr || !parse_content_range(range, &first, &total) ||
		first != transfer->partial.size_bytes) {
		transfer->no_range = true;
		return lm_err_set(&transfer->err, LM_E_NETWORK, "the server sends another part than the one asked for");
	}
	transfer->resumed = true;
	return total == 0 ? 0 : check_total(transfer, total);
}

int
lm_answer_begin(struct lm_transfer *transfer)
{
	transfer->has_body = true;
	long code = transfer->scheme == LM_URL_FILE ? 200 : response_code(transfer);
	if (code == 200)
		return begin_whole(transfer);
	if (code == 206)
		return begin_rest(transfer);
	return lm_err_set(&transfer->err, LM_E_NETWORK, "the server answered %ld", code);
}

// From the start, once: bytes of an earlier attempt or process may be what is wrong.
static enum lm_verdict
fetch_again(struct lm_transfer *transfer)
{
	transfer->fetched_again = true;
	transfer->resumed = false;
	transfer->failures = 0;
	transfer->best_bytes = 0;
	return lm_partial_restart(&transfer->partial, &transfer->err) < 0 ? LM_VERDICT_FAILED : LM_VERDICT_RETRY;
}

enum lm_verdict
lm_answer_complete(struct lm_transfer *transfer)
{
	struct lm_download *download = transfer->download;
	struct lm_digest found;

	lm_partial_digest(&transfer->partial, &found);
	if (download->has_digest && !lm_digest_equal(&found, &download->digest)) {
		char got[LM_DIGEST_HEX], want[LM_DIGEST_HEX];
		lm_digest_hex(&found, got);
		lm_digest_hex(&download->digest, want);
		(void)lm_err_set(&transfer->err, LM_E_INTEGRITY, "its SHA-256 is %s, expected %s", got, want);
		return transfer->resumed && !transfer->fetched_again ? fetch_again(transfer) : LM_VERDICT_FAILED;
	}
	transfer->best_bytes = transfer->partial.size_bytes;
	if (lm_partial_commit(&transfer->partial, &transfer->err) < 0)
		return LM_VERDICT_FAILED;
	download->digest = found;
	return LM_VERDICT_DONE;
}

static bool
is_transient_code(long code)
{
	return code == 408 || code == 425 || code == 429 || (code >= 500 && code <= 599);
}

static bool
is_transient_result(CURLcode result)
{
	static const CURLcode transient[] = { CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
		CURLE_PARTIAL_FILE, CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CONNECT_ERROR, CURLE_GOT_NOTHING, CURLE_SEND_ERROR,
		CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM };
	for (size_t i = 0; i < LM_COUNT(transient); i++)
		if (result == transient[i])
			return true;
	return false;
}

// One failure more, unless the attempt got further than all before it.
static enum lm_verdict
retry(struct lm_transfer *transfer)
{
	if (transfer->partial.size_bytes >= transfer->best_bytes + LM_HTTP_PROGRESS_BYTES)
		transfer->failures = 0;
	if (transfer->partial.size_bytes > transfer->best_bytes)
		transfer->best_bytes = transfer->partial.size_bytes;
	transfer->failures++;
	return transfer->scheme == LM_URL_FILE || transfer->failures > LM_HTTP_RETRIES ? LM_VERDICT_FAILED : LM_VERDICT_RETRY;
}

// An answer of 400 or above.
static enum lm_verdict
judge_refusal(struct lm_transfer *transfer)
{
	long code = response_code(transfer);
	uint64_t max_ms = transfer->options->retry_after_max_ms;
	curl_off_t wait_s = 0;

	(void)lm_err_set(&transfer->err, LM_E_NETWORK, "the server answered %ld", code);
	if (code == 416 && transfer->asked_from > 0) { // nothing follows what we have: it is whole, or another file
		if (transfer->download->has_digest && transfer->partial.size_bytes > 0)
			return lm_answer_complete(transfer);
		transfer->no_range = true;
		return retry(transfer);
	}
	if (!is_transient_code(code))
		return LM_VERDICT_FAILED;
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wait_s);
	if (wait_s > 0 && (uint64_t)wait_s > (max_ms == 0 ? LM_HTTP_RETRY_AFTER_MAX_MS : max_ms) / 1000) {
		(void)lm_err_set(&transfer->err, LM_E_NETWORK, "the server answered %ld and asks to wait %" PRId64 " s", code,
			(int64_t)wait_s);
		return LM_VERDICT_FAILED;
	}
	transfer->pause_ms = wait_s > 0 ? (uint64_t)wait_s * 1000 : 0;
	return retry(transfer);
}

static void
describe(struct lm_transfer *transfer, CURLcode result)
{
	bool tls = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ||
		result == CURLE_SSL_CONNECT_ERROR;

	if (result == CURLE_UNSUPPORTED_PROTOCOL)
		(void)lm_err_set(
			&transfer->err, LM_E_NETWORK, "the server redirects to a kind of URL that is not allowed here");
	else if (tls && transfer->curl_text[0] != '\0') // names the fault of the certificate; other texts could show a URL
		(void)lm_err_set(&transfer->err, LM_E_NETWORK, "%s", transfer->curl_text);
	else
		(void)lm_err_set(&transfer->err, LM_E_NETWORK, "%s", curl_easy_strerror(result));
}

static enum lm_verdict
judge(struct lm_transfer *transfer, CURLcode result)
{
	if (result == CURLE_OK && !transfer->has_body) // a body of no bytes
		(void)lm_answer_begin(transfer);
	if (transfer->err.code != LM_OK) // one of our callbacks ended it
		return transfer->no_range && transfer->err.code == LM_E_NETWORK ? retry(transfer) : LM_VERDICT_FAILED;
	if (result == CURLE_HTTP_RETURNED_ERROR)
		return judge_refusal(transfer);
	if (result != CURLE_OK) {
		describe(transfer, result);
		return is_transient_result(result) ? retry(transfer) : LM_VERDICT_FAILED;
	}
	if (transfer->partial.size_bytes < transfer->total_bytes) {
		(void)lm_err_set(&transfer->err, LM_E_NETWORK, "the connection ended early");
		return retry(transfer);
	}
	return lm_answer_complete(transfer);
}

enum lm_verdict
lm_transfer_finish(struct lm_transfer *transfer, CURLcode result)
{
	enum lm_verdict verdict = judge(transfer, result);

	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	transfer->easy = nullptr;
	transfer->headers = nullptr;
	return verdict;
}
