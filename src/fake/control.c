#include "fake/control.h"

#include "base/mem.h"
#include "fake/shape.h"
#include "fake/spool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
take_faults(const struct lm_fake_control *control, struct lm_str text, struct lm_fake_reply *reply)
{
	struct lm_fake_state *state = control->state;
	struct lm_fake_faults *faults = nullptr;
	struct lm_err err = {};
	if (lm_fake_faults_parse(text, &faults, &err) < 0) {
		lm_fake_refuse(reply, LM_FAKE_NO_API, 400, "%s", err.text);
		return;
	}
	pthread_mutex_lock(&state->lock);
	lm_fake_faults_drop(state->faults);
	state->faults = faults;
	lm_buf_format(&reply->body, "{\"rules\":%zu}", faults->count);
	pthread_mutex_unlock(&state->lock);
}

void
lm_fake_control_reset(const struct lm_fake_control *control, struct lm_fake_reply *reply)
{
	pthread_mutex_lock(&control->state->lock);
	lm_fake_state_forget(control->state);
	pthread_mutex_unlock(&control->state->lock);
	lm_fake_log_clear(control->log);
	take_faults(control, control->faults, reply);
}

// ---- items

static const char *
batch_status(const struct lm_fake_batch *batch)
{
	static const char *const endings[] = { "completed", "failed", "expired", "cancelled" };
	return batch->ended ? endings[batch->ending] : batch->cancelling ? "cancelling" : "open";
}

typedef int visit_item(void *context, const struct lm_fake_batch *batch, const struct lm_fake_row *row, struct lm_err *err);

static int
visit_batch(const struct lm_fake_batch *batch, visit_item *visit, void *context, struct lm_err *err)
{
	LM_AUTO(lm_fake_rows_close) struct lm_fake_rows rows = {};
	struct lm_fake_row row;
	int rc = lm_fake_rows_open(&rows, &batch->source, err);
	// rows behind the first that is faulty were never looked at
	while (rc >= 0 && rows.number < batch->requests && (rc = lm_fake_rows_next(&rows, true, &row, err)) > 0)
		rc = visit(context, batch, &row, err);
	return rc;
}

// All items of all batches, in order of creation. The lock is held.
static int
visit_all(struct lm_fake_state *state, visit_item *visit, void *context, struct lm_err *err)
{
	for (size_t i = 0; i < state->batch_count; i++) {
		while (state->batches[i]->making)
			pthread_cond_wait(&state->made, &state->lock);
		if (visit_batch(state->batches[i], visit, context, err) < 0)
			return -1;
	}
	return 0;
}

static const char *
outcome_name(const struct lm_fake_batch *batch, const struct lm_fake_row *row)
{
	static const char *const names[] = { "none", "answered", "error", "missing", "spoiled", "not_finished" };
	return names[batch->outcomes[row->number - 1]];
}

static int
write_item(void *context, const struct lm_fake_batch *batch, const struct lm_fake_row *row, struct lm_err *err)
{
	struct lm_spool *spool = context;
	size_t start = spool->buffer.len;
	lm_buf_format(&spool->buffer, "{\"batch_id\":\"%s\",\"line\":%llu,\"custom_id\":\"", batch->id,
		(unsigned long long)row->line);
	lm_buf_str(&spool->buffer, row->id);
	lm_buf_format(&spool->buffer, "\",\"body_hash\":\"%016llx\",\"batch_status\":\"%s\",\"outcome\":\"%s\"}\n",
		(unsigned long long)lm_fake_hash(row->body.raw, 0), batch_status(batch), outcome_name(batch, row));
	spool->size_bytes += spool->buffer.len - start;
	return lm_spool_added(spool, err);
}

static int
write_items(struct lm_fake_state *state, const char *path, uint64_t *size_bytes, struct lm_err *err)
{
	LM_AUTO(lm_spool_abandon) struct lm_spool spool = {};
	if (lm_spool_open(&spool, path, err) < 0)
		return -1;
	pthread_mutex_lock(&state->lock);
	int rc = visit_all(state, write_item, &spool, err);
	pthread_mutex_unlock(&state->lock);
	if (rc < 0)
		return -1;
	*size_bytes = spool.size_bytes;
	return lm_spool_close(&spool, err);
}

