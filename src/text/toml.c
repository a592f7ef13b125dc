#include "text/toml.h"

#include "base/mem.h"
#include "text/toml_parser.h"

#include <string.h>

struct lm_toml_doc {
	struct lm_arena arena;
	struct lm_toml root;
};

// [key] or [[key]]; at the first bracket.
static int
header(struct lm_toml_parser *p, struct lm_toml_table *root, struct lm_toml_table **section)
{
	struct lm_toml_place place = lm_toml_here(p);
	bool is_array = p->end - p->at >= 2 && p->at[1] == '[';
	p->at += is_array ? 2 : 1;
	lm_toml_spaces(p);
	if (lm_toml_key(p) < 0)
		return -1;
	bool closed = lm_toml_next_is(p, ']') && (!is_array || (p->end - p->at >= 2 && p->at[1] == ']'));
	if (!closed)
		return lm_toml_fail(
			p, "expected '%s' after the name of the table, found %s", is_array ? "]]" : "]", lm_toml_found(p).text);
	p->at += is_array ? 2 : 1;
	return lm_toml_table_open(p, root, is_array, place, section);
}

static int
statement(struct lm_toml_parser *p, struct lm_toml_table *root, struct lm_toml_table **section)
{
	bool is_header = *p->at == '[';
	if (is_header ? header(p, root, section) < 0 : lm_toml_key_value(p, *section) < 0)
		return -1;
	lm_toml_spaces(p);
	if (lm_toml_comment(p) < 0)
		return -1;
	if (p->at < p->end && !lm_toml_newline(p))
		return lm_toml_fail(p, "expected the end of the line after the %s, found %s",
			is_header ? "table header" : "value", lm_toml_found(p).text);
	return 0;
}

static int
document(struct lm_toml_parser *p, struct lm_toml *out)
{
	struct lm_toml_table *root = nullptr;
	if (lm_toml_check_utf8(p) < 0)
		return -1;
	if (p->end - p->at >= 3 && memcmp(p->at, "\xEF\xBB\xBF", 3) == 0)
		return lm_toml_fail(p, "a byte order mark is not allowed");
	if (lm_toml_table_new(p, LM_TOML_TABLE_HEADER, (struct lm_toml_place){ 1, 1 }, 0, &root) < 0)
		return -1;
	struct lm_toml_table *section = root;
	for (;;) {
		if (lm_toml_blank(p) < 0)
			return -1;
		if (p->at == p->end)
			break;
		if (statement(p, root, &section) < 0)
			return -1;
	}
	*out = lm_toml_table_freeze(p, root);
	return 0;
}

int
lm_toml_parse(struct lm_str text, struct lm_toml_doc **out, struct lm_toml_place *place, struct lm_err *err)
{
	if (place != nullptr)
		*place = (struct lm_toml_place){ 1, 1 };
	if (text.len > LM_TOML_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "TOML document of %zu bytes, more than %d", text.len, LM_TOML_MAX_BYTES);
	if (text.len == 0)
		text.ptr = "";
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = lm_alloc(sizeof *doc);
	LM_AUTO(lm_free_ptr) struct lm_toml_parser *p = lm_alloc(sizeof *p);
	p->at = p->mark = text.ptr;
	p->end = text.ptr + text.len;
	p->line = p->mark_column = 1;
	p->arena = &doc->arena;
	p->err = err;
	int rc = document(p, &doc->root);
	if (rc < 0 && place != nullptr)
		*place = p->fault;
	lm_arena_release(&p->scratch);
	lm_buf_release(&p->text);
	lm_free(p->stack);
	if (rc == 0)
		*out = lm_take(&doc);
	return rc;
}

const struct lm_toml *
lm_toml_root(const struct lm_toml_doc *doc)
{
	return &doc->root;
}

void
lm_toml_free(struct lm_toml_doc *doc)
{
	if (doc == nullptr)
		return;
	lm_arena_release(&doc->arena);
	lm_free(doc);
}

void
lm_toml_free_ptr(struct lm_toml_doc **doc)
{
	lm_toml_free(*doc);
}

const struct lm_toml_pair *
lm_toml_get_pair(const struct lm_toml *table, const char *key)
{
	if (table == nullptr || table->type != LM_TOML_TABLE)
		return nullptr;
	struct lm_str want = lm_str_of(key);
	for (size_t i = 0; i < table->table.count; i++)
		if (lm_str_equal(table->table.pairs[i].key, want))
			return &table->table.pairs[i];
	return nullptr;
}

const struct lm_toml *
lm_toml_get(const struct lm_toml *table, const char *key)
{
	const struct lm_toml_pair *pair = lm_toml_get_pair(table, key);
	return pair == nullptr ? nullptr : &pair->value;
}

const char *
lm_toml_type_name(enum lm_toml_type type)
{
	static const char *const names[] = {
		[LM_TOML_STRING] = "string",
		[LM_TOML_INTEGER] = "integer",
		[LM_TOML_FLOAT] = "float",
		[LM_TOML_BOOL] = "boolean",
		[LM_TOML_DATETIME] = "offset date-time",
		[LM_TOML_DATETIME_LOCAL] = "local date-time",
		[LM_TOML_DATE_LOCAL] = "local date",
		[LM_TOML_TIME_LOCAL] = "local time",
		[LM_TOML_ARRAY] = "array",
		[LM_TOML_TABLE] = "table",
	};
	return names[type];
}
