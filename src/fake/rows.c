#include "fake/rows.h"

#include "fake/scan.h"

#include <string.h>

int
lm_fake_rows_open(struct lm_fake_rows *rows, const struct lm_fake_source *source, struct lm_err *err)
{
	*rows = (struct lm_fake_rows){ .source = *source };
	if (lm_map_open(&rows->map, source->path, err) < 0)
		return -1;
	if (rows->map.len == 0)
		return 0;
	rows->at = (const char *)rows->map.ptr;
	rows->end = rows->at + rows->map.len;
	if (source->list) {
		rows->end = rows->at + source->end - 1;
		rows->at += source->start + 1;
	}
	return 0;
}

void
lm_fake_rows_close(struct lm_fake_rows *rows)
{
	lm_map_close(&rows->map);
}

static int
read_openai(struct lm_fake_row *row, struct lm_str raw, struct lm_err *err)
{
	struct lm_scan inside;
	struct lm_str key, value;

	if (!lm_scan_enter(raw, '{', &inside))
		return lm_err_set(err, LM_E_SYNTAX, "This line is no JSON object.");
	while (lm_scan_member(&inside, &key, &value)) {
		if (lm_str_equal(key, LM_STR("custom_id")))
			(void)lm_scan_string(value, &row->id);
		else if (lm_str_equal(key, LM_STR("method")))
			(void)lm_scan_string(value, &row->method);
		else if (lm_str_equal(key, LM_STR("url")))
			(void)lm_scan_string(value, &row->url);
		else if (lm_str_equal(key, LM_STR("body")))
			row->body = value;
	}
	(void)lm_scan_string(lm_scan_find(row->body, "model"), &row->model);
	if (row->id.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "Missing required parameter: 'custom_id'.");
	return 0;
}

static int
read_anthropic(struct lm_fake_row *row, struct lm_str raw, struct lm_err *err)
{
	(void)lm_scan_string(lm_scan_find(raw, "custom_id"), &row->id);
	row->body = lm_scan_find(raw, "params");
	if (row->id.len == 0)
		return lm_err_set(
			err, LM_E_SYNTAX, "requests.%llu.custom_id: Field required", (unsigned long long)row->number - 1);
	(void)lm_scan_string(lm_scan_find(row->body, "model"), &row->model);
	return 0;
}

static int
read_gemini(struct lm_fake_row *row, struct lm_str raw)
{
	row->body = lm_scan_find(raw, "request");
	row->metadata = lm_scan_find(raw, "metadata");
	(void)lm_scan_string(row->list ? lm_scan_find(row->metadata, "key") : lm_scan_find(raw, "key"), &row->id);
	return 0;
}

// The text of the next row: a line that is not blank, or an element of the list.
static bool
next_text(struct lm_fake_rows *rows, struct lm_str *text)
{
	while (rows->at < rows->end) {
		const char *newline = memchr(rows->at, '\n', (size_t)(rows->end - rows->at));
		const char *end = newline != nullptr ? newline : rows->end;
		*text = lm_str_trim((struct lm_str){ rows->at, (size_t)(end - rows->at) });
		rows->at = newline != nullptr ? newline + 1 : rows->end;
		rows->line++;
		if (text->len > 0)
			return true;
	}
	return false;
}

static bool
next_element(struct lm_fake_rows *rows, struct lm_str *text)
{
	struct lm_scan scan = { rows->at, rows->end };
	bool more = lm_scan_element(&scan, text);
	rows->at = scan.at;
	rows->line++;
	return more;
}

int
lm_fake_rows_next(struct lm_fake_rows *rows, bool checked, struct lm_fake_row *row, struct lm_err *err)
{
	struct lm_str text;
	bool list = rows->source.list;
	int rc = 0;

	if (list ? !next_element(rows, &text) : !next_text(rows, &text))
		return 0;
	*row = (struct lm_fake_row){ .number = ++rows->number, .line = rows->line, .list = list };
	if (!list && !checked && !lm_scan_check(text, &text))
		return lm_err_set(err, LM_E_SYNTAX, "This line is not parseable as valid JSON.");
	if (rows->source.api == LM_FAKE_OPENAI)
		rc = read_openai(row, text, err);
	else if (rows->source.api == LM_FAKE_ANTHROPIC)
		rc = read_anthropic(row, text, err);
	else
		rc = read_gemini(row, text);
	if (rc < 0)
		return -1;
	if (row->body.len == 0 || row->body.ptr[0] != '{')
		return lm_err_set(err, LM_E_SYNTAX, "The request of '%.*s' is missing or no JSON object.",
			(int)(row->id.len < 100 ? row->id.len : 100), row->id.ptr);
	return 1;
}
