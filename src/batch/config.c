#include "batch/config.h"

#include "base/mem.h"
#include "text/json.h"
#include "text/json_scan.h"

#include <inttypes.h>
#include <string.h>

enum {
	LM_CONFIG_VERSION = 1,  // of the stored form
	LM_CONFIG_SHOWN_MAX = 200, // bytes of a value in a difference
};

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_YES };

// Sorted by name: this is the order of the stored form.
static const struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	bool how; // no part of what must match
} fields[] = {
#define AT(member) offsetof(struct lm_batch_config, member)
	{ "adopt_grace_ms", FIELD_NUMBER, AT(adopt_grace_ms), false },
	{ "base_backoff_ms", FIELD_NUMBER, AT(base_backoff_ms), false },
	{ "base_url", FIELD_TEXT, AT(base_url), false },
	{ "bytes_per_token", FIELD_NUMBER, AT(bytes_per_token), false },
	{ "cassette", FIELD_TEXT, AT(cassette), false },
	{ "completion_window", FIELD_TEXT, AT(completion_window), false },
	{ "endpoint", FIELD_TEXT, AT(endpoint), false },
	{ "enqueued_headroom", FIELD_NUMBER, AT(enqueued_headroom), false },
	{ "enqueued_target_percent", FIELD_NUMBER, AT(enqueued_target_percent), false },
	{ "enqueued_token_limit", FIELD_NUMBER, AT(enqueued_token_limit), false },
	{ "gemini_input_mode", FIELD_TEXT, AT(gemini_input_mode), false },
	{ "id_field", FIELD_TEXT, AT(id_field), false },
	{ "keep_raw", FIELD_YES, AT(keep_raw), false },
	{ "keep_remote_files", FIELD_YES, AT(keep_remote_files), true },
	{ "max_attempts", FIELD_NUMBER, AT(max_attempts), false },
	{ "max_backoff_ms", FIELD_NUMBER, AT(max_backoff_ms), false },
	{ "max_batch_attempts", FIELD_NUMBER, AT(max_batch_attempts), false },
	{ "max_batch_enqueued_tokens", FIELD_NUMBER, AT(max_batch_enqueued_tokens), false },
	{ "max_file_bytes", FIELD_NUMBER, AT(max_file_bytes), false },
	{ "max_requests", FIELD_NUMBER, AT(max_requests), false },
	{ "max_tokens", FIELD_NUMBER, AT(max_tokens), false },
	{ "model", FIELD_TEXT, AT(model), false },
	{ "params_json", FIELD_TEXT, AT(params_json), false },
	{ "poll_interval_ms", FIELD_NUMBER, AT(poll_interval_ms), true },
	{ "prompt_field", FIELD_TEXT, AT(prompt_field), false },
	{ "prompt_template", FIELD_TEXT, AT(prompt_template), false },
	{ "quota_scope", FIELD_TEXT, AT(quota_scope), false },
	{ "reasoning_effort", FIELD_TEXT, AT(reasoning_effort), false },
	{ "request_timeout_ms", FIELD_NUMBER, AT(request_timeout_ms), true },
	{ "schema_json", FIELD_TEXT, AT(schema_json), false },
	{ "schema_name", FIELD_TEXT, AT(schema_name), false },
	{ "system_prompt", FIELD_TEXT, AT(system_prompt), false },
#undef AT
};

static const char *const input_kinds[] = { "jsonl", "csv", "parquet" };
static const char *const providers[] = { "openai", "anthropic", "gemini", "echo", "replay" };

static char **
text_at(struct lm_batch_config *config, const struct field *field)
{
	return (char **)((char *)config + field->offset);
}

static const char *
get_text(const struct lm_batch_config *config, const struct field *field)
{
	return *(char *const *)((const char *)config + field->offset);
}

static uint64_t
get_number(const struct lm_batch_config *config, const struct field *field)
{
	return *(const uint64_t *)((const char *)config + field->offset);
}

static bool
get_yes(const struct lm_batch_config *config, const struct field *field)
{
	return *(const bool *)((const char *)config + field->offset);
}

const char *
lm_provider_name(enum lm_provider_kind kind)
{
	return providers[kind];
}

bool
lm_provider_by_name(const char *name, enum lm_provider_kind *out)
{
	for (size_t i = 0; i < LM_COUNT(providers); i++) {
		if (!lm_cstr_equal(name, providers[i]))
			continue;
		*out = (enum lm_provider_kind)i;
		return true;
	}
	return false;
}

