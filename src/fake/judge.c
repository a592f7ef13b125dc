// What the provider finds wrong with the requests of a batch.
#include "base/mem.h"
#include "fake/state.h"

#include <stdlib.h>
#include <string.h>

// A set of hashes of ids.
struct set {
	uint64_t *slots; // 0 is free
	size_t count, cap;
};

static void
set_release(struct set *set)
{
	lm_free(set->slots);
}

static bool
put(uint64_t *slots, size_t cap, uint64_t hash)
{
	size_t at = hash & (cap - 1);
	while (slots[at] != 0 && slots[at] != hash)
		at = (at + 1) & (cap - 1);
	bool fresh = slots[at] == 0;
	slots[at] = hash;
	return fresh;
}

// False when it was there before.
static bool
set_add(struct set *set, uint64_t hash)
{
	if (set->count * 2 >= set->cap) {
		size_t cap = set->cap == 0 ? 1024 : set->cap * 2;
		uint64_t *slots = lm_alloc_array(cap, sizeof(*slots));
		for (size_t i = 0; i < set->cap; i++)
			if (set->slots[i] != 0)
				(void)put(slots, cap, set->slots[i]);
		lm_free(set->slots);
		set->slots = slots;
		set->cap = cap;
	}
	bool fresh = put(set->slots, set->cap, hash != 0 ? hash : 1);
	set->count += fresh;
	return fresh;
}

static void
fault(struct lm_fake_batch *batch, uint64_t line, const char *code, char *message)
{
	batch->error_code = lm_strdup(code);
	batch->error_message = message;
	batch->error_line = line;
}

static bool
is_anthropic_id(struct lm_str id)
{
	if (id.len > 64)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (memchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-", id.ptr[i], 64) == nullptr)
			return false;
	return true;
}

static bool
judge_params(struct lm_fake_batch *batch, const struct lm_fake_row *row)
{
	static const char *const needed[] = { "model", "max_tokens", "messages" };
	for (size_t i = 0; i < LM_COUNT(needed); i++) {
		if (lm_fake_get(row->body, needed[i]).raw.len > 0)
			continue;
		fault(batch, row->line, "invalid_request",
			lm_format("requests.%llu.params.%s: Field required", (unsigned long long)row->number - 1, needed[i]));
		return false;
	}
	return true;
}

// Is this row fine? A fault is set in the batch.
static bool
judge_row(struct lm_fake_batch *batch, const struct lm_fake_row *row, struct set *ids)
{
	if (row->id.len > 0 && !set_add(ids, lm_fake_hash(row->id, 1)))
		fault(batch, row->line, "duplicate_custom_id",
			lm_format("The custom_id '%.*s' is used more than once.", (int)(row->id.len < 200 ? row->id.len : 200),
				row->id.ptr));
	else if (batch->api == LM_FAKE_ANTHROPIC && !is_anthropic_id(row->id))
		fault(batch, row->line, "invalid_request",
			lm_format("requests.%llu.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
				(unsigned long long)row->number - 1));
	else if (batch->api == LM_FAKE_ANTHROPIC)
		return judge_params(batch, row);
	else if (batch->api == LM_FAKE_GEMINI)
		return true;
	else if (!lm_str_equal(row->url, lm_str_of(batch->endpoint)))
		fault(batch, row->line, "invalid_url",
			lm_strdup("The URL provided for this request does not match the batch endpoint."));
	else if (!lm_str_equal(row->method, LM_STR("POST")))
		fault(batch, row->line, "invalid_method", lm_strdup("The method of this request is not 'POST'."));
	else if (row->model.len == 0)
		fault(batch, row->line, "missing_required_parameter", lm_strdup("Missing required parameter: 'body.model'."));
	else
		return true;
	return false;
}

static uint64_t
most_requests(enum lm_fake_api api)
{
	return api == LM_FAKE_OPENAI ? LM_FAKE_OPENAI_MAX_REQUESTS : LM_FAKE_ANTHROPIC_MAX_REQUESTS;
}

static void
judge_rows(struct lm_fake_batch *batch, struct lm_fake_rows *rows)
{
	LM_AUTO(set_release) struct set ids = {};
	struct lm_fake_row row = {};
	struct lm_err why = {};
	int rc;

	while ((rc = lm_fake_rows_next(rows, false, &row, &why)) > 0) {
		batch->requests++;
		batch->tokens += lm_fake_tokens(row.body.raw.len);
		if (batch->model == nullptr && row.model.len > 0)
			batch->model = lm_strndup(row.model.ptr, row.model.len);
		if (batch->requests > most_requests(batch->api)) {
			fault(batch, row.line, "request_count_exceeded",
				lm_format("The batch has more than %llu requests.",
					(unsigned long long)most_requests(batch->api)));
			return;
		}
		if (!judge_row(batch, &row, &ids))
			return;
	}
	if (rc < 0)
		fault(batch, row.line, "invalid_json_line", lm_strdup(why.text));
	else if (batch->requests == 0)
		fault(batch, 0, "empty_file", lm_strdup("The batch has no requests."));
}

int
lm_fake_batch_read(struct lm_fake_batch *batch, struct lm_err *err)
{
	LM_AUTO(lm_fake_rows_close) struct lm_fake_rows rows = {};
	if (lm_fake_rows_open(&rows, &batch->source, err) < 0)
		return -1;
	judge_rows(batch, &rows);
	batch->outcomes = lm_alloc(batch->requests);
	return 0;
}
