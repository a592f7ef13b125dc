// What the provider knows: files and batches. All of it is guarded by state->lock; what a batch was created with does not change.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "fake/answer.h"
#include "fake/faults.h"
#include "fake/rows.h"
#include "os/scratch.h"

#include <pthread.h>

enum {
	LM_FAKE_OPENAI_MAX_REQUESTS = 50000,
	LM_FAKE_OPENAI_MAX_BYTES = 200 * 1000 * 1000,
	LM_FAKE_ANTHROPIC_MAX_REQUESTS = 100000,
	LM_FAKE_ANTHROPIC_MAX_BYTES = 256 * 1024 * 1024,
	LM_FAKE_GEMINI_INLINE_MAX_BYTES = 20 * 1024 * 1024,
	LM_FAKE_GEMINI_MAX_BYTES = 2000 * 1000 * 1000,
	LM_FAKE_MAX_BATCHES = 100000,
	LM_FAKE_MAX_FILES = 300000,
};

enum lm_fake_ending { LM_FAKE_COMPLETED, LM_FAKE_FAILED, LM_FAKE_EXPIRED, LM_FAKE_CANCELLED };

// What became of a row.
enum lm_fake_outcome {
	LM_FAKE_OPEN, // nothing yet, or nothing at all
	LM_FAKE_ANSWERED, // an answer that can be used was given
	LM_FAKE_REFUSED, // an error
	LM_FAKE_LOST, // no line
	LM_FAKE_SPOILED, // a line that cannot be used: unparsable, another id, no text, ...
	LM_FAKE_NOT_FINISHED, // the batch ended before
};

struct lm_fake_file {
	enum lm_fake_api api;
	uint64_t number; // from 1, of all files
	char *id, *name, *purpose, *path; // purpose: a mime type for Gemini
	uint64_t size_bytes;
	int64_t created_s;
	bool deleted;
};

// A resumable upload (Gemini).
struct lm_fake_upload {
	uint64_t number;
	char *name, *type, *path; // path null: nothing came yet
	uint64_t size_bytes, total_bytes; // total_bytes: as announced; UINT64_MAX when it was not
	bool done;
};

struct lm_fake_counts {
	uint64_t answered, refused, not_finished;
};

struct lm_fake_batch {
	enum lm_fake_api api;
	uint64_t number; // from 1, of all batches
	char *id, *path; // path: of the requests
	char *endpoint, *window, *metadata, *input_id, *model, *display_name, *idempotency_key; // or null; metadata: JSON
	struct lm_fake_source source;
	uint64_t requests, tokens;
	int64_t created_s, ended_s, cancelled_s;
	uint64_t created_ms, created_step, ended_step; // step: of the state, which rises with each batch that begins or ends
	// how it goes
	struct lm_fake_faults *faults; // in force when it was created
	const struct lm_fake_rule *rule; // in those, or null
	char *error_code, *error_message; // why it failed, or null
	uint64_t error_line;
	uint64_t polls;
	bool cancelling, making, ended, deleted;
	enum lm_fake_ending ending;
	uint8_t *outcomes; // enum lm_fake_outcome of each row
	struct lm_fake_counts counts;
	struct lm_fake_file *output, *errors; // or null
};

struct lm_fake_state {
	pthread_mutex_t lock;
	pthread_cond_t made; // a batch's answers were
	struct lm_scratch scratch;
	uint64_t next_name; // of files in it
	uint64_t step;
	struct lm_fake_faults *faults;
	struct lm_fake_file **files;
	size_t file_count, file_cap;
	struct lm_fake_upload *uploads;
	size_t upload_count, upload_cap;
	struct lm_fake_batch **batches;
	size_t batch_count, batch_cap;
};

void lm_fake_state_forget(struct lm_fake_state *state); // files and batches, on disk too
void lm_fake_state_release(struct lm_fake_state *state);
// A path for a new file in the temporary folder; yours to lm_free. Takes the lock.
[[nodiscard]] char *lm_fake_state_path(struct lm_fake_state *state);

// With the lock held:
// Add a file. Takes over `path`. LM_E_LIMIT.
[[nodiscard]] struct lm_fake_file *lm_fake_file_add(struct lm_fake_state *state, enum lm_fake_api api, const char *name,
	const char *purpose, char **path, uint64_t size_bytes, struct lm_err *err);
struct lm_fake_file *lm_fake_file_find(struct lm_fake_state *state, enum lm_fake_api api, const char *id); // null: none
void lm_fake_file_delete(struct lm_fake_file *file); // the requests of a batch stay on disk
struct lm_fake_batch *lm_fake_batch_find(struct lm_fake_state *state, enum lm_fake_api api, const char *id);
// Do its tokens still fit with those of the batches that have not ended? Where they do not, OpenAI lets a batch fail; the others
// refuse it, which is left to the caller.
bool lm_fake_batch_fits(const struct lm_fake_state *state, const struct lm_fake_batch *batch);
// Add a batch that lm_fake_batch_read read; takes it over. LM_E_LIMIT.
[[nodiscard]] int lm_fake_batch_add(struct lm_fake_state *state, struct lm_fake_batch **batch, struct lm_err *err);
// A client looks at a batch: when it is time the answers are made (the lock is released meanwhile) and it has ended.
[[nodiscard]] int lm_fake_batch_poll(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_err *err);

// Without it:
// Read all requests and judge them, as the provider would. A fault in them is in error_code, error_message and error_line.
[[nodiscard]] int lm_fake_batch_read(struct lm_fake_batch *batch, struct lm_err *err);
void lm_fake_batch_free(struct lm_fake_batch *batch);
void lm_fake_batch_free_ptr(struct lm_fake_batch **batch); // for LM_AUTO
