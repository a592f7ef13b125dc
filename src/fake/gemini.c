// Gemini's developer API: batches of inline requests and of files. Uploads are in gemini_files.c.
#include "fake/gemini.h"

#include "base/mem.h"
#include "fake/shape.h"
#include "os/file.h"

#include <string.h>

#define TYPE "type.googleapis.com/google.ai.generativelanguage.v1main."

enum { OUTPUT_MAX = 512 * 1024 * 1024 };

static const char *
state_of(const struct lm_fake_batch *batch)
{
	static const char *const endings[] = { "SUCCEEDED", "FAILED", "EXPIRED", "CANCELLED" };
	if (batch->ended)
		return endings[batch->ending];
	return batch->polls > 0 ? "RUNNING" : "PENDING";
}

static void
show_metadata(struct lm_buf *out, const struct lm_fake_batch *batch)
{
	uint64_t done = batch->counts.answered + batch->counts.refused + batch->counts.not_finished;
	lm_buf_text(out, ",\"metadata\":{\"@type\":\"" TYPE "GenerateContentBatch\"");
	lm_buf_format(out, ",\"name\":\"batches/%s\",\"model\":\"models/%s\"", batch->id, batch->model);
	lm_fake_add_text(out, "displayName", batch->display_name != nullptr ? batch->display_name : "");
	lm_fake_add_time(out, "createTime", batch->created_s);
	lm_fake_add_time(out, "updateTime", batch->ended ? batch->ended_s : batch->created_s);
	if (batch->ended)
		lm_fake_add_time(out, "endTime", batch->ended_s);
	if (batch->input_id != nullptr)
		lm_buf_format(out, ",\"inputConfig\":{\"fileName\":\"files/%s\"}", batch->input_id);
	lm_buf_format(out, ",\"batchStats\":{\"requestCount\":\"%llu\",\"pendingRequestCount\":\"%llu\"",
		(unsigned long long)batch->requests, (unsigned long long)(batch->requests > done ? batch->requests - done : 0));
	if (batch->ended)
		lm_buf_format(out, ",\"successfulRequestCount\":\"%llu\",\"failedRequestCount\":\"%llu\"",
			(unsigned long long)batch->counts.answered,
			(unsigned long long)(batch->counts.refused + batch->counts.not_finished));
	lm_buf_format(out, "},\"state\":\"BATCH_STATE_%s\"", state_of(batch));
}

// The lines of a file as elements.
static int
add_elements(struct lm_buf *out, const char *path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	if (lm_file_read(path, OUTPUT_MAX, &text, &len, err) < 0)
		return -1;
	for (size_t i = 0; i + 1 < len; i++)
		if (text[i] == '\n')
			text[i] = ',';
	if (len > 0)
		lm_buf_append(out, text, len - 1);
	return 0;
}

// Where the answers are, or, of a batch of inline requests, they themselves.
static int
show_output(struct lm_buf *out, const struct lm_fake_batch *batch, struct lm_err *err)
{
	if (!batch->source.list && batch->output != nullptr)
		lm_buf_format(out, "\"responsesFile\":\"files/%s\"", batch->output->id);
	else if (batch->source.list) {
		lm_buf_text(out, "\"inlinedResponses\":{\"inlinedResponses\":[");
		if (batch->output != nullptr && add_elements(out, batch->output->path, err) < 0)
			return -1;
		lm_buf_text(out, "]}");
	}
	return 0;
}

static void
show_failure(struct lm_buf *out, const struct lm_fake_batch *batch)
{
	const struct lm_fake_rule *rule = batch->rule;
	struct lm_fake_refusal refusal = lm_fake_refusal_of(
		LM_FAKE_GEMINI, rule != nullptr ? rule->error : nullptr, rule != nullptr && rule->error != nullptr ? 0 : 500);
	const char *message = batch->error_message != nullptr ? batch->error_message
		: rule != nullptr && rule->message != nullptr ? rule->message
							      : refusal.message;
	lm_buf_format(
		out, ",\"done\":true,\"error\":{\"code\":%u,\"message\":", batch->error_code != nullptr ? 400 : refusal.status);
	lm_fake_quote(out, message);
	lm_buf_byte(out, '}');
}

