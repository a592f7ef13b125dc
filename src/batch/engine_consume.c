// From answers on disk to outcomes of items: line by line, some thousands in a transaction. A replay changes nothing.
#include "batch/engine_parts.h"

#include "os/fd.h"
#include "os/kill_point.h"
#include "os/path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LM_ANSWER_LINE_MAX_BYTES = 64 << 20,
	LM_CONSUME_TEXT_MAX = 512,
	LM_SEEN_LEAST = 1024, // a power of two
};

// Indexes that were seen in this batch's files: open addressing, index + 1 in each slot.
struct seen {
	uint64_t *slots;
	size_t count, cap;
};

struct consume {
	struct lm_engine *engine;
	struct lm_work *work;
	char intent_id[LM_INTENT_DIGITS + 1];
	struct lm_outcome *outcomes; // LM_ENGINE_CONSUME_ROWS of them
	size_t count;
	struct lm_arena texts; // of the outcomes
	struct lm_answer answer;
	struct seen seen;
	uint64_t completed, failed, free_failures, foreign, duplicate, unreadable;
	char free_class[LM_ERROR_CLASS_MAX];
	char *pause_text, *free_text, *first_class; // owned, or null
};

static void
release_consume(struct consume *consume)
{
	lm_free(consume->outcomes);
	lm_arena_release(&consume->texts);
	lm_answer_release(&consume->answer);
	lm_free(consume->seen.slots);
	lm_free(consume->pause_text);
	lm_free(consume->free_text);
	lm_free(consume->first_class);
}

// ---- seen indexes

static size_t
slot_of(const struct seen *seen, uint64_t index)
{
	size_t at = (size_t)((index * 0x9E3779B97F4A7C15u) >> 20) & (seen->cap - 1);
	while (seen->slots[at] != 0 && seen->slots[at] != index + 1)
		at = (at + 1) & (seen->cap - 1);
	return at;
}

static void
grow_seen(struct seen *seen)
{
	struct seen larger = { .cap = seen->cap == 0 ? LM_SEEN_LEAST : seen->cap * 2, .count = seen->count };

	larger.slots = lm_alloc_array(larger.cap, sizeof(*larger.slots));
	for (size_t i = 0; i < seen->cap; i++)
		if (seen->slots[i] != 0)
			larger.slots[slot_of(&larger, seen->slots[i] - 1)] = seen->slots[i];
	lm_free(seen->slots);
	*seen = larger;
}

// Note an index; false when it was there.
static bool
see(struct seen *seen, uint64_t index)
{
	if (seen->count * 2 >= seen->cap)
		grow_seen(seen);
	size_t at = slot_of(seen, index);
	if (seen->slots[at] != 0)
		return false;
	seen->slots[at] = index + 1;
	seen->count++;
	return true;
}

// ---- one line

// "<index>-a<attempt>-<8 digits of the intent>" of this batch?
static bool
is_ours(const struct consume *consume, struct lm_str id, uint64_t *index, uint32_t *attempt)
{
	uint64_t number = 0;

	if (!lm_parse_u64(lm_str_cut(&id, '-'), INT64_MAX - 1, index) || *index >= consume->engine->run.item_count)
		return false;
	struct lm_str part = lm_str_cut(&id, '-');
	if (part.len < 2 || part.ptr[0] != 'a' ||
		!lm_parse_u64((struct lm_str){ part.ptr + 1, part.len - 1 }, UINT32_MAX, &number))
		return false;
	*attempt = (uint32_t)number;
	return lm_str_equal(id, (struct lm_str){ consume->intent_id, LM_INTENT_SHORT });
}

// What structured output has to be. Returns null when it is that, else the class of what is wrong, told in `why`.
static const char *
check_output(const struct lm_schema *schema, struct lm_str text, struct lm_err *why)
{
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;

	if (lm_str_trim(text).len == 0) {
		(void)lm_err_set(why, LM_E_SYNTAX, "the answer has no text");
		return "empty_response_text";
	}
	if (lm_schema_read_answer(text, &value, why) < 0)
		return "invalid_json";
	return lm_schema_check(schema, value, why) < 0 ? "structured_output_validation_failed" : nullptr;
}

static void
fail_outcome(struct consume *consume, struct lm_outcome *outcome, const char *error_class, const char *text)
{
	outcome->status = LM_ITEM_RETRYABLE;
	outcome->error_class = lm_arena_strdup(&consume->texts, error_class);
	outcome->error_text = lm_arena_strndup(&consume->texts, text, strnlen(text, LM_CONSUME_TEXT_MAX));
	consume->failed++;
	if (consume->first_class == nullptr)
		consume->first_class = lm_strdup(error_class);
}

