// Parquet: another process reads the file with pyarrow and hands rows over as lines (parquet_rows.py).
#include "batch/source_parts.h"
#include "os/child_stream.h"
#include "os/fd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char script[] = {
#embed "parquet_rows.py" suffix(, '\0')
};

enum {
	LM_PARQUET_CHUNK_BYTES = 256 << 10,
	LM_PARQUET_FAIL_CODE = 3, // of the script, with a sentence
};

struct lm_parquet {
	struct lm_child_stream *stream;
	char *python;
	char *bytes;
	size_t cap, at, len;
	bool done;
	uint64_t number, group, row; // of the row that comes next; number counts through all groups
	uint64_t slice_begin;
	struct lm_sha256 hash;
};

static int
fail_child(struct lm_source *source, struct lm_err *err)
{
	struct lm_parquet *parquet = source->parquet;
	int code = 0;
	if (lm_child_stream_wait(parquet->stream, &code, err) < 0)
		return -1;
	struct lm_str said = lm_str_trim(lm_str_of(lm_child_stream_errors(parquet->stream)));
	for (size_t at = said.len; at > 0; at--) // of a traceback the last line says it
		if (said.ptr[at - 1] == '\n') {
			said = (struct lm_str){ said.ptr + at, said.len - at };
			break;
		}
	if (code == LM_PARQUET_FAIL_CODE && lm_utf8_valid(said))
		return lm_err_set(err, LM_E_CHILD, "cannot read '%s': %.*s", source->path, LM_STR_ARG(said));
	return lm_err_set(err, LM_E_CHILD, "cannot read '%s': '%s' ended with exit code %d%s%.*s", source->path,
		parquet->python, code, said.len > 0 && lm_utf8_valid(said) ? ": " : "", lm_utf8_valid(said) ? (int)said.len : 0,
		said.ptr);
}

static int
read_more(struct lm_source *source, struct lm_err *err)
{
	struct lm_parquet *parquet = source->parquet;
	size_t got = 0;
	memmove(parquet->bytes, parquet->bytes + parquet->at, parquet->len - parquet->at);
	parquet->len -= parquet->at;
	parquet->at = 0;
	if (parquet->len == parquet->cap) {
		if (parquet->cap > LM_ROW_MAX_BYTES)
			return lm_err_set(err, LM_E_LIMIT, "row of more than %d bytes", LM_ROW_MAX_BYTES);
		parquet->cap *= 2;
		parquet->bytes = lm_realloc_array(parquet->bytes, parquet->cap, 1);
	}
	int rc = lm_child_stream_read(parquet->stream, parquet->bytes + parquet->len, parquet->cap - parquet->len, &got, err);
	if (rc == 0)
		return fail_child(source, err); // it says when it is done
	parquet->len += rc == 1 ? got : 0;
	return rc;
}

static int
next_line(struct lm_source *source, struct lm_str *line, struct lm_err *err)
{
	struct lm_parquet *parquet = source->parquet;
	for (size_t seen = 0;;) {
		const char *begin = parquet->bytes + parquet->at;
		size_t left = parquet->len - parquet->at;
		const char *end = left > seen ? memchr(begin + seen, '\n', left - seen) : nullptr;
		if (end != nullptr) {
			*line = (struct lm_str){ begin, (size_t)(end - begin) };
			parquet->at += line->len + 1;
			return 0;
		}
		seen = left;
		if (read_more(source, err) < 0)
			return err->code == LM_E_LIMIT ? lm_source_fail(source, parquet->number + 1, err) : -1;
	}
}

static int
next(struct lm_source *source, struct lm_row *row, struct lm_err *err)
{
	struct lm_parquet *parquet = source->parquet;
	struct lm_str line;
	if (parquet->done)
		return 0;
	if (next_line(source, &line, err) < 0)
		return -1;
	struct lm_str first = lm_str_cut(&line, ' ');
	if (lm_str_equal(first, LM_STR("end"))) {
		parquet->done = true;
		return 0;
	}
	if (!lm_parse_u64(first, INT64_MAX, &parquet->group) || !lm_parse_u64(lm_str_cut(&line, ' '), INT64_MAX, &parquet->row))
		return lm_err_set(
			err, LM_E_CHILD, "cannot read '%s': what '%s' writes is no row", source->path, parquet->python);
	parquet->row++;
	uint64_t number = ++parquet->number; // 1-based
	lm_sha256_update(&parquet->hash, line.ptr, line.len);
	lm_sha256_update(&parquet->hash, "\n", 1);
	if (lm_str_starts(line, LM_STR("!"))) {
		(void)lm_err_set(err, LM_E_SYNTAX, "%.*s", (int)line.len - 1, line.ptr + 1);
		return lm_source_fail(source, number, err);
	}
	return lm_source_take_json(source, line, number, row, err);
}

