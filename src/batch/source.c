#include "batch/source.h"

#include "base/mem.h"
#include "batch/source_parts.h"
#include "os/fd.h"
#include "text/json_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LM_SLICE_CHUNK_BYTES = 256 << 10 };

int
lm_source_open(struct lm_source **out, const struct lm_batch_input *input, const char *id_field,
	const struct lm_source_env *env, const char *checkpoint, struct lm_err *err)
{
	LM_AUTO(lm_source_close_ptr) struct lm_source *source = lm_alloc(sizeof *source);
	int rc = -1;
	source->path = lm_strdup(input->path);
	source->id_field = lm_strdup(id_field);
	switch (input->kind) {
	case LM_INPUT_JSONL:
		rc = lm_source_open_jsonl(source, checkpoint, err);
		break;
	case LM_INPUT_CSV:
		rc = lm_source_open_csv(source, checkpoint, err);
		break;
	case LM_INPUT_PARQUET:
		rc = lm_source_open_parquet(source, env, checkpoint, err);
		break;
	}
	if (rc < 0)
		return -1;
	*out = lm_take(&source);
	return 0;
}

void
lm_source_close(struct lm_source *source)
{
	if (source == nullptr)
		return;
	if (source->kind != nullptr)
		source->kind->close(source);
	lm_window_close(&source->window);
	lm_json_scan_release(&source->scan);
	lm_buf_release(&source->json);
	lm_buf_release(&source->id);
	lm_free(source->path);
	lm_free(source->id_field);
	lm_free(source);
}

void
lm_source_close_ptr(struct lm_source **source)
{
	lm_source_close(*source);
}

int
lm_source_next(struct lm_source *source, struct lm_row *row, struct lm_err *err)
{
	return source->kind->next(source, row, err);
}

void
lm_source_checkpoint(const struct lm_source *source, struct lm_buf *out)
{
	source->kind->checkpoint(source, out);
}

void
lm_source_slice(struct lm_source *source, uint64_t *begin, uint64_t *end, struct lm_digest *digest)
{
	source->kind->slice(source, begin, end, digest);
}

// ---- what all kinds do

int
lm_source_fail(const struct lm_source *source, uint64_t line, struct lm_err *err)
{
	return lm_err_wrap(err, "%s:%" PRIu64, source->path, line);
}

int
lm_source_fault(const struct lm_source *source, uint64_t line, struct lm_err *err, const char *what)
{
	(void)lm_err_set(err, LM_E_SYNTAX, "%s", what);
	return lm_source_fail(source, line, err);
}

int
lm_source_check_id(const struct lm_source *source, struct lm_str id, uint64_t line, struct lm_err *err)
{
	if (id.len == 0)
		(void)lm_err_set(err, LM_E_SYNTAX, "the id, '%s', is empty", source->id_field);
	else if (id.len > LM_ITEM_ID_MAX_BYTES)
		(void)lm_err_set(err, LM_E_SYNTAX, "the id, '%s', has %zu bytes, more than %d", source->id_field, id.len,
			LM_ITEM_ID_MAX_BYTES);
	else if (memchr(id.ptr, '\0', id.len) != nullptr)
		(void)lm_err_set(err, LM_E_SYNTAX, "the id, '%s', holds a NUL", source->id_field);
	else
		return 0;
	return lm_source_fail(source, line, err);
}

// The id as text: what str() gives, but for numbers, which keep their spelling.
static int
take_id(struct lm_source *source, struct lm_json_value value, uint64_t line, struct lm_str *id, struct lm_err *err)
{
	lm_buf_clear(&source->id);
	switch (value.kind) {
	case LM_JSON_STRING:
		*id = lm_json_text(value, &source->id);
		break;
	case LM_JSON_NUMBER:
		*id = value.raw;
		break;
	case LM_JSON_TRUE:
	case LM_JSON_FALSE:
		*id = value.kind == LM_JSON_TRUE ? LM_STR("True") : LM_STR("False");
		break;
	case LM_JSON_NULL:
		(void)lm_err_set(err, LM_E_SYNTAX, "missing required fields: %s", source->id_field);
		return lm_source_fail(source, line, err);
	default:
		(void)lm_err_set(err, LM_E_SYNTAX, "the id, '%s', is an %s", source->id_field, lm_json_kind_name(value.kind));
		return lm_source_fail(source, line, err);
	}
	return lm_source_check_id(source, *id, line, err);
}

