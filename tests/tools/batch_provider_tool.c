// Drives lm_provider from tests. Reads JSON lines from standard input and answers each with one.
//   first   {"config": {...}, "key": "...", "record": FOLDER, "trust": PEM}  what differs from the default configuration
//   then    {"do": "render", "custom_id", "prompt", "system"}, {"do": "read", "line", "error_file"},
//           {"do": "upload" | "create" | "find" | "poll" | "fetch" | "cancel" | "forget", "path", "ref", "batch_id", "intent": {...}},
//           {"do": "time_render" | "time_read", "count", ...}: CPU milliseconds for so many
#include "../support/code_name.h"

#include "base/mem.h"
#include "base/str.h"
#include "batch/provider.h"
#include "net/http.h"
#include "os/cancel.h"
#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const fates[] = {
	[LM_CALL_DONE] = "done",
	[LM_CALL_REFUSED] = "refused",
	[LM_CALL_LATER] = "later",
	[LM_CALL_PAUSE] = "pause",
	[LM_CALL_UNKNOWN] = "unknown",
};
static const char *const founds[] = {
	[LM_FOUND_NONE] = "none",
	[LM_FOUND_ONE] = "one",
	[LM_FOUND_CANNOT_TELL] = "cannot tell",
};
enum { KNOWN_IDS_MAX = 16 };

static int64_t
number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static struct lm_str
text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return (struct lm_str){ json_string_value(value), json_string_length(value) };
}

static void
set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static void
set_str(json_t *object, const char *key, struct lm_str value)
{
	set(object, key, value.ptr == nullptr ? json_null() : json_stringn(value.ptr, value.len));
}

static void
reply(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	(void)fflush(stdout);
	json_decref(object);
}

static void
set_error(json_t *object, int rc, const struct lm_err *err)
{
	set(object, "rc", json_integer(rc));
	set(object, "code", json_string(code_name(err->code)));
	set(object, "error", json_string(err->text));
}

static uint64_t
cpu_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void
render(const struct lm_provider *provider, const json_t *step, json_t *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	struct lm_request request = {
		.custom_id = text(step, "custom_id"),
		.prompt = text(step, "prompt"),
		.system = text(step, "system"),
	};
	uint64_t begin = cpu_us();
	int64_t count = number(step, "count");

	lm_provider_render(provider, &request, &line);
	for (int64_t i = 1; i < count; i++) {
		lm_buf_clear(&line);
		lm_provider_render(provider, &request, &line);
	}
	set(out, "cpu_us", json_integer((json_int_t)(cpu_us() - begin)));
	set_str(out, "line", lm_buf_view(&line));
}

static void
read_line(const struct lm_provider *provider, const json_t *step, json_t *out)
{
	LM_AUTO(lm_answer_release) struct lm_answer answer = {};
	struct lm_err err = {};
	bool error_file = json_is_true(json_object_get(step, "error_file"));
	uint64_t begin = cpu_us();
	int64_t count = number(step, "count");

	int rc = lm_provider_read(provider, text(step, "line"), error_file, &answer, &err);
	for (int64_t i = 1; i < count; i++)
		rc = lm_provider_read(provider, text(step, "line"), error_file, &answer, &err);
	set(out, "cpu_us", json_integer((json_int_t)(cpu_us() - begin)));
	set_error(out, rc, &err);
	if (rc < 0)
		return;
	set_str(out, "custom_id", answer.custom_id);
	set(out, "ok", json_boolean(answer.ok));
	set_str(out, "raw", answer.raw);
	set_str(out, "text", lm_buf_view(&answer.text));
	set(out, "free", json_boolean(answer.free_attempt));
	set(out, "pause", json_boolean(answer.pause));
	set(out, "class", json_string(answer.error_class));
	set(out, "words", json_string(answer.error_text));
}

static struct lm_intent
read_intent(const json_t *value, const char *known[KNOWN_IDS_MAX])
{
	const json_t *ids = json_object_get(value, "known_ids"), *id;
	size_t i;

	json_array_foreach(ids, i, id) if (i < KNOWN_IDS_MAX) known[i] = json_string_value(id);
	return (struct lm_intent){
		.run_id = lm_json_string(value, "run_id"),
		.intent_id = lm_json_string(value, "intent_id"),
		.seq = (uint64_t)number(value, "seq"),
		.item_count = (uint64_t)number(value, "item_count"),
		.created_at_s = number(value, "created_at_s"),
		.known_ids = known,
		.known_count = json_array_size(ids),
	};
}

static int
poll(struct lm_provider *provider, const char *batch_id, json_t *out, struct lm_call *call, struct lm_err *err)
{
	struct lm_batch_status status;
	int rc = lm_provider_poll(provider, batch_id, &status, call, err);
	if (rc < 0)
		return rc;
	set(out, "ended", json_boolean(status.ended));
	set(out, "status", json_string(status.status));
	set(out, "output_ref", json_string(status.output_ref));
	set(out, "error_ref", json_string(status.error_ref));
	set(out, "done", json_integer((json_int_t)status.done));
	set(out, "failed", json_integer((json_int_t)status.failed));
	set(out, "batch_class", json_string(status.error_class));
	set(out, "batch_words", json_string(status.error_text));
	return 0;
}