static void
checkpoint(const struct lm_source *source, struct lm_buf *out)
{
	const struct lm_parquet *parquet = source->parquet;
	lm_buf_format(out, "{\"number\":%" PRIu64 ",\"row\":%" PRIu64 ",\"row_group\":%" PRIu64 "}", parquet->number,
		parquet->row, parquet->group);
}

static void
slice(struct lm_source *source, uint64_t *begin, uint64_t *end, struct lm_digest *digest)
{
	struct lm_parquet *parquet = source->parquet;
	*begin = parquet->slice_begin;
	*end = parquet->slice_begin = parquet->number;
	lm_sha256_final(&parquet->hash, digest);
	lm_sha256_init(&parquet->hash);
}

static void
release(struct lm_source *source)
{
	struct lm_parquet *parquet = source->parquet;
	if (parquet == nullptr)
		return;
	lm_child_stream_close(parquet->stream);
	lm_sha256_release(&parquet->hash);
	lm_free(parquet->bytes);
	lm_free(parquet->python);
	lm_free(parquet);
}

static int
start(struct lm_parquet *parquet, const char *path, const struct lm_source_env *env, struct lm_err *err)
{
	size_t columns = 0;
	char first[24];
	while (env->columns != nullptr && env->columns[columns] != nullptr)
		columns++;
	LM_AUTO(lm_free_ptr) const char **argv = lm_alloc_array(columns + 7, sizeof *argv);
	size_t count = 0;
	(void)snprintf(first, sizeof first, "%" PRIu64, parquet->number);
	argv[count++] = parquet->python;
	argv[count++] = "-I"; // neither the working folder nor the user's packages
	argv[count++] = "-c";
	argv[count++] = script;
	argv[count++] = path;
	argv[count++] = first;
	for (size_t i = 0; i < columns; i++)
		argv[count++] = env->columns[i];
	struct lm_process process = { .argv = argv };
	return lm_child_stream_open(&parquet->stream, &process, err);
}

int
lm_source_open_parquet(struct lm_source *source, const struct lm_source_env *env, const char *text, struct lm_err *err)
{
	static const struct lm_source_kind kind = { next, checkpoint, slice, release };
	LM_AUTO(lm_fd_close) int fd = -1; // opened for what is said when it cannot be
	struct stat status;
	if (lm_fd_open_regular(source->path, &fd, &status, err) < 0)
		return -1;
	struct lm_parquet *parquet = lm_alloc(sizeof *parquet);
	source->kind = &kind;
	source->parquet = parquet;
	lm_sha256_init(&parquet->hash);
	parquet->python = lm_strdup(env->python == nullptr ? "python3" : env->python);
	parquet->cap = LM_PARQUET_CHUNK_BYTES;
	parquet->bytes = lm_alloc(parquet->cap);
	if (text != nullptr &&
		(lm_checkpoint_number(lm_str_of(text), "number", &parquet->number, err) < 0 ||
			lm_checkpoint_number(lm_str_of(text), "row", &parquet->row, err) < 0 ||
			lm_checkpoint_number(lm_str_of(text), "row_group", &parquet->group, err) < 0))
		return -1;
	parquet->slice_begin = parquet->number;
	return start(parquet, source->path, env, err);
}

int
lm_parquet_rows_same(const struct lm_batch_input *input, const struct lm_source_env *env, const char *id_field, uint64_t begin,
	uint64_t end, const struct lm_digest *digest, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = lm_format("{\"number\":%" PRIu64 ",\"row\":0,\"row_group\":0}", begin);
	LM_AUTO(lm_source_close_ptr) struct lm_source *source = nullptr;
	struct lm_row row;
	struct lm_digest now;
	uint64_t from = 0, to = 0;
	if (lm_source_open(&source, input, id_field, env, text, err) < 0)
		return -1;
	while (source->parquet->number < end) {
		struct lm_err fault = {};
		int rc = lm_source_next(source, &row, &fault);
		if (rc == 0)
			return 0;
		if (rc < 0 && fault.code != LM_E_SYNTAX) {
			*err = fault;
			return -1;
		}
	}
	lm_source_slice(source, &from, &to, &now);
	return lm_digest_equal(&now, digest);
}
