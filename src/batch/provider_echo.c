// A provider without network, for trying things out: it answers with the prompt. A batch is its request file: the id names
// it, and the answers follow from it, so nothing has to be kept and a crash cannot lose any of it. Requests and answers have the shape
// of OpenAI's.
#include "batch/provider_parts.h"

#include "base/mem.h"
#include "batch/folder.h"
#include "os/file.h"
#include "os/path.h"
#include "text/json_instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LM_ECHO_OUT_BYTES = 256 * 1024 }; // of answers, before they are written

static int
render(const struct lm_batch_config *config, bool system, struct lm_buf *out, struct lm_err *err)
{
	struct lm_batch_config with_model = *config; // borrows all of it

	if (config->model == nullptr)
		with_model.model = (char[]){ "echo" };
	return lm_api_openai.render(&with_model, system, out, err);
}

// ---- batches: "echo-<seq>-<requests>-<intent id>"

static void
make_id(const struct lm_intent *intent, char out[LM_PROVIDER_REF_MAX])
{
	(void)snprintf(out, LM_PROVIDER_REF_MAX, "echo-%06" PRIu64 "-%" PRIu64 "-%s", intent->seq, intent->item_count,
		intent->intent_id);
}

static bool
parse_id(const char *id, uint64_t *seq, uint64_t *count)
{
	struct lm_str rest = lm_str_of(id);

	return lm_str_equal(lm_str_cut(&rest, '-'), LM_STR("echo")) && lm_parse_u64(lm_str_cut(&rest, '-'), INT64_MAX, seq) &&
		lm_parse_u64(lm_str_cut(&rest, '-'), INT64_MAX, count);
}

static int
no_such_batch(const char *id, struct lm_call *call, struct lm_err *err)
{
	*call = (struct lm_call){ .fate = LM_CALL_REFUSED, .error_class = "not_found" };
	return lm_err_set(err, LM_E_NOT_FOUND, "there is no batch '%s'", id);
}

static int
create(struct lm_provider *provider, const char *path, const char *ref, const struct lm_intent *intent, char *batch_id,
	struct lm_call *call, struct lm_err *err)
{
	uint64_t size = 0;

	(void)provider, (void)ref;
	if (lm_api_file_size(path, &size, call, err) < 0)
		return -1;
	make_id(intent, batch_id);
	return 0;
}

// Creating a batch twice gives the same one: there it is.
static int
look(struct lm_provider *provider, const struct lm_intent *intent, const char *ref, struct lm_search *search,
	struct lm_call *call, struct lm_err *err)
{
	char id[LM_PROVIDER_REF_MAX];

	(void)provider, (void)ref, (void)call, (void)err;
	make_id(intent, id);
	lm_search_match(search, id, false);
	search->ended = true;
	return 0;
}

static int
poll(struct lm_provider *provider, const char *batch_id, struct lm_batch_status *status, struct lm_call *call,
	struct lm_err *err)
{
	uint64_t seq = 0;

	(void)provider;
	if (!parse_id(batch_id, &seq, &status->done))
		return no_such_batch(batch_id, call, err);
	status->ended = true;
	(void)snprintf(status->status, sizeof status->status, "completed");
	(void)snprintf(status->output_ref, sizeof status->output_ref, "%s", batch_id);
	return 0;
}

// ---- answers

// "input", or the content of the last message; the inside of the JSON string.
static struct lm_str
prompt_of(struct lm_json_value body)
{
	struct lm_json_value input, messages, message, content = {};

	if (lm_json_get(body, "messages", &messages))
		for (size_t at = 0; lm_json_next_element(messages, &at, &message);)
			(void)lm_json_get(message, "content", &content);
	else if (lm_json_get(body, "input", &input))
		content = input;
	return content.kind == LM_JSON_STRING ? (struct lm_str){ content.raw.ptr + 1, content.raw.len - 2 } : LM_STR("");
}

static bool
schema_of(struct lm_json_value body, struct lm_json_value *schema)
{
	struct lm_json_value outer, inner;

	if (lm_json_get(body, "text", &outer) && lm_json_get(outer, "format", &inner))
		return lm_json_get(inner, "schema", schema);
	return lm_json_get(body, "response_format", &outer) && lm_json_get(outer, "json_schema", &inner) &&
		lm_json_get(inner, "schema", schema);
}

// What is kept from one answer to the next: rows mostly have the same schema.
struct echo {
	struct lm_buf schema, instance;
	struct lm_err refusal; // why there is no instance of it; code LM_OK: there is one
	struct lm_buf out;
};

static void
release_echo(struct echo *echo)
{
	lm_buf_release(&echo->schema);
	lm_buf_release(&echo->instance);
	lm_buf_release(&echo->out);
}

// The answer as the inside of a JSON string: the prompt, or an instance of the schema with it. False: there is none.
static bool
make_text(struct echo *echo, struct lm_json_value body, struct lm_str prompt, struct lm_buf *text)
{
	LM_AUTO(lm_buf_release) struct lm_buf filled = {};
	struct lm_json_value schema;

	if (!schema_of(body, &schema)) {
		lm_buf_str(text, prompt);
		return true;
	}
	if (!lm_str_equal(schema.raw, lm_buf_view(&echo->schema))) {
		lm_buf_clear(&echo->schema);
		lm_buf_str(&echo->schema, schema.raw);
		lm_buf_clear(&echo->instance);
		lm_err_clear(&echo->refusal);
		(void)lm_json_instance(schema.raw, &echo->instance, &echo->refusal);
	}
	if (echo->refusal.code != LM_OK)
		return false;
	lm_json_instance_fill(lm_buf_view(&echo->instance), prompt, &filled);
	lm_json_escape(text, lm_buf_view(&filled));
	return true;
}

