#include "batch/prompt.h"

#include "base/mem.h"
#include "batch/prompt_parts.h"

#include <string.h>

struct lm_prompts {
	struct lm_arena arena;
	struct lm_columns columns;
	struct lm_template *prompt, *system; // prompt null: the field
	size_t prompt_column;
};

struct render {
	const struct lm_prompts *prompts;
	const struct lm_json_value *values; // by column; raw.ptr null: not there
	struct lm_buf missing;
	struct lm_err *err;
};

int
lm_prompts_new(struct lm_prompts **out, const struct lm_batch_config *config, struct lm_err *err)
{
	LM_AUTO(lm_prompts_free_ptr) struct lm_prompts *prompts = lm_alloc(sizeof *prompts);
	struct lm_arena *arena = &prompts->arena;
	size_t id = 0;
	if (lm_columns_add(arena, &prompts->columns, lm_str_of(config->id_field), &id, err) < 0)
		return -1;
	if (config->prompt_template != nullptr &&
		lm_template_parse(arena, lm_str_of(config->prompt_template), &prompts->columns, &prompts->prompt, err) < 0)
		return lm_err_wrap(err, "--prompt-template");
	if (config->prompt_template == nullptr &&
		lm_columns_add(arena, &prompts->columns, lm_str_of(config->prompt_field), &prompts->prompt_column, err) < 0)
		return -1;
	if (config->system_prompt != nullptr &&
		lm_template_parse(arena, lm_str_of(config->system_prompt), &prompts->columns, &prompts->system, err) < 0)
		return lm_err_wrap(err, "--system-prompt");
	*out = lm_take(&prompts);
	return 0;
}

void
lm_prompts_free(struct lm_prompts *prompts)
{
	if (prompts == nullptr)
		return;
	struct lm_arena arena = prompts->arena;
	lm_arena_release(&arena);
	lm_free(prompts);
}

void
lm_prompts_free_ptr(struct lm_prompts **prompts)
{
	lm_prompts_free(*prompts);
}

const char *const *
lm_prompts_columns(const struct lm_prompts *prompts)
{
	return prompts->columns.names;
}

static void
miss(struct render *r, struct lm_str name)
{
	if (r->missing.len > 0)
		lm_buf_text(&r->missing, ", ");
	lm_buf_str(&r->missing, name);
}

// The columns that the row has, in one pass over it.
static void
find_values(const struct lm_prompts *prompts, struct lm_str row, struct lm_json_value *values)
{
	struct lm_json_value object = { LM_JSON_OBJECT, row }, key, value;
	size_t left = prompts->columns.count;
	for (size_t i = 0; i < prompts->columns.count; i++)
		values[i] = (struct lm_json_value){};
	for (size_t at = 0; left > 0 && lm_json_next_member(object, &at, &key, &value);) {
		for (size_t i = 0; i < prompts->columns.count; i++) {
			if (values[i].raw.ptr != nullptr || !lm_json_text_equal(key, lm_str_of(prompts->columns.names[i])))
				continue;
			values[i] = value;
			left--;
			break;
		}
	}
}

// A character of text, as a JSON value: text itself has indexes in Python.
static bool
character_at(struct lm_json_value *value, uint64_t index, struct lm_buf *scratch)
{
	LM_AUTO(lm_buf_release) struct lm_buf unescaped = {};
	struct lm_str text = lm_json_text(*value, &unescaped);
	size_t at = 0, end = 0;
	for (uint64_t seen = 0; at < text.len; at++)
		if (((unsigned char)text.ptr[at] & 0xC0) != 0x80 && seen++ == index)
			break;
	if (at == text.len)
		return false;
	for (end = at + 1; end < text.len && ((unsigned char)text.ptr[end] & 0xC0) == 0x80;)
		end++;
	size_t from = scratch->len;
	lm_json_quote(scratch, (struct lm_str){ text.ptr + at, end - at });
	value->raw = (struct lm_str){ scratch->ptr + from, scratch->len - from };
	return true;
}

static bool
element_at(struct lm_json_value *value, uint64_t index)
{
	struct lm_json_value element;
	size_t at = 0;
	for (uint64_t i = 0; lm_json_next_element(*value, &at, &element); i++) {
		if (i != index)
			continue;
		*value = element;
		return true;
	}
	return false;
}

// By name; false when there is none.
static bool
member_at(struct lm_json_value *value, struct lm_str name)
{
	struct lm_json_value key, found;
	for (size_t at = 0; lm_json_next_member(*value, &at, &key, &found);) {
		if (!lm_json_text_equal(key, name))
			continue;
		*value = found;
		return true;
	}
	return false;
}

// 1: there; 0: missing; -1: the value has no such parts. Each step makes at most one new text, into `scratch`.
static int
walk(struct render *r, const struct lm_template_field *field, struct lm_json_value *value, struct lm_buf *scratch)
{
	for (size_t i = 0; i < field->step_count; i++) {
		const struct lm_template_step *step = &field->steps[i];
		bool found = false;
		if (step->is_index && value->kind == LM_JSON_STRING) {
			struct lm_buf next = {};
			found = character_at(value, step->index, &next);
			lm_buf_release(scratch);
			*scratch = next;
		} else if (step->is_index && value->kind == LM_JSON_ARRAY) {
			found = element_at(value, step->index);
		} else if (!step->is_index && value->kind == LM_JSON_OBJECT) {
			found = member_at(value, step->name);
		} else if (!step->is_index || value->kind != LM_JSON_OBJECT) { // an object has no numbers for keys
			return lm_err_set(r->err, LM_E_SYNTAX, "field '%.*s': '[%.*s]' of a value of kind %s",
				LM_STR_ARG(field->text), LM_STR_ARG(step->name), lm_json_kind_name(value->kind));
		}
		if (!found)
			return 0;
	}
	return 1;
}