// The operation that a batch is. Its answers are in it, twice as in the real one, when they are asked for.
static int
show_batch(struct lm_buf *out, const struct lm_fake_batch *batch, bool whole, struct lm_err *err)
{
	bool failed = batch->ended && batch->ending == LM_FAKE_FAILED;
	LM_AUTO(lm_buf_release) struct lm_buf output = {};
	if (batch->ended && !failed && whole && show_output(&output, batch, err) < 0)
		return -1;
	lm_buf_format(out, "{\"name\":\"batches/%s\"", batch->id);
	show_metadata(out, batch);
	if (output.len > 0) {
		lm_buf_text(out, ",\"output\":{");
		lm_buf_str(out, lm_buf_view(&output));
		lm_buf_text(out, "}},\"done\":true,\"response\":{\"@type\":\"" TYPE "GenerateContentBatchOutput\",");
		lm_buf_str(out, lm_buf_view(&output));
	}
	lm_buf_byte(out, '}');
	if (failed)
		show_failure(out, batch);
	else if (batch->ended && output.len == 0)
		lm_buf_text(out, ",\"done\":true");
	lm_buf_byte(out, '}');
	return 0;
}

// ---- create

static char *
text_of(struct lm_json_value value)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_append_text(value, &text);
	return value.kind == LM_JSON_STRING ? lm_strdup(lm_buf_cstr(&text)) : nullptr;
}

// What of the body is needed, before the batch takes it over.
static void
read_config(const struct lm_fake_call *call, char **display_name, char **file_name)
{
	LM_AUTO(lm_map_close) struct lm_map map = {};
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	struct lm_err ignored = {};
	if (lm_map_open(&map, call->path, &ignored) < 0 || map.len == 0 ||
		lm_json_scan(&scan, (struct lm_str){ (const char *)map.ptr, map.len }, &ignored) < 0)
		return;
	*display_name = text_of(lm_fake_path(scan.value, "batch", "displayName", nullptr));
	*file_name = text_of(lm_fake_path(scan.value, "batch", "inputConfig", "fileName", nullptr));
}

static struct lm_fake_batch *
batch_from_file(struct lm_fake_state *state, const char *name, struct lm_fake_reply *reply)
{
	const char *id = lm_cstr_starts(name, "files/") ? name + strlen("files/") : name;
	pthread_mutex_lock(&state->lock);
	const struct lm_fake_file *file = lm_fake_file_find(state, LM_FAKE_GEMINI, id);
	const char *path = file != nullptr ? file->path : nullptr;
	pthread_mutex_unlock(&state->lock);
	if (path == nullptr) {
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 404, "There is no file '%.100s'.", name);
		return nullptr;
	}
	struct lm_fake_batch *batch = lm_alloc(sizeof(*batch));
	batch->api = LM_FAKE_GEMINI;
	batch->source = (struct lm_fake_source){ .api = LM_FAKE_GEMINI, .path = path };
	batch->input_id = lm_strdup(id);
	return batch;
}