void
lm_batch_config_init(struct lm_batch_config *config)
{
	*config = (struct lm_batch_config){
		.endpoint = lm_strdup("/v1/responses"),
		.completion_window = lm_strdup("24h"),
		.max_tokens = 1024,
		.gemini_input_mode = lm_strdup("auto"),
		.bytes_per_token = 4,
		.enqueued_target_percent = 70,
		.max_attempts = 3,
		.max_batch_attempts = 5,
		.base_backoff_ms = 1000,
		.max_backoff_ms = 300'000,
		.adopt_grace_ms = 60'000,
		.keep_raw = true,
		.request_timeout_ms = 30'000,
		.poll_interval_ms = 1000,
	};
}

void
lm_batch_config_release(struct lm_batch_config *config)
{
	for (size_t i = 0; i < config->input_count; i++)
		lm_free(config->inputs[i].path);
	lm_free(config->inputs);
	for (size_t i = 0; i < LM_COUNT(fields); i++)
		if (fields[i].kind == FIELD_TEXT)
			lm_free(*text_at(config, &fields[i]));
	*config = (struct lm_batch_config){};
}

// ---- the stored form

static void
format_inputs(const struct lm_batch_config *config, struct lm_buf *out)
{
	lm_buf_text(out, ",\"inputs\":[");
	for (size_t i = 0; i < config->input_count; i++) {
		lm_buf_format(out, "%s{\"kind\":\"%s\",\"path\":", i == 0 ? "" : ",", input_kinds[config->inputs[i].kind]);
		lm_json_quote(out, lm_str_of(config->inputs[i].path));
		lm_buf_byte(out, '}');
	}
	lm_buf_byte(out, ']');
}

static void
format_field(const struct lm_batch_config *config, const struct field *field, struct lm_buf *out)
{
	const char *text = field->kind == FIELD_TEXT ? get_text(config, field) : nullptr;
	lm_buf_format(out, ",\"%s\":", field->name);
	if (field->kind == FIELD_NUMBER)
		lm_buf_format(out, "%" PRIu64, get_number(config, field));
	else if (field->kind == FIELD_YES)
		lm_buf_text(out, get_yes(config, field) ? "true" : "false");
	else if (text == nullptr)
		lm_buf_text(out, "null");
	else
		lm_json_quote(out, lm_str_of(text));
}

void
lm_batch_config_format(const struct lm_batch_config *config, struct lm_buf *out)
{
	bool inputs = false, provider = false;
	size_t from = out->len;
	for (size_t i = 0; i < LM_COUNT(fields); i++) {
		if (!inputs && strcmp(fields[i].name, "inputs") > 0) {
			format_inputs(config, out);
			inputs = true;
		}
		if (!provider && strcmp(fields[i].name, "provider") > 0) {
			lm_buf_format(out, ",\"provider\":\"%s\"", lm_provider_name(config->provider));
			provider = true;
		}
		format_field(config, &fields[i], out);
	}
	out->ptr[from] = '{'; // instead of the first comma
	lm_buf_format(out, ",\"version\":%d}", LM_CONFIG_VERSION);
}

static int
fail_stored(struct lm_err *err, const char *key, const char *what)
{
	return lm_err_set(err, LM_E_SYNTAX, "stored configuration: '%s' is %s", key, what);
}

static int
parse_input(const json_t *entry, struct lm_batch_config *config, struct lm_err *err)
{
	const char *kind = lm_json_string(entry, "kind"), *path = lm_json_string(entry, "path");
	for (size_t i = 0; path != nullptr && i < LM_COUNT(input_kinds); i++) {
		if (!lm_cstr_equal(kind, input_kinds[i]))
			continue;
		config->inputs[config->input_count++] = (struct lm_batch_input){ (enum lm_input_kind)i, lm_strdup(path) };
		return 0;
	}
	return fail_stored(err, "inputs", "no list of kinds and paths");
}

static int
parse_field(const struct field *field, const json_t *value, struct lm_batch_config *config, struct lm_err *err)
{
	if (field->kind == FIELD_NUMBER) {
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return fail_stored(err, field->name, "no whole number");
		*(uint64_t *)((char *)config + field->offset) = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (field->kind == FIELD_YES) {
		if (!json_is_boolean(value))
			return fail_stored(err, field->name, "neither true nor false");
		*(bool *)((char *)config + field->offset) = json_is_true(value);
		return 0;
	}
	if (!json_is_string(value) && !json_is_null(value))
		return fail_stored(err, field->name, "no text");
	char **text = text_at(config, field);
	lm_free(*text);
	*text = json_is_null(value) ? nullptr : lm_strdup(json_string_value(value));
	return 0;
}

static int
parse_pair(const char *key, const json_t *value, struct lm_batch_config *config, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(fields); i++)
		if (lm_cstr_equal(key, fields[i].name))
			return parse_field(&fields[i], value, config, err);
	if (lm_cstr_equal(key, "provider"))
		return lm_provider_by_name(json_string_value(value), &config->provider)
			? 0
			: fail_stored(err, key, "none that is known");
	if (lm_cstr_equal(key, "version"))
		return json_integer_value(value) == LM_CONFIG_VERSION ? 0 : fail_stored(err, key, "none that is known");
	if (!lm_cstr_equal(key, "inputs"))
		return fail_stored(err, key, "not known here: a newer lamina-batch wrote it");
	if (!json_is_array(value))
		return fail_stored(err, key, "no list of kinds and paths");
	config->inputs = lm_alloc_array(json_array_size(value), sizeof *config->inputs);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (parse_input(json_array_get(value, i), config, err) < 0)
			return -1;
	return 0;
}

