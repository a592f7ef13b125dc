#include "fake/shape.h"

#include <stdlib.h>
#include <string.h>

// All answers were given at the same instant, so that they depend on their requests only.
#define ANSWERED_AT "1767225600"

void
lm_fake_quote(struct lm_buf *out, const char *text)
{
	if (text == nullptr)
		lm_buf_text(out, "null");
	else
		lm_json_quote(out, lm_str_of(text));
}

static void
hex(struct lm_buf *out, uint64_t number)
{
	static const char digits[] = "0123456789abcdef";
	char text[16];
	for (int i = 15; i >= 0; i--, number >>= 4)
		text[i] = digits[number & 15];
	lm_buf_append(out, text, sizeof(text));
}

static void
decimal(struct lm_buf *out, uint64_t number)
{
	char text[20];
	size_t at = sizeof(text);
	do
		text[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	lm_buf_append(out, text + at, sizeof(text) - at);
}

#define ADD(literal) lm_buf_append(out, "" literal "", sizeof(literal) - 1)

static void
add_tokens(struct lm_buf *out, const char *name, uint64_t tokens)
{
	lm_buf_byte(out, '"');
	lm_buf_text(out, name);
	ADD("\":");
	decimal(out, tokens);
}

// A provider's word for how an answer ended.
static const char *
end_word(const struct lm_fake_answer_line *line, const char *cut, const char *refused, const char *whole)
{
	return line->act == LM_FAKE_INCOMPLETE ? cut : line->act == LM_FAKE_REFUSAL ? refused : whole;
}

// ---- OpenAI

static void
openai_usage(struct lm_buf *out, const struct lm_fake_answer_line *line, const char *input, const char *output)
{
	ADD("\"usage\":{");
	add_tokens(out, input, line->input_tokens);
	lm_buf_byte(out, ',');
	add_tokens(out, output, line->output_tokens);
	lm_buf_byte(out, ',');
	add_tokens(out, "total_tokens", line->input_tokens + line->output_tokens);
	lm_buf_byte(out, '}');
}

static void
responses_body(struct lm_buf *out, const struct lm_fake_answer_line *line, uint64_t name)
{
	bool cut = line->act == LM_FAKE_INCOMPLETE;
	ADD("{\"id\":\"resp_");
	hex(out, name);
	ADD("\",\"object\":\"response\",\"created_at\":" ANSWERED_AT ",\"status\":");
	if (cut)
		ADD("\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"}");
	else
		ADD("\"completed\",\"error\":null,\"incomplete_details\":null");
	ADD(",\"instructions\":null,\"metadata\":{},\"model\":\"");
	lm_buf_str(out, line->row->model);
	ADD("\",\"output\":[{\"id\":\"msg_");
	hex(out, name);
	ADD("\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"");
	lm_buf_text(out, cut ? "incomplete" : "completed");
	if (line->act == LM_FAKE_REFUSAL)
		ADD("\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"");
	else
		ADD("\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"text\":\"");
	lm_buf_str(out, line->text);
	ADD("\"}]}],\"parallel_tool_calls\":true,\"temperature\":1.0,\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,");
	ADD("\"usage\":{");
	add_tokens(out, "input_tokens", line->input_tokens);
	ADD(",\"input_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":0},");
	add_tokens(out, "output_tokens", line->output_tokens);
	ADD(",\"output_tokens_details\":{\"reasoning_tokens\":0},");
	add_tokens(out, "total_tokens", line->input_tokens + line->output_tokens);
	ADD("}}");
}

static void
chat_body(struct lm_buf *out, const struct lm_fake_answer_line *line, uint64_t name)
{
	bool refusal = line->act == LM_FAKE_REFUSAL;
	ADD("{\"id\":\"chatcmpl-");
	hex(out, name);
	ADD("\",\"object\":\"chat.completion\",\"created\":" ANSWERED_AT ",\"model\":\"");
	lm_buf_str(out, line->row->model);
	ADD("\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
	if (!refusal)
		lm_buf_byte(out, '"');
	else
		ADD("null,\"refusal\":\"");
	lm_buf_str(out, line->text);
	lm_buf_byte(out, '"');
	if (!refusal)
		ADD(",\"refusal\":null");
	ADD("},\"logprobs\":null,\"finish_reason\":\"");
	lm_buf_text(out, end_word(line, "length", "stop", "stop"));
	ADD("\"}],");
	openai_usage(out, line, "prompt_tokens", "completion_tokens");
	lm_buf_byte(out, '}');
}

static void
openai_head(struct lm_buf *out, struct lm_str id, uint64_t name)
{
	ADD("{\"id\":\"batch_req_");
	hex(out, name);
	ADD("\",\"custom_id\":\"");
	lm_buf_str(out, id);
	ADD("\",\"response\":");
}

static void
openai_answer(struct lm_buf *out, const struct lm_fake_answer_line *line)
{
	uint64_t name = lm_fake_hash(line->row->body.raw, 0);
	openai_head(out, line->id, name);
	if (line->act == LM_FAKE_NULL) {
		ADD("null,\"error\":null}");
		return;
	}
	ADD("{\"status_code\":200,\"request_id\":\"req_");
	hex(out, name);
	ADD("\",\"body\":");
	if (strcmp(line->endpoint, "/v1/chat/completions") == 0)
		chat_body(out, line, name);
	else
		responses_body(out, line, name);
	ADD("},\"error\":null}");
}

static void
openai_error(struct lm_buf *out, const struct lm_fake_error_line *line)
{
	uint64_t name = lm_fake_hash(line->row->body.raw, 0);
	openai_head(out, line->row->id, name);
	if (line->whole) {
		ADD("null,\"error\":{\"code\":");
		lm_fake_quote(out, line->code);
		ADD(",\"message\":");
		lm_fake_quote(out, line->message);
		ADD("}}");
		return;
	}
	ADD("{\"status_code\":");
	decimal(out, line->status);
	ADD(",\"request_id\":\"req_");
	hex(out, name);
	ADD("\",\"body\":{\"error\":{\"message\":");
	lm_fake_quote(out, line->message);
	ADD(",\"type\":");
	lm_fake_quote(out, line->status >= 500 ? "server_error" : "invalid_request_error");
	ADD(",\"param\":null,\"code\":");
	lm_fake_quote(out, line->code);
	ADD("}}},\"error\":null}");
}

// ---- Anthropic

static void
anthropic_head(struct lm_buf *out, struct lm_str id)
{
	ADD("{\"custom_id\":\"");
	lm_buf_str(out, id);
	ADD("\",\"result\":");
}

static void
anthropic_answer(struct lm_buf *out, const struct lm_fake_answer_line *line)
{
	anthropic_head(out, line->id);
	if (line->act == LM_FAKE_NULL) {
		ADD("null}");
		return;
	}
	ADD("{\"type\":\"succeeded\",\"message\":{\"id\":\"msg_");
	hex(out, lm_fake_hash(line->row->body.raw, 0));
	ADD("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"");
	lm_buf_str(out, line->row->model);
	ADD("\",\"content\":[{\"type\":\"text\",\"text\":\"");
	lm_buf_str(out, line->text);
	ADD("\"}],\"stop_reason\":\"");
	lm_buf_text(out, end_word(line, "max_tokens", "refusal", "end_turn"));
	ADD("\",\"stop_sequence\":null,\"usage\":{");
	add_tokens(out, "input_tokens", line->input_tokens);
	ADD(",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,");
	add_tokens(out, "output_tokens", line->output_tokens);
	ADD(",\"service_tier\":\"batch\"}}}}");
}

static void
anthropic_error(struct lm_buf *out, const struct lm_fake_error_line *line)
{
	anthropic_head(out, line->row->id);
	ADD("{\"type\":");
	lm_fake_quote(out, line->type);
	if (strcmp(line->type, "errored") == 0) {
		ADD(",\"error\":{\"type\":\"error\",\"error\":{\"type\":");
		lm_fake_quote(out, line->code);
		ADD(",\"message\":");
		lm_fake_quote(out, line->message);
		ADD("},\"request_id\":\"req_");
		hex(out, lm_fake_hash(line->row->body.raw, 0));
		ADD("\"}");
	}
	ADD("}}");
}

// ---- Gemini

// The key is in front of a line, and in the metadata of an element, which may have other things too.
static void
gemini_foot(struct lm_buf *out, const struct lm_fake_row *row, struct lm_str id)
{
	if (row->list && row->metadata.len > 0) {
		ADD(",\"metadata\":");
		if (id.ptr != row->id.ptr) {
			ADD("{\"key\":\"");
			lm_buf_str(out, id);
			ADD("\"}");
		} else
			for (size_t i = 0; i < row->metadata.len; i++) // a line has no line breaks
				if (row->metadata.ptr[i] != '\n' && row->metadata.ptr[i] != '\r')
					lm_buf_byte(out, row->metadata.ptr[i]);
	}
	lm_buf_byte(out, '}');
}

static void
gemini_head(struct lm_buf *out, const struct lm_fake_row *row, struct lm_str id)
{
	lm_buf_byte(out, '{');
	if (row->list)
		return;
	ADD("\"key\":\"");
	lm_buf_str(out, id);
	ADD("\",");
}

static void
gemini_answer(struct lm_buf *out, const struct lm_fake_answer_line *line)
{
	gemini_head(out, line->row, line->id);
	if (line->act == LM_FAKE_NULL)
		ADD("\"response\":null");
	else {
		ADD("\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"");
		lm_buf_str(out, line->text);
		ADD("\"}],\"role\":\"model\"},\"finishReason\":\"");
		lm_buf_text(out, end_word(line, "MAX_TOKENS", "SAFETY", "STOP"));
		ADD("\",\"index\":0}],\"usageMetadata\":{");
		add_tokens(out, "promptTokenCount", line->input_tokens);
		lm_buf_byte(out, ',');
		add_tokens(out, "candidatesTokenCount", line->output_tokens);
		lm_buf_byte(out, ',');
		add_tokens(out, "totalTokenCount", line->input_tokens + line->output_tokens);
		ADD("},\"modelVersion\":\"");
		lm_buf_str(out, line->row->model);
		ADD("\",\"responseId\":\"");
		hex(out, lm_fake_hash(line->row->body.raw, 0));
		ADD("\"}");
	}
	gemini_foot(out, line->row, line->id);
}

static void
gemini_error(struct lm_buf *out, const struct lm_fake_error_line *line)
{
	gemini_head(out, line->row, line->row->id);
	ADD("\"error\":{\"code\":");
	decimal(out, line->status);
	ADD(",\"message\":");
	lm_fake_quote(out, line->message);
	ADD(",\"status\":");
	lm_fake_quote(out, line->code);
	lm_buf_byte(out, '}');
	gemini_foot(out, line->row, line->row->id);
}

void
lm_fake_shape_answer(struct lm_buf *out, const struct lm_fake_answer_line *line)
{
	if (line->api == LM_FAKE_OPENAI)
		openai_answer(out, line);
	else if (line->api == LM_FAKE_ANTHROPIC)
		anthropic_answer(out, line);
	else
		gemini_answer(out, line);
}

void
lm_fake_shape_error(struct lm_buf *out, const struct lm_fake_error_line *line)
{
	if (line->api == LM_FAKE_OPENAI)
		openai_error(out, line);
	else if (line->api == LM_FAKE_ANTHROPIC)
		anthropic_error(out, line);
	else
		gemini_error(out, line);
}
