// CSV (RFC 4180, and what Python's csv module makes of the rest): the first row names the columns.
#include "batch/source_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LM_CSV_COLUMNS_MAX = 20'000 };

// A row being read in the window; begun again when the window has to grow.
struct reader {
	struct lm_source *source;
	const char *begin, *at, *end;
	const char *fault; // of the row, which is read to its end all the same
	bool last;         // nothing comes behind `end`
};

// What a part of a row came to.
enum part { PART_DONE, PART_MORE };

static void
fault(struct reader *r, const char *what)
{
	if (r->fault == nullptr)
		r->fault = what;
}

// From behind an opening quote over the closing one.
static enum part
quoted_part(struct reader *r)
{
	struct lm_buf *cells = &r->source->cells;
	for (;;) {
		const char *quote = r->at < r->end ? memchr(r->at, '"', (size_t)(r->end - r->at)) : nullptr;
		if (quote == nullptr || (quote + 1 == r->end && !r->last)) {
			if (!r->last)
				return PART_MORE;
			fault(r, "quoted field is not closed");
			lm_buf_append(cells, r->at, (size_t)(r->end - r->at));
			r->at = r->end;
			return PART_DONE;
		}
		lm_buf_append(cells, r->at, (size_t)(quote - r->at));
		r->at = quote + 1;
		if (r->at == r->end || *r->at != '"')
			return PART_DONE;
		lm_buf_byte(cells, '"');
		r->at++;
	}
}

// Up to a comma or line end, which stays. What follows a closing quote belongs to the field.
static enum part
field(struct reader *r)
{
	if (r->at < r->end && *r->at == '"') {
		r->at++;
		if (quoted_part(r) == PART_MORE)
			return PART_MORE;
	}
	const char *begin = r->at;
	while (r->at < r->end && *r->at != ',' && *r->at != '\n') {
		if (*r->at == '\r') {
			if (r->at + 1 == r->end && !r->last)
				return PART_MORE;
			if (r->at + 1 == r->end || r->at[1] == '\n')
				break;
			fault(r, "carriage return without line feed outside of quotes");
		}
		r->at++;
	}
	if (r->at == r->end && !r->last)
		return PART_MORE;
	lm_buf_append(&r->source->cells, begin, (size_t)(r->at - begin));
	return PART_DONE;
}

// A whole row with its line end, or PART_MORE.
static enum part
read_row(struct reader *r)
{
	struct lm_source *source = r->source;
	source->field_count = 0;
	lm_buf_clear(&source->cells);
	for (bool more = true; more;) {
		size_t from = source->cells.len;
		if (field(r) == PART_MORE)
			return PART_MORE;
		if (source->field_count > LM_CSV_COLUMNS_MAX) {
			fault(r, "more than 20000 fields");
		} else {
			lm_grow(source->fields, source->field_count, source->field_cap);
			source->fields[source->field_count++].len = source->cells.len - from;
		}
		more = r->at < r->end && *r->at == ',';
		r->at += more;
		if (more && r->at == r->end && !r->last)
			return PART_MORE;
	}
	r->at += r->at < r->end && *r->at == '\r';
	r->at += r->at < r->end && *r->at == '\n';
	// the storage has stopped moving
	const char *at = lm_buf_cstr(&source->cells);
	for (size_t i = 0; i < source->field_count; i++) {
		source->fields[i].ptr = at;
		at += source->fields[i].len;
	}
	return PART_DONE;
}

static uint64_t
count_lines(const char *begin, const char *end)
{
	uint64_t count = 0;
	for (const char *at = begin; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != nullptr; at++)
		count++;
	return count;
}

// Nothing but a line end?
static bool
is_line_end(const char *begin, const char *end)
{
	return begin == end || *begin == '\n' || *begin == '\r';
}

