// Drives src/text for tests in Python; input on stdin, output on stdout, exit 1 with the message on stderr.
//   text_tool json   parse, and write in our form
//   text_tool scan   for each line: "ok" and the line without white space, or "no" and why
//   text_tool quote  for each line: itself as a JSON string, and what that is as text
//   text_tool csv    rows, as a JSON array of arrays
//   text_tool toml   parse, and write a line `key = value` for each key of the root
//   text_tool fold   case-fold each line
#include "base/mem.h"
#include "text/csv.h"
#include "text/json.h"
#include "text/json_scan.h"
#include "text/toml.h"
#include "text/unicode.h"

#include <stdio.h>

static void
read_all(FILE *file, struct lm_buf *out)
{
	for (;;) {
		size_t got = fread(lm_buf_reserve(out, 65536), 1, 65536, file);
		out->len += got;
		if (got == 0)
			return;
	}
}

static int
json(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	if (lm_json_parse(text, &value, err) < 0)
		return -1;
	lm_json_format(value, out);
	return 0;
}

static int
scan(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_json_scan_release) struct lm_json_scan document = {};
	while (text.len > 0) {
		struct lm_str line = lm_str_cut(&text, '\n');
		bool ok = lm_json_scan(&document, line, err) == 0;
		lm_buf_text(out, ok ? "ok " : "no ");
		if (ok)
			lm_json_compact(line, out);
		else
			lm_buf_text(out, err->text);
		lm_buf_byte(out, '\n');
	}
	return 0;
}

static int
quote(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	(void)err;
	while (text.len > 0) {
		struct lm_str line = lm_str_cut(&text, '\n');
		size_t from = out->len;
		lm_json_quote(out, line);
		LM_AUTO(lm_buf_release) struct lm_buf back = {};
		lm_json_append_text((struct lm_json_value){ LM_JSON_STRING, { out->ptr + from, out->len - from } }, &back);
		lm_buf_byte(out, '\n');
		lm_buf_str(out, lm_buf_view(&back));
		lm_buf_byte(out, '\n');
	}
	return 0;
}

static int
csv(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *rows = json_array();
	LM_AUTO(lm_csv_release) struct lm_csv_reader reader;
	lm_csv_init(&reader, text);
	int rc = 0;
	while ((rc = lm_csv_next(&reader, err)) == 1) {
		json_t *row = json_array();
		for (size_t i = 0; i < reader.count; i++)
			(void)json_array_append_new(row, json_stringn(reader.fields[i].ptr, reader.fields[i].len));
		(void)json_array_append_new(rows, row);
	}
	lm_json_format(rows, out);
	return rc;
}

static int
toml(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
	struct lm_toml_place place;
	if (lm_toml_parse(text, &doc, &place, err) < 0)
		return lm_err_wrap(err, "%u:%u", place.line, place.column);
	const struct lm_toml *root = lm_toml_root(doc);
	for (size_t i = 0; i < root->table.count; i++) {
		lm_toml_write_key(out, root->table.pairs[i].key);
		lm_buf_text(out, " = ");
		lm_toml_write_value(out, &root->table.pairs[i].value);
		lm_buf_byte(out, '\n');
	}
	return 0;
}

static int
fold(struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	(void)err;
	while (text.len > 0) {
		lm_casefold(out, lm_str_cut(&text, '\n'));
		lm_buf_byte(out, '\n');
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct lm_str text, struct lm_buf *out, struct lm_err *err);
	} commands[] = { { "json", json }, { "scan", scan }, { "quote", quote }, { "csv", csv }, { "toml", toml },
		{ "fold", fold } };
	LM_AUTO(lm_buf_release) struct lm_buf input = {}, output = {};
	struct lm_err err = {};
	read_all(stdin, &input);
	for (size_t i = 0; i < LM_COUNT(commands); i++) {
		if (argc != 2 || !lm_cstr_equal(argv[1], commands[i].name))
			continue;
		if (commands[i].run(lm_buf_view(&input), &output, &err) < 0) {
			(void)fprintf(stderr, "%s\n", err.text);
			return 1;
		}
		return fwrite(output.ptr, 1, output.len, stdout) == output.len ? 0 : 2;
	}
	(void)fprintf(stderr, "usage: text_tool json|scan|quote|csv|toml|fold\n");
	return 2;
}
