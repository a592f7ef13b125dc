// From items to a request file: claimed, rendered, split by what a batch may hold, flushed, and only then recorded.
#include "batch/engine_parts.h"

#include "os/cancel.h"
#include "os/kill_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	LM_BUILD_CHUNK_BYTES = 1 << 20, // written at a time
	LM_BUILD_LOOK_ITEMS = 2048,     // between two looks at leases and at Ctrl-C
	LM_REFUSED_TEXT_MAX = 512,
};

struct build {
	struct lm_engine *engine;
	char intent_id[LM_INTENT_DIGITS + 1];
	const struct lm_claimed *items;
	size_t count, used;
	struct lm_outfile file;
	struct lm_sha256 hash;
	struct lm_buf chunk, prompt, system, line;
	uint64_t requests, bytes, tokens;
	uint64_t max_requests, max_bytes, max_tokens, scope_tokens; // the last two 0: no limit
	struct lm_refused_item *refused;
	size_t refused_count, refused_cap;
	struct lm_arena texts;
};

static void
release_build(struct build *build)
{
	lm_outfile_abandon(&build->file);
	lm_sha256_release(&build->hash);
	lm_buf_release(&build->chunk);
	lm_buf_release(&build->prompt);
	lm_buf_release(&build->system);
	lm_buf_release(&build->line);
	lm_free(build->refused);
	lm_arena_release(&build->texts);
}

// ---- limits

uint64_t
lm_engine_scope_limit(const struct lm_engine *engine)
{
	const struct lm_batch_config *config = &engine->config;
	uint64_t limit = config->enqueued_token_limit;

	if (limit == 0)
		return 0;
	uint64_t part = limit / 100 * config->enqueued_target_percent + limit % 100 * config->enqueued_target_percent / 100;
	uint64_t left = limit > config->enqueued_headroom ? limit - config->enqueued_headroom : 0;
	uint64_t budget = part < left ? part : left;
	return budget == 0 ? 1 : budget; // 0 would mean that there is none
}

char *
lm_engine_scope(const struct lm_engine *engine)
{
	const struct lm_batch_config *config = &engine->config;
	const char *provider = lm_provider_name(config->provider);
	const char *model = config->model == nullptr ? "" : config->model;

	if (config->quota_scope != nullptr && config->quota_scope[0] != '\0')
		return lm_format("%s:%s:label:%s", provider, model, config->quota_scope);
	return lm_format("%s:%s:default", provider, model);
}

// ---- one item

// An item that no batch can hold, or whose request cannot be made: failed, without an attempt.
static void
refuse(struct build *build, uint64_t index, const char *error_class, const char *text)
{
	lm_grow(build->refused, build->refused_count, build->refused_cap);
	build->refused[build->refused_count++] = (struct lm_refused_item){
		.index = index,
		.error_class = error_class,
		.text = lm_arena_strndup(&build->texts, text, strnlen(text, LM_REFUSED_TEXT_MAX)),
	};
}

static int
render(struct build *build, const struct lm_claimed *item, struct lm_err *err)
{
	struct lm_engine *engine = build->engine;
	char custom_id[LM_CUSTOM_ID_MAX];
	struct lm_str row;

	if (lm_line_reader_at(&engine->rows, item->row_offset, item->row_length, item->row_check, &row, err) < 0)
		return -1;
	lm_buf_clear(&build->prompt);
	lm_buf_clear(&build->system);
	lm_buf_clear(&build->line);
	if (lm_prompts_render(engine->prompts, row, &build->prompt, &build->system, err) < 0)
		return 1;
	int len = snprintf(custom_id, sizeof(custom_id), "%" PRIu64 "-a%" PRIu32 "-%.*s", item->index, item->attempts + 1,
		(int)LM_INTENT_SHORT, build->intent_id);
	struct lm_request request = {
		.custom_id = { custom_id, (size_t)len },
		.prompt = lm_buf_view(&build->prompt),
	};
	if (engine->config.system_prompt != nullptr)
		request.system = (struct lm_str){ lm_buf_cstr(&build->system), build->system.len };
	lm_provider_render(engine->provider, &request, &build->line);
	return 0;
}

