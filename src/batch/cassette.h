// Recorded exchanges with a provider, in a folder that can be committed. Format: docs/formats/cassette.md.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "net/call.h"

enum {
	LM_CASSETTE_FORMAT = 1,
	LM_CASSETTE_EXCHANGES_MAX = 9999,
	LM_CASSETTE_BODY_MAX_BYTES = 64 << 20,
};

struct lm_cassette; // safe for use by several threads

// Open one for replaying. Its answers to a request are given in the order in which they were recorded; the last one to a GET is
// given again and again. Each process begins anew.
// LM_E_NOT_FOUND, LM_E_IO; LM_E_SYNTAX naming the file.
[[nodiscard]] int lm_cassette_open(struct lm_cassette **out, const char *folder, struct lm_err *err);
// Which API it speaks: "openai", "anthropic", "gemini". Borrowed.
const char *lm_cassette_api(const struct lm_cassette *cassette);
// Open one for recording: made when it is not there, else what is recorded now comes behind what there is.
//   secret  the API key, or null: it is replaced wherever it stands. Copied.
// LM_E_CONFLICT: it speaks another API.
[[nodiscard]] int lm_cassette_record(
	struct lm_cassette **out, const char *folder, const char *api, const char *secret, struct lm_err *err);
void lm_cassette_close(struct lm_cassette *cassette); // null is fine

// The recorded answer to a call, as lm_http_do would give it.
//   path  of the URL, behind the base URL, with the query: what is compared, besides method and body
// LM_E_NOT_FOUND: there is none (any more); the message shows the nearest recorded request and where it differs.
[[nodiscard]] int lm_cassette_replay(struct lm_cassette *cassette, const struct lm_http_call *call, const char *path,
	struct lm_http_answer *answer, struct lm_err *err);
// Record a call that was answered, without its secrets.
[[nodiscard]] int lm_cassette_add(struct lm_cassette *cassette, const struct lm_http_call *call, const char *path,
	const struct lm_http_answer *answer, struct lm_err *err);
