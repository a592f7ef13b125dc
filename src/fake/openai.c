// OpenAI: files and batches.
#include "base/mem.h"
#include "fake/call.h"
#include "fake/shape.h"
#include "os/clock.h"
#include "text/json.h"

#include <string.h>

enum { DAY_S = 24 * 3600 };

static void
add_time(struct lm_buf *out, const char *name, int64_t time_s)
{
	lm_buf_format(out, ",\"%s\":", name);
	if (time_s == 0)
		lm_buf_text(out, "null");
	else
		lm_buf_format(out, "%lld", (long long)time_s);
}

// ---- files

static void
show_file(struct lm_buf *out, const struct lm_fake_file *file)
{
	lm_buf_text(out, "{\"object\":\"file\"");
	lm_fake_add_text(out, "id", file->id);
	lm_fake_add_text(out, "purpose", file->purpose);
	lm_fake_add_text(out, "filename", file->name);
	lm_buf_format(out, ",\"bytes\":%llu", (unsigned long long)file->size_bytes);
	add_time(out, "created_at", file->created_s);
	lm_buf_text(out, ",\"expires_at\":null,\"status\":\"processed\",\"status_details\":null}");
}

static void
create_file(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	struct lm_err err = {};
	if (call->purpose.len == 0) {
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400, "'purpose' is a required property");
		return;
	}
	if (!lm_str_equal(call->purpose, LM_STR("batch"))) {
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400, "'%.*s' is not one of ['batch'] - 'purpose'",
			(int)(call->purpose.len < 100 ? call->purpose.len : 100), call->purpose.ptr);
		return;
	}
	if (call->size_bytes > LM_FAKE_OPENAI_MAX_BYTES) {
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 413, "The file is larger than %d bytes.", LM_FAKE_OPENAI_MAX_BYTES);
		return;
	}

	LM_AUTO(lm_free_ptr) char *name = lm_strndup(call->file_name.ptr, call->file_name.len);
	pthread_mutex_lock(&state->lock);
	struct lm_fake_file *file = lm_fake_file_add(state, LM_FAKE_OPENAI, name, "batch", &call->path, call->size_bytes, &err);
	if (file != nullptr) {
		show_file(&reply->body, file);
		lm_buf_format(&reply->note, ",\"file_id\":\"%s\",\"file_bytes\":%llu", file->id,
			(unsigned long long)file->size_bytes);
	} else
		lm_fake_broken(reply, LM_FAKE_OPENAI, &err);
	pthread_mutex_unlock(&state->lock);
}

static void
on_file(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	pthread_mutex_lock(&state->lock);
	struct lm_fake_file *file = lm_fake_file_find(state, LM_FAKE_OPENAI, call->id);
	if (file == nullptr)
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 404, "No such File object: %.100s", call->id);
	else if (call->place->route == LM_FAKE_FILES_CONTENT)
		lm_fake_reply_file(reply, call, file->path, file->size_bytes);
	else if (call->place->route == LM_FAKE_FILES_DELETE) {
		lm_fake_file_delete(file);
		lm_buf_format(&reply->body, "{\"object\":\"file\",\"deleted\":true,\"id\":\"%s\"}", file->id);
	} else
		show_file(&reply->body, file);
	if (file != nullptr)
		lm_buf_format(&reply->note, ",\"file_id\":\"%s\"", file->id);
	pthread_mutex_unlock(&state->lock);
}

