#include "fake/multipart.h"

#include <string.h>

enum { OUTSIDE, AFTER_DELIMITER, HEADERS, INSIDE, DONE };

int
lm_form_begin(struct lm_form *form, const char *content_type, struct lm_spool *file, struct lm_err *err)
{
	const char *boundary = content_type != nullptr ? strstr(content_type, "boundary=") : nullptr;
	if (boundary == nullptr || strncasecmp(content_type, "multipart/form-data", 19) != 0)
		return lm_err_set(err, LM_E_SYNTAX, "The Content-Type is not 'multipart/form-data' with a boundary.");
	boundary += strlen("boundary=");
	size_t len = *boundary == '"' ? strcspn(++boundary, "\"") : strcspn(boundary, "; \t");
	if (len == 0 || len > LM_FORM_MAX_BOUNDARY)
		return lm_err_set(err, LM_E_SYNTAX, "The boundary of the form is empty or too long.");
	*form = (struct lm_form){ .where = OUTSIDE, .file = file };
	form->purpose.max_bytes = form->file_name.max_bytes = LM_FORM_MAX_FIELD;
	lm_buf_text(&form->delimiter, "\r\n--");
	lm_buf_append(&form->delimiter, boundary, len);
	lm_buf_text(&form->pending, "\r\n"); // the first delimiter has none
	return 0;
}

void
lm_form_release(struct lm_form *form)
{
	lm_buf_release(&form->delimiter);
	lm_buf_release(&form->pending);
	lm_buf_release(&form->file_name);
	lm_buf_release(&form->purpose);
}

static int
add_content(struct lm_form *form, const char *bytes, size_t len, struct lm_err *err)
{
	if (form->in_file)
		return lm_spool_write(form->file, bytes, len, err);
	if (form->field == nullptr)
		return 0;
	lm_buf_append(form->field, bytes, len);
	return form->field->overflow ? lm_err_set(err, LM_E_LIMIT, "A field of the form is too long.") : 0;
}

// The value of a parameter of Content-Disposition: name="value".
static struct lm_str
parameter(struct lm_str headers, const char *name)
{
	const char *at = memmem(headers.ptr, headers.len, name, strlen(name));
	if (at == nullptr)
		return (struct lm_str){};
	at += strlen(name);
	struct lm_str rest = { at, (size_t)(headers.ptr + headers.len - at) };
	return (struct lm_str){ at, lm_str_find(rest, '"') };
}

static int
begin_part(struct lm_form *form, struct lm_str headers, struct lm_err *err)
{
	struct lm_str name = parameter(headers, " name=\""), file_name = parameter(headers, "filename=\"");
	if (++form->parts > LM_FORM_MAX_PARTS)
		return lm_err_set(err, LM_E_LIMIT, "The form has too many parts.");
	form->in_file = lm_str_equal(name, LM_STR("file"));
	form->field = lm_str_equal(name, LM_STR("purpose")) ? &form->purpose : nullptr;
	if (!form->in_file)
		return 0;
	if (form->has_file)
		return lm_err_set(err, LM_E_SYNTAX, "The form has more than one file.");
	form->has_file = true;
	lm_buf_str(&form->file_name, file_name);
	return 0;
}

// What of the pending bytes is content for sure, and whether a delimiter follows it.
static int
take_content(struct lm_form *form, struct lm_str rest, size_t *used, bool *found, struct lm_err *err)
{
	const char *end = memmem(rest.ptr, rest.len, form->delimiter.ptr, form->delimiter.len);
	size_t len = end != nullptr              ? (size_t)(end - rest.ptr)
		: rest.len < form->delimiter.len ? 0
						 : rest.len - form->delimiter.len + 1;
	*found = end != nullptr;
	*used = end != nullptr ? len + form->delimiter.len : len;
	return form->where == INSIDE ? add_content(form, rest.ptr, len, err) : 0;
}

// One step through the pending bytes. *used 0: more of them are needed.
static int
step(struct lm_form *form, struct lm_str rest, size_t *used, struct lm_err *err)
{
	bool found = false;
	*used = 0;
	switch (form->where) {
	case OUTSIDE:
	case INSIDE:
		if (take_content(form, rest, used, &found, err) < 0)
			return -1;
		if (found)
			form->where = AFTER_DELIMITER;
		return 0;
	case AFTER_DELIMITER:
		if (rest.len < 2)
			return 0;
		*used = 2;
		form->where = lm_str_starts(rest, LM_STR("--")) ? DONE : HEADERS;
		return form->where == DONE || lm_str_starts(rest, LM_STR("\r\n"))
			? 0
			: lm_err_set(err, LM_E_SYNTAX, "A boundary of the form has something behind it.");
	case HEADERS: {
		const char *end = memmem(rest.ptr, rest.len, "\r\n\r\n", 4);
		size_t len = end != nullptr ? (size_t)(end - rest.ptr) : rest.len;
		if (len > LM_FORM_MAX_HEADERS)
			return lm_err_set(err, LM_E_LIMIT, "The headers of a part of the form are too long.");
		if (end == nullptr)
			return 0;
		*used = len + 4;
		form->where = INSIDE;
		return begin_part(form, (struct lm_str){ rest.ptr, len }, err);
	}
	default:
		*used = rest.len; // what follows the end has no meaning
		return 0;
	}
}

int
lm_form_feed(struct lm_form *form, const void *bytes, size_t len, struct lm_err *err)
{
	size_t at = 0, used = 0;
	lm_buf_append(&form->pending, bytes, len);
	do {
		struct lm_str rest = { form->pending.ptr + at, form->pending.len - at };
		if (step(form, rest, &used, err) < 0)
			return -1;
		at += used;
	} while (used > 0 && at < form->pending.len);
	memmove(form->pending.ptr, form->pending.ptr + at, form->pending.len - at);
	form->pending.len -= at;
	return 0;
}

int
lm_form_end(struct lm_form *form, struct lm_err *err)
{
	if (form->where != DONE)
		return lm_err_set(err, LM_E_SYNTAX, "The form has no end.");
	if (!form->has_file)
		return lm_err_set(err, LM_E_SYNTAX, "'file' is a required property");
	return 0;
}
