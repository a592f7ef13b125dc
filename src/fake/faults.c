#include "fake/faults.h"

#include "base/mem.h"
#include "fake/answer.h"
#include "text/json.h"

#include <string.h>

enum kind { OF_CALLS = 1, OF_BATCHES = 2, OF_ROWS = 4 };

static const struct {
	const char *name;
	enum lm_fake_act act;
	unsigned kinds;
} acts[] = {
	{ "status", LM_FAKE_STATUS, OF_CALLS },
	{ "timeout", LM_FAKE_TIMEOUT, OF_CALLS },
	{ "timeout_after", LM_FAKE_TIMEOUT_AFTER, OF_CALLS },
	{ "reset", LM_FAKE_RESET, OF_CALLS },
	{ "reset_after", LM_FAKE_RESET_AFTER, OF_CALLS },
	{ "reset_upload", LM_FAKE_RESET_UPLOAD, OF_CALLS },
	{ "cut", LM_FAKE_CUT, OF_CALLS },
	{ "slow", LM_FAKE_SLOW, OF_CALLS },
	{ "delay", LM_FAKE_DELAY, OF_CALLS },
	{ "fail", LM_FAKE_FAIL, OF_BATCHES },
	{ "expire", LM_FAKE_EXPIRE, OF_BATCHES },
	{ "cancel", LM_FAKE_CANCEL, OF_BATCHES },
	{ "wait", LM_FAKE_WAIT, OF_BATCHES },
	{ "reverse", LM_FAKE_REVERSE, OF_BATCHES },
	{ "shuffle", LM_FAKE_SHUFFLE, OF_BATCHES },
	{ "missing", LM_FAKE_MISSING, OF_ROWS },
	{ "duplicate", LM_FAKE_DUPLICATE, OF_ROWS },
	{ "unparsable", LM_FAKE_UNPARSABLE, OF_ROWS },
	{ "wrong_id", LM_FAKE_WRONG_ID, OF_ROWS },
	{ "error", LM_FAKE_ERROR, OF_ROWS },
	{ "error_in_output", LM_FAKE_ERROR_IN_OUTPUT, OF_ROWS },
	{ "empty", LM_FAKE_EMPTY, OF_ROWS },
	{ "null", LM_FAKE_NULL, OF_ROWS },
	{ "text", LM_FAKE_TEXT, OF_ROWS },
	{ "incomplete", LM_FAKE_INCOMPLETE, OF_ROWS },
	{ "refusal", LM_FAKE_REFUSAL, OF_ROWS },
};

static const char *const errors[] = { "rate_limit", "insufficient_quota", "enqueued_tokens", "invalid_key", "forbidden",
	"not_found", "invalid_request", "server_error", "overloaded" };

// ---- reading

static int
read_text(const json_t *value, const char *key, const char **out, struct lm_err *err)
{
	if (!json_is_string(value))
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is no string", key);
	*out = json_string_value(value);
	return 0;
}

static int
read_count(const json_t *value, const char *key, uint64_t *out, struct lm_err *err)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is no whole number from 0", key);
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int
read_share(const json_t *value, const char *key, double *out, struct lm_err *err)
{
	double number = json_number_value(value);
	if (!json_is_number(value) || number < 0 || number > 1)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is no number from 0 to 1", key);
	*out = number;
	return 0;
}

// A number from 1 or a list of them.
static int
read_numbers(const json_t *value, const char *key, const json_t **out, struct lm_err *err)
{
	size_t count = json_is_array(value) ? json_array_size(value) : 1;
	for (size_t i = 0; i < count; i++) {
		const json_t *number = json_is_array(value) ? json_array_get(value, i) : value;
		if (!json_is_integer(number) || json_integer_value(number) < 1)
			return lm_err_set(err, LM_E_SYNTAX, "'%s' is no whole number from 1, and no list of such", key);
	}
	*out = value;
	return 0;
}

