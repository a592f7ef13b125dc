#include "fake/state.h"

#include "base/mem.h"
#include "fake/complete.h"
#include "os/clock.h"
#include "os/file.h"

#include <string.h>
#include <unistd.h>

char *
lm_fake_state_path(struct lm_fake_state *state)
{
	pthread_mutex_lock(&state->lock);
	uint64_t name = ++state->next_name;
	pthread_mutex_unlock(&state->lock);
	return lm_format("%s/%06llu", state->scratch.path, (unsigned long long)name);
}

// ---- files

static void
file_free(struct lm_fake_file *file)
{
	(void)unlink(file->path);
	lm_free(file->id);
	lm_free(file->name);
	lm_free(file->purpose);
	lm_free(file->path);
	lm_free(file);
}

struct lm_fake_file *
lm_fake_file_add(struct lm_fake_state *state, enum lm_fake_api api, const char *name, const char *purpose, char **path,
	uint64_t size_bytes, struct lm_err *err)
{
	if (state->file_count == LM_FAKE_MAX_FILES) {
		lm_err_set(err, LM_E_LIMIT, "the fake provider keeps no more than %d files", LM_FAKE_MAX_FILES);
		return nullptr;
	}
	struct lm_fake_file *file = lm_alloc(sizeof(*file));
	uint64_t number = state->file_count + 1;
	*file = (struct lm_fake_file){
		.api = api,
		.number = number,
		.id = lm_format(api == LM_FAKE_GEMINI ? "fake%06llu" : "file-fake%06llu", (unsigned long long)number),
		.name = lm_strdup(name),
		.purpose = lm_strdup(purpose),
		.path = lm_take(path),
		.size_bytes = size_bytes,
		.created_s = lm_clock_now_s(),
	};
	lm_grow(state->files, state->file_count, state->file_cap);
	state->files[state->file_count++] = file;
	return file;
}

// Ids end in the number.
static uint64_t
number_of(const char *id, const char *prefix)
{
	uint64_t number = 0;
	if (!lm_cstr_starts(id, prefix) || !lm_parse_u64(lm_str_of(id + strlen(prefix)), UINT32_MAX, &number))
		return 0;
	return number;
}

struct lm_fake_file *
lm_fake_file_find(struct lm_fake_state *state, enum lm_fake_api api, const char *id)
{
	uint64_t number = number_of(id, api == LM_FAKE_GEMINI ? "fake" : "file-fake");
	if (number == 0 || number > state->file_count)
		return nullptr;
	struct lm_fake_file *file = state->files[number - 1];
	return file->api == api && !file->deleted && strcmp(file->id, id) == 0 ? file : nullptr;
}

void
lm_fake_file_delete(struct lm_fake_file *file)
{
	file->deleted = true;
	if (strcmp(file->purpose, "batch_output") == 0)
		(void)unlink(file->path);
}

// ---- batches

void
lm_fake_batch_free(struct lm_fake_batch *batch)
{
	if (batch == nullptr)
		return;
	char *texts[] = { batch->id, batch->path, batch->endpoint, batch->window, batch->metadata, batch->input_id,
		batch->model, batch->display_name, batch->idempotency_key, batch->error_code, batch->error_message };
	for (size_t i = 0; i < LM_COUNT(texts); i++)
		lm_free(texts[i]);
	lm_free(batch->outcomes);
	lm_fake_faults_drop(batch->faults);
	lm_free(batch);
}

void
lm_fake_batch_free_ptr(struct lm_fake_batch **batch)
{
	lm_fake_batch_free(*batch);
}

static const char *
prefix_of(enum lm_fake_api api)
{
	return api == LM_FAKE_OPENAI ? "batch_fake" : api == LM_FAKE_ANTHROPIC ? "msgbatch_fake" : "fakebatch";
}

struct lm_fake_batch *
lm_fake_batch_find(struct lm_fake_state *state, enum lm_fake_api api, const char *id)
{
	uint64_t number = number_of(id, prefix_of(api));
	if (number == 0 || number > state->batch_count)
		return nullptr;
	struct lm_fake_batch *batch = state->batches[number - 1];
	return batch->api == api && !batch->deleted && strcmp(batch->id, id) == 0 ? batch : nullptr;
}

// Tokens of batches that have not ended.
static uint64_t
enqueued_tokens(const struct lm_fake_state *state)
{
	uint64_t tokens = 0;
	for (size_t i = 0; i < state->batch_count; i++)
		if (!state->batches[i]->ended)
			tokens += state->batches[i]->tokens;
	return tokens;
}

bool
lm_fake_batch_fits(const struct lm_fake_state *state, const struct lm_fake_batch *batch)
{
	uint64_t limit = state->faults->enqueued_token_limit;
	return limit == 0 || batch->tokens + enqueued_tokens(state) <= limit;
}