static void
provider_failure(struct consume *consume, struct lm_outcome *outcome)
{
	const struct lm_answer *answer = &consume->answer;

	outcome->counts = !answer->free_attempt;
	outcome->max_returns = (uint32_t)consume->engine->config.max_batch_attempts;
	fail_outcome(consume, outcome, answer->error_class, answer->error_text);
	if (answer->pause && consume->pause_text == nullptr)
		consume->pause_text = lm_strdup(answer->error_text);
	if (answer->free_attempt && consume->free_failures++ == 0) {
		consume->free_text = lm_strdup(answer->error_text);
		memcpy(consume->free_class, answer->error_class, sizeof(consume->free_class));
	}
}

static void
take_line(struct consume *consume, struct lm_str line, uint8_t file, uint64_t offset)
{
	struct lm_answer *answer = &consume->answer;
	uint64_t index = 0;
	uint32_t attempt = 0;
	struct lm_err why = {};

	if (lm_provider_read(consume->engine->provider, line, file == 1, answer, &why) < 0) {
		consume->unreadable++;
		return;
	}
	if (!is_ours(consume, answer->custom_id, &index, &attempt)) {
		consume->foreign++;
		return;
	}
	if (!see(&consume->seen, index)) {
		consume->duplicate++;
		return;
	}
	struct lm_outcome *outcome = &consume->outcomes[consume->count++];
	*outcome = (struct lm_outcome){
		.index = index,
		.attempt = attempt,
		.status = LM_ITEM_COMPLETED,
		.counts = true,
		.file = file,
		.offset = offset,
		.length = (uint32_t)line.len,
		.check = lm_line_check(line),
	};
	if (!answer->ok) {
		provider_failure(consume, outcome);
		return;
	}
	const char *error_class = consume->engine->schema == nullptr
		? nullptr
		: check_output(consume->engine->schema, lm_buf_view(&answer->text), &why);
	if (error_class != nullptr)
		fail_outcome(consume, outcome, error_class, why.text);
	else
		consume->completed++;
}

// ---- one file

static int
flush_outcomes(struct consume *consume, uint8_t file, uint64_t consumed, struct lm_err *err)
{
	struct lm_engine *engine = consume->engine;

	if (lm_batch_consume(engine->runs, &consume->work->lease, consume->work->seq, consume->outcomes, consume->count, file,
		    consumed, engine->config.max_attempts, err) < 0)
		return -1;
	LM_KILL_POINT("batch: answers taken in");
	consume->work->consumed[file] = consumed;
	consume->count = 0;
	lm_arena_release(&consume->texts);
	engine->changed = true;
	return lm_engine_renew(engine, err);
}

