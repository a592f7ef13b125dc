#include "rows.h"

#include "base/event.h"
#include "base/str.h"

#include <inttypes.h>

static const char *
shown(const char *text)
{
	return text == nullptr ? "-" : text;
}

static void
note(void *context, const struct lm_event *event)
{
	lm_buf_format(context, "%d %s %s %s %" PRIu64 "/%" PRIu64 "\n", (int)event->kind, shown(event->step),
		shown(event->subject), shown(event->text), event->done_bytes, event->total_bytes);
}

static void
emit_all(const struct lm_sink *sink)
{
	lm_emit_begin(sink, "download", "a.whl", 100);
	lm_emit_progress(sink, "download", "a.whl", 40, 100);
	lm_emit_end(sink, "download", "a.whl", "%d bytes", 100);
	lm_emit_end(sink, "download", "b.whl", nullptr);
	lm_emit_warning(sink, "old name '%s'", "x");
	lm_emit_note(sink, "plain");
}

static void
events(void **state)
{
	(void)state;
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	const struct lm_sink sink = { note, &out };
	static_assert(LM_EVENT_BEGIN == 0 && LM_EVENT_NOTE == 4);
	emit_all(&sink);
	assert_string_equal(lm_buf_cstr(&out),
		"0 download a.whl - 0/100\n"
		"1 download a.whl - 40/100\n"
		"2 download a.whl 100 bytes 0/0\n"
		"2 download b.whl - 0/0\n"
		"3 - - old name 'x' 0/0\n"
		"4 - - plain 0/0\n");
}

static void
silence(void **state)
{
	(void)state;
	const struct lm_sink sink = {};
	emit_all(nullptr);
	emit_all(&sink);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(events), cmocka_unit_test(silence) };
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