static void
create_batch(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	static const char *const keys[] = { "batch", "inputConfig", "requests", "requests", nullptr };
	LM_AUTO(lm_free_ptr) char *display_name = nullptr;
	LM_AUTO(lm_free_ptr) char *file_name = nullptr;
	read_config(call, &display_name, &file_name);
	LM_AUTO(lm_fake_batch_free_ptr)
	struct lm_fake_batch *batch =
		file_name != nullptr ? batch_from_file(state, file_name, reply) : lm_fake_batch_from_list(call, reply, keys);
	struct lm_err err = {};
	if (batch == nullptr)
		return;
	batch->model = lm_strdup(call->id);
	batch->display_name = lm_take(&display_name);
	if (lm_fake_batch_read(batch, &err) < 0) {
		lm_fake_broken(reply, LM_FAKE_GEMINI, &err);
		return;
	}
	if (batch->error_code != nullptr && batch->source.list) {
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 400, "%s", batch->error_message);
		return;
	}
	pthread_mutex_lock(&state->lock);
	if (!lm_fake_batch_fits(state, batch))
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 429, "The enqueued tokens of batches reached their limit.");
	else if (lm_fake_batch_add(state, &batch, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_GEMINI, &err);
	else {
		const struct lm_fake_batch *added = state->batches[state->batch_count - 1];
		if (show_batch(&reply->body, added, false, &err) < 0)
			lm_fake_broken(reply, LM_FAKE_GEMINI, &err);
		lm_fake_note_batch(reply, added, true);
		lm_fake_add_text(&reply->note, "display_name", added->display_name);
	}
	pthread_mutex_unlock(&state->lock);
}

// ---- the others

static void
cancel(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_fake_reply *reply)
{
	while (batch->making)
		pthread_cond_wait(&state->made, &state->lock);
	batch->cancelling = !batch->ended;
	lm_buf_text(&reply->body, "{}");
}

static void
on_batch(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	struct lm_err err = {};
	pthread_mutex_lock(&state->lock);
	struct lm_fake_batch *batch = lm_fake_batch_find(state, LM_FAKE_GEMINI, call->id);
	if (batch == nullptr)
		lm_fake_refuse(reply, LM_FAKE_GEMINI, 404, "There is no batch '%.100s'.", call->id);
	else if (call->place->route == LM_FAKE_BATCHES_CANCEL)
		cancel(state, batch, reply);
	else if (call->place->route == LM_FAKE_BATCHES_DELETE) {
		// its answers are not given out any more, its items still count
		batch->deleted = true;
		lm_buf_text(&reply->body, "{}");
	} else if (lm_fake_batch_poll(state, batch, &err) < 0 || show_batch(&reply->body, batch, true, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_GEMINI, &err);
	if (batch != nullptr)
		lm_fake_note_batch(reply, batch, false);
	pthread_mutex_unlock(&state->lock);
}

// Newest first; the token of a page is the number of the last batch that was shown.
static void
list_batches(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	uint64_t limit = lm_fake_query_number(call, "pageSize", 1000, 50), shown = 0, next = 0;
	uint64_t before = lm_fake_query_number(call, "pageToken", UINT32_MAX, UINT64_MAX);
	struct lm_err ignored = {};

	lm_buf_text(&reply->body, "{\"operations\":[");
	pthread_mutex_lock(&state->lock);
	for (size_t i = state->batch_count; i > 0; i--) {
		const struct lm_fake_batch *batch = state->batches[i - 1];
		if (batch->api != LM_FAKE_GEMINI || batch->deleted || batch->number >= before)
			continue;
		if (shown == limit) {
			next = batch->number + 1;
			break;
		}
		if (shown++ > 0)
			lm_buf_byte(&reply->body, ',');
		(void)show_batch(&reply->body, batch, false, &ignored);
	}
	pthread_mutex_unlock(&state->lock);
	lm_buf_byte(&reply->body, ']');
	if (next > 0)
		lm_buf_format(&reply->body, ",\"nextPageToken\":\"%llu\"", (unsigned long long)next);
	lm_buf_byte(&reply->body, '}');
}

void
lm_fake_gemini(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	if (call->place->route == LM_FAKE_BATCHES_CREATE)
		create_batch(state, call, reply);
	else if (call->place->route == LM_FAKE_BATCHES_LIST)
		list_batches(state, call, reply);
	else if (call->place->route == LM_FAKE_BATCHES_GET || call->place->route == LM_FAKE_BATCHES_CANCEL ||
		call->place->route == LM_FAKE_BATCHES_DELETE)
		on_batch(state, call, reply);
	else
		lm_fake_gemini_files(state, call, reply);
}
