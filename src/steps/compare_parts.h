// Inside compare*.c: one comparison while it runs.
#pragma once

#include "steps/compare.h"
#include "steps/packages.h"

struct lm_side {
	struct lm_published *published;
	struct lm_view view;
	bool listed;   // the view has all entries, from a listing
	bool known;    // the view has entries at all
	bool unusable; // there is an archive that cannot be read
	struct lm_segment_row *segments;
	size_t segment_count;
	struct lm_range *ranges; // of the archive that are to be read; null: all
	size_t range_count;
	struct lm_packages packages;
};

struct lm_comparison {
	struct lm_side a, b;
	bool same_segments;    // both have segments, and these are equal in order
	bool other_content;    // an entry differs in what content hashes know
	bool other_headers;    // an entry differs in something else
	json_t *entries, *findings, *notes; // of the report, borrowed
};

// A text as JSON, whatever bytes it has.
json_t *compare_text(const char *text);
// A sentence for "findings" (which makes the two different) or "notes" (which does not).
void compare_say(json_t *list, const char *format, ...) LM_PRINTF(2, 3);

// Fill `entries`.
void compare_entries(struct lm_comparison *comparison);
// Some entry that differs has no package yet.
bool compare_lacks_packages(const struct lm_comparison *comparison);
void compare_name_packages(struct lm_comparison *comparison);

// Which parts of the archives to read.
[[nodiscard]] int compare_choose_ranges(struct lm_comparison *comparison, struct lm_err *err);
// The ranges that hold RECORD files. False when they are not known.
bool compare_record_ranges(struct lm_side *side);
// Whether two tables of segments say the same.
bool compare_tables(const struct lm_side *a, const struct lm_side *b);
// Say in which segments, and so among which members, two archives differ whose entries cannot be compared (or are equal).
void compare_name_segments(struct lm_comparison *comparison, const char *what);

// Why archives of equal content have other bytes, and what else is to be said of the two as a whole.
[[nodiscard]] int compare_explain(struct lm_comparison *comparison, struct lm_err *err);
