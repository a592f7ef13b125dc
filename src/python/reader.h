// What the parsers of requirements and markers share.
#pragma once

#include "python/requirement.h"
#include "python/scan.h"

struct lm_reader {
	struct lm_scan scan;
	struct lm_arena *arena;
	struct lm_err *err;
};

// Check what holds for the whole text (length, UTF-8, no control characters besides the tab) and begin at its start.
[[nodiscard]] int lm_reader_init(struct lm_reader *reader, struct lm_str text, struct lm_arena *arena, struct lm_err *err);
// -1, LM_E_SYNTAX with "column N: " for byte offset `at`.
int lm_reader_fail(struct lm_reader *reader, size_t at, const char *format, ...) LM_PRINTF(3, 4);
// What is next, for "but found ...": "'x'" or "the end".
const char *lm_reader_found(const struct lm_reader *reader, size_t at);
// A marker, up to the first byte that does not belong to it.
[[nodiscard]] int lm_reader_marker(struct lm_reader *reader, struct lm_marker **out);
