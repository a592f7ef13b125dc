// One HTTP exchange with an API: a request with a body from memory or from files, an answer in memory or in a file. Never
// retried here: only the caller knows what may be sent twice.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum { LM_HTTP_CALL_ANSWER_MAX = 64 << 20 }; // bytes of an answer kept in memory

// A piece of a request body, sent in order. The length of all is known beforehand and sent as Content-Length.
struct lm_http_piece {
	struct lm_str bytes; // from memory, or, when path is set:
	const char *path;    // this part of a file, read while it is sent
	uint64_t offset, length;
	char newline_as;     // 0: as it is; else each LF of the file is sent as this byte ("," makes lines a JSON array)
	bool drop_last_newline; // a LF at the end of the part is not sent (and not counted)
};

// What a body goes through on its way to answer_path, before any of it is written.
struct lm_http_filter {
	// What may be written now of all that came; valid until the next call. In all as many bytes as came. `last`: the rest.
	struct lm_str (*pass)(void *context, struct lm_str bytes, bool last);
	void *context; // of one call
};

struct lm_http_call {
	const char *method; // "GET", "POST", "DELETE"
	const char *url;
	const char *const *headers; // null-terminated "Name: value" list; borrowed; never shown in messages
	const struct lm_http_piece *pieces;
	size_t piece_count;
	const char *answer_path; // a 2xx body goes here (written beside, byte count checked, flushed, renamed); null: to memory
	const struct lm_http_filter *answer_filter; // borrowed; null: it is written as it comes
	uint64_t answer_max; // bytes; 0: LM_HTTP_CALL_ANSWER_MAX in memory, no limit in a file
	bool only_beginning; // answer_max bytes of the body are enough: what follows is not waited for, and is no error
	uint64_t timeout_ms; // until the first byte of the answer, and between bytes; 0: 30 s
};

// What is known of the request when the call ends.
enum lm_http_fate {
	LM_HTTP_ANSWERED, // a whole answer came; `status` says which
	LM_HTTP_NOT_SENT, // nothing of it can have reached the server: no address, refused connection, TLS failed, bad URL
	LM_HTTP_UNKNOWN, // it may have been carried out: a time-out, a cut connection, a cut answer
};

struct lm_http_answer {
	enum lm_http_fate fate;
	int status; // 0 unless answered
	struct lm_buf body; // of every status when it was small enough; empty when answer_path took it
	struct lm_buf headers; // "name: value\n" with lower-case names, of the last answer
	uint64_t retry_after_ms; // Retry-After, seconds or a date; 0: not there
	uint64_t body_bytes;
};

// A connection pool, safe for use by several threads at once (each call takes a handle and gives it back).
struct lm_http_client;
struct lm_http_client *lm_http_client_new(void);
void lm_http_client_free(struct lm_http_client *client);
void lm_http_client_free_ptr(struct lm_http_client **client);

// Returns 0 with `answer` set (whatever status), or -1 with err and answer->fate set (LM_E_NETWORK; LM_E_INTERRUPTED;
// LM_E_LIMIT; LM_E_IO when answer_path cannot be written; LM_E_INTEGRITY: fewer bytes than announced). A URL is shown without
// user, password and query. Release the answer in every case.
[[nodiscard]] int lm_http_do(
	struct lm_http_client *client, const struct lm_http_call *call, struct lm_http_answer *answer, struct lm_err *err);
// Append the body that a call sends. LM_E_LIMIT above max_bytes; else as opening its files fails.
[[nodiscard]] int lm_http_call_body(
	const struct lm_http_call *call, uint64_t max_bytes, struct lm_buf *out, struct lm_err *err);
void lm_http_answer_release(struct lm_http_answer *answer);
// A header of the answer, by lower-case name; false when it is not there.
bool lm_http_answer_header(const struct lm_http_answer *answer, const char *name, struct lm_str *value);