// Newest first, like batches; a page begins behind the one named by `after`.
static void
list_files(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	const char *after = lm_fake_query(call, "after"), *purpose = lm_fake_query(call, "purpose");
	struct lm_fake_list list = { .out = &reply->body, .limit = lm_fake_query_number(call, "limit", 10000, 10000) };

	lm_buf_text(&reply->body, "{\"object\":\"list\",\"data\":[");
	pthread_mutex_lock(&state->lock);
	size_t at = state->file_count;
	while (after != nullptr && at > 0 && strcmp(state->files[at - 1]->id, after) != 0)
		at--;
	for (size_t i = after != nullptr && at > 0 ? at - 1 : at; i > 0; i--) {
		const struct lm_fake_file *file = state->files[i - 1];
		if (file->api != LM_FAKE_OPENAI || file->deleted || (purpose != nullptr && strcmp(file->purpose, purpose) != 0))
			continue;
		if (!lm_fake_list_next(&list, file->id))
			break;
		show_file(&reply->body, file);
	}
	lm_fake_list_end(&list);
	pthread_mutex_unlock(&state->lock);
}

// ---- batches

static const char *
status_of(const struct lm_fake_batch *batch)
{
	static const char *const endings[] = { "completed", "failed", "expired", "cancelled" };
	if (batch->ended)
		return endings[batch->ending];
	return batch->cancelling ? "cancelling" : batch->polls > 0 ? "in_progress" : "validating";
}

static void
show_errors(struct lm_buf *out, const struct lm_fake_batch *batch)
{
	const struct lm_fake_rule *rule = batch->rule;
	const char *code = batch->error_code, *message = batch->error_message;
	if (!batch->ended || batch->ending != LM_FAKE_FAILED) {
		lm_buf_text(out, ",\"errors\":null");
		return;
	}
	if (code == nullptr) {
		struct lm_fake_refusal refusal =
			lm_fake_refusal_of(LM_FAKE_OPENAI, rule->error, rule->error != nullptr ? 0 : 500);
		code = rule->code != nullptr ? rule->code : refusal.code != nullptr ? refusal.code : "server_error";
		message = rule->message != nullptr ? rule->message : refusal.message;
	}
	lm_buf_text(out, ",\"errors\":{\"object\":\"list\",\"data\":[{\"code\":");
	lm_fake_quote(out, code);
	lm_fake_add_text(out, "message", message);
	lm_fake_add_text(out, "param", nullptr);
	lm_buf_text(out, ",\"line\":");
	lm_buf_format(out, batch->error_line > 0 ? "%llu" : "null", (unsigned long long)batch->error_line);
	lm_buf_text(out, "}]}");
}

static void
show_batch(struct lm_buf *out, const struct lm_fake_batch *batch)
{
	enum lm_fake_ending ending = batch->ending;
	bool counted = batch->error_code == nullptr, ended = batch->ended;
	int64_t begun_s = batch->polls > 0 && counted ? batch->created_s : 0;

	lm_buf_text(out, "{\"object\":\"batch\"");
	lm_fake_add_text(out, "id", batch->id);
	lm_fake_add_text(out, "endpoint", batch->endpoint);
	lm_fake_add_text(out, "model", batch->model);
	show_errors(out, batch);
	lm_fake_add_text(out, "input_file_id", batch->input_id);
	lm_fake_add_text(out, "completion_window", batch->window);
	lm_fake_add_text(out, "status", status_of(batch));
	lm_fake_add_text(out, "output_file_id", batch->output != nullptr ? batch->output->id : nullptr);
	lm_fake_add_text(out, "error_file_id", batch->errors != nullptr ? batch->errors->id : nullptr);
	add_time(out, "created_at", batch->created_s);
	add_time(out, "in_progress_at", begun_s);
	add_time(out, "expires_at", batch->created_s + DAY_S);
	add_time(out, "finalizing_at", ended && ending == LM_FAKE_COMPLETED ? batch->ended_s : 0);
	add_time(out, "completed_at", ended && ending == LM_FAKE_COMPLETED ? batch->ended_s : 0);
	add_time(out, "failed_at", ended && ending == LM_FAKE_FAILED ? batch->ended_s : 0);
	add_time(out, "expired_at", ended && ending == LM_FAKE_EXPIRED ? batch->ended_s : 0);
	add_time(out, "cancelling_at", batch->cancelled_s);
	add_time(out, "cancelled_at", ended && ending == LM_FAKE_CANCELLED ? batch->ended_s : 0);
	lm_buf_format(out, ",\"request_counts\":{\"total\":%llu,\"completed\":%llu,\"failed\":%llu}",
		(unsigned long long)(counted ? batch->requests : 0), (unsigned long long)batch->counts.answered,
		(unsigned long long)batch->counts.refused);
	lm_buf_format(out, ",\"metadata\":%s}", batch->metadata != nullptr ? batch->metadata : "null");
}