// One look-up is kept while its calls fail, as the engine does it.
static int
find(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, json_t *out, enum lm_found *found,
	char got[LM_PROVIDER_REF_MAX], struct lm_call *call, struct lm_err *err)
{
	static struct lm_search *search;
	if (search == nullptr)
		search = lm_search_new();
	int rc = lm_provider_find(provider, intent, ref, search, found, got, call, err);
	set(out, "steps", json_integer((json_int_t)search->steps));
	set(out, "candidates", json_array());
	for (size_t i = 0; i < search->candidate_count && i < LM_CANDIDATES_MAX; i++)
		(void)json_array_append_new(json_object_get(out, "candidates"), json_string(search->candidates[i].id));
	set(out, "candidate_count", json_integer((json_int_t)search->candidate_count));
	if (rc == 0) {
		lm_search_free(search);
		search = nullptr;
	}
	return rc;
}

static void
make_call(struct lm_provider *provider, const char *what, const json_t *step, json_t *out)
{
	const char *known[KNOWN_IDS_MAX] = {};
	struct lm_intent intent = read_intent(json_object_get(step, "intent"), known);
	const char *path = lm_json_string(step, "path"), *ref = lm_json_string(step, "ref");
	const char *batch_id = lm_json_string(step, "batch_id");
	char got[LM_PROVIDER_REF_MAX] = "";
	enum lm_found found = LM_FOUND_NONE;
	struct lm_call call = {};
	struct lm_err err = {};
	uint64_t bytes = 0;
	int rc = -1;

	if (strcmp(what, "upload") == 0)
		rc = lm_provider_upload(provider, path, &intent, got, &call, &err);
	else if (strcmp(what, "create") == 0)
		rc = lm_provider_create(provider, path, ref, &intent, got, &call, &err);
	else if (strcmp(what, "find") == 0)
		rc = find(provider, &intent, ref, out, &found, got, &call, &err);
	else if (strcmp(what, "poll") == 0)
		rc = poll(provider, batch_id, out, &call, &err);
	else if (strcmp(what, "fetch") == 0)
		rc = lm_provider_fetch(provider, ref, path, &bytes, &call, &err);
	else if (strcmp(what, "cancel") == 0)
		rc = lm_provider_cancel(provider, batch_id, &call, &err);
	else if (strcmp(what, "forget") == 0)
		rc = lm_provider_forget(provider, ref, &call, &err);
	set_error(out, rc, &err);
	set(out, "got", json_string(got));
	set(out, "found", json_string(founds[found]));
	set(out, "bytes", json_integer((json_int_t)bytes));
	set(out, "fate", json_string(fates[call.fate]));
	set(out, "class", json_string(call.error_class));
	set(out, "retry_after_ms", json_integer((json_int_t)call.retry_after_ms));
}

static int
open_provider(struct lm_provider **provider, const json_t *first, struct lm_err *err)
{
	LM_AUTO(lm_batch_config_release) struct lm_batch_config defaults = {}, config = {};
	LM_AUTO(lm_buf_release) struct lm_buf stored = {};
	LM_AUTO(lm_json_decref_ptr) json_t *document = nullptr;
	const char *record = lm_json_string(first, "record");
	const char *trust = lm_json_string(first, "trust");
	struct lm_provider_secrets secrets = { .api_key = lm_json_string(first, "key") };

	if (trust != nullptr)
		lm_http_trust(trust);
	lm_batch_config_init(&defaults);
	lm_batch_config_format(&defaults, &stored);
	if (lm_json_parse(lm_buf_view(&stored), &document, err) < 0)
		return -1;
	(void)json_object_update(document, json_object_get(first, "config"));
	char *changed = json_dumps(document, JSON_COMPACT);
	int rc = lm_batch_config_parse(lm_str_of(changed), &config, err);
	free(changed);
	if (rc < 0 || lm_provider_new(provider, &config, &secrets, err) < 0)
		return -1;
	return record == nullptr ? 0 : lm_provider_record(*provider, record, err);
}

static void
take_step(struct lm_provider **provider, const json_t *step)
{
	const char *what = lm_json_string(step, "do");
	json_t *out = json_object();

	if (what == nullptr) {
		struct lm_err err = {};
		int rc = open_provider(provider, step, &err);
		set_error(out, rc, &err);
	} else if (*provider == nullptr)
		set(out, "error", json_string("there is no provider"));
	else if (strstr(what, "render") != nullptr)
		render(*provider, step, out);
	else if (strstr(what, "read") != nullptr)
		read_line(*provider, step, out);
	else
		make_call(*provider, what, step, out);
	reply(out);
}

int
main(void)
{
	LM_AUTO(lm_provider_free_ptr) struct lm_provider *provider = nullptr;
	char *line = nullptr;
	size_t cap = 0;

	lm_cancel_install();
	while (getline(&line, &cap, stdin) > 0) {
		LM_AUTO(lm_json_decref_ptr) json_t *step = json_loads(line, JSON_ALLOW_NUL, nullptr);
		take_step(&provider, step);
	}
	free(line);
	return 0;
}
