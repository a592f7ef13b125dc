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
	uint64_t size_bytes; // expected; 0: not known. Also the limit together with max_bytes
	uint64_t max_bytes;  // refused beyond, before and while reading
};

// Fetch all, up to `parallel` at once. Transient failures (connect, timeout, 408, 429 with Retry-After, 5xx, a cut
// connection) are retried up to 5 times with back-off, resuming with a Range request where the server allows; a
// resumed file that does not match its digest is fetched once more from the start. The digest is checked before the
// file gets its final name. A URL is shown without user, password and query.
// On failure: the first cause, naming label and URL (LM_E_NETWORK, LM_E_INTEGRITY, LM_E_LIMIT, LM_E_IO, LM_E_INTERRUPTED).
[[nodiscard]] int lm_http_download(
	struct lm_download *downloads, size_t count, unsigned parallel, const struct lm_sink *sink, struct lm_err *err);