static void
send_items(const struct lm_fake_control *control, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	LM_AUTO(lm_free_ptr) char *path = lm_fake_state_path(control->state);
	uint64_t size_bytes = 0;
	struct lm_err err = {};
	if (write_items(control->state, path, &size_bytes, &err) < 0) {
		lm_fake_broken(reply, LM_FAKE_NO_API, &err);
		return;
	}
	lm_fake_reply_file(reply, call, path, size_bytes);
	(void)unlink(path); // the reply has it open
}

// ---- summary

// One submission of a body.
struct submission {
	uint64_t hash;
	const struct lm_fake_batch *batch;
	uint64_t row;
};

struct submissions {
	struct submission *items;
	size_t count, cap;
};

static void
submissions_release(struct submissions *list)
{
	lm_free(list->items);
}

static int
note_submission(void *context, const struct lm_fake_batch *batch, const struct lm_fake_row *row, struct lm_err *err)
{
	struct submissions *list = context;
	(void)err;
	lm_grow(list->items, list->count, list->cap);
	list->items[list->count++] = (struct submission){ lm_fake_hash(row->body.raw, 0), batch, row->number };
	return 0;
}

static int
by_hash_and_time(const void *a, const void *b)
{
	const struct submission *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->batch->number != y->batch->number)
		return x->batch->number < y->batch->number ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

// Was there no reason to send a body again after this submission of it: it was answered, or its batch had not ended?
static bool
is_needless(const struct submission *first, const struct submission *again)
{
	const struct lm_fake_batch *batch = first->batch;
	if (!batch->ended || batch->ended_step > again->batch->created_step)
		return true;
	return batch->ending != LM_FAKE_FAILED && batch->outcomes[first->row - 1] == LM_FAKE_ANSWERED;
}

enum { MAX_TWICE = 20 }; // that are listed

static void
add_summary(struct lm_buf *out, const struct submissions *list)
{
	uint64_t bodies = 0, answered = 0, again = 0, needless = 0;
	LM_AUTO(lm_buf_release) struct lm_buf twice = {};

	for (size_t i = 0; i < list->count; i++) {
		const struct submission *item = &list->items[i];
		bool repeated = i > 0 && list->items[i - 1].hash == item->hash;
		bodies += !repeated;
		again += repeated;
		answered += item->batch->outcomes[item->row - 1] == LM_FAKE_ANSWERED;
		if (!repeated || !is_needless(item - 1, item))
			continue;
		if (needless++ < MAX_TWICE)
			lm_buf_format(&twice, "%s{\"body_hash\":\"%016llx\",\"first\":\"%s\",\"again\":\"%s\"}",
				needless > 1 ? "," : "", (unsigned long long)item->hash, item[-1].batch->id, item->batch->id);
	}
	lm_buf_format(out,
		"\"submissions\":%zu,\"bodies\":%llu,\"answered\":%llu,\"again\":%llu,\"needless\":%llu,\"twice\":[%s]",
		list->count, (unsigned long long)bodies, (unsigned long long)answered, (unsigned long long)again,
		(unsigned long long)needless, lm_buf_cstr(&twice));
}

static void
send_summary(struct lm_fake_state *state, struct lm_fake_reply *reply)
{
	LM_AUTO(submissions_release) struct submissions list = {};
	struct lm_err err = {};
	size_t open = 0;

	pthread_mutex_lock(&state->lock);
	if (visit_all(state, note_submission, &list, &err) < 0)
		lm_fake_broken(reply, LM_FAKE_NO_API, &err);
	else {
		if (list.count > 0)
			qsort(list.items, list.count, sizeof(*list.items), by_hash_and_time);
		for (size_t i = 0; i < state->batch_count; i++)
			open += !state->batches[i]->ended;
		lm_buf_format(&reply->body, "{\"files\":%zu,\"batches\":%zu,\"open\":%zu,", state->file_count,
			state->batch_count, open);
		add_summary(&reply->body, &list);
		lm_buf_byte(&reply->body, '}');
	}
	pthread_mutex_unlock(&state->lock);
}

void
lm_fake_control(const struct lm_fake_control *control, struct lm_fake_call *call, struct lm_fake_reply *reply)
{
	switch (call->place->route) {
	case LM_FAKE_CONTROL_FAULTS:
		take_faults(control, call->body, reply);
		break;
	case LM_FAKE_CONTROL_LOG:
		lm_fake_reply_file(reply, call, control->log->path, lm_fake_log_size(control->log));
		break;
	case LM_FAKE_CONTROL_ITEMS:
		send_items(control, call, reply);
		break;
	default:
		send_summary(control->state, reply);
		break;
	}
}
