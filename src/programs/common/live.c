#include "live.h"

#include "base/mem.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

enum { STEP_COLUMNS = 8, ELAPSED_MIN_S = 2 };

void
lm_format_bytes(uint64_t bytes, char out[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 999.5 && unit + 1 < LM_COUNT(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(out, 16, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static struct lm_live_line *
find_line(struct lm_live *live, const struct lm_event *event)
{
	for (size_t i = 0; i < live->count; i++)
		if (strcmp(live->lines[i].step, event->step) == 0 && strcmp(live->lines[i].subject, event->subject) == 0)
			return &live->lines[i];
	return nullptr;
}

static void
release_line(struct lm_live_line *line)
{
	lm_free(line->step);
	lm_free(line->subject);
	lm_free(line->text);
}

static void
set_progress(struct lm_live_line *line, const struct lm_event *event, uint64_t now_ms)
{
	if (event->text != nullptr) {
		lm_free(line->text);
		line->text = lm_strdup(event->text);
	}
	line->items = event->items;
	if (line->first_ms == 0 && (event->done_bytes > 0 || event->items)) {
		line->first_bytes = event->done_bytes;
		line->first_ms = now_ms;
	}
	line->done_bytes = event->done_bytes;
	line->total_bytes = event->total_bytes;
}

void
lm_live_begin(struct lm_live *live, const struct lm_event *event, uint64_t now_ms)
{
	struct lm_live_line *line = find_line(live, event);
	if (line == nullptr) {
		lm_grow(live->lines, live->count, live->cap);
		line = &live->lines[live->count++];
		*line = (struct lm_live_line){
			.step = lm_strdup(event->step), .subject = lm_strdup(event->subject), .since_ms = now_ms
		};
	}
	set_progress(line, event, now_ms);
}

// A step that never began, or has ended, gets no line: workers may tell of their last bytes late.
void
lm_live_progress(struct lm_live *live, const struct lm_event *event, uint64_t now_ms)
{
	struct lm_live_line *line = find_line(live, event);
	if (line != nullptr)
		set_progress(line, event, now_ms);
}

uint64_t
lm_live_end(struct lm_live *live, const struct lm_event *event)
{
	struct lm_live_line *line = find_line(live, event);
	if (line == nullptr)
		return 0;
	uint64_t bytes = line->done_bytes;
	release_line(line);
	size_t at = (size_t)(line - live->lines);
	memmove(line, line + 1, (live->count - at - 1) * sizeof *line);
	live->count--;
	return bytes;
}

void
lm_live_clear(struct lm_live *live)
{
	for (size_t i = 0; i < live->count; i++)
		release_line(&live->lines[i]);
	live->count = 0;
}

void
lm_live_release(struct lm_live *live)
{
	lm_live_clear(live);
	lm_free(live->lines);
	*live = (struct lm_live){};
}

void
lm_live_erase(struct lm_live *live, size_t columns, struct lm_buf *out)
{
	size_t rows = 0;
	for (size_t i = 0; i < live->drawn; i++)
		rows += live->widths[i] <= columns ? 1 : (live->widths[i] + columns - 1) / columns;
	if (rows > 0)
		lm_buf_format(out, "\r\033[%zuA\033[J", rows);
	live->drawn = 0;
}

static void
append_bar(const struct lm_live_line *line, unsigned cells, struct lm_buf *out)
{
	double part = (double)line->done_bytes / (double)line->total_bytes;
	unsigned filled = line->done_bytes >= line->total_bytes ? cells : (unsigned)(part * (double)cells);
	lm_buf_byte(out, '[');
	for (unsigned i = 0; i < cells; i++)
		lm_buf_byte(out, i < filled ? '#' : '.');
	lm_buf_text(out, "]  ");
}

// "58 of 1000    12/s  1:18 left"
static void
append_items(const struct lm_live_line *line, uint64_t now_ms, size_t columns, struct lm_buf *out)
{
	uint64_t ms = now_ms > line->first_ms ? now_ms - line->first_ms : 1;
	uint64_t fresh = line->done_bytes > line->first_bytes ? line->done_bytes - line->first_bytes : 0;
	uint64_t left = line->total_bytes > line->done_bytes ? line->total_bytes - line->done_bytes : 0;
	double rate = (double)fresh * 1000 / (double)ms;
	if (columns >= 72 && line->total_bytes > 0)
		append_bar(line, columns >= 96 ? 20 : 10, out);
	lm_buf_format(out, "%llu of %llu", (unsigned long long)line->done_bytes, (unsigned long long)line->total_bytes);
	if (columns < 50 || fresh == 0)
		return;
	lm_buf_format(out, rate >= 9.95 ? "  %.0f/s" : "  %.1f/s", rate);
	uint64_t s = (uint64_t)((double)left / rate + 0.5);
	if (s >= 3600)
		lm_buf_format(out, "  %llu:%02llu h left", (unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60));
	else
		lm_buf_format(out, "  %llu:%02llu left", (unsigned long long)(s / 60), (unsigned long long)(s % 60));
}

// What stands at the right: as much as there is room for.
static void
append_state(const struct lm_live_line *line, uint64_t now_ms, size_t columns, struct lm_buf *out)
{
	char done[16], total[16], rate[16];
	if (line->text != nullptr)
		return;
	if (line->items) {
		append_items(line, now_ms, columns, out);
		return;
	}
	uint64_t s = now_ms > line->since_ms ? (now_ms - line->since_ms) / 1000 : 0;
	uint64_t ms = now_ms > line->first_ms ? now_ms - line->first_ms : 1;
	uint64_t fresh = line->done_bytes > line->first_bytes ? line->done_bytes - line->first_bytes : 0;
	lm_format_bytes(line->done_bytes, done);
	lm_format_bytes(line->total_bytes, total);
	lm_format_bytes(fresh * 1000 / ms, rate);
	if (line->done_bytes == 0 && line->total_bytes == 0) {
		if (s >= ELAPSED_MIN_S)
			lm_buf_format(out, "%llu s", (unsigned long long)s);
	} else if (line->total_bytes == 0) {
		lm_buf_format(out, "%7s  %7s/s", done, rate);
	} else if (columns >= 72) {
		append_bar(line, columns >= 96 ? 20 : 10, out);
		lm_buf_format(out, "%7s of %-7s  %7s/s", done, total, rate);
	} else if (columns >= 50) {
		lm_buf_format(out, "%7s of %-7s", done, total);
	} else {
		lm_buf_format(out, "%3.0f%%", 100 * (double)line->done_bytes / (double)line->total_bytes);
	}
}

static void
append_fitting(struct lm_str text, size_t columns, struct lm_buf *out)
{
	if (lm_text_width(text) <= columns) {
		lm_buf_str(out, text);
	} else {
		bool has_dots = columns >= 8;
		text.len = lm_text_fit(text, has_dots ? columns - 3 : columns);
		lm_buf_str(out, text);
		lm_buf_text(out, has_dots ? "..." : "");
	}
}

// "publish  framework-scipy        [##########..........]  16.1 MB of 32.7 MB  88.2 MB/s", never more than `columns` wide.
static void
format_line(const struct lm_live_line *line, uint64_t now_ms, size_t columns, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf subject = {}, state = {}, all = {};
	lm_text_escape(&subject, lm_str_of(line->text != nullptr ? line->text : line->subject));
	append_state(line, now_ms, columns, &state);
	lm_buf_format(&all, "%-*s  ", STEP_COLUMNS, line->step);
	size_t taken = STEP_COLUMNS + 2 + (state.len > 0 ? state.len + 2 : 0);
	size_t room = columns > taken ? columns - taken : 0, before = all.len;
	append_fitting(lm_buf_view(&subject), room, &all);
	if (state.len > 0) {
		struct lm_str shown = { all.ptr + before, all.len - before };
		lm_buf_format(&all, "%*s  %s", (int)(room - lm_text_width(shown)), "", lm_buf_cstr(&state));
	}
	struct lm_str text = lm_str_trim(lm_buf_view(&all));
	text.len = lm_text_fit(text, columns);
	lm_buf_str(out, text);
}

void
lm_live_draw(struct lm_live *live, size_t columns, size_t rows, uint64_t now_ms, struct lm_buf *out)
{
	size_t most = rows > 2 && rows - 2 < LM_LIVE_LINES ? rows - 2 : rows > 2 ? LM_LIVE_LINES : 1;
	size_t shown = live->count <= most ? live->count : most - 1; // the last line tells of those that have no room
	for (size_t i = 0; i < live->count && i < most; i++) {
		LM_AUTO(lm_buf_release) struct lm_buf text = {};
		if (i < shown)
			format_line(&live->lines[i], now_ms, columns - 1, &text); // a full last column wraps on some terminals
		else
			lm_buf_format(&text, "%.*s", (int)(columns - 1), "...and more");
		live->widths[live->drawn++] = lm_text_width(lm_buf_view(&text));
		lm_buf_format(out, "%s\n", lm_buf_cstr(&text));
	}
}
