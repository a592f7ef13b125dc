// The two ends of one exchange: what is sent, what is received. For this module only.
#pragma once

#include "net/call.h"
#include "net/curl.h"
#include "os/file.h"

// A request body as a stream. Zero-initialised is empty.
struct lm_call_body {
	const struct lm_http_piece *pieces; // borrowed
	struct lm_call_part *parts; // of each piece: its file and how many of its bytes are sent
	size_t count, at; // the piece that is being sent
	uint64_t done; // of it
	uint64_t total;
};

// Open the files and add up. LM_E_NOT_FOUND, LM_E_IO; LM_E_INTEGRITY when a file is shorter than its piece.
[[nodiscard]] int lm_call_body_open(
	struct lm_call_body *body, const struct lm_http_piece *pieces, size_t count, struct lm_err *err);
// Up to `cap` next bytes; *len is 0 at the end.
[[nodiscard]] int lm_call_body_read(struct lm_call_body *body, char *out, size_t cap, size_t *len, struct lm_err *err);
void lm_call_body_close(struct lm_call_body *body); // safe on a closed one

// One attempt at a call; there is never another.
struct lm_exchange {
	const struct lm_http_call *call;
	struct lm_http_answer *answer;
	CURL *easy; // borrowed
	struct lm_call_body body;
	struct lm_outfile file;
	bool sent; // a connection was there: from now on something may have reached the server
	bool began; // the answer's body did, and where it goes is decided
	bool enough; // the beginning of the body was all that is wanted
	uint64_t moved_at_ms; // when bytes went either way last
	struct lm_err err; // of our own callbacks
	char curl_text[CURL_ERROR_SIZE];
};

// libcurl's callbacks; the context is the exchange.
size_t lm_exchange_on_header(char *bytes, size_t one, size_t len, void *context);
size_t lm_exchange_on_body(char *bytes, size_t one, size_t len, void *context);
// After libcurl ended with `result`: fill the answer, make its file appear. -1 with the exchange's err.
[[nodiscard]] int lm_exchange_finish(struct lm_exchange *exchange, CURLcode result);
