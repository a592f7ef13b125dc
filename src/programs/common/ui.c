#include "ui.h"

#include "base/mem.h"
#include "base/str.h"
#include "live.h"
#include "os/clock.h"
#include "text/unicode.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { REDRAW_MS = 100, TICK_MS = 250 };

struct lm_ui {
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	pthread_t ticker; // draws while nothing happens, so that rates and times are true
	bool ticking, stop;
	char *prefix; // "lamina: "
	int verbosity;
	bool live, colour;
	const char *kept; // step whose end leaves a line on a terminal, or null
	struct lm_live lines;
	uint64_t begun_ms, drawn_ms, downloaded_bytes;
};

// Whether standard error is a terminal that understands sequences.
static bool
is_capable(void)
{
	const char *term = getenv("TERM");
	return term != nullptr && term[0] != '\0' && strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO) != 0;
}

struct lm_ui *
lm_ui_new(const char *program, int verbosity)
{
	struct lm_ui *ui = lm_alloc(sizeof *ui);
	const char *no_color = getenv("NO_COLOR");
	pthread_condattr_t monotonic;
	bool terminal = is_capable();
	(void)pthread_mutex_init(&ui->mutex, nullptr);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&ui->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	ui->prefix = lm_format("%s: ", program);
	ui->verbosity = verbosity;
	ui->live = terminal && verbosity >= 0;
	ui->colour = terminal && (no_color == nullptr || no_color[0] == '\0');
	ui->begun_ms = lm_clock_monotonic_ms();
	return ui;
}

// One write, so that lines of several processes do not mix and the terminal does not flicker. When nobody takes it, so be it.
static void
send(const struct lm_buf *text)
{
	struct lm_str rest = lm_buf_view(text);
	while (rest.len > 0) {
		ssize_t done = write(STDERR_FILENO, rest.ptr, rest.len);
		if (done < 0 && errno != EINTR)
			return;
		rest.ptr += done < 0 ? 0 : done;
		rest.len -= done < 0 ? 0 : (size_t)done;
	}
}

static void
terminal_size(size_t *columns, size_t *rows)
{
	struct winsize size = {};
	bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_row > 0;
	*columns = known ? size.ws_col : 80;
	*rows = known ? size.ws_row : 24;
}

// Take the live lines away, write the text, put the lines back.
static void
show(struct lm_ui *ui, const struct lm_buf *text)
{
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	size_t columns = 0, rows = 0;
	if (ui->live) {
		terminal_size(&columns, &rows);
		lm_live_erase(&ui->lines, columns, &out);
	}
	if (text != nullptr)
		lm_buf_str(&out, lm_buf_view(text));
	if (ui->live) {
		ui->drawn_ms = lm_clock_monotonic_ms();
		lm_live_draw(&ui->lines, columns, rows, ui->drawn_ms, &out);
	}
	send(&out);
}

// "<prefix><text>\n", what came from outside made harmless.
static void
show_text(struct lm_ui *ui, const char *prefix, const char *colour, const char *text)
{
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	bool coloured = ui->colour && colour[0] != '\0';
	lm_buf_format(&line, "%s%s%s", coloured ? colour : "", prefix, coloured ? "\033[0m" : "");
	lm_text_escape(&line, lm_str_of(text));
	lm_buf_byte(&line, '\n');
	show(ui, &line);
}

static void *
tick(void *context)
{
	struct lm_ui *ui = context;
	(void)pthread_mutex_lock(&ui->mutex);
	while (!ui->stop) {
		uint64_t until_ms = lm_clock_monotonic_ms() + TICK_MS;
		struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };
		(void)pthread_cond_timedwait(&ui->wake, &ui->mutex, &until);
		if (!ui->stop && ui->lines.count > 0 && lm_clock_monotonic_ms() - ui->drawn_ms >= TICK_MS)
			show(ui, nullptr);
	}
	(void)pthread_mutex_unlock(&ui->mutex);
	return nullptr;
}

