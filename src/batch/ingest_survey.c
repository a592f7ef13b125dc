// Reading the sources without a run: what is wrong with them, and how much it will be.
#include "batch/ingest_parts.h"
#include "db/db.h"

#include <inttypes.h>

enum { LM_SURVEY_COMMIT_ROWS = 20'000 };

struct survey {
	const struct lm_batch_config *config;
	const struct lm_provider *provider;
	struct lm_source_env env;
	struct lm_prompts *prompts;
	struct lm_db *ids;
	struct lm_diags *faults;
	struct lm_input_facts *facts;
	const struct lm_sink *sink;
	uint32_t source;
	struct lm_ingest_texts texts;
	struct lm_buf request;
	uint64_t batch_requests, batch_bytes, batch_tokens; // of the batch that is being filled
};

static void
release(struct survey *s)
{
	lm_db_close(s->ids);
	lm_prompts_free(s->prompts);
	lm_ingest_texts_release(&s->texts);
	lm_buf_release(&s->request);
}

// ---- duplicates

static int
first_place(struct survey *s, struct lm_str id, uint32_t *source, uint64_t *line, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(s->ids, "SELECT source, line FROM ids WHERE id = ?", &stmt, err) < 0)
		return -1;
	lm_stmt_bind_str(stmt, 1, id);
	int rc = lm_stmt_step(stmt, err);
	if (rc != 1)
		return -1;
	*source = (uint32_t)lm_stmt_i64(stmt, 0);
	*line = (uint64_t)lm_stmt_i64(stmt, 1);
	return 0;
}

// 1 it is new; 0 another row has it (*first_source, *first_line).
static int
insert_id(struct survey *s, struct lm_str id, uint64_t line, uint32_t *first_source, uint64_t *first_line, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (lm_db_prepare(s->ids, "INSERT INTO ids (id, source, line) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", &stmt, err) < 0)
		return -1;
	lm_stmt_bind_str(stmt, 1, id);
	lm_stmt_bind_i64(stmt, 2, s->source);
	lm_stmt_bind_i64(stmt, 3, (int64_t)line);
	if (lm_stmt_step(stmt, err) < 0)
		return -1;
	if (lm_stmt_changes(stmt) == 1)
		return 1;
	return first_place(s, id, first_source, first_line, err);
}

// 1 a row of its own; 0 a duplicate, told; -1 failed.
static int
check_id(struct survey *s, const struct lm_row *row, struct lm_err *err)
{
	const char *path = s->config->inputs[s->source].path;
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	uint32_t source = 0;
	uint64_t line = 0;
	int rc = insert_id(s, row->id, row->line, &source, &line, err);
	lm_buf_str(&name, row->id);
	while (rc == 0 && source != s->source) { // more than once where another input has such a name, too
		LM_AUTO(lm_free_ptr) char *id = lm_strndup(name.ptr, name.len);
		lm_buf_clear(&name);
		lm_ingest_namespaced(s->config, s->source, lm_str_of(id), &name);
		rc = insert_id(s, lm_buf_view(&name), row->line, &source, &line, err);
	}
	if (rc == 0)
		(void)lm_err_set(err, LM_E_SYNTAX, "%s:%" PRIu64 ": duplicate item_id: '%.*s', first in line %" PRIu64, path,
			row->line, LM_STR_ARG(row->id), line);
	return rc;
}

// ---- how much

static void
close_batch(struct survey *s)
{
	s->facts->batches += s->batch_requests > 0;
	s->batch_requests = s->batch_bytes = s->batch_tokens = 0;
}

// The same limits as those that batches are filled by.
static void
count_request(struct survey *s, uint64_t line)
{
	const struct lm_batch_config *config = s->config;
	uint64_t bytes = s->request.len, tokens = lm_batch_tokens(config, bytes), most = lm_batch_max_bytes(config);
	struct lm_input_facts *facts = s->facts;
	uint64_t most_tokens = config->max_batch_enqueued_tokens == 0 ? UINT64_MAX : config->max_batch_enqueued_tokens;
	facts->request_bytes += bytes;
	facts->tokens += tokens;
	if (bytes > facts->largest_request_bytes)
		facts->largest_request_bytes = bytes;
	if (bytes > most || tokens > most_tokens) {
		if (s->faults->count < LM_INGEST_FAULTS_MAX)
			lm_diags_add(s->faults, true, config->inputs[s->source].path, line > UINT32_MAX ? 0 : (uint32_t)line, 0,
				nullptr,
				"request of %" PRIu64 " bytes (%" PRIu64 " tokens) fits into no batch: its item will fail",
				bytes, tokens);
		return;
	}
	if (s->batch_requests == lm_batch_max_requests(config) || s->batch_bytes + bytes > most ||
		s->batch_tokens + tokens > most_tokens)
		close_batch(s);
	s->batch_requests++;
	s->batch_bytes += bytes;
	s->batch_tokens += tokens;
}