static int
consume_file(struct consume *consume, uint8_t file, struct lm_err *err)
{
	LM_AUTO(lm_line_reader_close) struct lm_line_reader reader = {};
	enum lm_batch_file kind = file == 0 ? LM_FILE_ANSWER : LM_FILE_ANSWER_ERROR;
	LM_AUTO(lm_free_ptr) char *path = lm_run_folder_file(&consume->engine->folder, kind, consume->work->seq);
	uint64_t at = consume->work->consumed[file];
	struct lm_str line;

	if (lm_line_reader_open(&reader, path, err) < 0)
		return -1;
	for (;;) {
		uint64_t next = at;
		int rc = lm_line_reader_next(&reader, at, LM_ANSWER_LINE_MAX_BYTES, &line, &next, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
		if (line.len > 0)
			take_line(consume, line, file, at);
		at = next;
		if (consume->count == LM_ENGINE_CONSUME_ROWS && flush_outcomes(consume, file, at, err) < 0)
			return -1;
	}
	return at == consume->work->consumed[file] ? 0 : flush_outcomes(consume, file, at, err);
}

// The raw file for the user is the answers' own, under another name. An older one of that name is of a fetch that was repeated.
static int
link_raw(struct lm_engine *engine, int64_t seq, enum lm_batch_file answers, enum lm_batch_file raw, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *from = lm_run_folder_file(&engine->folder, answers, seq);
	LM_AUTO(lm_free_ptr) char *to = lm_run_folder_file(&engine->folder, raw, seq);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(to);

	if (mkdir(folder, 0700) == 0)
		(void)chmod(folder, 0700);
	else if (errno != EEXIST)
		return lm_fd_fail(err, errno, "make folder", folder);
	if (unlink(to) < 0 && errno != ENOENT)
		return lm_fd_fail(err, errno, "remove", to);
	if (link(from, to) == 0)
		return 0;
	if (errno == EPERM || errno == EXDEV || errno == ENOTSUP || errno == EMLINK) // no hard links here
		return lm_file_copy(from, to, 0600, err);
	return lm_fd_fail(err, errno, "link", to);
}

// ---- the whole batch

static int
tell_oddities(struct consume *consume, struct lm_err *err)
{
	int64_t seq = consume->work->seq;

	if (consume->foreign + consume->duplicate + consume->unreadable == 0)
		return 0;
	lm_emit_warning(consume->engine->options.sink,
		"answers of batch %" PRId64 ": %" PRIu64 " lines fit no item of it, %" PRIu64 " are there twice, %" PRIu64
		" cannot be read",
		seq, consume->foreign, consume->duplicate, consume->unreadable);
	return lm_engine_event(consume->engine, err, "answers_odd", "{s:I, s:I, s:I, s:I}", "batch", (json_int_t)seq, "foreign",
		(json_int_t)consume->foreign, "duplicate", (json_int_t)consume->duplicate, "unreadable",
		(json_int_t)consume->unreadable);
}

// What a batch that ended badly, or rows in it, mean for further submissions.
static int
react(struct consume *consume, bool ended_early, const char *error_class, struct lm_err *err)
{
	struct lm_engine *engine = consume->engine;
	struct lm_work *work = consume->work;
	const char *text = work->error_text == nullptr ? error_class : work->error_text;

	if (consume->pause_text != nullptr)
		return lm_engine_pause(engine, consume->pause_text, err);
	if (ended_early && lm_cstr_equal(error_class, "openai_insufficient_quota"))
		return lm_engine_pause(engine, text, err);
	if (engine->run.control == LM_CONTROL_CANCELLED)
		return 0;
	if (ended_early) // an expired one had its day; nothing is wrong with the next one
		return lm_cstr_equal(work->status, "expired") ? 0 : lm_engine_back_off(engine, work, error_class, text, err);
	if (consume->free_failures > 0)
		return lm_engine_back_off(engine, work, consume->free_class, consume->free_text, err);
	return lm_engine_well(engine, err);
}

static int
finish(struct consume *consume, struct lm_err *err)
{
	struct lm_engine *engine = consume->engine;
	struct lm_work *work = consume->work;
	bool ended_early = !lm_cstr_equal(work->status, "completed");
	LM_AUTO(lm_free_ptr) char *terminal = lm_format("batch_terminal_%s", work->status);
	const char *error_class = ended_early ? terminal : "batch_output_missing_row";

	if (ended_early && work->error_class != nullptr)
		error_class = work->error_class;
	const char *text = ended_early && work->error_text != nullptr ? work->error_text : "the answers do not have this item";
	if (react(consume, ended_early, error_class, err) < 0)
		return -1;
	LM_KILL_POINT("batch: all answers taken in");
	if (lm_batch_finish(engine->runs, &work->lease, work->seq, ended_early, error_class, text,
		    engine->config.max_batch_attempts, err) < 0)
		return -1;
	LM_KILL_POINT("batch: done");
	work->gone = true;
	work->state = LM_BATCH_DONE;
	engine->changed = true;
	return lm_engine_event(engine, err, ended_early ? "batch_terminal_failure" : "batch_completed",
		"{s:I, s:s, s:s, s:I, s:I, s:s*}", "batch", (json_int_t)work->seq, "provider_batch_id", work->batch_id,
		"status", work->status, "completed_item_count", (json_int_t)consume->completed, "failed_item_count",
		(json_int_t)consume->failed, "error_class", ended_early ? error_class : consume->first_class);
}

int
lm_engine_keep_raw(struct lm_engine *engine, int64_t seq, bool has_output, bool has_errors, struct lm_err *err)
{
	if (!engine->config.keep_raw)
		return 0;
	if (has_output && link_raw(engine, seq, LM_FILE_ANSWER, LM_FILE_RAW, err) < 0)
		return -1;
	if (has_errors && link_raw(engine, seq, LM_FILE_ANSWER_ERROR, LM_FILE_RAW_ERROR, err) < 0)
		return -1;
	LM_KILL_POINT("batch: raw files linked");
	return 0;
}

int
lm_engine_consume(struct lm_engine *engine, struct lm_work *work, struct lm_err *err)
{
	LM_AUTO(release_consume) struct consume consume = { .engine = engine, .work = work };

	lm_engine_intent(engine, work->seq, consume.intent_id);
	consume.outcomes = lm_alloc_array(LM_ENGINE_CONSUME_ROWS, sizeof(*consume.outcomes));
	if (work->output_ref != nullptr && consume_file(&consume, 0, err) < 0)
		return lm_err_wrap(err, "answers of batch %" PRId64, work->seq);
	if (work->error_ref != nullptr && consume_file(&consume, 1, err) < 0)
		return lm_err_wrap(err, "answers of batch %" PRId64, work->seq);
	if (tell_oddities(&consume, err) < 0 ||
		lm_engine_keep_raw(engine, work->seq, work->output_ref != nullptr, work->error_ref != nullptr, err) < 0)
		return -1;
	return finish(&consume, err);
}
