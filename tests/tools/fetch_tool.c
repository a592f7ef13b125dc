// Drives lm_http_fetch from tests: fetch_tool [--parallel=N] [--backoff-ms=N] [--retry-after-max-ms=N] [--stall-s=N] [--one-more-ms=N] [--trust=PEM]
// then for each file URL LABEL PATH SHA256 SIZE MAX ("-" and 0 for what is not known).
// Prints one JSON object: {"code": "ok", "error": "", "sha256": [...], "events": [["begin", LABEL, DONE, TOTAL, TEXT], ...]}
#include "../support/code_name.h"

#include "base/mem.h"
#include "base/str.h"
#include "net/http.h"
#include "os/cancel.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

enum { ARGUMENTS_PER_FILE = 6 };

static void
record(void *context, const struct lm_event *event)
{
	static const char *const kinds[] = {
		[LM_EVENT_BEGIN] = "begin",
		[LM_EVENT_PROGRESS] = "progress",
		[LM_EVENT_END] = "end",
		[LM_EVENT_WARNING] = "warning",
		[LM_EVENT_NOTE] = "note",
	};
	json_t *events = context;
	(void)json_array_append_new(events,
		json_pack("[s, s?, I, I, s?]", kinds[event->kind], event->subject, (json_int_t)event->done_bytes,
			(json_int_t)event->total_bytes, event->text));
}

static uint64_t
number(const char *text)
{
	uint64_t value = 0;
	if (!lm_parse_u64(lm_str_of(text), UINT64_MAX, &value))
		(void)fprintf(stderr, "fetch_tool: not a number: '%s'\n", text);
	return value;
}

static const char *
value_of(const char *argument, const char *option)
{
	return lm_cstr_starts(argument, option) ? argument + strlen(option) : nullptr;
}

static void
read_option(const char *argument, struct lm_http_options *options)
{
	const char *value;
	if ((value = value_of(argument, "--parallel=")) != nullptr)
		options->parallel = (unsigned)number(value);
	else if ((value = value_of(argument, "--backoff-ms=")) != nullptr)
		options->backoff_ms = number(value);
	else if ((value = value_of(argument, "--retry-after-max-ms=")) != nullptr)
		options->retry_after_max_ms = number(value);
	else if ((value = value_of(argument, "--stall-s=")) != nullptr)
		options->stall_s = (unsigned)number(value);
	else if ((value = value_of(argument, "--one-more-ms=")) != nullptr)
		options->one_more_ms = number(value);
	else if ((value = value_of(argument, "--trust=")) != nullptr)
		lm_http_trust(value);
}

static struct lm_download
read_file(char **arguments)
{
	struct lm_download download = {
		.url = arguments[0],
		.label = arguments[1],
		.path = arguments[2],
		.size_bytes = number(arguments[4]),
		.max_bytes = number(arguments[5]),
	};
	download.has_digest = lm_digest_parse(lm_str_of(arguments[3]), &download.digest);
	return download;
}

int
main(int argc, char **argv)
{
	struct lm_http_options options = {};
	struct lm_err err = {};
	int at = 1;

	lm_cancel_install();
	for (; at < argc && argv[at][0] == '-'; at++)
		read_option(argv[at], &options);
	size_t count = (size_t)(argc - at) / ARGUMENTS_PER_FILE;
	LM_AUTO(lm_free_ptr) struct lm_download *downloads = lm_alloc_array(count, sizeof *downloads);
	for (size_t i = 0; i < count; i++)
		downloads[i] = read_file(argv + at + ARGUMENTS_PER_FILE * (int)i);

	json_t *events = json_array(), *digests = json_array();
	struct lm_sink sink = { .emit = record, .context = events };
	int rc = lm_http_fetch(downloads, count, &options, &sink, &err);
	for (size_t i = 0; i < count; i++) {
		char hex[LM_DIGEST_HEX];
		lm_digest_hex(&downloads[i].digest, hex);
		(void)json_array_append_new(digests, json_string(hex));
	}
	json_t *result = json_pack("{s:s, s:s, s:o, s:o}", "code", code_name(rc == 0 ? LM_OK : err.code), "error", err.text,
		"sha256", digests, "events", events);
	int written = json_dumpf(result, stdout, JSON_INDENT(0));
	json_decref(result);
	lm_http_trust(nullptr);
	return written == 0 ? 0 : 2;
}