static int
write_bytes(struct build *build, const struct lm_buf *bytes, struct lm_err *err)
{
	lm_sha256_update(&build->hash, bytes->ptr, bytes->len);
	return lm_outfile_write(&build->file, bytes->ptr, bytes->len, err);
}

static int
flush_chunk(struct build *build, struct lm_err *err)
{
	if (build->chunk.len > 0 && write_bytes(build, &build->chunk, err) < 0)
		return -1;
	lm_buf_clear(&build->chunk);
	return 0;
}

// Lines are written some at a time, and a long one as it is.
static int
add_line(struct build *build, struct lm_err *err)
{
	if (build->line.len >= LM_BUILD_CHUNK_BYTES)
		return flush_chunk(build, err) < 0 ? -1 : write_bytes(build, &build->line, err);
	lm_buf_str(&build->chunk, lm_buf_view(&build->line));
	return build->chunk.len >= LM_BUILD_CHUNK_BYTES ? flush_chunk(build, err) : 0;
}

// Can any batch hold a request of this size?
static bool
too_large(struct build *build, uint64_t index, uint64_t bytes, uint64_t tokens)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;

	if (bytes > build->max_bytes) {
		text = lm_format("request of %" PRIu64 " bytes: a batch holds at most %" PRIu64, bytes, build->max_bytes);
		refuse(build, index, "request_too_large", text);
	} else if (build->max_tokens > 0 && tokens > build->max_tokens) {
		text = lm_format("request of about %" PRIu64 " tokens: a batch may have %" PRIu64, tokens, build->max_tokens);
		refuse(build, index, "openai_request_exceeds_batch_token_limit", text);
	} else if (build->scope_tokens > 0 && tokens > build->scope_tokens) {
		text = lm_format("request of about %" PRIu64 " tokens: all batches together may have %" PRIu64, tokens,
			build->scope_tokens);
		refuse(build, index, "openai_request_exceeds_inflight_token_limit", text);
	}
	return text != nullptr;
}

// 1: in the file or refused; 0: the batch is full; -1
static int
add_item(struct build *build, const struct lm_claimed *item, struct lm_err *err)
{
	uint64_t token_limit = build->max_tokens;
	struct lm_err why = {};
	int rc = render(build, item, &why);

	if (rc < 0) {
		*err = why;
		return -1;
	}
	if (rc > 0) {
		refuse(build, item->index, "invalid_prompt", why.text);
		return 1;
	}
	uint64_t bytes = build->line.len, tokens = lm_batch_tokens(&build->engine->config, bytes);
	if (too_large(build, item->index, bytes, tokens))
		return 1;
	if (token_limit == 0 || (build->scope_tokens > 0 && build->scope_tokens < token_limit))
		token_limit = build->scope_tokens;
	if (build->requests == build->max_requests || build->bytes + bytes > build->max_bytes ||
		(token_limit > 0 && build->tokens + tokens > token_limit))
		return 0;
	build->requests++;
	build->bytes += bytes;
	build->tokens += tokens;
	return add_line(build, err) < 0 ? -1 : 1;
}

