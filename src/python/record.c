#include "python/wheel.h"

#include "python/scan.h"
#include "text/csv.h"

enum { PATH_MAX_BYTES = 4096 };

static bool
is_word(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!lm_is_alnum(text.ptr[i]) && text.ptr[i] != '_' && text.ptr[i] != '-')
			return false;
	return text.len > 0 && text.len <= 32;
}

static int
read_digest(struct lm_str field, uint32_t line, struct lm_record_row *row, struct lm_err *err)
{
	if (field.len == 0)
		return 0;
	struct lm_str value = field, algorithm = lm_str_cut(&value, '=');
	if (!is_word(algorithm))
		return lm_err_set(err, LM_E_SYNTAX, "line %u: the digest does not begin with 'sha256='", line);
	if (!lm_str_equal(algorithm, LM_STR("sha256")))
		return lm_err_set(
			err, LM_E_UNSUPPORTED, "line %u: the digest is '%.*s', not sha256", line, LM_STR_ARG(algorithm));
	if (!lm_digest_parse_base64(value, &row->digest))
		return lm_err_set(err, LM_E_SYNTAX, "line %u: the sha256 digest is not 43 characters of base64", line);
	row->has_digest = true;
	return 0;
}

static int
read_row(const struct lm_csv_reader *reader, struct lm_arena *arena, struct lm_record_row *row, struct lm_err *err)
{
	uint32_t line = reader->line;
	if (reader->count != 3)
		return lm_err_set(err, LM_E_SYNTAX, "line %u: %zu fields, expected path, digest and size", line, reader->count);
	struct lm_str path = reader->fields[0], size = reader->fields[2];
	if (path.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "line %u: the path is empty", line);
	if (path.len > PATH_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "line %u: the path is longer than %d bytes", line, PATH_MAX_BYTES);
	if (lm_str_find(path, '\0') < path.len || !lm_utf8_valid(path))
		return lm_err_set(err, LM_E_SYNTAX, "line %u: the path is not valid UTF-8 text", line);
	*row = (struct lm_record_row){ .path = lm_arena_strndup(arena, path.ptr, path.len) };
	if (size.len > 0 && !lm_parse_u64(size, INT64_MAX, &row->size))
		return lm_err_set(err, LM_E_SYNTAX, "line %u: the size is not a number", line);
	row->has_size = size.len > 0;
	return read_digest(reader->fields[1], line, row, err);
}

// Rows grow in the arena by doubling; what is left behind is at most as much again.
static void
add_row(struct lm_record *record, struct lm_arena *arena, const struct lm_record_row *row)
{
	if (record->count == record->cap) {
		size_t cap = record->cap == 0 ? 64 : record->cap * 2;
		struct lm_record_row *rows = lm_arena_alloc(arena, cap * sizeof *rows);
		for (size_t i = 0; i < record->count; i++)
			rows[i] = record->rows[i];
		record->rows = rows;
		record->cap = cap;
	}
	record->rows[record->count++] = *row;
}

static int
read_rows(struct lm_csv_reader *reader, struct lm_arena *arena, struct lm_record *out, struct lm_err *err)
{
	int more = 0;
	while ((more = lm_csv_next(reader, err)) > 0) {
		struct lm_record_row row;
		if (reader->count == 0) // an empty line
			continue;
		if (out->count == LM_RECORD_MAX_ROWS)
			return lm_err_set(err, LM_E_LIMIT, "more than %d rows", LM_RECORD_MAX_ROWS);
		if (read_row(reader, arena, &row, err) < 0)
			return -1;
		add_row(out, arena, &row);
	}
	return more;
}

int
lm_record_parse(struct lm_str text, struct lm_arena *arena, struct lm_record *out, struct lm_err *err)
{
	LM_AUTO(lm_csv_release) struct lm_csv_reader reader = {};
	*out = (struct lm_record){};
	lm_csv_init(&reader, text);
	return read_rows(&reader, arena, out, err) < 0 ? lm_err_wrap(err, "RECORD") : 0;
}