static int
put_value(const struct lm_template_field *field, struct lm_str spec, struct lm_json_value value, struct lm_buf *out,
	struct lm_err *err)
{
	if (field->conversion == 0 && spec.len == 0)
		return lm_value_str(value, out, err);
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	if (field->conversion != 0) {
		int rc = field->conversion == 's' ? lm_value_str(value, &text, err)
						  : lm_value_repr(value, field->conversion == 'a', &text, err);
		return rc < 0 ? -1 : lm_format_text(spec, lm_buf_view(&text), out, err);
	}
	switch (value.kind) {
	case LM_JSON_STRING:
		return lm_format_text(spec, lm_json_text(value, &text), out, err);
	case LM_JSON_NUMBER:
		return lm_format_number(spec, value.raw, out, err);
	case LM_JSON_TRUE:
	case LM_JSON_FALSE:
		return lm_format_bool(spec, value.kind == LM_JSON_TRUE, out, err);
	default:
		return lm_err_set(err, LM_E_SYNTAX, "format '%.*s': %s has none", LM_STR_ARG(lm_format_shown(spec)),
			value.kind == LM_JSON_NULL            ? "null"
				: value.kind == LM_JSON_ARRAY ? "an array"
							      : "an object");
	}
}

static int put_template(struct render *r, const struct lm_template *template, struct lm_buf *out);

static int
put_field(struct render *r, const struct lm_template_field *field, struct lm_buf *out)
{
	struct lm_json_value value = r->values[field->column];
	LM_AUTO(lm_buf_release) struct lm_buf scratch = {}, spec = {};
	if (value.raw.ptr == nullptr || value.kind == LM_JSON_NULL)
		return 0; // already told
	int found = walk(r, field, &value, &scratch);
	if (found <= 0) {
		if (found == 0)
			miss(r, field->text);
		return found;
	}
	if (field->nested != nullptr && put_template(r, field->nested, &spec) < 0)
		return -1;
	if (r->missing.len > 0)
		return 0;
	if (put_value(field, field->nested != nullptr ? lm_buf_view(&spec) : field->spec, value, out, r->err) < 0)
		return lm_err_wrap(r->err, "field '%.*s'", LM_STR_ARG(field->text));
	return 0;
}

static int
put_template(struct render *r, const struct lm_template *template, struct lm_buf *out)
{
	size_t begin = out->len;
	for (size_t i = 0; i < template->count; i++) {
		const struct lm_template_part *part = &template->parts[i];
		lm_buf_str(out, part->text);
		if (part->field != nullptr && put_field(r, part->field, out) < 0)
			return -1;
		if (out->len - begin > LM_PROMPT_MAX_BYTES)
			return lm_err_set(r->err, LM_E_LIMIT, "prompt of more than %d bytes", LM_PROMPT_MAX_BYTES);
	}
	return 0;
}

static int
render(struct render *r, struct lm_buf *prompt, struct lm_buf *system)
{
	const struct lm_prompts *prompts = r->prompts;
	for (size_t i = 0; i < prompts->columns.count; i++)
		if (r->values[i].raw.ptr == nullptr || r->values[i].kind == LM_JSON_NULL)
			miss(r, lm_str_of(prompts->columns.names[i]));
	if (r->missing.len == 0) {
		int rc = prompts->prompt != nullptr ? put_template(r, prompts->prompt, prompt)
						    : lm_value_str(r->values[prompts->prompt_column], prompt, r->err);
		if (rc == 0 && prompts->system != nullptr)
			rc = put_template(r, prompts->system, system);
		if (rc < 0)
			return -1;
	}
	if (r->missing.len > 0)
		return lm_err_set(r->err, LM_E_SYNTAX, "missing required fields: %s", lm_buf_cstr(&r->missing));
	return 0;
}

// As it was before.
static void
cut(struct lm_buf *text, size_t len)
{
	if (text->len == len)
		return;
	text->len = len;
	text->ptr[len] = '\0';
}

int
lm_prompts_render(const struct lm_prompts *prompts, struct lm_str row_json, struct lm_buf *prompt, struct lm_buf *system,
	struct lm_err *err)
{
	struct lm_json_value values[LM_PROMPT_COLUMNS_MAX + 1];
	struct render r = { .prompts = prompts, .values = values, .err = err };
	size_t prompt_from = prompt->len, system_from = system == nullptr ? 0 : system->len;
	find_values(prompts, row_json, values);
	int rc = render(&r, prompt, system);
	lm_buf_release(&r.missing);
	if (rc == 0)
		return 0;
	cut(prompt, prompt_from);
	if (prompts->system != nullptr)
		cut(system, system_from);
	return -1;
}