// At most 16 pairs of text, keys to 64 and values to 512 characters.
static bool
is_metadata(const json_t *metadata)
{
	const char *key;
	json_t *value;
	if (metadata == nullptr || json_is_null(metadata))
		return true;
	if (!json_is_object(metadata) || json_object_size(metadata) > 16)
		return false;
	json_object_foreach((json_t *)(uintptr_t)metadata, key,
		value) if (strlen(key) > 64 || !json_is_string(value) || json_string_length(value) > 512) return false;
	return true;
}

static bool
is_endpoint(const char *endpoint)
{
	return lm_cstr_equal(endpoint, "/v1/responses") || lm_cstr_equal(endpoint, "/v1/chat/completions");
}

// A batch of what the client asked for, or null when it was refused.
static struct lm_fake_batch *
read_batch(struct lm_fake_state *state, const struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	LM_AUTO(lm_json_decref_ptr) json_t *asked = nullptr;
	struct lm_err err = {};
	if (lm_json_parse(call->body, &asked, &err) < 0) {
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400, "We could not parse the JSON body of your request.");
		return nullptr;
	}
	const char *file_id = lm_json_string(asked, "input_file_id"), *endpoint = lm_json_string(asked, "endpoint");
	const char *window = lm_json_string(asked, "completion_window");
	const json_t *metadata = json_object_get(asked, "metadata");
	if (file_id == nullptr)
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400, "Missing required parameter: 'input_file_id'.");
	else if (!is_endpoint(endpoint))
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400,
			"Invalid value: '%.100s'. Supported values are: '/v1/responses' and '/v1/chat/completions'.",
			endpoint != nullptr ? endpoint : "null");
	else if (!lm_cstr_equal(window, "24h"))
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400, "Invalid value for 'completion_window': expected '24h'.");
	else if (!is_metadata(metadata))
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400,
			"Invalid 'metadata': at most 16 pairs of text, keys of at most 64 and values of at most 512 "
			"characters.");
	if (reply->status != 200)
		return nullptr;

	pthread_mutex_lock(&state->lock);
	const struct lm_fake_file *file = lm_fake_file_find(state, LM_FAKE_OPENAI, file_id);
	const char *path = file != nullptr && strcmp(file->purpose, "batch") == 0 ? file->path : nullptr;
	pthread_mutex_unlock(&state->lock);
	if (path == nullptr) {
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 400, "Invalid input_file_id: no batch file '%.100s'.", file_id);
		return nullptr;
	}
	struct lm_fake_batch *batch = lm_alloc(sizeof(*batch));
	batch->api = LM_FAKE_OPENAI;
	batch->source = (struct lm_fake_source){ .api = LM_FAKE_OPENAI, .path = path };
	batch->endpoint = lm_strdup(endpoint);
	batch->window = lm_strdup(window);
	batch->input_id = lm_strdup(file_id);
	if (json_is_object(metadata)) {
		char *text = json_dumps(metadata, JSON_COMPACT);
		batch->metadata = lm_strdup(text != nullptr ? text : "{}");
		free(text);
	}
	return batch;
}

// A batch that was created with the same Idempotency-Key before.
static struct lm_fake_batch *
find_repeated(struct lm_fake_state *state, const char *key)
{
	for (size_t i = 0; key != nullptr && state->faults->idempotent && i < state->batch_count; i++)
		if (lm_cstr_equal(state->batches[i]->idempotency_key, key))
			return state->batches[i];
	return nullptr;
}