static void
add_error(struct lm_buf *out, const struct lm_err *refusal)
{
	lm_buf_text(out, ",\"response\":null,\"error\":{\"code\":\"unsupported_schema\",\"message\":");
	lm_json_quote(out, lm_str_of(refusal->text));
	lm_buf_text(out, "}}\n");
}

static void
add_answer(struct echo *echo, struct lm_json_value id, struct lm_json_value body)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_buf *out = &echo->out;
	struct lm_str prompt = prompt_of(body);
	struct lm_json_value model = {};
	bool chat = lm_json_get(body, "messages", &model);
	size_t tokens = prompt.len / 4 + (prompt.len % 4 != 0);

	lm_buf_text(out, "{\"custom_id\":");
	lm_buf_str(out, id.raw);
	if (!make_text(echo, body, prompt, &text)) {
		add_error(out, &echo->refusal);
		return;
	}
	model = (struct lm_json_value){};
	(void)lm_json_get(body, "model", &model);
	lm_buf_text(out, ",\"response\":{\"status_code\":200,\"body\":{\"model\":");
	lm_buf_str(out, model.raw.len > 0 ? model.raw : LM_STR("null"));
	lm_buf_text(out,
		chat ? ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
		     : ",\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
		       "\"text\":\"");
	lm_buf_str(out, lm_buf_view(&text));
	lm_buf_text(out, chat ? "\"},\"finish_reason\":\"stop\"}]" : "\"}]}]");
	lm_buf_format(out, ",\"usage\":{\"%s\":%zu,\"%s\":%zu,\"total_tokens\":%zu}}},\"error\":null}\n",
		chat ? "prompt_tokens" : "input_tokens", tokens, chat ? "completion_tokens" : "output_tokens", tokens,
		2 * tokens);
}

static int
answer_all(struct lm_line_reader *reader, struct lm_outfile *file, struct lm_err *err)
{
	LM_AUTO(release_echo) struct echo echo = {};
	LM_AUTO(lm_json_scan_release) struct lm_json_scan scan = {};
	struct lm_buf *out = &echo.out;
	struct lm_str line;
	uint64_t at = 0;
	int rc;

	while ((rc = lm_line_reader_next(reader, at, 0, &line, &at, err)) == 1) {
		struct lm_json_value id = {}, body = {};
		if (lm_json_scan(&scan, line, err) < 0)
			return -1;
		if (!lm_json_get(scan.value, "custom_id", &id) || !lm_json_get(scan.value, "body", &body))
			return lm_err_set(err, LM_E_SYNTAX, "a line is no request");
		add_answer(&echo, id, body);
		if (out->len < LM_ECHO_OUT_BYTES)
			continue;
		if (lm_outfile_write(file, out->ptr, out->len, err) < 0)
			return -1;
		lm_buf_clear(out);
	}
	if (rc < 0 || (out->len > 0 && lm_outfile_write(file, out->ptr, out->len, err) < 0))
		return -1;
	return 0;
}

// "<run>/answers/x" -> "<run>/requests/000001.jsonl". Yours to lm_free.
static char *
request_path(const char *answer_path, uint64_t seq)
{
	LM_AUTO(lm_free_ptr) char *answers = lm_path_parent(answer_path);
	LM_AUTO(lm_free_ptr) char *run = lm_path_parent(answers);
	char name[LM_BATCH_FILE_NAME_MAX];

	lm_run_folder_name(LM_FILE_REQUEST, (int64_t)seq, name);
	return lm_path_join(run, name);
}

static int
fetch(struct lm_provider *provider, const char *ref, const char *to, uint64_t *bytes, struct lm_call *call, struct lm_err *err)
{
	LM_AUTO(lm_line_reader_close) struct lm_line_reader reader = {};
	LM_AUTO(lm_outfile_abandon) struct lm_outfile file = {};
	uint64_t seq = 0, count = 0;

	(void)provider;
	if (!parse_id(ref, &seq, &count))
		return no_such_batch(ref, call, err);
	LM_AUTO(lm_free_ptr) char *path = request_path(to, seq);
	*call = (struct lm_call){ .fate = LM_CALL_LATER, .error_class = "local_error" };
	if (lm_line_reader_open(&reader, path, err) < 0 || lm_outfile_open(&file, to, 0600, err) < 0)
		return -1;
	if (answer_all(&reader, &file, err) < 0)
		return lm_err_wrap(err, "%s", path);
	*bytes = file.size_bytes;
	if (lm_outfile_commit(&file, err) < 0)
		return -1;
	*call = (struct lm_call){};
	return 0;
}

// Requests are read where they are, and a batch has ended as soon as it is there.
const struct lm_api lm_api_echo = {
	.name = "echo",
	.base_url = "",
	.version = "/v1",
	.quota_class = "insufficient_quota",
	.render = render,
	.create = create,
	.look = look,
	.poll = poll,
	.fetch = fetch,
	.read = lm_openai_read,
};
