// HTTP downloads. The only user of libcurl.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/event.h"
#include "digest/sha256.h"

struct lm_download {
	const char *url;     // http, https or file
	const char *label;   // shown as the subject of progress ("numpy-2.4.6-....whl")
	const char *path;    // final path; the partial file is "<path>.partial" and is resumed from
	struct lm_digest digest;
	bool has_digest;     // else the digest found is put into `digest` (trust on first use, recorded by the caller)
	uint64_t size_bytes; // expected; 0: not known. Another size is LM_E_INTEGRITY, found out before and while reading
	uint64_t max_bytes;  // refused beyond, before and while reading; 0: no limit of its own
	bool failed;         // set: the failure that is reported is of this one
};

// A final URL is http or https; one that begins with https is not left for http, unless the digest is known. file is
// allowed only as `url` itself. Proxies come from the environment, as libcurl reads it.

// Fetch all, up to `parallel` at once. Transient failures (connect, timeout, 408, 429 with Retry-After, 5xx, a cut
// connection) are retried up to 5 times with back-off, resuming with a Range request where the server allows; a
// resumed file that does not match its digest is fetched once more from the start. The digest is checked before the
// file gets its final name. A URL is shown without user, password and query.
// On failure: the first cause, naming label and URL (LM_E_NETWORK, LM_E_INTEGRITY, LM_E_LIMIT, LM_E_IO, LM_E_INTERRUPTED).
[[nodiscard]] int lm_http_download(
	struct lm_download *downloads, size_t count, unsigned parallel, const struct lm_sink *sink, struct lm_err *err);

enum {
	LM_HTTP_PARALLEL = 8,                // transfers at once
	LM_HTTP_BACKOFF_MS = 250,            // before the first retry; twice as long before each further one
	LM_HTTP_RETRY_AFTER_MAX_MS = 120000, // a server that asks for more (Retry-After) is given up
	LM_HTTP_STALL_S = 30,                // below LM_HTTP_STALL_BYTES a second for so long: cut
	LM_HTTP_STALL_BYTES = 100,
	LM_HTTP_RETRIES = 5,
	LM_HTTP_LARGE_BYTES = 1 << 20,       // of a file that is large in one_more_ms
};

// How transfers behave. 0 in a field is the default above.
struct lm_http_options {
	unsigned parallel, stall_s;
	uint64_t backoff_ms, retry_after_max_ms;
	// Not all at once: of those that are large (or nobody knows) two begin, and one more whenever that many ran for so long. So those in
	// front have a fast line for themselves and are there soon, and a server that is slow for each is asked for many. 0: all at once
	uint64_t one_more_ms;
	void (*complete)(void *context, size_t index); // this download has its name and its digest; null: nobody asks
	void *context;
};

// lm_http_download with options of its own.
[[nodiscard]] int lm_http_fetch(struct lm_download *downloads, size_t count, const struct lm_http_options *options,
	const struct lm_sink *sink, struct lm_err *err);

// Certificates to trust instead of the system's, a PEM file, for all later transfers of this process; null: the
// system's. Copied. For programs, before they start threads.
void lm_http_trust(const char *pem_path);