int
lm_fake_batch_add(struct lm_fake_state *state, struct lm_fake_batch **given, struct lm_err *err)
{
	if (state->batch_count == LM_FAKE_MAX_BATCHES)
		return lm_err_set(err, LM_E_LIMIT, "the fake provider keeps no more than %d batches", LM_FAKE_MAX_BATCHES);
	struct lm_fake_batch *batch = lm_take(given);
	batch->number = state->batch_count + 1;
	batch->id = lm_format("%s%06llu", prefix_of(batch->api), (unsigned long long)batch->number);
	batch->faults = lm_fake_faults_share(state->faults);
	batch->rule = lm_fake_faults_choose(batch->faults, "batch", batch->number);
	batch->created_s = lm_clock_now_s();
	batch->created_ms = lm_clock_monotonic_ms();
	batch->created_step = ++state->step;
	if (batch->api == LM_FAKE_OPENAI && batch->error_code == nullptr && !lm_fake_batch_fits(state, batch)) {
		batch->error_code = lm_strdup("token_limit_exceeded");
		batch->error_message =
			lm_format("Enqueued token limit reached for %s in organization fake. Limit: %llu enqueued "
				  "tokens. Please try again once some in_progress batches have been completed.",
				batch->model != nullptr ? batch->model : "this model",
				(unsigned long long)state->faults->enqueued_token_limit);
	}
	lm_grow(state->batches, state->batch_count, state->batch_cap);
	state->batches[state->batch_count++] = batch;
	return 0;
}

// ---- how they end

static bool
is_due(const struct lm_fake_batch *batch)
{
	bool waits = batch->rule != nullptr && batch->rule->act == LM_FAKE_WAIT;
	uint64_t polls = waits ? batch->rule->polls : batch->faults->polls;
	uint64_t ms = waits ? batch->rule->ms : batch->faults->complete_ms;
	if (batch->error_code != nullptr || batch->cancelling)
		return true;
	return batch->polls > polls && lm_clock_monotonic_ms() - batch->created_ms >= ms;
}

static enum lm_fake_ending
ending_of(const struct lm_fake_batch *batch)
{
	if (batch->error_code != nullptr)
		return LM_FAKE_FAILED;
	if (batch->cancelling)
		return LM_FAKE_CANCELLED;
	switch (batch->rule != nullptr ? batch->rule->act : LM_FAKE_NOTHING) {
	case LM_FAKE_FAIL:
		return LM_FAKE_FAILED;
	case LM_FAKE_EXPIRE:
		return LM_FAKE_EXPIRED;
	case LM_FAKE_CANCEL:
		return LM_FAKE_CANCELLED;
	default:
		return LM_FAKE_COMPLETED;
	}
}

// What was made becomes files of the client's.
static int
adopt(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_fake_made *made, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *output = lm_format("%s_output.jsonl", batch->id);
	LM_AUTO(lm_free_ptr) char *errors = lm_format("%s_error.jsonl", batch->id);
	if (made->output != nullptr) {
		batch->output =
			lm_fake_file_add(state, batch->api, output, "batch_output", &made->output, made->output_bytes, err);
		if (batch->output == nullptr)
			return -1;
	}
	if (made->errors != nullptr) {
		batch->errors =
			lm_fake_file_add(state, batch->api, errors, "batch_output", &made->errors, made->error_bytes, err);
		if (batch->errors == nullptr)
			return -1;
	}
	return 0;
}

static int
end_batch(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *output = nullptr;
	LM_AUTO(lm_free_ptr) char *errors = nullptr;
	struct lm_fake_made made = {};

	batch->making = true;
	batch->ending = ending_of(batch);
	pthread_mutex_unlock(&state->lock);
	int rc = lm_fake_complete(state, batch, &made, err);
	pthread_mutex_lock(&state->lock);
	output = made.output;
	errors = made.errors;
	batch->making = false;
	pthread_cond_broadcast(&state->made);
	if (rc < 0)
		return -1;
	rc = adopt(state, batch, &made, err);
	output = made.output;
	errors = made.errors;
	batch->ended = true;
	batch->ended_s = lm_clock_now_s();
	batch->ended_step = ++state->step;
	return rc;
}

int
lm_fake_batch_poll(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_err *err)
{
	while (batch->making)
		pthread_cond_wait(&state->made, &state->lock);
	if (batch->ended)
		return 0;
	batch->polls++;
	return is_due(batch) ? end_batch(state, batch, err) : 0;
}

// ----

void
lm_fake_state_forget(struct lm_fake_state *state)
{
	for (size_t i = 0; i < state->batch_count; i++)
		while (state->batches[i]->making)
			pthread_cond_wait(&state->made, &state->lock);
	for (size_t i = 0; i < state->batch_count; i++) {
		if (state->batches[i]->path != nullptr)
			(void)unlink(state->batches[i]->path);
		lm_fake_batch_free(state->batches[i]);
	}
	for (size_t i = 0; i < state->file_count; i++)
		file_free(state->files[i]);
	for (size_t i = 0; i < state->upload_count; i++) {
		if (state->uploads[i].path != nullptr)
			(void)unlink(state->uploads[i].path);
		lm_free(state->uploads[i].path);
		lm_free(state->uploads[i].name);
		lm_free(state->uploads[i].type);
	}
	state->batch_count = state->file_count = state->upload_count = 0;
}

void
lm_fake_state_release(struct lm_fake_state *state)
{
	lm_fake_state_forget(state);
	lm_free(state->batches);
	lm_free(state->files);
	lm_free(state->uploads);
	lm_fake_faults_drop(state->faults);
	lm_scratch_remove(&state->scratch);
	pthread_mutex_destroy(&state->lock);
	pthread_cond_destroy(&state->made);
}