int
lm_source_take_json(struct lm_source *source, struct lm_str text, uint64_t line, struct lm_row *row, struct lm_err *err)
{
	struct lm_json_scan *scan = &source->scan;
	if (lm_json_scan(scan, text, err) < 0) {
		err->code = LM_E_SYNTAX; // of this row alone, whichever limit it was
		return lm_source_fail(source, line, err);
	}
	if (scan->value.kind != LM_JSON_OBJECT) {
		(void)lm_err_set(err, LM_E_SYNTAX, "row is not a JSON object but %s%s",
			scan->value.kind <= LM_JSON_TRUE            ? ""
				: scan->value.kind == LM_JSON_ARRAY ? "an "
								    : "a ",
			lm_json_kind_name(scan->value.kind));
		return lm_source_fail(source, line, err);
	}
	const struct lm_json_member *id = lm_json_scan_find(scan, lm_str_of(source->id_field));
	if (take_id(source, id == nullptr ? (struct lm_json_value){} : id->value, line, &row->id, err) < 0)
		return -1;
	row->line = line;
	row->json = scan->value.raw;
	if (scan->space_bytes > 0) {
		lm_buf_clear(&source->json);
		lm_json_compact(scan->value.raw, &source->json);
		row->json = lm_buf_view(&source->json);
	}
	return 1;
}

int
lm_checkpoint_number(struct lm_str checkpoint, const char *key, uint64_t *out, struct lm_err *err)
{
	struct lm_json_value value;
	if (lm_json_get((struct lm_json_value){ LM_JSON_OBJECT, checkpoint }, key, &value) && lm_json_value_u64(value, out))
		return 0;
	return lm_err_set(err, LM_E_SYNTAX, "checkpoint without '%s': '%.*s'", key,
		(int)(checkpoint.len > 100 ? 100 : checkpoint.len), checkpoint.ptr);
}

// ---- has it changed?

static int
hash_part(int fd, const char *path, uint64_t begin, uint64_t end, struct lm_digest *digest, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *chunk = lm_alloc(LM_SLICE_CHUNK_BYTES);
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash;
	lm_sha256_init(&hash);
	while (begin < end) {
		size_t want = end - begin < LM_SLICE_CHUNK_BYTES ? (size_t)(end - begin) : LM_SLICE_CHUNK_BYTES;
		ssize_t got = pread(fd, chunk, want, (off_t)begin);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_fd_fail(err, errno, "read", path);
		if (got == 0)
			return 0;
		lm_sha256_update(&hash, chunk, (size_t)got);
		begin += (uint64_t)got;
	}
	lm_sha256_final(&hash, digest);
	return 1;
}

int
lm_source_slice_same(const struct lm_batch_input *input, const struct lm_source_env *env, const char *id_field, uint64_t begin,
	uint64_t end, const struct lm_digest *digest, struct lm_err *err)
{
	if (input->kind == LM_INPUT_PARQUET)
		return lm_parquet_rows_same(input, env, id_field, begin, end, digest, err);
	LM_AUTO(lm_fd_close) int fd = -1;
	struct stat status;
	struct lm_digest now;
	if (lm_fd_open_regular(input->path, &fd, &status, err) < 0)
		return -1;
	int rc = hash_part(fd, input->path, begin, end, &now, err);
	return rc <= 0 ? rc : lm_digest_equal(&now, digest);
}
