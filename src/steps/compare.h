// Comparing two artifacts: one layer as it was published twice, or two archives of anybody. What comes out is a report, a
// JSON value; docs/formats/report.md has every field. `a` is what was expected or came first, `b` what is there now.
#pragma once

#include "steps/published.h"

// What counts as a large change of size: of one entry, of a layer's archive or content.
enum {
	LM_LARGE_ENTRY_BYTES = 1'000'000,       // on its own, or
	LM_LARGE_ENTRY_SMALL_BYTES = 100'000,   // with LM_LARGE_ENTRY_PERCENT
	LM_LARGE_ENTRY_PERCENT = 25,
	LM_LARGE_LAYER_BYTES = 1'000'000,       // with LM_LARGE_LAYER_PERCENT
	LM_LARGE_LAYER_PERCENT = 5,
};

// Compare. Archives that are there are hashed; of archives in segments, only the segments that differ are read.
//   with_metadata  false: metadata only help, what they say is not compared (for `lamina diff` of two archives)
//   layer          the element of "layers" of the report; yours to json_decref
//   equal          whether nothing differs
[[nodiscard]] int lm_compare(
	struct lm_published *a, struct lm_published *b, bool with_metadata, json_t **layer, bool *equal, struct lm_err *err);
// The element for a layer that only one side has. state: "missing" or "added"
json_t *lm_compare_alone(const struct lm_published *published, const char *state);

// Packages that a layer of `b` has although a layer below it has them, and that was not so in `a`: elements of "packages".
[[nodiscard]] int lm_compare_packages(
	struct lm_publication *a, struct lm_publication *b, const char *platform, json_t *packages, struct lm_err *err);

// The whole report as text for people: a line for each layer, below it what differs, and a line that counts.
//   max_lines       of more entries of a layer the rest is counted; 0: all are shown
//   only_different  leave out layers that are equal, and the count
void lm_report_text(const json_t *report, size_t max_lines, bool only_different, struct lm_buf *out);
