// Diagnostics: findings about an input file, several in one run, each with its place.
#pragma once

#include "base/base.h"
#include "base/str.h"

struct lm_diag {
	bool warning;          // else an error
	char *file;            // as the user named it
	uint32_t line, column; // 1-based; 0: not known
	char *layer;           // the layer it is about, or null
	char *text;            // a sentence without full stop
};

// Zero-initialised is empty. Owns its strings.
struct lm_diags {
	struct lm_diag *items;
	size_t count, cap, errors;
};

void lm_diags_add(struct lm_diags *diags, bool warning, const char *file, uint32_t line, uint32_t column, const char *layer,
	const char *format, ...) LM_PRINTF(7, 8);

// Append "file:line:column: error: layer 'x': text\n" for each, without what is not known; files in the order in which they were
// found faulty, then by line and column.
void lm_diags_format(const struct lm_diags *diags, struct lm_buf *out);
// Move all of `from` behind those of `to`.
void lm_diags_move(struct lm_diags *to, struct lm_diags *from);
void lm_diags_release(struct lm_diags *diags);
