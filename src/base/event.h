// What the library tells while it works. The library never prints: it emits events, the program shows
// them. An event is borrowed for the call only.
#pragma once

#include "base/base.h"

enum lm_event_kind {
	LM_EVENT_BEGIN,    // a step on a subject begins; total_bytes is known or 0
	LM_EVENT_PROGRESS, // done_bytes of total_bytes; text: how things stand, or null
	LM_EVENT_END,      // the step is done; text says what came of it, or null
	LM_EVENT_WARNING,  // text is a sentence for the user
	LM_EVENT_NOTE,     // text is for -v only
};

struct lm_event {
	enum lm_event_kind kind;
	const char *step;    // "lock", "download", "unpack", "build", "publish", "export", "run"
	const char *subject; // layer, file name, ...; step and subject together name one line of progress
	const char *text;
	uint64_t done_bytes, total_bytes;
	bool items; // these are numbers of items, not of bytes
};

// emit may be called from any thread; it does its own locking. A null sink, or a null emit, is silent.
struct lm_sink {
	void (*emit)(void *context, const struct lm_event *event);
	void *context;
};

void lm_emit(const struct lm_sink *sink, const struct lm_event *event);
void lm_emit_begin(const struct lm_sink *sink, const char *step, const char *subject, uint64_t total_bytes);
void lm_emit_progress(
	const struct lm_sink *sink, const char *step, const char *subject, uint64_t done_bytes, uint64_t total_bytes);
void lm_emit_end(const struct lm_sink *sink, const char *step, const char *subject, const char *format, ...) LM_PRINTF(4, 5);
void lm_emit_warning(const struct lm_sink *sink, const char *format, ...) LM_PRINTF(2, 3);
void lm_emit_note(const struct lm_sink *sink, const char *format, ...) LM_PRINTF(2, 3);