// Signals stay with the threads that wait for them.
static void
start_ticker(struct lm_ui *ui)
{
	sigset_t all, old;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	ui->ticking = pthread_create(&ui->ticker, nullptr, tick, ui) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

// On a terminal a finished step leaves no line, since a table of results follows.
static void
show_end(struct lm_ui *ui, const struct lm_event *event, uint64_t bytes)
{
	char size[16] = "";
	if (event->text == nullptr && bytes > 0)
		lm_format_bytes(bytes, size);
	const char *what = event->text != nullptr ? event->text : size;
	if (strcmp(event->step, "download") == 0)
		ui->downloaded_bytes += bytes;
	if (ui->verbosity < 0)
		return;
	if (ui->live && ui->verbosity == 0 && !lm_cstr_equal(event->step, ui->kept)) {
		show(ui, nullptr);
		return;
	}
	LM_AUTO(lm_free_ptr) char *text = lm_format(" %s%s%s", event->subject, what[0] != '\0' ? ": " : "", what);
	show_text(ui, event->step, "\033[32m", text);
}

static void
on_event(void *context, const struct lm_event *event)
{
	struct lm_ui *ui = context;
	(void)pthread_mutex_lock(&ui->mutex);
	switch (event->kind) {
	case LM_EVENT_BEGIN:
		if (ui->live && !ui->ticking)
			start_ticker(ui);
		lm_live_begin(&ui->lines, event, lm_clock_monotonic_ms());
		break;
	case LM_EVENT_PROGRESS:
		lm_live_progress(&ui->lines, event, lm_clock_monotonic_ms());
		break;
	case LM_EVENT_END:
		show_end(ui, event, lm_live_end(&ui->lines, event));
		break;
	case LM_EVENT_WARNING:
		show_text(ui, "warning: ", "\033[33m", event->text);
		break;
	case LM_EVENT_NOTE:
		if (ui->verbosity > 0)
			show_text(ui, "note: ", "\033[36m", event->text);
		break;
	}
	if (ui->live && lm_clock_monotonic_ms() - ui->drawn_ms >= REDRAW_MS)
		show(ui, nullptr);
	(void)pthread_mutex_unlock(&ui->mutex);
}

void
lm_ui_keep(struct lm_ui *ui, const char *step)
{
	ui->kept = step;
}

struct lm_sink
lm_ui_sink(struct lm_ui *ui)
{
	return (struct lm_sink){ .emit = on_event, .context = ui };
}

bool
lm_ui_is_live(const struct lm_ui *ui)
{
	return ui->live;
}

void
lm_ui_finish(struct lm_ui *ui)
{
	(void)pthread_mutex_lock(&ui->mutex);
	lm_live_clear(&ui->lines);
	if (ui->lines.drawn > 0)
		show(ui, nullptr);
	(void)pthread_mutex_unlock(&ui->mutex);
}

void
lm_ui_free(struct lm_ui *ui)
{
	lm_ui_finish(ui);
	if (ui->ticking) {
		(void)pthread_mutex_lock(&ui->mutex);
		ui->stop = true;
		(void)pthread_cond_signal(&ui->wake);
		(void)pthread_mutex_unlock(&ui->mutex);
		(void)pthread_join(ui->ticker, nullptr);
	}
	(void)pthread_cond_destroy(&ui->wake);
	(void)pthread_mutex_destroy(&ui->mutex);
	lm_live_release(&ui->lines);
	lm_free(ui->prefix);
	lm_free(ui);
}

void
lm_ui_diags(struct lm_ui *ui, const struct lm_diags *diags)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, shown = {};
	lm_diags_format(diags, &text);
	lm_text_escape(&shown, lm_buf_view(&text));
	if (text.len > 0 && (ui->verbosity >= 0 || diags->errors > 0))
		send(&shown);
}

void
lm_ui_error(struct lm_ui *ui, const struct lm_err *err)
{
	lm_ui_finish(ui);
	show_text(ui, ui->prefix, "\033[31m", err->text);
}

void
lm_ui_hint(struct lm_ui *ui, const char *text)
{
	if (ui->verbosity >= 0)
		show_text(ui, ui->prefix, "", text);
}

void
lm_ui_total(struct lm_ui *ui, const char *text)
{
	char bytes[16];
	uint64_t ms = lm_clock_monotonic_ms() - ui->begun_ms;
	lm_format_bytes(ui->downloaded_bytes, bytes);
	LM_AUTO(lm_free_ptr)
	char *line = lm_format("%s%s%s%s, %llu.%llu s", text, ui->downloaded_bytes > 0 ? ", " : "",
		ui->downloaded_bytes > 0 ? bytes : "", ui->downloaded_bytes > 0 ? " downloaded" : "",
		(unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
	lm_ui_hint(ui, line);
}