int
lm_batch_config_parse(struct lm_str json, struct lm_batch_config *out, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *document = nullptr;
	LM_AUTO(lm_batch_config_release) struct lm_batch_config config;
	lm_batch_config_init(&config);
	if (lm_json_parse(json, &document, err) < 0)
		return lm_err_wrap(err, "stored configuration");
	if (!json_is_object(document))
		return lm_err_set(err, LM_E_SYNTAX, "stored configuration: not an object");
	for (void *it = json_object_iter(document); it != nullptr; it = json_object_iter_next(document, it))
		if (parse_pair(json_object_iter_key(it), json_object_iter_value(it), &config, err) < 0)
			return -1;
	*out = config;
	config = (struct lm_batch_config){};
	return 0;
}

// ---- differences

static void
show(struct lm_buf *out, const char *text, const char *when)
{
	if (text == nullptr) {
		lm_buf_format(out, "none %s", when);
		return;
	}
	LM_AUTO(lm_buf_release) struct lm_buf escaped = {};
	size_t len = strlen(text), cut = len > LM_CONFIG_SHOWN_MAX ? LM_CONFIG_SHOWN_MAX : len;
	while (cut < len && cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
		cut--;
	for (size_t i = 0; i < cut; i++)
		if (text[i] == '\n')
			lm_buf_text(&escaped, "\\n");
		else
			lm_buf_byte(&escaped, text[i]);
	lm_buf_format(out, "'%s%s' %s", lm_buf_cstr(&escaped), cut < len ? "..." : "", when);
}

static void
differ_text(struct lm_buf *out, const char *name, const char *before, const char *now)
{
	if (lm_cstr_equal(before, now))
		return;
	lm_buf_format(out, "%s: ", name);
	show(out, before, "before");
	lm_buf_text(out, ", ");
	show(out, now, "now");
	lm_buf_byte(out, '\n');
}

static void
differ_inputs(const struct lm_batch_config *before, const struct lm_batch_config *now, struct lm_buf *out)
{
	size_t count = before->input_count > now->input_count ? before->input_count : now->input_count;
	for (size_t i = 0; i < count; i++) {
		LM_AUTO(lm_free_ptr) char *name = lm_format("input %zu", i + 1);
		const struct lm_batch_input *old = i < before->input_count ? &before->inputs[i] : nullptr;
		const struct lm_batch_input *new = i < now->input_count ? &now->inputs[i] : nullptr;
		differ_text(out, name, old == nullptr ? nullptr : old->path, new == nullptr ? nullptr : new->path);
		if (old != nullptr && new != nullptr &&lm_cstr_equal(old->path, new->path) && old->kind != new->kind)
			lm_buf_format(out, "%s: read as %s before, as %s now\n", name, input_kinds[old->kind],
				input_kinds[new->kind]);
	}
}

void
lm_batch_config_differences(const struct lm_batch_config *before, const struct lm_batch_config *now, struct lm_buf *out)
{
	differ_inputs(before, now, out);
	if (before->provider != now->provider)
		differ_text(out, "provider", lm_provider_name(before->provider), lm_provider_name(now->provider));
	for (size_t i = 0; i < LM_COUNT(fields); i++) {
		const struct field *field = &fields[i];
		if (field->how)
			continue;
		if (field->kind == FIELD_TEXT)
			differ_text(out, field->name, get_text(before, field), get_text(now, field));
		else if (field->kind == FIELD_NUMBER && get_number(before, field) != get_number(now, field))
			lm_buf_format(out, "%s: %" PRIu64 " before, %" PRIu64 " now\n", field->name, get_number(before, field),
				get_number(now, field));
		else if (field->kind == FIELD_YES && get_yes(before, field) != get_yes(now, field))
			lm_buf_format(out, "%s: %s before, %s now\n", field->name, get_yes(before, field) ? "true" : "false",
				get_yes(now, field) ? "true" : "false");
	}
}
