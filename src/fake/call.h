// A call and its reply, as the handlers of the APIs see them. HTTP itself is server.c's.
#pragma once

#include "fake/refuse.h"
#include "fake/route.h"
#include "fake/state.h"

enum { LM_FAKE_MAX_HEADERS = 24 };

struct lm_fake_call {
	const struct lm_fake_place *place;
	const char *id;       // the variable part of the path, or null
	struct lm_str body;   // kept in memory
	char *path;           // or in a file; lm_take it to keep it
	uint64_t size_bytes;  // of that file
	struct lm_str file_name, purpose; // of a form
	uint16_t port;
	void *connection;
};

// A header or a parameter of the query, or null. Borrowed.
const char *lm_fake_header(const struct lm_fake_call *call, const char *name);
const char *lm_fake_query(const struct lm_fake_call *call, const char *name);
// A whole number of the query from 1 to `most`; `otherwise` when it is not there or not such.
uint64_t lm_fake_query_number(const struct lm_fake_call *call, const char *name, uint64_t most, uint64_t otherwise);

struct lm_fake_reply {
	unsigned status;
	struct lm_buf body;
	int fd; // instead of `body`, when it is not -1: a file to send, `size_bytes` of it
	uint64_t size_bytes;
	const char *type; // null: application/json
	struct {
		const char *name;
		char *value;
	} headers[LM_FAKE_MAX_HEADERS];
	size_t header_count;
	struct lm_buf note; // for the log: members of an object, each with a comma in front
};

void lm_fake_reply_header(struct lm_fake_reply *reply, const char *name, const char *value);
// Answer with an error of the API. The message is made by a format; null: the usual one of that status.
void lm_fake_refuse(struct lm_fake_reply *reply, enum lm_fake_api api, unsigned status, const char *format, ...)
	LM_PRINTF(4, 5);
// An error of our own (a full disk).
void lm_fake_broken(struct lm_fake_reply *reply, enum lm_fake_api api, const struct lm_err *err);
// Send a file.
void lm_fake_reply_file(struct lm_fake_reply *reply, const struct lm_fake_call *call, const char *path, uint64_t size_bytes);
// Note in the log which batch a call made or meant.
void lm_fake_note_batch(struct lm_fake_reply *reply, const struct lm_fake_batch *batch, bool created);

// Append a time as in RFC 3339 with quotes; 0: null.
void lm_fake_add_time(struct lm_buf *out, const char *name, int64_t time_s);
// Append ,"name":"text"; null: null.
void lm_fake_add_text(struct lm_buf *out, const char *name, const char *text);

// A page of a list that is written element by element.
struct lm_fake_list {
	struct lm_buf *out;
	uint64_t limit; // of elements
	// inside
	uint64_t shown;
	const char *first, *last;
	bool more;
};
// One more element is there. True: write it now; false: the page is full.
bool lm_fake_list_next(struct lm_fake_list *list, const char *id);
// Write the end: of the list and of its object, with the ids of the page's ends in between.
void lm_fake_list_end(const struct lm_fake_list *list);

// A batch whose requests are a list in the call's body, which it takes over. The keys lead to it and end in a null. Null when the
// body is no JSON or has no such list: the reply is set then.
struct lm_fake_batch *lm_fake_batch_from_list(struct lm_fake_call *call, struct lm_fake_reply *reply, const char *const *keys);

// Each with the state's lock not held.
void lm_fake_openai(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply);
void lm_fake_anthropic(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply);
void lm_fake_gemini(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply);
