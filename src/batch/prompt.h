// From a row to the texts of a request: templates in the format of Python's str.format (docs.python.org, "Format String Syntax").
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"
#include "batch/config.h"

struct lm_prompts; // the templates of a run, compiled

// LM_E_USAGE names the place in the template.
[[nodiscard]] int lm_prompts_new(struct lm_prompts **out, const struct lm_batch_config *config, struct lm_err *err);
void lm_prompts_free(struct lm_prompts *prompts);
void lm_prompts_free_ptr(struct lm_prompts **prompts);
// The columns that templates, prompt field and id field name: a null-terminated list without duplicates, borrowed.
const char *const *lm_prompts_columns(const struct lm_prompts *prompts);
// Append prompt and system prompt of a row as plain UTF-8 text. LM_E_SYNTAX: "missing required fields: a, b", or a
// conversion that the value does not allow. `system` stays untouched when there is none.
[[nodiscard]] int lm_prompts_render(const struct lm_prompts *prompts, struct lm_str row_json, struct lm_buf *prompt,
	struct lm_buf *system, struct lm_err *err);
