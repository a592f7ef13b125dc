#include "fake/complete.h"

#include "base/mem.h"
#include "fake/refuse.h"
#include "fake/shape.h"
#include "fake/spool.h"
#include "os/file.h"

#include <string.h>

struct work {
	struct lm_fake_batch *batch;
	struct lm_fake_answerer answerer;
	struct lm_spool output, errors;
	struct lm_buf scratch;
	double finished;
};

static void
work_release(struct work *work)
{
	lm_fake_answerer_release(&work->answerer);
	lm_spool_abandon(&work->output);
	lm_spool_abandon(&work->errors);
	lm_buf_release(&work->scratch);
}

// End a line that was put into the spool's buffer.
static int
end_line(struct lm_spool *spool, size_t start, struct lm_err *err)
{
	lm_buf_byte(&spool->buffer, '\n');
	spool->size_bytes += spool->buffer.len - start;
	return lm_spool_added(spool, err);
}

static int
write_error(struct lm_spool *spool, const struct lm_fake_error_line *line, struct lm_err *err)
{
	size_t start = spool->buffer.len;
	lm_fake_shape_error(&spool->buffer, line);
	return end_line(spool, start, err);
}

static struct lm_spool *
errors_of(struct work *work)
{
	return work->batch->api == LM_FAKE_OPENAI ? &work->errors : &work->output;
}

// A row that was not executed before its batch expired or was cancelled.
static int
leave(struct work *work, const struct lm_fake_row *row, struct lm_err *err)
{
	struct lm_fake_batch *batch = work->batch;
	bool expired = batch->ending == LM_FAKE_EXPIRED;
	struct lm_fake_error_line line = {
		.api = batch->api,
		.row = row,
		.status = 499,
		.type = expired ? "expired" : "canceled",
		.code = batch->api == LM_FAKE_OPENAI ? "batch_expired"
			: expired                    ? "DEADLINE_EXCEEDED"
						     : "CANCELLED",
		.message = expired ? "This request could not be executed before the completion window expired."
				   : "The batch was cancelled before this request was executed.",
		.whole = true,
	};
	batch->counts.not_finished++;
	batch->outcomes[row->number - 1] = LM_FAKE_NOT_FINISHED;
	// OpenAI says nothing about the rows of a cancelled batch
	return batch->api == LM_FAKE_OPENAI && !expired ? 0 : write_error(errors_of(work), &line, err);
}

static int
refuse(struct work *work, const struct lm_fake_row *row, const struct lm_fake_rule *rule, const struct lm_err *why,
	struct lm_err *err)
{
	struct lm_fake_batch *batch = work->batch;
	unsigned status = rule == nullptr ? 400 : rule->status;
	// a status of 0 is one that clients have been seen to get
	if (rule != nullptr && rule->status == 0 && rule->act != LM_FAKE_ERROR_IN_OUTPUT && rule->error == nullptr)
		status = 500;
	struct lm_fake_refusal refusal = lm_fake_refusal_of(batch->api, rule != nullptr ? rule->error : nullptr, status);
	struct lm_fake_error_line line = {
		.api = batch->api,
		.row = row,
		.status = rule != nullptr && rule->act == LM_FAKE_ERROR_IN_OUTPUT && rule->error == nullptr ? status
													    : refusal.status,
		.type = "errored",
		.code = rule != nullptr && rule->code != nullptr ? rule->code : refusal.code,
		.message = why != nullptr                             ? why->text
			: rule != nullptr && rule->message != nullptr ? rule->message
								      : refusal.message,
	};
	batch->counts.refused++;
	batch->outcomes[row->number - 1] = LM_FAKE_REFUSED;
	bool inside = rule != nullptr && rule->act == LM_FAKE_ERROR_IN_OUTPUT;
	return write_error(inside ? &work->output : errors_of(work), &line, err);
}

// The length of the character that begins here, in a text as it is written in JSON.
static size_t
character(struct lm_str text, size_t at)
{
	size_t len = 1;
	if (text.ptr[at] == '\\') {
		struct lm_str rest = { text.ptr + at, text.len - at };
		bool pair = rest.len >= 12 && lm_str_starts(rest, LM_STR("\\u")) &&
			(rest.ptr[2] == 'd' || rest.ptr[2] == 'D') && strchr("89abAB", rest.ptr[3]) != nullptr;
		return pair ? 12 : lm_str_starts(rest, LM_STR("\\u")) ? 6 : 2;
	}
	while (at + len < text.len && (text.ptr[at + len] & 0xc0) == 0x80)
		len++;
	return len;
}