// The next row's fields (none of an empty line); 1, 0 at the end, -1 (LM_E_SYNTAX: of this row, the next one follows).
static int
next_fields(struct lm_source *source, uint64_t *line, struct lm_err *err)
{
	struct lm_source_window *window = &source->window;
	struct reader r;
	for (;;) {
		size_t bom = lm_window_offset(window) == 0 && window->len >= 3 && memcmp(window->bytes, "\xEF\xBB\xBF", 3) == 0
			? 3
			: 0;
		r = (struct reader){
			.source = source,
			.begin = window->bytes + window->at + bom,
			.at = window->bytes + window->at + bom,
			.end = window->bytes + window->len,
			.last = window->at_end,
		};
		if (window->at_end && window->at + bom == window->len)
			return 0;
		if (window->at < window->len && read_row(&r) == PART_DONE)
			break;
		if (lm_window_more(window, source->path, err) < 0)
			return err->code == LM_E_LIMIT ? lm_source_fail(source, source->line, err) : -1;
	}
	const char *begin = window->bytes + window->at;
	struct lm_str raw = { begin, (size_t)(r.at - begin) };
	if (source->field_count == 1 && is_line_end(r.begin, r.at))
		source->field_count = 0;
	*line = source->line;
	source->line += count_lines(begin, r.at);
	window->at += raw.len;
	if (r.fault == nullptr && raw.len > LM_ROW_MAX_BYTES) {
		(void)lm_err_set(err, LM_E_LIMIT, "row of more than %d bytes", LM_ROW_MAX_BYTES);
		return lm_source_fail(source, *line, err);
	}
	if (memchr(raw.ptr, '\0', raw.len) != nullptr)
		fault(&r, "NUL byte");
	if (!lm_utf8_valid(raw))
		fault(&r, "row is not valid UTF-8");
	return r.fault == nullptr ? 1 : lm_source_fault(source, *line, err, r.fault);
}

static void
put_row(struct lm_source *source)
{
	struct lm_buf *json = &source->json;
	lm_buf_clear(json);
	for (size_t i = 0; i < source->column_count; i++) {
		lm_buf_str(json, lm_buf_view(&source->columns[i].prefix));
		if (i < source->field_count)
			lm_json_quote(json, source->fields[i]);
		else
			lm_buf_text(json, "null"); // as csv.DictReader has it
	}
	lm_buf_byte(json, '}');
}

static int
next(struct lm_source *source, struct lm_row *row, struct lm_err *err)
{
	int rc;
	do // an empty line is no row
		rc = next_fields(source, &row->line, err);
	while (rc == 1 && source->field_count == 0);
	if (rc <= 0)
		return rc;
	if (source->field_count > source->column_count) {
		(void)lm_err_set(
			err, LM_E_SYNTAX, "row of %zu fields, the header has %zu", source->field_count, source->column_count);
		return lm_source_fail(source, row->line, err);
	}
	if (source->id_column >= source->field_count) {
		(void)lm_err_set(err, LM_E_SYNTAX, "missing required fields: %s", source->id_field);
		return lm_source_fail(source, row->line, err);
	}
	row->id = source->fields[source->id_column];
	if (lm_source_check_id(source, row->id, row->line, err) < 0)
		return -1;
	put_row(source);
	row->json = lm_buf_view(&source->json);
	return 1;
}

static void
checkpoint(const struct lm_source *source, struct lm_buf *out)
{
	lm_buf_text(out, "{\"header\":[");
	for (size_t i = 0; i < source->column_count; i++) {
		lm_buf_text(out, i == 0 ? "" : ",");
		lm_json_quote(out, lm_str_of(source->columns[i].name));
	}
	lm_buf_format(out, "],\"line\":%" PRIu64 ",\"offset\":%" PRIu64 "}", source->line, lm_window_offset(&source->window));
}

static void
slice(struct lm_source *source, uint64_t *begin, uint64_t *end, struct lm_digest *digest)
{
	lm_window_slice(&source->window, begin, end, digest);
}

