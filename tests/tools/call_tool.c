// Drives lm_http_do from tests: call_tool [--trust=PEM] < calls.json
// Reads {"calls": [{"method", "url", "headers": [...], "pieces": [{"text"} or {"path", "offset", "length", "newline_as",
// "drop_last_newline"}], "answer_path", "answer_max", "timeout_ms"}]}, makes the calls one after the other with one client and prints
// {"answers": [{"rc", "code", "error", "fate", "status", "body", "headers", "retry_after_ms", "body_bytes"}], "peak_kib": N}.
// SIGTERM is an interruption.
#include "../support/code_name.h"

#include "base/mem.h"
#include "base/str.h"
#include "net/call.h"
#include "net/http.h"
#include "os/cancel.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

static const char *const fates[] = {
	[LM_HTTP_ANSWERED] = "answered",
	[LM_HTTP_NOT_SENT] = "not sent",
	[LM_HTTP_UNKNOWN] = "unknown",
};

static uint64_t
number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static struct lm_http_piece
read_piece(const json_t *value)
{
	const char *newline_as = lm_json_string(value, "newline_as");
	return (struct lm_http_piece){
		.bytes = lm_str_of(lm_json_string(value, "text")),
		.path = lm_json_string(value, "path"),
		.offset = number(value, "offset"),
		.length = number(value, "length"),
		.newline_as = newline_as == nullptr ? 0 : newline_as[0],
		.drop_last_newline = json_is_true(json_object_get(value, "drop_last_newline")),
	};
}

static json_t *
show(int rc, const struct lm_err *err, const struct lm_http_answer *answer)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:i, s:s#, s:s#, s:I, s:I}", "rc", rc, "code", code_name(err->code), "error",
		err->text, "fate", fates[answer->fate], "status", answer->status, "body", lm_buf_cstr(&answer->body),
		answer->body.len, "headers", lm_buf_cstr(&answer->headers), answer->headers.len, "retry_after_ms",
		(json_int_t)answer->retry_after_ms, "body_bytes", (json_int_t)answer->body_bytes);
}

static json_t *
call(struct lm_http_client *client, const json_t *value)
{
	const json_t *headers = json_object_get(value, "headers"), *pieces = json_object_get(value, "pieces");
	size_t header_count = json_array_size(headers), piece_count = json_array_size(pieces);
	LM_AUTO(lm_free_ptr) const char **header_list = lm_alloc_array(header_count + 1, sizeof(char *));
	LM_AUTO(lm_free_ptr) struct lm_http_piece *piece_list = lm_alloc_array(piece_count, sizeof(struct lm_http_piece));
	LM_AUTO(lm_http_answer_release) struct lm_http_answer answer = {};
	struct lm_err err = {};

	for (size_t i = 0; i < header_count; i++)
		header_list[i] = json_string_value(json_array_get(headers, i));
	for (size_t i = 0; i < piece_count; i++)
		piece_list[i] = read_piece(json_array_get(pieces, i));
	struct lm_http_call what = {
		.method = lm_json_string(value, "method"),
		.url = lm_json_string(value, "url"),
		.headers = header_list,
		.pieces = piece_list,
		.piece_count = piece_count,
		.answer_path = lm_json_string(value, "answer_path"),
		.answer_max = number(value, "answer_max"),
		.timeout_ms = number(value, "timeout_ms"),
	};
	int rc = lm_http_do(client, &what, &answer, &err);
	return show(rc, &err, &answer);
}

// Of this program; ru_maxrss would begin with what the parent had.
static json_int_t
peak_kib(void)
{
	char line[128];
	FILE *file = fopen("/proc/self/status", "re");
	long long kib = 0;

	while (file != nullptr && fgets(line, sizeof line, file) != nullptr)
		if (sscanf(line, "VmHWM: %lld", &kib) == 1)
			break;
	if (file != nullptr)
		(void)fclose(file);
	return kib;
}

int
main(int argc, char **argv)
{
	LM_AUTO(lm_json_decref_ptr) json_t *document = json_loadf(stdin, 0, nullptr);
	LM_AUTO(lm_json_decref_ptr) json_t *answers = json_array();
	LM_AUTO(lm_http_client_free_ptr) struct lm_http_client *client = lm_http_client_new();
	const json_t *calls = json_object_get(document, "calls");

	lm_cancel_install();
	for (int i = 1; i < argc; i++)
		if (lm_cstr_starts(argv[i], "--trust="))
			lm_http_trust(argv[i] + strlen("--trust="));
	for (size_t i = 0; i < json_array_size(calls); i++)
		(void)json_array_append_new(answers, call(client, json_array_get(calls, i)));
	LM_AUTO(lm_json_decref_ptr)
	json_t *result = json_pack("{s:O, s:I}", "answers", answers, "peak_kib", peak_kib());
	(void)json_dumpf(result, stdout, JSON_COMPACT);
	return 0;
}
