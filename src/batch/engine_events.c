// events.jsonl: what happened when, with the provider's ids.
#include "batch/engine_parts.h"

#include "os/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "2026-06-01T00:00:00.123Z"
static void
format_now(char out[static LM_TIME_TEXT + 8])
{
	int64_t now_ms = lm_clock_now_ms();
	char seconds[LM_TIME_TEXT];

	lm_time_format(now_ms / 1000, seconds);
	(void)snprintf(out, LM_TIME_TEXT + 8, "%.*s.%03dZ", (int)strlen(seconds) - 1, seconds, (int)(now_ms % 1000));
}

int
lm_engine_event(struct lm_engine *engine, struct lm_err *err, const char *event, const char *format, ...)
{
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	char now[LM_TIME_TEXT + 8];
	json_error_t error;
	va_list args;

	va_start(args, format);
	json_t *facts = json_vpack_ex(&error, 0, format, args);
	va_end(args);
	char *text = facts == nullptr ? nullptr : json_dumps(facts, JSON_COMPACT);
	json_decref(facts);
	format_now(now);
	lm_buf_format(&line, "{\"time\":\"%s\",\"event\":\"%s\"", now, event);
	if (text != nullptr && strlen(text) > 2)
		lm_buf_format(&line, ",%s", text + 1);
	else
		lm_buf_byte(&line, '}');
	free(text); // jansson's
	lm_emit_note(engine->options.sink, "%s", lm_buf_cstr(&line));
	return lm_run_folder_event(&engine->folder, lm_buf_view(&line), err);
}
