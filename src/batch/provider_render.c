// Lines of request files: what all requests of a run share is rendered once, each one only fills the holes.
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "batch/schema.h"

#include <string.h>

void
lm_template_make(struct lm_template *out, char *text)
{
	const char *begin = text;

	*out = (struct lm_template){ .text = text };
	for (size_t i = 0; i < LM_TEMPLATE_PARTS_MAX; i++) {
		size_t len = strcspn(begin, LM_HOLE_ID_MARK LM_HOLE_PROMPT_MARK LM_HOLE_SYSTEM_MARK);
		out->parts[i].before = (struct lm_str){ begin, len };
		out->parts[i].hole = (enum lm_hole)begin[len]; // NUL is LM_HOLE_END, the marks are the others
		if (begin[len] == '\0')
			return;
		begin += len + 1;
	}
}

void
lm_template_release(struct lm_template *template)
{
	lm_free(template->text);
	*template = (struct lm_template){};
}

void
lm_template_fill(const struct lm_template *template, const struct lm_request *request, struct lm_buf *out)
{
	for (size_t i = 0; i < LM_TEMPLATE_PARTS_MAX; i++) {
		lm_buf_str(out, template->parts[i].before);
		switch (template->parts[i].hole) {
		case LM_HOLE_ID:
			lm_buf_str(out, request->custom_id);
			break;
		case LM_HOLE_PROMPT:
			lm_json_escape(out, request->prompt);
			break;
		case LM_HOLE_SYSTEM:
			lm_json_escape(out, request->system);
			break;
		case LM_HOLE_END:
			lm_buf_byte(out, '\n');
			return;
		}
	}
}

void
lm_render_member(struct lm_buf *out, const char *key, const char *text)
{
	lm_json_quote(out, lm_str_of(key));
	lm_buf_byte(out, ':');
	lm_json_quote(out, lm_str_of(text));
}

int
lm_render_schema(const struct lm_batch_config *config, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_schema_free_ptr) struct lm_schema *schema = nullptr;

	if (config->schema_json == nullptr)
		return 0;
	if (lm_schema_new(&schema, lm_str_of(config->schema_json), err) < 0)
		return -1;
	lm_schema_closed(schema, out);
	return 0;
}

static bool
is_one_of(struct lm_str key, const char *const *list)
{
	for (; *list != nullptr; list++)
		if (lm_str_equal(key, lm_str_of(*list)))
			return true;
	return false;
}

int
lm_render_params(const struct lm_batch_config *config, const char *const *ours, struct lm_buf *out, struct lm_err *err)
{
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};

	if (config->params_json == nullptr)
		return 0;
	if (lm_json_scan(&scan, lm_str_of(config->params_json), err) < 0 || scan.value.kind != LM_JSON_OBJECT)
		return lm_err_set(err, LM_E_USAGE, "further parameters of requests are no JSON object");
	for (size_t i = 0; i < scan.member_count; i++) {
		if (is_one_of(scan.members[i].key, ours))
			return lm_err_set(err, LM_E_USAGE,
				"further parameters of requests name '%.*s', which is set from other options",
				LM_STR_ARG(scan.members[i].key));
		lm_buf_byte(out, ',');
		lm_json_quote(out, scan.members[i].key);
		lm_buf_byte(out, ':');
		lm_json_compact(scan.members[i].value.raw, out);
	}
	return 0;
}

bool
lm_params_have(const struct lm_batch_config *config, const char *key)
{
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	struct lm_err err = {};

	return config->params_json != nullptr && lm_json_scan(&scan, lm_str_of(config->params_json), &err) == 0 &&
		lm_json_scan_find(&scan, lm_str_of(key)) != nullptr;
}