static int
read_act(struct lm_fake_rule *rule, const char *name, struct lm_err *err)
{
	unsigned kind = strcmp(rule->on, "batch") == 0 ? OF_BATCHES : strcmp(rule->on, "row") == 0 ? OF_ROWS : OF_CALLS;
	for (size_t i = 0; i < LM_COUNT(acts); i++) {
		if (strcmp(acts[i].name, name) != 0)
			continue;
		if (!(acts[i].kinds & kind))
			return lm_err_set(err, LM_E_SYNTAX, "'%s' cannot be done to '%s'", name, rule->on);
		rule->act = acts[i].act;
		return 0;
	}
	return lm_err_set(err, LM_E_SYNTAX, "'do' is '%s', which is nothing that can be done", name);
}

static int
read_status(struct lm_fake_rule *rule, const json_t *value, struct lm_err *err)
{
	uint64_t status = 0;
	if (read_count(value, "status", &status, err) < 0)
		return -1;
	if (status > 599 || (status < 200 && rule->act == LM_FAKE_STATUS))
		return lm_err_set(err, LM_E_SYNTAX, "'status' is %llu", (unsigned long long)status);
	rule->status = (unsigned)status;
	return 0;
}

static int
read_error(struct lm_fake_rule *rule, const json_t *value, struct lm_err *err)
{
	if (read_text(value, "error", &rule->error, err) < 0)
		return -1;
	for (size_t i = 0; i < LM_COUNT(errors); i++)
		if (strcmp(errors[i], rule->error) == 0)
			return 0;
	return lm_err_set(err, LM_E_SYNTAX, "'error' is '%s', which is none that we know", rule->error);
}

