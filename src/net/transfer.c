// What is asked of the server, and what is done with the bytes that come.
#include "net/transfer.h"

#include "base/mem.h"
#include "base/str.h"
#include "net/answer.h"
#include "os/cancel.h"

#include <lamina/version.h>

#include <inttypes.h>
#include <stdio.h>

enum {
	LM_HTTP_CONNECT_MS = 20000,
	LM_HTTP_REDIRECTS = 10,
	LM_HTTP_BUFFER_BYTES = 128 * 1024,
};

static char *trusted_certificates;

const char *
lm_transfer_trusted(void)
{
	return trusted_certificates;
}

void
lm_http_trust(const char *pem_path)
{
	lm_free(trusted_certificates);
	trusted_certificates = pem_path == nullptr ? nullptr : lm_strdup(pem_path);
}

// For each piece: who shows it decides how often, and the last one before a silence must be told too.
static void
emit_progress(struct lm_transfer *transfer)
{
	lm_emit_progress(
		transfer->sink, "download", transfer->download->label, transfer->partial.size_bytes, transfer->total_bytes);
}

// libcurl's write callback: anything but `len` ends the transfer with CURLE_WRITE_ERROR; transfer->err says why.
static size_t
on_body(char *bytes, size_t one, size_t len, void *context)
{
	struct lm_transfer *transfer = context;

	(void)one;
	if (!transfer->has_body && lm_answer_begin(transfer) < 0)
		return CURL_WRITEFUNC_ERROR;
	if (len > lm_download_limit(transfer->download) - transfer->partial.size_bytes) {
		(void)lm_answer_too_large(transfer);
		return CURL_WRITEFUNC_ERROR;
	}
	if (lm_partial_write(&transfer->partial, bytes, len, &transfer->err) < 0)
		return CURL_WRITEFUNC_ERROR;
	emit_progress(transfer);
	return len;
}

static void
set_security(struct lm_transfer *transfer)
{
	CURL *easy = transfer->easy;
	bool keep_https = transfer->scheme == LM_URL_HTTPS && !transfer->download->has_digest;

	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (trusted_certificates != nullptr)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, trusted_certificates);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, transfer->scheme == LM_URL_FILE ? "file" : "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, keep_https ? "https" : "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, transfer->scheme == LM_URL_FILE ? 0L : 1L);
	(void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)LM_HTTP_REDIRECTS);
}

static void
set_behaviour(struct lm_transfer *transfer)
{
	CURL *easy = transfer->easy;
	unsigned stall_s = transfer->options->stall_s;

	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)LM_HTTP_CONNECT_MS);
	(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)LM_HTTP_STALL_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stall_s == 0 ? (long)LM_HTTP_STALL_S : (long)stall_s);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)LM_HTTP_BUFFER_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "lamina/" LAMINA_VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_text);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

// Ask for the rest only when nothing else than the rest of the same file can come, or the digest will tell.
static int
ask_for_rest(struct lm_transfer *transfer)
{
	bool safe = transfer->download->has_digest || transfer->validator != nullptr;
	uint64_t have = transfer->partial.size_bytes;

	transfer->asked_from = 0;
	if (have == 0)
		return 0;
	if (transfer->scheme == LM_URL_FILE || transfer->no_range || !safe)
		return lm_partial_restart(&transfer->partial, &transfer->err);
	char range[32];
	(void)snprintf(range, sizeof range, "%" PRIu64 "-", have);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_RANGE, range);
	transfer->asked_from = have;
	transfer->resumed = true;
	if (transfer->validator != nullptr) {
		LM_AUTO(lm_free_ptr) char *header = lm_format("If-Range: %s", transfer->validator);
		transfer->headers = curl_slist_append(nullptr, header);
		(void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
	}
	return 0;
}

int
lm_transfer_start(struct lm_transfer *transfer)
{
	lm_err_clear(&transfer->err);
	transfer->has_body = false;
	transfer->pause_ms = 0;
	transfer->total_bytes = transfer->download->size_bytes;
	transfer->curl_text[0] = '\0';
	transfer->easy = curl_easy_init();
	if (transfer->easy == nullptr || curl_easy_setopt(transfer->easy, CURLOPT_URL, transfer->download->url) != CURLE_OK)
		return lm_err_set(&transfer->err, LM_E_NETWORK, "libcurl cannot make a transfer");
	set_security(transfer);
	set_behaviour(transfer);
	return ask_for_rest(transfer);
}

enum lm_verdict
lm_transfer_open(struct lm_transfer *transfer)
{
	const struct lm_download *download = transfer->download;

	if (lm_url_check(download->url, &transfer->scheme, &transfer->shown_url, &transfer->err) < 0)
		return LM_VERDICT_FAILED;
	// without a digest nothing tells whether bytes of an earlier process are still the server's
	if (lm_partial_open(&transfer->partial, download->path, download->has_digest, &transfer->err) < 0)
		return LM_VERDICT_FAILED;
	transfer->resumed = transfer->partial.size_bytes > 0;
	transfer->best_bytes = transfer->partial.size_bytes;
	lm_emit_begin(transfer->sink, "download", download->label, download->size_bytes);
	if (transfer->resumed && transfer->partial.size_bytes == download->size_bytes)
		return lm_answer_complete(transfer);
	if (transfer->partial.size_bytes >= lm_download_limit(download) &&
		lm_partial_restart(&transfer->partial, &transfer->err) < 0)
		return LM_VERDICT_FAILED;
	return LM_VERDICT_RETRY;
}

void
lm_transfer_release(struct lm_transfer *transfer)
{
	enum lm_code code = transfer->err.code;
	bool useless = code == LM_E_INTEGRITY || code == LM_E_LIMIT || code == LM_E_IO || !transfer->download->has_digest;

	if (transfer->easy != nullptr && lm_cancel_requested()) // do not wait for an answer about a host name
		(void)curl_easy_setopt(transfer->easy, CURLOPT_QUICK_EXIT, 1L);

	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	lm_partial_close(&transfer->partial, !useless);
	lm_free(transfer->shown_url);
	lm_free(transfer->validator);
	*transfer = (struct lm_transfer){};
}
