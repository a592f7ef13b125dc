// Anthropic: message batches.
#include "base/mem.h"
#include "fake/call.h"
#include "fake/shape.h"
#include "os/clock.h"

#include <string.h>

enum { DAY_S = 24 * 3600 };

static void
show_counts(struct lm_buf *out, const struct lm_fake_batch *batch)
{
	uint64_t left = batch->ended ? 0 : batch->requests, rest = batch->ended ? batch->counts.not_finished : 0;
	bool expired = batch->ending == LM_FAKE_EXPIRED;
	lm_buf_format(out,
		",\"request_counts\":{\"processing\":%llu,\"succeeded\":%llu,\"errored\":%llu,\"canceled\":%llu,\"expired\":%"
		"llu}",
		(unsigned long long)left, (unsigned long long)batch->counts.answered, (unsigned long long)batch->counts.refused,
		(unsigned long long)(expired ? 0 : rest), (unsigned long long)(expired ? rest : 0));
}

static void
show_batch(struct lm_buf *out, const struct lm_fake_batch *batch, uint16_t port)
{
	lm_buf_text(out, "{\"type\":\"message_batch\"");
	lm_fake_add_text(out, "id", batch->id);
	lm_fake_add_text(out, "processing_status", batch->ended ? "ended" : batch->cancelling ? "canceling" : "in_progress");
	show_counts(out, batch);
	lm_fake_add_time(out, "created_at", batch->created_s);
	lm_fake_add_time(out, "expires_at", batch->created_s + DAY_S);
	lm_fake_add_time(out, "ended_at", batch->ended_s);
	lm_fake_add_time(out, "archived_at", 0);
	lm_fake_add_time(out, "cancel_initiated_at", batch->cancelled_s);
	if (batch->ended)
		lm_buf_format(out, ",\"results_url\":\"http://127.0.0.1:%u/v1/messages/batches/%s/results\"}", port, batch->id);
	else
		lm_buf_text(out, ",\"results_url\":null}");
}

static void
create_batch(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	static const char *const keys[] = { "requests", nullptr };
	LM_AUTO(lm_fake_batch_free_ptr) struct lm_fake_batch *batch = lm_fake_batch_from_list(call, reply, keys);
	struct lm_err err = {};
	if (batch == nullptr)
		return;
	if (lm_fake_batch_read(batch, &err) < 0) {
		lm_fake_broken(reply, LM_FAKE_ANTHROPIC, &err);
		return;
	}
	if (batch->error_code != nullptr) {
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 400, "%s", batch->error_message);
		return;
	}
	pthread_mutex_lock(&state->lock);
	if (!lm_fake_batch_fits(state, batch))
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 429, "Too many requests are waiting in batches.");
	else if (lm_fake_batch_add(state, &batch, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_ANTHROPIC, &err);
	else {
		const struct lm_fake_batch *added = state->batches[state->batch_count - 1];
		show_batch(&reply->body, added, call->port);
		lm_fake_note_batch(reply, added, true);
	}
	pthread_mutex_unlock(&state->lock);
}

static void
send_results(struct lm_fake_batch *batch, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	if (!batch->ended) {
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 404, "Batch '%s' has no results yet.", batch->id);
		return;
	}
	if (batch->output != nullptr)
		lm_fake_reply_file(reply, call, batch->output->path, batch->output->size_bytes);
	reply->type = "application/x-jsonl";
}

static void
cancel(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	while (batch->making)
		pthread_cond_wait(&state->made, &state->lock);
	if (batch->ended) {
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 400, "Batch '%s' cannot be canceled: it has ended.", batch->id);
		return;
	}
	if (!batch->cancelling)
		batch->cancelled_s = lm_clock_now_s();
	batch->cancelling = true;
	show_batch(&reply->body, batch, call->port);
}

static void
delete_batch(struct lm_fake_batch *batch, struct lm_fake_reply *reply)
{
	if (!batch->ended) {
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 400, "Batch '%s' cannot be deleted before it has ended.", batch->id);
		return;
	}
	batch->deleted = true;
	lm_buf_format(&reply->body, "{\"id\":\"%s\",\"type\":\"message_batch_deleted\"}", batch->id);
}

static void
on_batch(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	struct lm_err err = {};
	pthread_mutex_lock(&state->lock);
	struct lm_fake_batch *batch = lm_fake_batch_find(state, LM_FAKE_ANTHROPIC, call->id);
	if (batch == nullptr)
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 404, "There is no batch '%.100s'.", call->id);
	else if (call->place->route == LM_FAKE_BATCHES_RESULTS)
		send_results(batch, call, reply);
	else if (call->place->route == LM_FAKE_BATCHES_CANCEL)
		cancel(state, batch, call, reply);
	else if (call->place->route == LM_FAKE_BATCHES_DELETE)
		delete_batch(batch, reply);
	else if (lm_fake_batch_poll(state, batch, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_ANTHROPIC, &err);
	else
		show_batch(&reply->body, batch, call->port);
	if (batch != nullptr)
		lm_fake_note_batch(reply, batch, false);
	pthread_mutex_unlock(&state->lock);
}

// Newest first. `after_id` asks for what is older than it, `before_id` for what is newer, the nearest of those.
static void
list_batches(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	const char *after = lm_fake_query(call, "after_id"), *before = lm_fake_query(call, "before_id");
	struct lm_fake_list list = { .out = &reply->body, .limit = lm_fake_query_number(call, "limit", 1000, 20) };

	lm_buf_text(&reply->body, "{\"data\":[");
	pthread_mutex_lock(&state->lock);
	const struct lm_fake_batch *edge = after != nullptr || before != nullptr
		? lm_fake_batch_find(state, LM_FAKE_ANTHROPIC, after != nullptr ? after : before)
		: nullptr;
	size_t start = state->batch_count, end = 0;
	if (edge != nullptr && after != nullptr)
		start = edge->number - 1;
	else if (edge != nullptr) {
		end = edge->number;
		uint64_t newer = 0;
		for (start = end; start < state->batch_count && newer < list.limit; start++)
			newer += state->batches[start]->api == LM_FAKE_ANTHROPIC && !state->batches[start]->deleted;
		list.more = start < state->batch_count;
	}
	for (size_t i = start; i > end; i--) {
		const struct lm_fake_batch *batch = state->batches[i - 1];
		if (batch->api != LM_FAKE_ANTHROPIC || batch->deleted)
			continue;
		if (!lm_fake_list_next(&list, batch->id))
			break;
		show_batch(&reply->body, batch, call->port);
	}
	lm_fake_list_end(&list);
	pthread_mutex_unlock(&state->lock);
}

void
lm_fake_anthropic(struct lm_fake_state *state, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	if (lm_fake_header(call, "anthropic-version") == nullptr)
		lm_fake_refuse(reply, LM_FAKE_ANTHROPIC, 400, "anthropic-version: header is required");
	else if (call->place->route == LM_FAKE_BATCHES_CREATE)
		create_batch(state, call, reply);
	else if (call->place->route == LM_FAKE_BATCHES_LIST)
		list_batches(state, call, reply);
	else
		on_batch(state, call, reply);
}
