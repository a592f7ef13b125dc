// Looking at Gemini's batches. With inline requests all answers are in the batch, so no document is built of it.
#include "batch/provider_gemini.h"

#include "base/mem.h"
#include "batch/redact.h"
#include "os/file.h"

#include <stdio.h>
#include <string.h>

enum { LM_FIND_PAGE = 20 };

struct look {
	struct lm_http_answer answer;
	struct lm_json_scan scan;
	bool takes_torn; // asked: what is no JSON will do, when it has inline answers
	bool torn;
	struct lm_str list; // of those
};

static void
release_look(struct look *look)
{
	lm_json_scan_release(&look->scan);
	lm_http_answer_release(&look->answer);
}

static int
look_at(struct lm_provider *provider, const struct lm_api_call *what, struct look *look, struct lm_call *call,
	struct lm_err *err)
{
	struct lm_err ignored = {};

	if (lm_api_do(provider, what, &look->answer, call, err) < 0) {
		if (err->code == LM_E_LIMIT)
			lm_err_append(err, " (inline answers come all at once: --gemini-input-mode file)");
		return -1;
	}
	struct lm_str text = lm_buf_view(&look->answer.body);
	if (lm_json_scan(&look->scan, text, &ignored) == 0 && look->scan.value.kind == LM_JSON_OBJECT)
		return 0;
	bool is_whole = lm_str_ends(lm_str_trim(text), LM_STR("}")); // else it was cut, and may be whole the next time
	look->torn = look->takes_torn && is_whole && lm_gemini_torn_list(text, &look->list);
	return look->torn ? 0 : lm_api_nonsense(what, call, err, "is no JSON object");
}

static bool
get_object(struct lm_json_value in, const char *key, struct lm_json_value *out)
{
	return lm_json_get(in, key, out) && out->kind == LM_JSON_OBJECT;
}

static bool
copy_value(struct lm_json_value value, char *out, size_t size)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};

	if (value.kind != LM_JSON_STRING)
		return false;
	lm_json_append_text(value, &text);
	(void)snprintf(out, size, "%s", lm_buf_cstr(&text));
	return true;
}

static bool
copy_text(struct lm_json_value in, const char *key, char *out, size_t size)
{
	struct lm_json_value value;
	return lm_json_get(in, key, &value) && copy_value(value, out, size);
}

// int64 of Google's JSON are strings.
static uint64_t
number(struct lm_json_value in, const char *key)
{
	struct lm_json_value value;
	uint64_t got = 0;

	if (!lm_json_get(in, key, &value))
		return 0;
	if (value.kind == LM_JSON_STRING && value.raw.len >= 2)
		value.raw = (struct lm_str){ value.raw.ptr + 1, value.raw.len - 2 };
	return lm_parse_u64(value.raw, UINT64_MAX, &got) ? got : 0;
}

// What a batch is: an operation with it as metadata, or it itself.
static struct lm_json_value
batch_of(struct lm_json_value operation)
{
	struct lm_json_value batch;
	return get_object(operation, "metadata", &batch) ? batch : operation;
}

// ---- poll

