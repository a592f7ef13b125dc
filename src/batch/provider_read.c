// Answers: what all APIs have in common.
#include "batch/provider_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// Keys are mostly spelled as they are meant.
static bool
is_key(struct lm_json_value name, struct lm_str key)
{
	struct lm_str inside = { name.raw.ptr + 1, name.raw.len - 2 };
	if (lm_str_equal(inside, key))
		return true;
	return inside.len > key.len && memchr(inside.ptr, '\\', inside.len) != nullptr && lm_json_text_equal(name, key);
}

void
lm_pick(struct lm_json_value object, const struct lm_str *keys, size_t count, struct lm_json_value *values)
{
	struct lm_json_value name, value;

	for (size_t i = 0; i < count; i++)
		values[i] = (struct lm_json_value){};
	for (size_t at = 0; lm_json_next_member(object, &at, &name, &value);)
		for (size_t i = 0; i < count; i++)
			if (is_key(name, keys[i])) {
				values[i] = value;
				break;
			}
}

void
lm_pick_top(const struct lm_json_scan *scan, const struct lm_str *keys, size_t count, struct lm_json_value *values)
{
	for (size_t i = 0; i < count; i++) {
		const struct lm_json_member *member = lm_json_scan_find(scan, keys[i]);
		values[i] = member == nullptr ? (struct lm_json_value){} : member->value;
	}
}

static void
set_text(struct lm_answer *answer, const char *error_class, const char *text)
{
	answer->ok = false;
	lm_buf_clear(&answer->text);
	(void)snprintf(answer->error_class, sizeof answer->error_class, "%s", error_class);
	lm_words_copy(nullptr, answer->error_text, sizeof answer->error_text, text);
}

void
lm_answer_fail(struct lm_answer *answer, const char *error_class, const char *format, ...)
{
	char text[sizeof answer->error_text];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	set_text(answer, error_class, text);
}

// A member that is text, as a C string in scratch; null when it is not there.
static const char *
text_of(struct lm_answer *answer, struct lm_json_value object, const char *key, size_t *at)
{
	struct lm_json_value value;

	if (!lm_json_get(object, key, &value) || value.kind != LM_JSON_STRING)
		return nullptr;
	*at = answer->scratch.len + 1;
	lm_json_append_text(value, &answer->scratch);
	lm_buf_byte(&answer->scratch, '\0');
	return "";
}

// Rows of a batch that ended before their turn: not done, not charged.
static bool
was_not_done(const char *code)
{
	static const char *const codes[] = { "batch_expired", "batch_cancelled", "batch_canceled", "CANCELLED",
		"DEADLINE_EXCEEDED" };

	for (size_t i = 0; i < LM_COUNT(codes); i++)
		if (lm_cstr_equal(code, codes[i]))
			return true;
	return false;
}

void
lm_answer_error(const struct lm_api *api, struct lm_answer *answer, int status, struct lm_json_value error)
{
	size_t at[4] = {}; // positions + 1 in scratch, which moves while it grows
	const char *parts[4];
	static const char *const keys[] = { "code", "type", "status", "message" };

	lm_buf_clear(&answer->scratch);
	for (size_t i = 0; i < LM_COUNT(keys); i++)
		(void)text_of(answer, error, keys[i], &at[i]);
	for (size_t i = 0; i < LM_COUNT(keys); i++)
		parts[i] = at[i] == 0 ? nullptr : answer->scratch.ptr + at[i] - 1;
	const char *code = parts[0], *type = parts[1] == nullptr ? parts[2] : parts[1], *message = parts[3];
	const char *error_class = lm_error_class_of(api, status, code, type, message);

	answer->pause = lm_error_class_is_quota(error_class);
	bool not_done = was_not_done(code != nullptr ? code : type);
	answer->free_attempt = answer->pause || lm_cstr_equal(error_class, "enqueue_token_limit") || not_done;
	if (not_done)
		error_class = "batch_ended_early";
	else if (!answer->free_attempt)
		error_class = "provider_item_error";
	const char *kind = code != nullptr ? code : type;
	if (message != nullptr && kind != nullptr)
		lm_answer_fail(answer, error_class, "%s (%s)", message, kind);
	else if (message != nullptr || kind != nullptr)
		lm_answer_fail(answer, error_class, "%s", message != nullptr ? message : kind);
	else if (error.kind == LM_JSON_STRING) // the words themselves
		lm_answer_fail(
			answer, error_class, "%.*s", (int)(error.raw.len < 500 ? error.raw.len - 2 : 498), error.raw.ptr + 1);
	else
		lm_answer_fail(answer, error_class, "the provider gave an error without words (status %d)", status);
}

void
lm_answer_add_text(struct lm_answer *answer, struct lm_json_value text)
{
	if (text.kind != LM_JSON_STRING)
		return;
	if (answer->ok) // not the first one
		lm_buf_byte(&answer->text, '\n');
	answer->ok = true;
	lm_json_append_text(text, &answer->text);
}

void
lm_answer_done(struct lm_answer *answer)
{
	if (answer->text.len == 0)
		lm_answer_fail(answer, "empty_response_text", "the answer has no text");
	else
		answer->ok = true;
}

int
lm_answer_id(struct lm_answer *answer, struct lm_json_value value, const char *what, struct lm_err *err)
{
	lm_buf_clear(&answer->scratch);
	if (value.kind != LM_JSON_STRING)
		return lm_err_set(err, LM_E_SYNTAX, "the line has no '%s'", what);
	answer->custom_id = lm_json_text(value, &answer->scratch);
	if (answer->custom_id.len == 0 || answer->custom_id.len > LM_CUSTOM_ID_MAX || answer->scratch.len > 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' of the line is none of ours", what);
	return 0;
}

static void
begin_answer(struct lm_answer *answer)
{
	answer->custom_id = answer->raw = (struct lm_str){};
	answer->ok = answer->free_attempt = answer->pause = false;
	answer->error_class[0] = answer->error_text[0] = '\0';
	lm_buf_clear(&answer->text);
}

int
lm_provider_read(const struct lm_provider *provider, struct lm_str line, bool from_error_file, struct lm_answer *answer,
	struct lm_err *err)
{
	begin_answer(answer);
	if (lm_json_scan(&answer->scan, line, err) < 0)
		return -1;
	if (answer->scan.value.kind != LM_JSON_OBJECT)
		return lm_err_set(err, LM_E_SYNTAX, "the line is no JSON object");
	return provider->api->read(provider->api, from_error_file, answer, err);
}

int
lm_provider_read_again(const struct lm_provider *provider, struct lm_str line, bool from_error_file, struct lm_answer *answer,
	struct lm_err *err)
{
	if (line.len == 0 || line.ptr[0] != '{')
		return lm_provider_read(provider, line, from_error_file, answer, err);
	begin_answer(answer);
	lm_json_scan_again(&answer->scan, line);
	return provider->api->read(provider->api, from_error_file, answer, err);
}

void
lm_answer_release(struct lm_answer *answer)
{
	lm_buf_release(&answer->text);
	lm_buf_release(&answer->scratch);
	lm_json_scan_release(&answer->scan);
	*answer = (struct lm_answer){};
}
