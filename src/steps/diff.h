// Comparing what two places have: published folders, manifests, or archives.
#pragma once

#include "steps/compare.h"

struct lm_diff_options {
	// Only these layers of both sides, as "<platform>/<build name>"; null: all
	const struct lm_strings *only;
	// called for each layer that both sides have and that differs, with its element of the report; null: nobody wants to know
	int (*different)(
		void *context, const struct lm_published *a, const struct lm_published *b, json_t *layer, struct lm_err *err);
	void *context;
};

// What `lamina diff A B` compares. report: docs/formats/report.md, yours to json_decref; *equal: nothing differs.
// LM_E_NOT_FOUND, LM_E_SYNTAX, LM_E_LIMIT: one of them cannot be read; LM_E_USAGE: an archive against a folder.
[[nodiscard]] int lm_diff_paths(
	const char *a, const char *b, const struct lm_diff_options *options, json_t **report, bool *equal, struct lm_err *err);
// The same of two folders that were loaded.
[[nodiscard]] int lm_diff_publications(struct lm_publication *a, struct lm_publication *b,
	const struct lm_diff_options *options, json_t **report, bool *equal, struct lm_err *err);