static const char *
status_word(const char *state, bool *ended)
{
	static const struct {
		const char *state, *word;
		bool ended;
	} rows[] = {
		{ "_PENDING", "validating", false },
		{ "_RUNNING", "in_progress", false },
		{ "_SUCCEEDED", "completed", true },
		{ "_FAILED", "failed", true },
		{ "_CANCELLING", "cancelling", false },
		{ "_CANCELLED", "cancelled", true },
		{ "_EXPIRED", "expired", true },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (lm_cstr_ends(state, rows[i].state)) {
			*ended = rows[i].ended;
			return rows[i].word;
		}
	*ended = false;
	return "in_progress"; // a word of later versions is one of a batch that goes on
}

// Where the answers are: in a file, or in the batch.
static bool
find_output(struct lm_json_value operation, struct lm_json_value *file, struct lm_json_value *list)
{
	struct lm_json_value places[3] = {}, inlined;

	(void)lm_json_get(operation, "response", &places[0]);
	(void)lm_json_get(batch_of(operation), "output", &places[1]);
	(void)lm_json_get(batch_of(operation), "dest", &places[2]);
	*file = *list = (struct lm_json_value){};
	for (size_t i = 0; i < LM_COUNT(places); i++) {
		if ((lm_json_get(places[i], "responsesFile", file) || lm_json_get(places[i], "fileName", file)) &&
			file->kind == LM_JSON_STRING)
			return true;
		if (!lm_json_get(places[i], "inlinedResponses", &inlined))
			continue;
		if (inlined.kind == LM_JSON_OBJECT)
			(void)lm_json_get(inlined, "inlinedResponses", &inlined);
		if (inlined.kind == LM_JSON_ARRAY) {
			*list = inlined;
			return true;
		}
	}
	return false;
}

static void
read_error(const struct lm_provider *provider, struct lm_json_value operation, struct lm_batch_status *status)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {}; // whole: half a key would not be known for one
	char code[64] = "";
	struct lm_json_value error, words;

	if (get_object(operation, "error", &error)) {
		if (lm_json_get(error, "message", &words) && words.kind == LM_JSON_STRING)
			lm_json_append_text(words, &text);
		(void)copy_text(error, "status", code, sizeof code);
	}
	const char *message = lm_buf_cstr(&text);
	const char *error_class = lm_error_class_of(provider->api, 0, code, nullptr, message);
	if (error_class != nullptr)
		(void)snprintf(status->error_class, sizeof status->error_class, "%s", error_class);
	else
		(void)snprintf(status->error_class, sizeof status->error_class, "batch_terminal_%s", status->status);
	lm_words_copy(provider, status->error_text, sizeof status->error_text, message[0] != '\0' ? message : status->status);
}

// A batch that has ended, and of whose answers one is no JSON.
static int
poll_torn(const struct look *look, const char *batch_id, struct lm_batch_status *status)
{
	struct lm_str text = lm_gemini_torn_state(lm_buf_view(&look->answer.body));
	LM_AUTO(lm_free_ptr) char *state = lm_format("%.*s", LM_STR_ARG(text));

	(void)snprintf(status->status, sizeof status->status, "%s", status_word(state, &status->ended));
	if (status->ended)
		(void)snprintf(status->output_ref, sizeof status->output_ref, "%s", batch_id);
	return 0;
}

int
lm_gemini_poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(release_look) struct look look = { .takes_torn = true };
	LM_AUTO(lm_free_ptr) char *path = lm_format("/v1beta/%s", batch_id);
	const struct lm_api_call what = { .method = "GET", .path = path };
	struct lm_json_value stats, file, list;
	char state[64], name[LM_PROVIDER_REF_MAX];

	if (look_at(provider, &what, &look, call, err) < 0)
		return -1;
	if (look.torn)
		return poll_torn(&look, batch_id, status);
	struct lm_json_value operation = look.scan.value, batch = batch_of(operation);
	if (!copy_text(batch, "state", state, sizeof state))
		return lm_api_nonsense(&what, call, err, "has no 'state'");
	(void)snprintf(status->status, sizeof status->status, "%s", status_word(state, &status->ended));
	if (get_object(batch, "batchStats", &stats)) {
		status->done = number(stats, "successfulRequestCount");
		status->failed = number(stats, "failedRequestCount");
	}
	if (!status->ended)
		return 0;
	if (strcmp(status->status, "completed") != 0)
		read_error(provider, operation, status);
	if (!find_output(operation, &file, &list))
		return 0;
	if (list.kind == LM_JSON_ARRAY)
		(void)snprintf(status->output_ref, sizeof status->output_ref, "%s", batch_id);
	else if (!copy_value(file, name, sizeof name) || !lm_cstr_starts(name, "files/") ||
		!lm_ref_copy(status->output_ref, name))
		return lm_api_nonsense(&what, call, err, "names a file that cannot be asked for");
	return 0;
}

// ---- fetch

// The next answer as a line.
static bool
next_line(struct look *look, struct lm_json_value list, size_t *at, struct lm_buf *line)
{
	struct lm_json_value element;

	lm_buf_clear(line);
	if (look->torn)
		return lm_gemini_torn_line(&look->scan, &look->list, line);
	if (!lm_json_next_element(list, at, &element))
		return false;
	lm_json_compact(element.raw, line);
	lm_buf_byte(line, '\n');
	return true;
}