static int
read_retry_after(struct lm_fake_rule *rule, const json_t *value, struct lm_err *err)
{
	rule->retry_after = json_string_value(value);
	// what is sent as a header has no line break
	if (rule->retry_after == nullptr || strpbrk(rule->retry_after, "\r\n") != nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'retry_after' is no string in one line");
	return 0;
}

static int
read_headers(struct lm_fake_rule *rule, json_t *value, struct lm_err *err)
{
	const char *name;
	json_t *text;
	if (!json_is_object(value))
		return lm_err_set(err, LM_E_SYNTAX, "'headers' is no object");
	json_object_foreach(value, name, text) if (!json_is_string(text) ||
		strpbrk(json_string_value(text), "\r\n") != nullptr ||
		strpbrk(name, "\r\n: ") != nullptr) return lm_err_set(err, LM_E_SYNTAX, "header '%s' is no string in one line",
		name);
	rule->headers = value;
	return 0;
}

static int
read_member(struct lm_fake_rule *rule, const char *key, json_t *value, struct lm_err *err)
{
	const struct {
		const char *key;
		const char **text;
		uint64_t *count;
		double *share;
		const json_t **numbers;
	} members[] = {
		{ .key = "nth", .numbers = &rule->nth },
		{ .key = "batch", .numbers = &rule->batches },
		{ .key = "every", .count = &rule->every },
		{ .key = "from", .count = &rule->from },
		{ .key = "to", .count = &rule->to },
		{ .key = "times", .count = &rule->times },
		{ .key = "probability", .share = &rule->probability },
		{ .key = "custom_id", .text = &rule->custom_id },
		{ .key = "contains", .text = &rule->contains },
		{ .key = "bytes", .count = &rule->bytes },
		{ .key = "bytes_per_second", .count = &rule->bytes_per_second },
		{ .key = "ms", .count = &rule->ms },
		{ .key = "polls", .count = &rule->polls },
		{ .key = "finished", .share = &rule->finished },
		{ .key = "code", .text = &rule->code },
		{ .key = "message", .text = &rule->message },
		{ .key = "text", .text = &rule->text },
	};
	for (size_t i = 0; i < LM_COUNT(members); i++) {
		if (strcmp(members[i].key, key) != 0)
			continue;
		if (members[i].text != nullptr)
			return read_text(value, key, members[i].text, err);
		if (members[i].count != nullptr)
			return read_count(value, key, members[i].count, err);
		if (members[i].share != nullptr)
			return read_share(value, key, members[i].share, err);
		return read_numbers(value, key, members[i].numbers, err);
	}
	if (strcmp(key, "status") == 0)
		return read_status(rule, value, err);
	if (strcmp(key, "error") == 0)
		return read_error(rule, value, err);
	if (strcmp(key, "retry_after") == 0)
		return read_retry_after(rule, value, err);
	if (strcmp(key, "headers") == 0)
		return read_headers(rule, value, err);
	if (strcmp(key, "body") != 0)
		return lm_err_set(err, LM_E_SYNTAX, "there is no '%s' in a rule", key);
	rule->body = value;
	return 0;
}

static int
read_rule(struct lm_fake_rule *rule, json_t *object, struct lm_err *err)
{
	const char *key, *name = lm_json_string(object, "do");
	json_t *value;

	*rule = (struct lm_fake_rule){ .on = lm_json_string(object, "on"), .probability = -1 };
	if (rule->on == nullptr || name == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'on' or 'do' is missing");
	if (read_act(rule, name, err) < 0)
		return -1;
	json_object_foreach(object, key, value) if (strcmp(key, "on") != 0 && strcmp(key, "do") != 0 &&
		read_member(rule, key, value, err) < 0) return -1;
	if (rule->act == LM_FAKE_STATUS && rule->status == 0 && rule->error == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'status' or 'error' is missing");
	if (rule->act == LM_FAKE_SLOW && rule->bytes_per_second == 0)
		return lm_err_set(err, LM_E_SYNTAX, "'bytes_per_second' is missing");
	if (rule->act == LM_FAKE_TEXT && rule->text == nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'text' is missing");
	return 0;
}

static int
read_rules(struct lm_fake_faults *faults, json_t *list, struct lm_err *err)
{
	if (!json_is_array(list))
		return lm_err_set(err, LM_E_SYNTAX, "'faults' is no list");
	if (json_array_size(list) > LM_FAKE_MAX_RULES)
		return lm_err_set(err, LM_E_LIMIT, "more than %d rules", LM_FAKE_MAX_RULES);
	faults->count = json_array_size(list);
	faults->rules = lm_alloc_array(faults->count, sizeof(*faults->rules));
	for (size_t i = 0; i < faults->count; i++) {
		if (read_rule(&faults->rules[i], json_array_get(list, i), err) < 0)
			return lm_err_wrap(err, "rule %zu", i + 1);
		if (strcmp(faults->rules[i].on, "row") == 0)
			faults->has_rows = true;
	}
	return 0;
}

static int
read_setting(struct lm_fake_faults *faults, const char *key, json_t *value, struct lm_err *err)
{
	const struct {
		const char *key;
		uint64_t *count;
	} counts[] = {
		{ "seed", &faults->seed },
		{ "polls", &faults->polls },
		{ "complete_ms", &faults->complete_ms },
		{ "latency_ms", &faults->latency_ms },
		{ "enqueued_token_limit", &faults->enqueued_token_limit },
	};
	for (size_t i = 0; i < LM_COUNT(counts); i++)
		if (strcmp(counts[i].key, key) == 0)
			return read_count(value, key, counts[i].count, err);
	if (strcmp(key, "finished_on_cancel") == 0)
		return read_share(value, key, &faults->finished_on_cancel, err);
	if (strcmp(key, "api_key") == 0)
		return read_text(value, key, &faults->api_key, err);
	if (strcmp(key, "faults") == 0)
		return read_rules(faults, value, err);
	if (strcmp(key, "idempotent") != 0)
		return lm_err_set(err, LM_E_SYNTAX, "there is no '%s'", key);
	if (!json_is_boolean(value))
		return lm_err_set(err, LM_E_SYNTAX, "'idempotent' is neither true nor false");
	faults->idempotent = json_is_true(value);
	return 0;
}

int
lm_fake_faults_parse(struct lm_str text, struct lm_fake_faults **out, struct lm_err *err)
{
	const char *key;
	json_t *value;
	int rc = 0;

	if (text.len > LM_FAKE_FAULTS_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "faults: more than %d bytes", LM_FAKE_FAULTS_MAX_BYTES);
	struct lm_fake_faults *faults = lm_alloc(sizeof(*faults));
	faults->users = 1;
	pthread_mutex_init(&faults->lock, nullptr);
	if (text.len == 0)
		text = LM_STR("{}");
	if (lm_json_parse(text, &faults->document, err) < 0)
		rc = -1;
	else if (!json_is_object(faults->document))
		rc = lm_err_set(err, LM_E_SYNTAX, "the document is no object");
	else
		json_object_foreach(faults->document, key, value) if (rc == 0) rc = read_setting(faults, key, value, err);
	if (rc < 0) {
		lm_fake_faults_drop(faults);
		return lm_err_wrap(err, "faults");
	}
	*out = faults;
	return 0;
}

struct lm_fake_faults *
lm_fake_faults_share(struct lm_fake_faults *faults)
{
	pthread_mutex_lock(&faults->lock);
	faults->users++;
	pthread_mutex_unlock(&faults->lock);
	return faults;
}

void
lm_fake_faults_drop(struct lm_fake_faults *faults)
{
	if (faults == nullptr)
		return;
	pthread_mutex_lock(&faults->lock);
	unsigned users = --faults->users;
	pthread_mutex_unlock(&faults->lock);
	if (users > 0)
		return;
	pthread_mutex_destroy(&faults->lock);
	json_decref(faults->document);
	lm_free(faults->rules);
	lm_free(faults);
}

// ---- choosing

static bool
is_among(const json_t *numbers, uint64_t number)
{
	if (!json_is_array(numbers))
		return (uint64_t)json_integer_value(numbers) == number;
	for (size_t i = 0; i < json_array_size(numbers); i++)
		if ((uint64_t)json_integer_value(json_array_get(numbers, i)) == number)
			return true;
	return false;
}

// Does a rule fire for this number of what it matches? `chance` decides where a probability is told.
static bool
is_due(struct lm_fake_rule *rule, uint64_t number, uint64_t chance)
{
	if (rule->nth != nullptr && !is_among(rule->nth, number))
		return false;
	if ((rule->every > 0 && number % rule->every != 0) || number < rule->from || (rule->to > 0 && number > rule->to))
		return false;
	if (rule->probability >= 0 && (double)(chance >> 11) * 0x1p-53 >= rule->probability)
		return false;
	if (rule->times > 0 && rule->fired >= rule->times)
		return false;
	rule->fired++;
	return true;
}

static uint64_t
chance_of(const struct lm_fake_faults *faults, size_t rule, uint64_t batch, uint64_t number)
{
	const uint64_t numbers[3] = { rule, batch, number };
	return lm_fake_hash((struct lm_str){ (const char *)numbers, sizeof(numbers) }, faults->seed);
}

const struct lm_fake_rule *
lm_fake_faults_choose(struct lm_fake_faults *faults, const char *on, uint64_t number)
{
	const struct lm_fake_rule *chosen = nullptr;
	pthread_mutex_lock(&faults->lock);
	for (size_t i = 0; i < faults->count; i++) {
		struct lm_fake_rule *rule = &faults->rules[i];
		if (strcmp(rule->on, "row") == 0 || !lm_glob_match(rule->on, on) ||
			(strcmp(on, "batch") == 0 && strcmp(rule->on, "batch") != 0))
			continue;
		if (rule->batches != nullptr && !is_among(rule->batches, number))
			continue;
		rule->seen++;
		if (chosen == nullptr && is_due(rule, rule->seen, chance_of(faults, i, 0, rule->seen)))
			chosen = rule;
	}
	pthread_mutex_unlock(&faults->lock);
	return chosen;
}

const struct lm_fake_rule *
lm_fake_faults_choose_row(
	struct lm_fake_faults *faults, uint64_t batch, uint64_t row, struct lm_str custom_id, struct lm_str body)
{
	for (size_t i = 0; i < faults->count; i++) {
		struct lm_fake_rule *rule = &faults->rules[i];
		if (strcmp(rule->on, "row") != 0 || (rule->batches != nullptr && !is_among(rule->batches, batch)))
			continue;
		if (rule->contains != nullptr && memmem(body.ptr, body.len, rule->contains, strlen(rule->contains)) == nullptr)
			continue;
		if (rule->custom_id != nullptr) {
			LM_AUTO(lm_free_ptr) char *id = lm_strndup(custom_id.ptr, custom_id.len);
			if (!lm_glob_match(rule->custom_id, id))
				continue;
		}
		rule->seen++;
		if (is_due(rule, row, chance_of(faults, i, batch, row)))
			return rule;
	}
	return nullptr;
}