static void
release(struct lm_source *source)
{
	for (size_t i = 0; i < source->column_count; i++) {
		lm_free(source->columns[i].name);
		lm_buf_release(&source->columns[i].prefix);
	}
	lm_free(source->columns);
	lm_free(source->fields);
	lm_buf_release(&source->cells);
}

// ---- the header

static int
compare_names(const void *a, const void *b)
{
	return lm_cstr_compare_qsort(a, b);
}

// The name that is there twice, or null.
static const char *
find_twice(const struct lm_source *source)
{
	LM_AUTO(lm_free_ptr) const char **names = lm_alloc_array(source->column_count, sizeof *names);
	for (size_t i = 0; i < source->column_count; i++)
		names[i] = source->columns[i].name;
	qsort(names, source->column_count, sizeof *names, compare_names);
	for (size_t i = 1; i < source->column_count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return names[i];
	return nullptr;
}

static void
add_column(struct lm_source *source, struct lm_str name)
{
	struct lm_source_column *column = &source->columns[source->column_count];
	column->name = lm_strndup(name.ptr, name.len);
	lm_buf_byte(&column->prefix, source->column_count == 0 ? '{' : ',');
	lm_json_quote(&column->prefix, name);
	lm_buf_byte(&column->prefix, ':');
	source->column_count++;
}

static int
check_columns(struct lm_source *source, struct lm_err *err)
{
	const char *twice = find_twice(source);
	if (twice != nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "the header has '%s' twice", twice);
	while (source->id_column < source->column_count &&
		strcmp(source->columns[source->id_column].name, source->id_field) != 0)
		source->id_column++;
	if (source->id_column == source->column_count)
		return lm_err_set(err, LM_E_SYNTAX, "the header has no column '%s'", source->id_field);
	return 0;
}

static int
read_header(struct lm_source *source, struct lm_err *err)
{
	uint64_t line = 1;
	int rc;
	do
		rc = next_fields(source, &line, err);
	while (rc == 1 && source->field_count == 0);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is empty: a CSV file begins with a header", source->path);
	if (source->field_count > LM_CSV_COLUMNS_MAX)
		return lm_source_fault(source, line, err, "the header has more than 20000 columns");
	source->columns = lm_alloc_array(source->field_count, sizeof *source->columns);
	for (size_t i = 0; i < source->field_count; i++)
		add_column(source, source->fields[i]);
	return check_columns(source, err) < 0 ? lm_source_fail(source, line, err) : 0;
}

// What was read of the file before is not read again, its header neither.
static int
restore_header(struct lm_source *source, struct lm_str text, struct lm_err *err)
{
	struct lm_json_value header, name;
	size_t count = 0;
	if (!lm_json_get((struct lm_json_value){ LM_JSON_OBJECT, text }, "header", &header))
		return lm_err_set(err, LM_E_SYNTAX, "checkpoint without 'header'");
	for (size_t at = 0; lm_json_next_element(header, &at, &name);)
		count++;
	source->columns = lm_alloc_array(count, sizeof *source->columns);
	for (size_t at = 0; lm_json_next_element(header, &at, &name);) {
		LM_AUTO(lm_buf_release) struct lm_buf scratch = {};
		add_column(source, lm_json_text(name, &scratch));
	}
	return check_columns(source, err);
}

int
lm_source_open_csv(struct lm_source *source, const char *text, struct lm_err *err)
{
	static const struct lm_source_kind kind = { next, checkpoint, slice, release };
	uint64_t offset = 0;
	source->line = 1;
	source->kind = &kind;
	if (text != nullptr &&
		(lm_checkpoint_number(lm_str_of(text), "offset", &offset, err) < 0 ||
			lm_checkpoint_number(lm_str_of(text), "line", &source->line, err) < 0 ||
			restore_header(source, lm_str_of(text), err) < 0))
		return -1;
	if (lm_window_open(&source->window, source->path, offset, err) < 0)
		return -1;
	return text == nullptr ? read_header(source, err) : 0;
}