static int
write_lines(
	struct look *look, struct lm_json_value list, const char *secret, const char *to, uint64_t *bytes, struct lm_err *err)
{
	LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
	LM_AUTO(lm_outfile_abandon) struct lm_outfile file = {};
	LM_AUTO(lm_buf_release) struct lm_buf line = {};

	if (lm_outfile_open(&file, to, 0600, err) < 0)
		return -1;
	lm_redactor_init(&redactor, secret);
	for (size_t at = 0; next_line(look, list, &at, &line);) {
		struct lm_str clean = lm_redactor_pass(&redactor, lm_buf_view(&line), true);
		if (lm_outfile_write(&file, clean.ptr, clean.len, err) < 0)
			return -1;
	}
	*bytes = file.size_bytes;
	return lm_outfile_commit(&file, err);
}

static int
fetch_inline(struct lm_provider *provider, const char *ref, const char *to, uint64_t *bytes, struct lm_call *call,
	struct lm_err *err)
{
	LM_AUTO(release_look) struct look look = { .takes_torn = true };
	LM_AUTO(lm_free_ptr) char *path = lm_format("/v1beta/%s", ref);
	const struct lm_api_call what = { .method = "GET", .path = path };
	struct lm_json_value file, list = {};

	if (look_at(provider, &what, &look, call, err) < 0)
		return -1;
	if (!look.torn && (!find_output(look.scan.value, &file, &list) || list.kind != LM_JSON_ARRAY))
		return lm_api_nonsense(&what, call, err, "has no answers any more");
	if (write_lines(&look, list, provider->secret, to, bytes, err) == 0)
		return 0;
	*call = (struct lm_call){ .fate = LM_CALL_LATER, .error_class = "local_error" };
	return -1;
}

int
lm_gemini_fetch(struct lm_provider *provider, const char *ref, const char *to, uint64_t *bytes, struct lm_call *call,
	struct lm_err *err)
{
	return (lm_cstr_starts(ref, "batches/") ? fetch_inline : lm_api_fetch)(provider, ref, to, bytes, call, err);
}

// ---- find

static void
consider(struct lm_search *search, const char *wanted, struct lm_json_value operation)
{
	struct lm_json_value batch = batch_of(operation);
	char name[LM_PROVIDER_REF_MAX + 1], shown[128], state[64] = "";
	bool ended = false;

	if (!copy_text(batch, "displayName", shown, sizeof shown) || strcmp(shown, wanted) != 0 ||
		!copy_text(operation, "name", name, sizeof name))
		return;
	(void)copy_text(batch, "state", state, sizeof state);
	bool completed = strcmp(status_word(state, &ended), "completed") == 0;
	lm_search_match(search, name, ended && !completed);
}

// A token stands in a URL; one that could not as it is is escaped.
static void
add_token(struct lm_buf *path, const char *token)
{
	if (token[0] == '\0')
		return;
	lm_buf_text(path, "&pageToken=");
	for (; *token != '\0'; token++) {
		unsigned char c = (unsigned char)*token;
		bool plain =
			(c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_' || c == '.';
		if (plain)
			lm_buf_byte(path, (char)c);
		else
			lm_buf_format(path, "%%%02X", c);
	}
}

// All of them: nothing says in which order they come.
int
lm_gemini_look(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(release_look) struct look look = {};
	LM_AUTO(lm_buf_release) struct lm_buf path = {};
	LM_AUTO(lm_free_ptr) char *wanted = lm_format(LM_GEMINI_NAME_BEGIN "%s", intent->intent_id);
	struct lm_json_value list = {}, operation;
	char token[sizeof search->place] = "";

	(void)ref;
	lm_buf_format(&path, "/v1beta/batches?pageSize=%d", LM_FIND_PAGE);
	add_token(&path, search->place);
	const struct lm_api_call what = { .method = "GET", .path = path.ptr };
	if (look_at(provider, &what, &look, call, err) < 0)
		return -1;
	if (!lm_json_get(look.scan.value, "operations", &list))
		(void)lm_json_get(look.scan.value, "batches", &list);
	for (size_t at = 0; lm_json_next_element(list, &at, &operation);)
		consider(search, wanted, operation);
	(void)copy_text(look.scan.value, "nextPageToken", token, sizeof token);
	search->ended = !lm_search_reached(search, token);
	return 0;
}
