#include "rows.h"

#include "stack/lock_state.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static const char good[] = "{\n"
			   "  \"lock_input_hash\": \"" B "\",\n"
			   "  \"lock_version\": 3,\n"
			   "  \"locked_at\": \"2026-06-01T00:00:00Z\",\n"
			   "  \"other_inputs_hash\": \"" C "\",\n"
			   "  \"requirements_hash\": \"" A "\",\n"
			   "  \"version_inputs_hash\": \"" D "\"\n"
			   "}\n";

static void
reads_and_writes(void **state)
{
	(void)state;
	struct lm_lock_meta meta;
	struct lm_err err = {};
	struct lm_buf out = {};

	assert_int_equal(lm_lock_meta_parse(lm_str_of(good), &meta, &err), 0);
	assert_string_equal(meta.requirements_hash, A);
	assert_string_equal(meta.lock_input_hash, B);
	assert_string_equal(meta.other_inputs_hash, C);
	assert_string_equal(meta.version_inputs_hash, D);
	assert_int_equal(meta.lock_version, 3);
	assert_string_equal(meta.locked_at, "2026-06-01T00:00:00Z");
	lm_lock_meta_format(&meta, &out);
	assert_string_equal(out.ptr, good);
	lm_buf_release(&out);
}

// `good` with one piece replaced.
static char *
changed(const char *from, const char *to)
{
	struct lm_buf out = {};
	const char *at = strstr(good, from);
	assert_non_null(at);
	lm_buf_append(&out, good, (size_t)(at - good));
	lm_buf_text(&out, to);
	lm_buf_text(&out, at + strlen(from));
	return out.ptr;
}

static void
refuses(void **state)
{
	(void)state;
	static const struct {
		const char *row, *from, *to, *want;
	} rows[] = {
		{ "missing hash", "\"other_inputs_hash\": \"" C "\",\n", "", "'other_inputs_hash' is missing or no string" },
		{ "hash of another type", "\"" A "\"", "7", "'requirements_hash' is missing or no string" },
		{ "other algorithm", "sha256:b", "sha512:b", "'lock_input_hash' must be 'sha256:' and 64 hexadecimal digits" },
		{ "short hash", "sha256:dd", "sha256:d", "'version_inputs_hash' must be 'sha256:' and 64 hexadecimal digits" },
		{ "no hex", "sha256:dd", "sha256:dg", "'version_inputs_hash' must be 'sha256:' and 64 hexadecimal digits" },
		{ "version 0", ": 3", ": 0", "'lock_version' must be a number from 1 to 999999999" },
		{ "negative version", ": 3", ": -3", "'lock_version' must be a number from 1 to 999999999" },
		{ "huge version", ": 3", ": 1000000000", "'lock_version' must be a number from 1 to 999999999" },
		{ "text version", ": 3", ": \"3\"", "'lock_version' must be a number from 1 to 999999999" },
		{ "time with offset", "00Z", "00+00:00", "'locked_at' must be a time such as '2026-06-01T00:00:00Z'" },
		{ "date", "T00:00:00Z", "", "'locked_at' must be a time such as '2026-06-01T00:00:00Z'" },
		{ "long time", "00Z", "00.000000000000000000000000000000000000Z",
			"'locked_at' must be a time such as '2026-06-01T00:00:00Z'" },
		{ "unknown key", "lock_version", "lock_versoin", "unknown key 'lock_versoin'" },
		{ "array", good, "[1]", "not a JSON object" },
		{ "not JSON", good, "lock_version: 3", "line 1, column 4: invalid token near 'lock'" },
		{ "empty", good, "", "line 1, column 0: unexpected token near end of file" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		char *text = changed(rows[i].from, rows[i].to);
		struct lm_lock_meta meta = { .lock_version = 77 };
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_lock_meta_parse(lm_str_of(text), &meta, &err), -1);
		row_int_equal(rows[i].row, err.code, LM_E_SPEC);
		row_str_equal(rows[i].row, err.text, rows[i].want);
		row_int_equal(rows[i].row, meta.lock_version, 77);
		lm_free(text);
	}
}

static void
upper_case_hex_is_the_same_hash(void **state)
{
	(void)state;
	char *text = changed("sha256:aaaa", "sha256:AAAA");
	struct lm_lock_meta meta;
	struct lm_err err = {};
	assert_int_equal(lm_lock_meta_parse(lm_str_of(text), &meta, &err), 0);
	assert_string_equal(meta.requirements_hash, A);
	lm_free(text);
}

static void
next_version_and_time(void **state)
{
	(void)state;
	static const char old_file[] = "old lock", new_file[] = "new lock";
	static const struct {
		const char *row;
		bool versioned, has_old, same_file, same_version_inputs;
		uint64_t want;
		const char *locked_at;
	} rows[] = {
		{ "first lock", true, false, false, false, 1, "2026-07-01T00:00:00Z" },
		{ "first lock, unversioned", false, false, false, false, 1, "2026-07-01T00:00:00Z" },
		{ "nothing changed", true, true, true, true, 5, "2026-06-01T00:00:00Z" },
		{ "packages changed", true, true, false, true, 6, "2026-07-01T00:00:00Z" },
		{ "modules changed", true, true, true, false, 6, "2026-06-01T00:00:00Z" },
		{ "both changed", true, true, false, false, 6, "2026-07-01T00:00:00Z" },
		{ "unversioned stays 1", false, true, false, false, 1, "2026-07-01T00:00:00Z" },
		{ "unversioned, same lock", false, true, true, false, 1, "2026-06-01T00:00:00Z" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_layer_spec layer = { .versioned = rows[i].versioned };
		struct lm_lock_meta old = { .lock_version = 5, .locked_at = "2026-06-01T00:00:00Z", .version_inputs_hash = C };
		struct lm_lock_inputs inputs = { .lock_input_hash = A, .other_inputs_hash = B, .version_inputs_hash = D };
		struct lm_lock_meta next;
		lm_lock_file_hash(lm_str_of(old_file), old.requirements_hash);
		if (rows[i].same_version_inputs)
			memcpy(inputs.version_inputs_hash, C, sizeof C);
		lm_lock_meta_next(&layer, rows[i].has_old ? &old : nullptr, &inputs,
			rows[i].same_file ? lm_str_of(old_file) : lm_str_of(new_file), "2026-07-01T00:00:00Z", &next);
		row_int_equal(rows[i].row, next.lock_version, rows[i].want);
		row_str_equal(rows[i].row, next.locked_at, rows[i].locked_at);
		row_str_equal(rows[i].row, next.lock_input_hash, A);
		row_str_equal(rows[i].row, next.other_inputs_hash, B);
		row_str_equal(rows[i].row, next.version_inputs_hash, rows[i].same_version_inputs ? C : D);
	}
}

static void
file_hash(void **state)
{
	(void)state;
	char hash[80];
	lm_lock_file_hash(LM_STR("abc"), hash);
	assert_string_equal(hash, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(upper_case_hex_is_the_same_hash),
		cmocka_unit_test(next_version_and_time),
		cmocka_unit_test(file_hash),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
