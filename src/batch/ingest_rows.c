// What `start`, `validate` and `estimate` have in common: rows, and what can be wrong with them.
#include "batch/ingest_parts.h"
#include "digest/sha256.h"

#include <inttypes.h>
#include <string.h>

void
lm_ingest_texts_release(struct lm_ingest_texts *texts)
{
	lm_buf_release(&texts->prompt);
	lm_buf_release(&texts->system);
}

struct lm_source_env
lm_ingest_env(const struct lm_source_env *env, const struct lm_prompts *prompts)
{
	struct lm_source_env full = env == nullptr ? (struct lm_source_env){} : *env;
	if (full.columns == nullptr)
		full.columns = lm_prompts_columns(prompts);
	return full;
}

int
lm_ingest_next(struct lm_source *source, const char *path, const struct lm_prompts *prompts, struct lm_row *row,
	struct lm_ingest_texts *texts, struct lm_err *err)
{
	int rc = lm_source_next(source, row, err);
	if (rc <= 0)
		return rc;
	lm_buf_clear(&texts->prompt);
	lm_buf_clear(&texts->system);
	if (lm_prompts_render(prompts, row->json, &texts->prompt, &texts->system, err) == 0)
		return 1;
	err->code = LM_E_SYNTAX; // whichever limit: of this row
	return lm_err_wrap(err, "%s:%" PRIu64, path, row->line);
}

// A decimal number and what stands behind it.
static bool
take_number(struct lm_str *text, struct lm_str behind, uint32_t *out)
{
	size_t digits = 0;
	uint64_t number = 0;
	while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
		digits++;
	struct lm_str rest = { text->ptr + digits, text->len - digits };
	if (!lm_str_starts(rest, behind) || !lm_parse_u64((struct lm_str){ text->ptr, digits }, UINT32_MAX, &number))
		return false;
	*out = (uint32_t)number;
	*text = (struct lm_str){ rest.ptr + behind.len, rest.len - behind.len };
	return true;
}

bool
lm_ingest_fault(struct lm_diags *faults, const char *path, const struct lm_err *err)
{
	struct lm_str text = lm_str_of(err->text), column_text;
	uint32_t line = 0, column = 0;
	size_t prefix = strlen(path);
	if (lm_str_starts(text, lm_str_of(path)) && text.len > prefix && text.ptr[prefix] == ':') {
		struct lm_str rest = { text.ptr + prefix + 1, text.len - prefix - 1 };
		if (take_number(&rest, LM_STR(": "), &line))
			text = rest;
	}
	if (lm_str_starts(text, LM_STR("column "))) {
		column_text = (struct lm_str){ text.ptr + 7, text.len - 7 };
		if (take_number(&column_text, LM_STR(": "), &column))
			text = column_text;
	}
	lm_diags_add(faults, false, path, line, column, nullptr, "%.*s", LM_STR_ARG(text));
	return faults->errors < LM_INGEST_FAULTS_MAX;
}

int
lm_ingest_refuse(const struct lm_diags *faults, struct lm_err *err)
{
	bool enough = faults->errors >= LM_INGEST_FAULTS_MAX;
	return lm_err_set(err, LM_E_SYNTAX, "%zu row%s%s cannot be used", faults->errors, faults->errors == 1 ? "" : "s",
		enough ? " (or more)" : "");
}

void
lm_ingest_namespaced(const struct lm_batch_config *config, uint32_t source, struct lm_str id, struct lm_buf *out)
{
	static const char *const kinds[] = { "jsonl", "csv", "parquet" };
	const struct lm_batch_input *input = &config->inputs[source];
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	struct lm_digest digest;
	char hex[LM_DIGEST_HEX];
	lm_buf_format(&name, "%" PRIu32, source + 1);
	lm_buf_byte(&name, '\0');
	lm_buf_text(&name, kinds[input->kind]);
	lm_buf_byte(&name, '\0');
	lm_buf_text(&name, input->path);
	lm_sha256_bytes(name.ptr, name.len, &digest);
	lm_digest_hex(&digest, hex);
	lm_buf_format(out, "src_%.12s__", hex);
	lm_buf_str(out, id);
}
