// Faults on demand: a document of rules, docs/fake-provider.md says what may be in it. Rules count, so a document that is in use
// is shared by reference and its counters have a lock inside.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <pthread.h>

enum {
	LM_FAKE_FAULTS_MAX_BYTES = 1 << 20,
	LM_FAKE_MAX_RULES = 1000,
};

// What a rule does. To a call:
enum lm_fake_act {
	LM_FAKE_NOTHING,
	LM_FAKE_STATUS, // answer with `status` and do nothing
	LM_FAKE_TIMEOUT, // do nothing and never answer
	LM_FAKE_TIMEOUT_AFTER, // do what was asked and never answer
	LM_FAKE_RESET, // cut the connection and do nothing
	LM_FAKE_RESET_AFTER, // do what was asked and cut the connection
	LM_FAKE_RESET_UPLOAD, // cut the connection after `bytes` of the request's body
	LM_FAKE_CUT, // cut the connection after `bytes` of the answer's body
	LM_FAKE_SLOW, // send `bytes_per_second` of the answer's body
	LM_FAKE_DELAY, // wait `ms` before the answer
	// to a batch:
	LM_FAKE_FAIL,
	LM_FAKE_EXPIRE,
	LM_FAKE_CANCEL,
	LM_FAKE_WAIT, // it takes `polls` and `ms` until it ends
	LM_FAKE_REVERSE,
	LM_FAKE_SHUFFLE,
	// to a row of a batch's answers:
	LM_FAKE_MISSING,
	LM_FAKE_DUPLICATE,
	LM_FAKE_UNPARSABLE,
	LM_FAKE_WRONG_ID,
	LM_FAKE_ERROR, // an error with `status`, where errors are told
	LM_FAKE_ERROR_IN_OUTPUT, // OpenAI: the same among the answers
	LM_FAKE_EMPTY, // the text is empty
	LM_FAKE_NULL, // there is no answer and no error either
	LM_FAKE_TEXT, // the text is `text`
	LM_FAKE_INCOMPLETE, // half of the text, and the provider says so
	LM_FAKE_REFUSAL,
};

struct lm_fake_rule {
	const char *on; // name of a call, as a shell pattern; "batch"; "row"
	enum lm_fake_act act;
	// when: which of the matching calls, batches or rows
	const json_t *nth, *batches; // numbers from 1, or null
	uint64_t every, from, to, times; // 0: not said
	double probability; // below 0: not said
	const char *custom_id, *contains; // a shell pattern and a text, or null
	// what
	unsigned status;
	uint64_t bytes, bytes_per_second, ms, polls;
	double finished; // of a batch's rows: from 0 to 1
	const char *error, *code, *message, *retry_after, *text; // or null
	const json_t *body, *headers;
	uint64_t seen, fired;
};

struct lm_fake_faults {
	unsigned users;
	pthread_mutex_t lock; // of the counters
	json_t *document; // the rules' strings are in it
	struct lm_fake_rule *rules;
	size_t count;
	bool has_rows;
	uint64_t seed;
	uint64_t polls, complete_ms, latency_ms; // for all batches and calls
	uint64_t enqueued_token_limit; // 0: none
	double finished_on_cancel;
	const char *api_key; // null: any
	bool idempotent; // honour Idempotency-Key, as some compatible servers do
};

// Read a document; *out has one user. LM_E_SYNTAX naming the rule ("rule 2: ..."), LM_E_LIMIT.
[[nodiscard]] int lm_fake_faults_parse(struct lm_str text, struct lm_fake_faults **out, struct lm_err *err);
struct lm_fake_faults *lm_fake_faults_share(struct lm_fake_faults *faults);
void lm_fake_faults_drop(struct lm_fake_faults *faults);

// The first rule that fires for a call or ("batch") for a batch that is being created, or null. `number` is the batch's. All
// rules that could have fired count it.
const struct lm_fake_rule *lm_fake_faults_choose(struct lm_fake_faults *faults, const char *on, uint64_t number);
// The same for a row of batch `batch`. Hold faults->lock.
const struct lm_fake_rule *lm_fake_faults_choose_row(
	struct lm_fake_faults *faults, uint64_t batch, uint64_t row, struct lm_str custom_id, struct lm_str body);