static void
create_batch(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	LM_AUTO(lm_fake_batch_free_ptr) struct lm_fake_batch *batch = read_batch(state, call, reply);
	const char *key = lm_fake_header(call, "Idempotency-Key");
	struct lm_err err = {};
	if (batch == nullptr)
		return;
	if (lm_fake_batch_read(batch, &err) < 0) {
		lm_fake_broken(reply, LM_FAKE_OPENAI, &err);
		return;
	}
	batch->idempotency_key = key != nullptr ? lm_strdup(key) : nullptr;
	pthread_mutex_lock(&state->lock);
	struct lm_fake_batch *added = find_repeated(state, key);
	bool created = added == nullptr;
	if (created && lm_fake_batch_add(state, &batch, &err) == 0)
		added = state->batches[state->batch_count - 1];
	if (added != nullptr) {
		show_batch(&reply->body, added);
		lm_fake_note_batch(reply, added, created);
	} else
		lm_fake_broken(reply, LM_FAKE_OPENAI, &err);
	pthread_mutex_unlock(&state->lock);
}

static void
on_batch(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	struct lm_err err = {};
	pthread_mutex_lock(&state->lock);
	struct lm_fake_batch *batch = lm_fake_batch_find(state, LM_FAKE_OPENAI, call->id);
	if (batch == nullptr)
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 404, "No batch found with id '%.100s'.", call->id);
	else if (call->place->route == LM_FAKE_BATCHES_CANCEL && batch->ended)
		lm_fake_refuse(reply, LM_FAKE_OPENAI, 409, "Cannot cancel a batch with status '%s'.", status_of(batch));
	else if (call->place->route == LM_FAKE_BATCHES_CANCEL) {
		while (batch->making)
			pthread_cond_wait(&state->made, &state->lock);
		if (!batch->cancelling && !batch->ended)
			batch->cancelled_s = lm_clock_now_s();
		batch->cancelling = !batch->ended;
	} else if (lm_fake_batch_poll(state, batch, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_OPENAI, &err);
	if (reply->status == 200) {
		show_batch(&reply->body, batch);
		lm_fake_note_batch(reply, batch, false);
	}
	pthread_mutex_unlock(&state->lock);
}

static void
list_batches(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	const char *after = lm_fake_query(call, "after");
	struct lm_fake_list list = { .out = &reply->body, .limit = lm_fake_query_number(call, "limit", 100, 20) };

	lm_buf_text(&reply->body, "{\"object\":\"list\",\"data\":[");
	pthread_mutex_lock(&state->lock);
	const struct lm_fake_batch *start = after != nullptr ? lm_fake_batch_find(state, LM_FAKE_OPENAI, after) : nullptr;
	for (size_t i = start != nullptr ? start->number - 1 : state->batch_count; i > 0; i--) {
		const struct lm_fake_batch *batch = state->batches[i - 1];
		if (batch->api != LM_FAKE_OPENAI)
			continue;
		if (!lm_fake_list_next(&list, batch->id))
			break;
		show_batch(&reply->body, batch);
	}
	lm_fake_list_end(&list);
	pthread_mutex_unlock(&state->lock);
}

void
lm_fake_openai(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	static void (*const calls[])(
		struct lm_fake_state *, struct lm_fake_call *, struct lm_fake_reply *) = { [LM_FAKE_FILES_CREATE] = create_file,
		[LM_FAKE_FILES_LIST] = list_files,
		[LM_FAKE_FILES_GET] = on_file,
		[LM_FAKE_FILES_CONTENT] = on_file,
		[LM_FAKE_FILES_DELETE] = on_file,
		[LM_FAKE_BATCHES_CREATE] = create_batch,
		[LM_FAKE_BATCHES_LIST] = list_batches,
		[LM_FAKE_BATCHES_GET] = on_batch,
		[LM_FAKE_BATCHES_CANCEL] = on_batch };
	calls[call->place->route](state, call, reply);
}
