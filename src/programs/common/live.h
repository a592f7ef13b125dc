// The live lines of a terminal: one per running step, drawn over and over at the bottom. Nothing here prints: what must be
// sent to the terminal is appended to a buffer, so that it goes out in one piece and nothing flickers.
#pragma once

#include "base/event.h"
#include "base/str.h"

enum { LM_LIVE_LINES = 12 };

struct lm_live_line {
	char *step, *subject;
	char *text; // of the last progress, shown in the subject's place; or null
	bool items; // what is counted, not bytes
	uint64_t done_bytes, total_bytes;
	uint64_t since_ms;
	// The rate is counted from the first bytes on, and without what was there before (a download that goes on).
	uint64_t first_bytes, first_ms;
};

// Zero-initialised is empty.
struct lm_live {
	struct lm_live_line *lines;
	size_t count, cap;
	size_t widths[LM_LIVE_LINES]; // of the lines on the screen now
	size_t drawn;
};

void lm_live_begin(struct lm_live *live, const struct lm_event *event, uint64_t now_ms);
void lm_live_progress(struct lm_live *live, const struct lm_event *event, uint64_t now_ms);
// Forget a line; the bytes it came to, 0 when there is no such line.
uint64_t lm_live_end(struct lm_live *live, const struct lm_event *event);
void lm_live_clear(struct lm_live *live); // forget all lines; erase them before
void lm_live_release(struct lm_live *live);

// Take the lines away from a terminal with so many columns; the cursor is then where the first one was. A terminal that was
// made narrower in between has wrapped them.
void lm_live_erase(struct lm_live *live, size_t columns, struct lm_buf *out);
// Put them there again, below the cursor.
void lm_live_draw(struct lm_live *live, size_t columns, size_t rows, uint64_t now_ms, struct lm_buf *out);

// "12.3 MB": three digits, decimal units; out has 16 bytes.
void lm_format_bytes(uint64_t bytes, char out[16]);
