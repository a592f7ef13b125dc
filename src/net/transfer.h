// One download: its attempts, and what each of them came to. For this module only.
#pragma once

#include "net/curl.h"
#include "net/http.h"
#include "net/partial.h"
#include "net/url.h"

enum lm_verdict {
	LM_VERDICT_DONE,
	LM_VERDICT_RETRY, // err says why, pause_ms when at the earliest
	LM_VERDICT_FAILED // err says why
};

struct lm_transfer {
	struct lm_download *download;
	const struct lm_http_options *options;
	const struct lm_sink *sink;
	enum lm_url_scheme scheme;
	char *shown_url;
	struct lm_partial partial;
	char *validator;         // strong ETag or date of what we have part of, for If-Range
	uint64_t best_bytes;     // the most that any attempt had
	unsigned failures;       // attempts without progress, in a row
	bool resumed;            // what we have comes from more than one attempt
	bool fetched_again;      // once from the start because of a wrong digest
	bool no_range;           // the server answers range requests wrongly
	bool done;
	uint64_t not_before_ms;  // when the next attempt may begin

	// of the attempt that runs; easy is null between attempts
	CURL *easy;
	struct curl_slist *headers;
	uint64_t asked_from; // first byte asked for
	bool has_body;       // the head of the answer was looked at
	uint64_t total_bytes; // of the whole file; 0: not known
	uint64_t pause_ms;
	struct lm_err err;
	char curl_text[CURL_ERROR_SIZE];
};

// Check the URL, open the partial file. When that is complete already (LM_VERDICT_DONE), nothing has to be fetched.
// LM_VERDICT_RETRY: go on with lm_transfer_start.
enum lm_verdict lm_transfer_open(struct lm_transfer *transfer);
// Make the handle of the next attempt. -1 with transfer->err.
[[nodiscard]] int lm_transfer_start(struct lm_transfer *transfer);
// Judge an attempt that libcurl ended with `result`.
enum lm_verdict lm_transfer_finish(struct lm_transfer *transfer, CURLcode result);
// Free all; what was received stays for a later resume unless the failure says that it is wrong.
void lm_transfer_release(struct lm_transfer *transfer);

// What lm_http_trust was told, or null.
const char *lm_transfer_trusted(void);
