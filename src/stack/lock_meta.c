// pylock.<layer>.meta.json: docs/formats/lock.md.
#include "stack/lock_state.h"

#include "text/json.h"

#include <stdio.h>
#include <string.h>

enum { MAX_VERSION = 999'999'999 };

static const char *const keys[] = { "requirements_hash", "lock_input_hash", "other_inputs_hash", "version_inputs_hash",
	"lock_version", "locked_at" };

static int
read_hash(const json_t *object, const char *key, char out[80], struct lm_err *err)
{
	const char *text = lm_json_string(object, key);
	struct lm_digest digest;

	if (text == nullptr)
		return lm_err_set(err, LM_E_SPEC, "'%s' is missing or no string", key);
	if (!lm_cstr_starts(text, "sha256:") || !lm_digest_parse(lm_str_of(text + 7), &digest))
		return lm_err_set(err, LM_E_SPEC, "'%s' must be 'sha256:' and 64 hexadecimal digits", key);
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&digest, hex);
	snprintf(out, 80, "sha256:%s", hex);
	return 0;
}

// "2026-06-01T00:00:00Z", exactly as we write it: other spellings of one time would be other bytes.
static bool
is_utc_time(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	if (strlen(text) != sizeof form - 1)
		return false;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return true;
}

static int
check_keys(json_t *object, struct lm_err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		bool known = false;
		for (size_t i = 0; i < LM_COUNT(keys); i++)
			known = known || strcmp(keys[i], key) == 0;
		if (!known)
			return lm_err_set(err, LM_E_SPEC, "unknown key '%.64s'", key);
	}
	return 0;
}

int
lm_lock_meta_parse(struct lm_str text, struct lm_lock_meta *out, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *object = nullptr;
	struct lm_lock_meta meta = {};

	if (lm_json_parse(text, &object, err) < 0) {
		err->code = LM_E_SPEC;
		return -1;
	}
	if (!json_is_object(object))
		return lm_err_set(err, LM_E_SPEC, "not a JSON object");
	if (check_keys(object, err) < 0 || read_hash(object, keys[0], meta.requirements_hash, err) < 0 ||
		read_hash(object, keys[1], meta.lock_input_hash, err) < 0 ||
		read_hash(object, keys[2], meta.other_inputs_hash, err) < 0 ||
		read_hash(object, keys[3], meta.version_inputs_hash, err) < 0)
		return -1;
	if (!lm_json_u64(object, "lock_version", &meta.lock_version) || meta.lock_version < 1 ||
		meta.lock_version > MAX_VERSION)
		return lm_err_set(err, LM_E_SPEC, "'lock_version' must be a number from 1 to %d", MAX_VERSION);
	const char *locked_at = lm_json_string(object, "locked_at");
	if (locked_at == nullptr || !is_utc_time(locked_at))
		return lm_err_set(err, LM_E_SPEC, "'locked_at' must be a time such as '2026-06-01T00:00:00Z'");
	memcpy(meta.locked_at, locked_at, strlen(locked_at) + 1);
	*out = meta;
	return 0;
}

void
lm_lock_meta_format(const struct lm_lock_meta *meta, struct lm_buf *out)
{
	LM_AUTO(lm_json_decref_ptr) json_t *object = json_object();

	json_object_set_new(object, keys[0], json_string(meta->requirements_hash));
	json_object_set_new(object, keys[1], json_string(meta->lock_input_hash));
	json_object_set_new(object, keys[2], json_string(meta->other_inputs_hash));
	json_object_set_new(object, keys[3], json_string(meta->version_inputs_hash));
	json_object_set_new(object, keys[4], json_integer((json_int_t)meta->lock_version));
	json_object_set_new(object, keys[5], json_string(meta->locked_at));
	lm_json_format(object, out);
}

void
lm_lock_meta_next(const struct lm_layer_spec *layer, const struct lm_lock_meta *old, const struct lm_lock_inputs *inputs,
	struct lm_str pylock_text, const char *now, struct lm_lock_meta *out)
{
	struct lm_lock_meta next = { .lock_version = 1 };

	lm_lock_file_hash(pylock_text, next.requirements_hash);
	memcpy(next.lock_input_hash, inputs->lock_input_hash, sizeof next.lock_input_hash);
	memcpy(next.other_inputs_hash, inputs->other_inputs_hash, sizeof next.other_inputs_hash);
	memcpy(next.version_inputs_hash, inputs->version_inputs_hash, sizeof next.version_inputs_hash);
	bool same_lock = old != nullptr && strcmp(old->requirements_hash, next.requirements_hash) == 0;
	bool same_version = same_lock && strcmp(old->version_inputs_hash, next.version_inputs_hash) == 0;
	if (layer->versioned && old != nullptr)
		next.lock_version = old->lock_version + (same_version ? 0 : 1);
	snprintf(next.locked_at, sizeof next.locked_at, "%s", same_lock ? old->locked_at : now);
	*out = next;
}