// The first half of a text as it is written in JSON: no escape and no character is cut in two.
static struct lm_str
first_half(struct lm_str text)
{
	size_t at = 0;
	while (at < text.len && at + character(text, at) <= text.len / 2)
		at += character(text, at);
	return (struct lm_str){ text.ptr, at };
}

// Change an answer as the rule wants.
static void
spoil(struct work *work, const struct lm_fake_rule *rule, struct lm_fake_answer_line *line)
{
	lm_buf_clear(&work->scratch);
	line->act = rule->act;
	switch (rule->act) {
	case LM_FAKE_WRONG_ID:
		lm_buf_text(&work->scratch, "not-");
		lm_buf_str(&work->scratch, line->id);
		line->id = lm_buf_view(&work->scratch);
		break;
	case LM_FAKE_EMPTY:
		line->text = LM_STR("");
		break;
	case LM_FAKE_REFUSAL:
		line->text = LM_STR("I cannot help with that.");
		break;
	case LM_FAKE_INCOMPLETE:
		line->text = first_half(line->text);
		break;
	case LM_FAKE_TEXT:
		lm_fake_quote(&work->scratch, rule->text);
		line->text = (struct lm_str){ work->scratch.ptr + 1, work->scratch.len - 2 };
		break;
	default:
		break;
	}
}

static bool
is_usable(enum lm_fake_act act)
{
	return act == LM_FAKE_NOTHING || act == LM_FAKE_DUPLICATE || act == LM_FAKE_TEXT;
}

static int
answer(struct work *work, const struct lm_fake_row *row, const struct lm_fake_rule *rule, struct lm_err *err)
{
	struct lm_fake_batch *batch = work->batch;
	struct lm_buf *out = &work->output.buffer;
	struct lm_err why = {};
	if (lm_fake_answer(&work->answerer, batch->api, row->body, &why) < 0)
		return refuse(work, row, nullptr, &why, err);

	struct lm_fake_row named = *row;
	if (named.model.len == 0 && batch->model != nullptr)
		named.model = lm_str_of(batch->model);
	struct lm_fake_answer_line line = {
		.api = batch->api,
		.endpoint = batch->endpoint,
		.row = &named,
		.id = row->id,
		.text = lm_buf_view(&work->answerer.text),
		.input_tokens = lm_fake_tokens(row->body.raw.len),
		.output_tokens = lm_fake_tokens(work->answerer.text.len),
	};
	if (rule != nullptr)
		spoil(work, rule, &line);
	batch->counts.answered++;
	batch->outcomes[row->number - 1] = is_usable(line.act) ? LM_FAKE_ANSWERED : LM_FAKE_SPOILED;
	for (int i = 0; i < (line.act == LM_FAKE_DUPLICATE ? 2 : 1); i++) {
		size_t start = out->len;
		lm_fake_shape_answer(out, &line);
		if (line.act == LM_FAKE_UNPARSABLE)
			out->len = start + (out->len - start) / 2;
		if (end_line(&work->output, start, err) < 0)
			return -1;
	}
	return 0;
}

static bool
is_finished(const struct work *work, uint64_t row)
{
	// spread over the batch; no rounding error lets the last row of a whole batch out
	return work->finished >= 1 || (uint64_t)((double)row * work->finished) > (uint64_t)((double)(row - 1) * work->finished);
}

static int
do_row(struct work *work, const struct lm_fake_row *row, struct lm_err *err)
{
	struct lm_fake_batch *batch = work->batch;
	const struct lm_fake_rule *rule = nullptr;

	if (!is_finished(work, row->number))
		return leave(work, row, err);
	if (batch->ending == LM_FAKE_FAILED) // Anthropic: there are no failed batches, only failed rows
		return refuse(work, row, batch->rule, nullptr, err);
	if (batch->faults->has_rows)
		rule = lm_fake_faults_choose_row(batch->faults, batch->number, row->number, row->id, row->body.raw);
	if (rule == nullptr)
		return answer(work, row, nullptr, err);
	switch (rule->act) {
	case LM_FAKE_MISSING:
		batch->counts.answered++;
		batch->outcomes[row->number - 1] = LM_FAKE_LOST;
		return 0;
	case LM_FAKE_ERROR:
	case LM_FAKE_ERROR_IN_OUTPUT:
		return refuse(work, row, rule, nullptr, err);
	default:
		return answer(work, row, rule, err);
	}
}

