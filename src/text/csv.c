#include "text/csv.h"

#include "base/mem.h"

#include <string.h>

void
lm_csv_init(struct lm_csv_reader *reader, struct lm_str text)
{
	*reader = (struct lm_csv_reader){ .rest = text, .next_line = 1 };
}

void
lm_csv_release(struct lm_csv_reader *reader)
{
	lm_buf_release(&reader->storage);
	lm_free(reader->fields);
	*reader = (struct lm_csv_reader){};
}

static bool
next_is(const struct lm_csv_reader *reader, char c)
{
	return reader->rest.len > 0 && reader->rest.ptr[0] == c;
}

static bool
at_line_end(const struct lm_csv_reader *reader)
{
	return reader->rest.len == 0 || next_is(reader, '\n') || next_is(reader, '\r');
}

static char
take(struct lm_csv_reader *reader)
{
	char c = reader->rest.ptr[0];
	reader->rest.ptr++;
	reader->rest.len--;
	if (c == '\n' || (c == '\r' && !next_is(reader, '\n')))
		reader->next_line++;
	return c;
}

static int
fail(const struct lm_csv_reader *reader, struct lm_err *err, const char *what)
{
	return lm_err_set(err, LM_E_SYNTAX, "line %u: %s", reader->next_line, what);
}

// After the opening quote, up to and over the closing one.
static int
quoted_part(struct lm_csv_reader *reader, struct lm_err *err)
{
	uint32_t open = reader->next_line;
	for (;;) {
		if (reader->rest.len == 0)
			return lm_err_set(err, LM_E_SYNTAX, "line %u: quoted field is not closed", open);
		if (next_is(reader, '\0'))
			return fail(reader, err, "NUL byte");
		char c = take(reader);
		if (c == '"') {
			if (!next_is(reader, '"'))
				return 0;
			(void)take(reader);
		}
		lm_buf_byte(&reader->storage, c);
	}
}

// What follows a closing quote up to the comma belongs to the field, as Python has it; a quote inside
// of an unquoted field is a byte like others.
static int
field(struct lm_csv_reader *reader, struct lm_err *err)
{
	if (next_is(reader, '"')) {
		(void)take(reader);
		if (quoted_part(reader, err) < 0)
			return -1;
	}
	while (!at_line_end(reader) && !next_is(reader, ',')) {
		if (next_is(reader, '\0'))
			return fail(reader, err, "NUL byte");
		lm_buf_byte(&reader->storage, take(reader));
	}
	return 0;
}

// Storage moves while it grows, so fields get their pointers when the row is complete.
static void
set_pointers(struct lm_csv_reader *reader)
{
	const char *at = reader->storage.ptr;
	for (size_t i = 0; i < reader->count; i++) {
		reader->fields[i].ptr = at;
		at += reader->fields[i].len + 1;
	}
}

int
lm_csv_next(struct lm_csv_reader *reader, struct lm_err *err)
{
	reader->count = 0;
	lm_buf_clear(&reader->storage);
	if (reader->rest.len == 0)
		return 0;
	reader->line = reader->next_line;
	bool more = !at_line_end(reader); // an empty line has no fields
	while (more) {
		size_t start = reader->storage.len;
		if (field(reader, err) < 0)
			return -1;
		lm_grow(reader->fields, reader->count, reader->cap);
		reader->fields[reader->count++].len = reader->storage.len - start;
		lm_buf_byte(&reader->storage, '\0');
		more = next_is(reader, ',');
		if (more)
			(void)take(reader);
	}
	if (next_is(reader, '\r'))
		(void)take(reader);
	if (next_is(reader, '\n'))
		(void)take(reader);
	set_pointers(reader);
	return 1;
}

void
lm_csv_write_field(struct lm_buf *out, struct lm_str field_text)
{
	bool quote = false;
	for (size_t i = 0; i < field_text.len && !quote; i++)
		quote = strchr(",\"\r\n", field_text.ptr[i]) != nullptr && field_text.ptr[i] != '\0';
	if (!quote) {
		lm_buf_str(out, field_text);
		return;
	}
	lm_buf_byte(out, '"');
	for (size_t i = 0; i < field_text.len; i++) {
		if (field_text.ptr[i] == '"')
			lm_buf_byte(out, '"');
		lm_buf_byte(out, field_text.ptr[i]);
	}
	lm_buf_byte(out, '"');
}
