#include "ui.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/clock.h"
#include "text/unicode.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINES_MAX = 12, REDRAW_MS = 100, BAR_WIDTH = 20 };

struct line {
	char *step, *subject;
	uint64_t done_bytes, total_bytes, since_ms;
};

struct lm_ui {
	pthread_mutex_t mutex;
	int verbosity;
	bool live, colour;
	struct line *lines;
	size_t count, cap;
	size_t drawn; // lines on the screen now
	uint64_t drawn_ms;
};

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

struct lm_ui *
lm_ui_new(int verbosity)
{
	struct lm_ui *ui = lm_alloc(sizeof *ui);
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool terminal = isatty(STDERR_FILENO) != 0 && !(term != nullptr && strcmp(term, "dumb") == 0);
	(void)pthread_mutex_init(&ui->mutex, nullptr);
	ui->verbosity = verbosity;
	ui->live = terminal && verbosity >= 0;
	ui->colour = terminal && (no_color == nullptr || no_color[0] == '\0');
	return ui;
}

static unsigned
columns(void)
{
	struct winsize size = {};
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 80;
}

static void
clear_lines(struct lm_ui *ui)
{
	for (size_t i = 0; i < ui->drawn; i++)
		(void)fputs("\033[1A\033[2K", stderr);
	ui->drawn = 0;
}

static void
format_line(const struct line *line, uint64_t now_ms, struct lm_buf *out)
{
	char done[16], total[16], rate[16];
	lm_format_bytes(line->done_bytes, done);
	lm_format_bytes(line->total_bytes, total);
	uint64_t ms = now_ms > line->since_ms ? now_ms - line->since_ms : 1;
	lm_format_bytes(line->done_bytes * 1000 / ms, rate);
	lm_buf_format(out, "%-9s %-34s ", line->step, line->subject);
	if (line->total_bytes > 0) {
		uint64_t filled = line->done_bytes >= line->total_bytes
			? BAR_WIDTH
			: (uint64_t)((double)line->done_bytes / (double)line->total_bytes * (double)BAR_WIDTH);
		lm_buf_byte(out, '[');
		for (uint64_t i = 0; i < BAR_WIDTH; i++)
			lm_buf_byte(out, i < filled ? '#' : '.');
		lm_buf_format(out, "] %s of %s, %s/s", done, total, rate);
	} else if (line->done_bytes > 0) {
		lm_buf_format(out, "%s, %s/s", done, rate);
	}
}

static void
draw(struct lm_ui *ui, uint64_t now_ms)
{
	unsigned width = columns();
	clear_lines(ui);
	for (size_t i = 0; i < ui->count && i < LINES_MAX; i++) {
		struct lm_buf text = {};
		format_line(&ui->lines[i], now_ms, &text);
		while (text.len > 0 && lm_text_width(lm_buf_view(&text)) >= width)
			text.ptr[--text.len] = '\0';
		(void)fprintf(stderr, "%s\n", lm_buf_cstr(&text));
		lm_buf_release(&text);
		ui->drawn++;
	}
	ui->drawn_ms = now_ms;
	(void)fflush(stderr);
}

static struct line *
find_line(struct lm_ui *ui, const struct lm_event *event)
{
	for (size_t i = 0; i < ui->count; i++)
		if (strcmp(ui->lines[i].step, event->step) == 0 && strcmp(ui->lines[i].subject, event->subject) == 0)
			return &ui->lines[i];
	lm_grow(ui->lines, ui->count, ui->cap);
	ui->lines[ui->count] = (struct line){
		.step = lm_strdup(event->step), .subject = lm_strdup(event->subject), .since_ms = lm_clock_monotonic_ms()
	};
	return &ui->lines[ui->count++];
}

static void
drop_line(struct lm_ui *ui, const struct lm_event *event)
{
	struct line *line = find_line(ui, event);
	size_t at = (size_t)(line - ui->lines);
	lm_free(line->step);
	lm_free(line->subject);
	memmove(line, line + 1, (ui->count - at - 1) * sizeof *line);
	ui->count--;
}

static void
print_text(struct lm_ui *ui, const char *prefix, const char *colour, const char *text)
{
	if (ui->live)
		clear_lines(ui);
	(void)fprintf(stderr, "%s%s%s%s\n", ui->colour ? colour : "", prefix, ui->colour ? "\033[0m" : "", text);
}

static void
on_event(void *context, const struct lm_event *event)
{
	struct lm_ui *ui = context;
	(void)pthread_mutex_lock(&ui->mutex);
	uint64_t now_ms = lm_clock_monotonic_ms();
	bool changed = false;
	switch (event->kind) {
	case LM_EVENT_BEGIN:
	case LM_EVENT_PROGRESS: {
		struct line *line = find_line(ui, event);
		line->done_bytes = event->done_bytes;
		line->total_bytes = event->total_bytes;
		break;
	}
	case LM_EVENT_END:
		drop_line(ui, event);
		changed = true;
		if (ui->verbosity >= 0) {
			LM_AUTO(lm_free_ptr)
			char *text = lm_format(" %s%s%s", event->subject, event->text != nullptr ? ": " : "",
				event->text != nullptr ? event->text : "");
			print_text(ui, event->step, "\033[32m", text);
		}
		break;
	case LM_EVENT_WARNING:
		changed = true;
		print_text(ui, "warning: ", "\033[33m", event->text);
		break;
	case LM_EVENT_NOTE:
		if (ui->verbosity > 0) {
			changed = true;
			print_text(ui, "note: ", "\033[36m", event->text);
		}
		break;
	}
	if (ui->live && (changed || now_ms - ui->drawn_ms >= REDRAW_MS))
		draw(ui, now_ms);
	(void)pthread_mutex_unlock(&ui->mutex);
}

struct lm_sink
lm_ui_sink(struct lm_ui *ui)
{
	return (struct lm_sink){ .emit = on_event, .context = ui };
}

void
lm_ui_finish(struct lm_ui *ui)
{
	(void)pthread_mutex_lock(&ui->mutex);
	if (ui->live)
		clear_lines(ui);
	for (size_t i = 0; i < ui->count; i++) {
		lm_free(ui->lines[i].step);
		lm_free(ui->lines[i].subject);
	}
	ui->count = 0;
	(void)fflush(stderr);
	(void)pthread_mutex_unlock(&ui->mutex);
}

void
lm_ui_free(struct lm_ui *ui)
{
	lm_ui_finish(ui);
	(void)pthread_mutex_destroy(&ui->mutex);
	lm_free(ui->lines);
	lm_free(ui);
}

void
lm_ui_diags(struct lm_ui *ui, const struct lm_diags *diags)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_diags_format(diags, &text);
	if (text.len > 0 && (ui->verbosity >= 0 || diags->errors > 0))
		(void)fputs(text.ptr, stderr);
}

void
lm_ui_error(struct lm_ui *ui, const struct lm_err *err)
{
	print_text(ui, "lamina: ", "\033[31m", err->text);
}