static int
do_rows(struct work *work, struct lm_err *err)
{
	LM_AUTO(lm_fake_rows_close) struct lm_fake_rows rows = {};
	struct lm_fake_row row;
	int rc = lm_fake_rows_open(&rows, &work->batch->source, err);
	while (rc >= 0 && (rc = lm_fake_rows_next(&rows, true, &row, err)) > 0)
		rc = do_row(work, &row, err);
	return rc;
}

// ---- the order of the answers

static uint64_t
next_random(uint64_t *seed)
{
	return *seed = lm_fake_hash(LM_STR("order"), *seed);
}

static void
order_lines(struct lm_str *lines, size_t count, bool reverse, uint64_t seed)
{
	for (size_t i = count; i > 1; i--) {
		size_t other = reverse ? count - i : (size_t)(next_random(&seed) % i);
		if (reverse && other >= i - 1)
			return;
		struct lm_str kept = lines[i - 1];
		lines[i - 1] = lines[other];
		lines[other] = kept;
	}
}

// Write the lines of a file into another in another order.
static int
reorder(const char *from, const char *to, bool reverse, uint64_t seed, struct lm_err *err)
{
	LM_AUTO(lm_map_close) struct lm_map map = {};
	LM_AUTO(lm_spool_abandon) struct lm_spool spool = {};
	LM_AUTO(lm_free_ptr) struct lm_str *lines = nullptr;
	size_t count = 0, cap = 0;

	if (lm_map_open(&map, from, err) < 0 || lm_spool_open(&spool, to, err) < 0)
		return -1;
	struct lm_str rest = { (const char *)map.ptr, map.len };
	while (rest.len > 0) {
		lm_grow(lines, count, cap);
		lines[count++] = lm_str_cut(&rest, '\n');
	}
	order_lines(lines, count, reverse, seed);
	for (size_t i = 0; i < count; i++)
		if (lm_spool_write(&spool, lines[i].ptr, lines[i].len + 1, err) < 0) // with its newline
			return -1;
	return lm_spool_close(&spool, err);
}

static int
keep(struct lm_spool *spool, char **path, uint64_t *size_bytes, struct lm_err *err)
{
	if (spool->size_bytes == 0)
		return 0; // the file goes with the spool
	*path = lm_strdup(spool->path);
	*size_bytes = spool->size_bytes;
	return lm_spool_close(spool, err);
}

static int
make_order(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_fake_made *made, struct lm_err *err)
{
	if (batch->rule == nullptr || (batch->rule->act != LM_FAKE_REVERSE && batch->rule->act != LM_FAKE_SHUFFLE))
		return 0;
	LM_AUTO(lm_free_ptr) char *path = lm_fake_state_path(state);
	if (made->output == nullptr)
		return 0;
	bool reverse = batch->rule->act == LM_FAKE_REVERSE;
	if (reorder(made->output, path, reverse, batch->faults->seed + batch->number, err) < 0)
		return -1;
	return lm_file_rename(path, made->output, err);
}

static double
finished_share(const struct lm_fake_batch *batch)
{
	if (batch->ending == LM_FAKE_COMPLETED || batch->ending == LM_FAKE_FAILED)
		return 1;
	return batch->rule != nullptr && (batch->rule->act == LM_FAKE_EXPIRE || batch->rule->act == LM_FAKE_CANCEL)
		? batch->rule->finished
		: batch->faults->finished_on_cancel;
}

int
lm_fake_complete(struct lm_fake_state *state, struct lm_fake_batch *batch, struct lm_fake_made *made, struct lm_err *err)
{
	LM_AUTO(work_release) struct work work = { .batch = batch, .finished = finished_share(batch) };
	LM_AUTO(lm_free_ptr) char *output = lm_fake_state_path(state);
	LM_AUTO(lm_free_ptr) char *errors = lm_fake_state_path(state);

	if (batch->ending == LM_FAKE_FAILED && batch->api != LM_FAKE_ANTHROPIC)
		return 0;
	if (lm_spool_open(&work.output, output, err) < 0 || lm_spool_open(&work.errors, errors, err) < 0)
		return -1;
	if (batch->faults->has_rows)
		pthread_mutex_lock(&batch->faults->lock);
	int rc = do_rows(&work, err);
	if (batch->faults->has_rows)
		pthread_mutex_unlock(&batch->faults->lock);
	if (rc < 0)
		return -1;
	if (keep(&work.output, &made->output, &made->output_bytes, err) < 0 ||
		keep(&work.errors, &made->errors, &made->error_bytes, err) < 0)
		return -1;
	return make_order(state, batch, made, err);
}
