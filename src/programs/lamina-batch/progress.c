#include "cli.h"

#include "base/mem.h"
#include "os/clock.h"

#include <string.h>

enum { PLAIN_EVERY_MS = 30000 };

// "run tuesday: 58 of 1000 items are done; 42 submitted, ...", when that is news. Somebody reads a log later on.
static void
tell_plainly(struct lm_batch_progress *progress, const struct lm_event *event)
{
	uint64_t now_ms = lm_clock_monotonic_ms();
	if (now_ms - progress->told_ms < PLAIN_EVERY_MS || lm_cstr_equal(progress->told, event->text))
		return;
	LM_AUTO(lm_free_ptr)
	char *line = lm_format("run %s: %llu of %llu items are done; %s", event->subject, (unsigned long long)event->done_bytes,
		(unsigned long long)event->total_bytes, event->text);
	lm_ui_hint(progress->ui, line);
	lm_free(progress->told);
	progress->told = lm_strdup(event->text);
	progress->told_ms = now_ms;
}

// One line with how much is done, how fast and how long it will take, one with the states of items and batches.
static void
show_live(struct lm_batch_progress *progress, const struct lm_event *event)
{
	struct lm_event done = *event, states = *event;
	done.kind = states.kind = progress->begun ? LM_EVENT_PROGRESS : LM_EVENT_BEGIN;
	done.text = nullptr;
	states.step = "items";
	progress->begun = true;
	lm_emit(&progress->to, &done);
	lm_emit(&progress->to, &states);
}

static void
on_event(void *context, const struct lm_event *event)
{
	struct lm_batch_progress *progress = context;
	if (event->kind != LM_EVENT_PROGRESS || strcmp(event->step, "run") != 0)
		lm_emit(&progress->to, event);
	else if (lm_ui_is_live(progress->ui))
		show_live(progress, event);
	else
		tell_plainly(progress, event);
}

struct lm_sink
lm_batch_progress_sink(struct lm_batch_progress *progress, struct lm_ui *ui)
{
	*progress = (struct lm_batch_progress){ .ui = ui, .to = lm_ui_sink(ui), .told_ms = lm_clock_monotonic_ms() };
	return (struct lm_sink){ .emit = on_event, .context = progress };
}

void
lm_batch_progress_release(struct lm_batch_progress *progress)
{
	lm_free(progress->told);
}