static int
add_items(struct build *build, struct lm_err *err)
{
	for (; build->used < build->count; build->used++) {
		if (build->used % LM_BUILD_LOOK_ITEMS == 0 &&
			(lm_cancel_check(err) < 0 || lm_engine_renew(build->engine, err) < 0))
			return -1;
		int rc = add_item(build, &build->items[build->used], err);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

// ---- one batch

static int
write_requests(struct build *build, int64_t seq, struct lm_digest *digest, struct lm_err *err)
{
	struct lm_engine *engine = build->engine;
	LM_AUTO(lm_free_ptr) char *path = lm_run_folder_file(&engine->folder, LM_FILE_REQUEST, seq);

	if (!engine->rows.open) {
		LM_AUTO(lm_free_ptr) char *rows = lm_run_folder_rows(&engine->folder);
		if (lm_line_reader_open(&engine->rows, rows, err) < 0)
			return -1;
	}
	if (lm_outfile_open(&build->file, path, 0600, err) < 0)
		return -1;
	lm_sha256_init(&build->hash);
	if (add_items(build, err) < 0 || flush_chunk(build, err) < 0)
		return -1;
	lm_sha256_final(&build->hash, digest);
	LM_KILL_POINT("batch: request file written");
	return lm_outfile_commit(&build->file, err);
}

// All that was claimed was refused: there is no such batch any more.
static int
forget_empty(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_run_folder_file(&engine->folder, LM_FILE_REQUEST, work->seq);
	work->gone = true;
	return lm_file_remove(path, err);
}

static int
record(struct build *build, struct lm_work *work, struct lm_err *err)
{
	struct lm_engine *engine = build->engine;

	if (lm_batch_ready(engine->runs, &work->lease, work->seq, build->items, build->used, build->refused,
		    build->refused_count, build->bytes, build->tokens, &work->digest, err) < 0)
		return -1;
	LM_KILL_POINT("batch: ready");
	work->state = LM_BATCH_READY;
	work->item_count = build->requests;
	work->tokens = build->tokens;
	work->made_here = true;
	engine->changed = true;
	if (build->used < build->count) // claim not many more than fit, the next time
		engine->claim_hint = build->used + build->used / 4 + 16;
	else if (engine->claim_hint > 0 && engine->claim_hint < build->max_requests)
		engine->claim_hint *= 2;
	if (build->refused_count > 0)
		lm_emit_warning(
			engine->options.sink, "%zu items cannot be sent: %s", build->refused_count, build->refused[0].text);
	if (build->refused_count > 0 &&
		lm_engine_event(engine, err, "items_refused", "{s:I, s:s}", "failed_item_count",
			(json_int_t)build->refused_count, "error_class", build->refused[0].error_class) < 0)
		return -1;
	return build->requests == 0 ? forget_empty(engine, work, err) : 0;
}

static int
build_batch(struct lm_engine *engine, struct lm_work *work, const struct lm_claimed *items, size_t count, struct lm_err *err)
{
	LM_AUTO(release_build)
	struct build build = {
		.engine = engine,
		.items = items,
		.count = count,
		.max_requests = lm_batch_max_requests(&engine->config),
		.max_bytes = lm_batch_max_bytes(&engine->config),
		.max_tokens = engine->config.max_batch_enqueued_tokens,
		.scope_tokens = lm_engine_scope_limit(engine),
	};
	lm_engine_intent(engine, work->seq, build.intent_id);
	if (write_requests(&build, work->seq, &work->digest, err) < 0)
		return lm_err_wrap(err, "making batch %" PRId64, work->seq);
	LM_KILL_POINT("batch: request file made");
	return record(&build, work, err);
}

int
lm_engine_build(struct lm_engine *engine, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) struct lm_claimed *items = nullptr;
	uint64_t limit = lm_batch_max_requests(&engine->config);
	struct lm_lease lease = {};
	int64_t seq = 0;
	size_t count = 0;

	if (engine->claim_hint > 0 && engine->claim_hint < limit)
		limit = engine->claim_hint;
	if (lm_batch_claim(engine->runs, &engine->lease, limit, lm_engine_lease_until(engine) - (int64_t)engine->lease_ms,
		    lm_engine_lease_until(engine), &seq, &items, &count, &lease, err) < 0)
		return -1;
	if (count == 0)
		return 0;
	LM_KILL_POINT("batch: claimed");
	engine->changed = true;
	struct lm_work *work = lm_engine_work_add(engine, seq, &lease);
	work->state = LM_BATCH_BUILDING;
	return build_batch(engine, work, items, count, err) < 0 ? -1 : 1;
}
