#include "base/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
lm_emit(const struct lm_sink *sink, const struct lm_event *event)
{
	if (sink != nullptr && sink->emit != nullptr)
		sink->emit(sink->context, event);
}

void
lm_emit_begin(const struct lm_sink *sink, const char *step, const char *subject, uint64_t total_bytes)
{
	lm_emit(sink,
		&(struct lm_event){ .kind = LM_EVENT_BEGIN, .step = step, .subject = subject, .total_bytes = total_bytes });
}

void
lm_emit_progress(const struct lm_sink *sink, const char *step, const char *subject, uint64_t done_bytes, uint64_t total_bytes)
{
	lm_emit(sink,
		&(struct lm_event){ .kind = LM_EVENT_PROGRESS,
			.step = step,
			.subject = subject,
			.done_bytes = done_bytes,
			.total_bytes = total_bytes });
}

static void
emit_text(const struct lm_sink *sink, enum lm_event_kind kind, const char *step, const char *subject, const char *format,
	va_list args)
{
	char *text = nullptr;
	if (format != nullptr && vasprintf(&text, format, args) < 0)
		abort();
	lm_emit(sink, &(struct lm_event){ .kind = kind, .step = step, .subject = subject, .text = text });
	free(text);
}

void
lm_emit_end(const struct lm_sink *sink, const char *step, const char *subject, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	emit_text(sink, LM_EVENT_END, step, subject, format, args);
	va_end(args);
}

void
lm_emit_warning(const struct lm_sink *sink, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	emit_text(sink, LM_EVENT_WARNING, nullptr, nullptr, format, args);
	va_end(args);
}

void
lm_emit_note(const struct lm_sink *sink, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	emit_text(sink, LM_EVENT_NOTE, nullptr, nullptr, format, args);
	va_end(args);
}
