#include "fake/rows.h"

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
	if (source->list)
		rows->list = (struct lm_json_value){ LM_JSON_ARRAY,
			{ rows->at + source->start, (size_t)(source->end - source->start) } };
	return 0;
}

void
lm_fake_rows_close(struct lm_fake_rows *rows)
{
	lm_map_close(&rows->map);
	lm_json_scan_release(&rows->scan);
}

static int
read_openai(struct lm_fake_row *row, struct lm_json_value value, struct lm_err *err)
{
	struct lm_json_value key, member;
	size_t at = 0;

	if (value.kind != LM_JSON_OBJECT)
		return lm_err_set(err, LM_E_SYNTAX, "This line is no JSON object.");
	while (lm_json_next_member(value, &at, &key, &member)) {
		if (lm_json_text_equal(key, LM_STR("custom_id")))
			row->id = lm_fake_inside(member);
		else if (lm_json_text_equal(key, LM_STR("method")))
			row->method = lm_fake_inside(member);
		else if (lm_json_text_equal(key, LM_STR("url")))
			row->url = lm_fake_inside(member);
		else if (lm_json_text_equal(key, LM_STR("body")))
			row->body = member;
	}
	row->model = lm_fake_inside(lm_fake_get(row->body, "model"));
	if (row->id.len == 0)
		return lm_err_set(err, LM_E_SYNTAX, "Missing required parameter: 'custom_id'.");
	return 0;
}

static int
read_anthropic(struct lm_fake_row *row, struct lm_json_value value, struct lm_err *err)
{
	row->id = lm_fake_inside(lm_fake_get(value, "custom_id"));
	row->body = lm_fake_get(value, "params");
	if (row->id.len == 0)
		return lm_err_set(
			err, LM_E_SYNTAX, "requests.%llu.custom_id: Field required", (unsigned long long)row->number - 1);
	row->model = lm_fake_inside(lm_fake_get(row->body, "model"));
	return 0;
}

static int
read_gemini(struct lm_fake_row *row, struct lm_json_value value)
{
	row->body = lm_fake_get(value, "request");
	row->metadata = lm_fake_get(value, "metadata").raw;
	row->id = lm_fake_inside(row->list ? lm_fake_get(lm_fake_get(value, "metadata"), "key") : lm_fake_get(value, "key"));
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

// The value of the next row.
static int
next_value(struct lm_fake_rows *rows, bool checked, struct lm_json_value *value, struct lm_err *err)
{
	struct lm_str text = {};
	struct lm_err why = {};
	if (rows->source.list) {
		rows->line++;
		return lm_json_next_element(rows->list, &rows->in_list, value);
	}
	if (!next_text(rows, &text))
		return 0;
	*value = (struct lm_json_value){ text.ptr[0] == '{' ? LM_JSON_OBJECT : LM_JSON_NULL, text };
	if (!checked && lm_json_scan(&rows->scan, text, &why) < 0)
		return lm_err_set(err, LM_E_SYNTAX, "This line is not parseable as valid JSON: %s", why.text);
	return 1;
}

int
lm_fake_rows_next(struct lm_fake_rows *rows, bool checked, struct lm_fake_row *row, struct lm_err *err)
{
	struct lm_json_value value = {};
	int rc = next_value(rows, checked, &value, err);

	*row = (struct lm_fake_row){ .number = rows->number + 1, .line = rows->line, .list = rows->source.list };
	if (rc <= 0)
		return rc;
	rows->number++;
	if (rows->source.api == LM_FAKE_OPENAI)
		rc = read_openai(row, value, err);
	else if (rows->source.api == LM_FAKE_ANTHROPIC)
		rc = read_anthropic(row, value, err);
	else
		rc = read_gemini(row, value);
	if (rc < 0)
		return -1;
	if (row->body.kind != LM_JSON_OBJECT)
		return lm_err_set(err, LM_E_SYNTAX, "The request of '%.*s' is missing or no JSON object.",
			(int)(row->id.len < 100 ? row->id.len : 100), row->id.ptr != nullptr ? row->id.ptr : "");
	return 1;
}