static void
measure(struct survey *s, const struct lm_row *row)
{
	s->facts->rows++;
	if (s->provider == nullptr)
		return;
	LM_AUTO(lm_buf_release) struct lm_buf custom_id = {};
	lm_buf_format(&custom_id, "%" PRIu64 "-a1-00000000", s->facts->rows - 1);
	struct lm_request request = {
		.custom_id = lm_buf_view(&custom_id),
		.prompt = { lm_buf_cstr(&s->texts.prompt), s->texts.prompt.len },
	};
	if (s->config->system_prompt != nullptr)
		request.system = (struct lm_str){ lm_buf_cstr(&s->texts.system), s->texts.system.len };
	lm_buf_clear(&s->request);
	lm_provider_render(s->provider, &request, &s->request);
	count_request(s, row->line);
}

// ---- reading

static int
next_commit(struct survey *s, uint64_t rows, struct lm_err *err)
{
	if (rows % LM_SURVEY_COMMIT_ROWS != 0)
		return 0;
	if (lm_db_commit(s->ids, err) < 0)
		return -1;
	return lm_db_begin(s->ids, err);
}

static int
read_rows(struct survey *s, struct lm_source *source, struct lm_err *err)
{
	const char *path = s->config->inputs[s->source].path;
	for (uint64_t rows = 1;; rows++) {
		struct lm_row row;
		int rc = lm_ingest_next(source, path, s->prompts, &row, &s->texts, err);
		if (rc == 0)
			return 0;
		if (rc == 1) {
			rc = check_id(s, &row, err);
			if (rc < 0)
				return -1;
			if (rc == 1)
				measure(s, &row);
		} else if (err->code != LM_E_SYNTAX) {
			return -1;
		}
		if (rc != 1 && !lm_ingest_fault(s->faults, path, err))
			return 0;
		if (next_commit(s, rows, err) < 0)
			return -1;
	}
}

static int
read_source(struct survey *s, struct lm_err *err)
{
	LM_AUTO(lm_source_close_ptr) struct lm_source *source = nullptr;
	const struct lm_batch_input *input = &s->config->inputs[s->source];
	struct lm_source_stamp stamp = {};
	struct lm_digest digest;
	uint64_t begin = 0, end = 0, rows = s->facts->rows;
	if (lm_ingest_stamp(input->path, &stamp, err) < 0)
		return -1;
	lm_emit_begin(s->sink, "read", input->path, stamp.size_bytes);
	if (lm_source_open(&source, input, s->config->id_field, &s->env, nullptr, err) < 0 || read_rows(s, source, err) < 0)
		return -1;
	lm_source_slice(source, &begin, &end, &digest);
	s->facts->bytes += input->kind == LM_INPUT_PARQUET ? stamp.size_bytes : end;
	rows = s->facts->rows - rows;
	if (s->faults->errors == 0)
		lm_emit_end(s->sink, "read", input->path, "%" PRIu64 " row%s", rows, rows == 1 ? "" : "s");
	return 0;
}

static int
read_sources(struct survey *s, struct lm_err *err)
{
	while (s->source < s->config->input_count && s->faults->errors < LM_INGEST_FAULTS_MAX) {
		if (read_source(s, err) < 0)
			return -1;
		s->source++;
	}
	close_batch(s);
	return s->faults->errors > 0 ? lm_ingest_refuse(s->faults, err) : 0;
}

int
lm_ingest_survey(const struct lm_batch_config *config, const struct lm_provider *provider, const struct lm_source_env *env,
	struct lm_diags *faults, struct lm_input_facts *facts, const struct lm_sink *sink, struct lm_err *err)
{
	static const char *const schema[] = {
		"CREATE TABLE ids (id TEXT NOT NULL PRIMARY KEY, source INTEGER NOT NULL, line INTEGER NOT NULL) STRICT, "
		"WITHOUT ROWID",
	};
	LM_AUTO(release)
	struct survey s = { .config = config, .provider = provider, .faults = faults, .facts = facts, .sink = sink };
	*facts = (struct lm_input_facts){};
	if (lm_prompts_new(&s.prompts, config, err) < 0)
		return -1;
	s.env = lm_ingest_env(env, s.prompts);
	// without a name it is SQLite's own temporary file, which nobody else sees and nothing is left of
	if (lm_db_open(&s.ids, "", schema, LM_COUNT(schema), err) < 0 || lm_db_begin(s.ids, err) < 0)
		return lm_err_wrap(err, "looking for duplicate ids");
	int rc = read_sources(&s, err);
	lm_db_rollback(s.ids);
	return rc;
}
