#include "rows.h"

#include "base/mem.h"
#include "batch/redact.h"

#include <jansson.h>

static const char key[] = "sk-a/b+c=d_0123456789uv";

// All of `text`, in pieces of this many bytes.
static void
pass_pieces(struct lm_redactor *redactor, struct lm_str text, size_t piece, struct lm_buf *out)
{
	for (size_t at = 0; at < text.len; at += piece) {
		size_t len = text.len - at < piece ? text.len - at : piece;
		lm_buf_str(out, lm_redactor_pass(redactor, (struct lm_str){ text.ptr + at, len }, false));
	}
	lm_buf_str(out, lm_redactor_pass(redactor, (struct lm_str){}, true));
}

// Whole, in pieces of every size, and cut in two at every place.
static void
check(const char *row, const char *secret, const char *text, const char *want)
{
	struct lm_str all = lm_str_of(text);

	for (size_t piece = 1; piece <= all.len; piece++) {
		LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_redactor_init(&redactor, secret);
		pass_pieces(&redactor, all, piece, &out);
		row_str_equal(row, lm_buf_cstr(&out), want);
	}
	for (size_t at = 0; at <= all.len; at++) {
		LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
		LM_AUTO(lm_buf_release) struct lm_buf out = {};
		lm_redactor_init(&redactor, secret);
		lm_buf_str(&out, lm_redactor_pass(&redactor, (struct lm_str){ all.ptr, at }, false));
		lm_buf_str(&out, lm_redactor_pass(&redactor, (struct lm_str){ all.ptr + at, all.len - at }, true));
		row_str_equal(row, lm_buf_cstr(&out), want);
	}
}

#define STARS_16 "****************"
#define STARS_23 STARS_16 "*******"
#define SLASHES_16 "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"

static void
keys_become_asterisks(void **state)
{
	static const struct {
		const char *row, *key, *text, *want;
	} rows[] = {
		{ "nothing", key, "", "" },
		{ "no key", key, "{\"a\":\"sk-a, \\n \\\"sk\\\" sk-a/b+c=d\"}\n",
			"{\"a\":\"sk-a, \\n \\\"sk\\\" sk-a/b+c=d\"}\n" },
		{ "all there is", key, "sk-a/b+c=d_0123456789uv", STARS_23 },
		{ "in between", key, "a sk-a/b+c=d_0123456789uv!", "a " STARS_23 "!" },
		{ "at both ends", key, "sk-a/b+c=d_0123456789uv sk-a/b+c=d_0123456789uv", STARS_23 " " STARS_23 },
		{ "side by side", key, "sk-a/b+c=d_0123456789uvsk-a/b+c=d_0123456789uv", STARS_23 STARS_23 },
		{ "begins anew", key, "sk-asksk-a/b+c=d_0123456789uv", "sk-ask" STARS_23 },
		{ "ends before", key, "sk-a/b+c=d_0123456789u", "sk-a/b+c=d_0123456789u" },
		{ "one is another", key, "sk-a/b+c-d_0123456789uv", "sk-a/b+c-d_0123456789uv" },
		{ "other case", key, "Sk-a/b+c=d_0123456789uv", "Sk-a/b+c=d_0123456789uv" },
		{ "PHP's slash", key, "\"sk-a\\/b+c=d_0123456789uv\"", "\"*" STARS_23 "\"" },
		{ "twice", key, "\"sk-a\\\\\\/b+c=d_0123456789uv\"", "\"***" STARS_23 "\"" },
		{ "a code", key, "sk-a/b+c\\u003dd_0123456789uv.", "*****" STARS_23 "." },
		{ "codes of either case", key, "sk-a\\u002fb\\u002Bc\\u003Dd_0123456789uv.", "***************" STARS_23 "." },
		{ "a code, twice", key, "sk-a/b+c\\\\u003dd_0123456789uv.", "******" STARS_23 "." },
		{ "a code, thrice", key, "sk-a/b+c\\\\\\\\u003dd_0123456789uv.", "********" STARS_23 "." },
		{ "the first and last", key, "-\\u0073k-a/b+c=d_0123456789u\\u0076-", "-**********" STARS_23 "-" },
		{ "another code", key, "sk-a/b+c\\u003ed_0123456789uv", "sk-a/b+c\\u003ed_0123456789uv" },
		{ "no such digits", key, "sk-a/b+c\\u0\0203dd_0123456789uv", "sk-a/b+c\\u0\0203dd_0123456789uv" },
		{ "a capital U", key, "sk-a/b+c\\U003dd_0123456789uv", "sk-a/b+c\\U003dd_0123456789uv" },
		{ "a code cut off", key, "sk-a/b+c=d_0123456789u\\u007", "sk-a/b+c=d_0123456789u\\u007" },
		{ "behind a line's end", "nfoo-0123456789ab", "\"\\nfoo-0123456789ab\"", "\"*" STARS_16 "*\"" },
		{ "behind a backslash", key, "\"\\\\sk-a/b+c=d_0123456789uv\"", "\"**" STARS_23 "\"" },
		{ "behind 16", key, SLASHES_16 "sk-a/b+c=d_0123456789uv", STARS_16 STARS_23 },
		{ "behind 17", key, SLASHES_16 "\\sk-a/b+c=d_0123456789uv", "\\\\***************" STARS_23 },
		{ "behind 33", key, SLASHES_16 SLASHES_16 "\\sk-a/b+c=d_0123456789uv",
			SLASHES_16 "\\\\***************" STARS_23 },
		{ "behind 34", key, SLASHES_16 SLASHES_16 "\\\\sk-a/b+c=d_0123456789uv", SLASHES_16 "\\\\" STARS_16 STARS_23 },
		{ "16 inside", key, "sk" SLASHES_16 "-a/b+c=d_0123456789uv", STARS_16 STARS_23 },
		{ "17 inside", key, "sk" SLASHES_16 "\\-a/b+c=d_0123456789uv", "sk" SLASHES_16 "\\-a/b+c=d_0123456789uv" },
		{ "backslashes alone", key, SLASHES_16 SLASHES_16 "\\", SLASHES_16 SLASHES_16 "\\" },
		{ "not yet", "aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaa" STARS_16 },
		{ "never", "aaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "again and again", "abababababababac", "ababababababababababac", "ababab" STARS_16 },
		{ "a backslash of its own", "ab\\c\"d-0123456789", "\"ab\\\\c\\\"d-0123456789\"", "\"***" STARS_16 "\"" },
		{ "it ends in one", "abcd-0123456789e\\", "\"abcd-0123456789e\\\\\"", "\"" STARS_16 "\\\\\"" },
		{ "it begins with one", "\\abcd-0123456789e", "\"\\\\abcd-0123456789e\"", "\"**" STARS_16 "\"" },
		{ "other languages", "kéy-0123456789abc", "é kéy-0123456789abc k\\u00c3\\u00a9y-0123456789abc",
			"é " STARS_16 "** ***********" STARS_16 "*" },
		{ "too short", "sk-a/b+c=d_0123", "sk-a/b+c=d_0123", "sk-a/b+c=d_0123" },
		{ "none", nullptr, "sk-a/b+c=d_0123456789uv", "sk-a/b+c=d_0123456789uv" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		check(rows[i].row, rows[i].key, rows[i].text, rows[i].want);
}

// A character in one of the forms in which it may stand in JSON in so many strings of JSON.
static void
add_form(struct lm_buf *out, char c, unsigned form)
{
	static const char slashes[] = SLASHES_16;
	unsigned count = (form >> 2) % 17;

	lm_buf_append(out, slashes, count);
	if ((form & 1) == 0 || count == 0)
		lm_buf_byte(out, c);
	else
		lm_buf_format(out, (form & 2) == 0 ? "u%04x" : "u%04X", (unsigned)c);
}

static void
each_character_in_each_form(void **state)
{
	(void)state;
	for (size_t which = 0; which < sizeof key - 1; which++)
		for (unsigned form = 0; form < 17 * 4; form++) {
			LM_AUTO(lm_buf_release) struct lm_buf text = {}, want = {};
			char row[64];
			lm_buf_text(&text, "{\"");
			for (size_t i = 0; i < sizeof key - 1; i++)
				add_form(&text, key[i], i == which ? form : 0);
			lm_buf_text(&want, "{\"");
			for (size_t i = 2; i < text.len; i++)
				lm_buf_byte(&want, '*');
			lm_buf_text(&text, "\\n\"}");
			lm_buf_text(&want, "\\n\"}");
			(void)snprintf(row, sizeof row, "character %zu, form %u", which, form);
			check(row, key, lm_buf_cstr(&text), lm_buf_cstr(&want));
		}
}

// What is given out is never more than what is certain: the place where a download is killed does not matter.
static void
nothing_of_a_key_is_given_out(void **state)
{
	static const char *const texts[] = { "text sk-a/b+c=d_0123456789uv", "text sk-a\\/b+c\\u003dd_0123456789uv",
		"text \\\\u0073k-a\\\\\\/b+c\\\\u003dd_0123456789u\\\\u0076" };
	(void)state;
	for (size_t i = 0; i < LM_COUNT(texts); i++)
		for (size_t end = 6; end < strlen(texts[i]); end++) {
			LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
			lm_redactor_init(&redactor, key);
			struct lm_str out = lm_redactor_pass(&redactor, (struct lm_str){ texts[i], end }, false);
			row_int_equal(texts[i], out.len, 5);
			row_int_equal(texts[i], memcmp(out.ptr, "text ", 5), 0);
		}
}

static unsigned
next_random(unsigned *seed, unsigned below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

// A string of JSON: escapes, runs of backslashes, pieces of the key, and keys.
static void
add_string(struct lm_buf *out, unsigned *seed)
{
	static const char *const parts[] = { "\\n", "\\\"", "\\\\", "\\/", "\\u0073", "\\u003d", "\\u20ac", "s", "sk-a", "é",
		"=", " ", "uv", SLASHES_16, "n", key, "sk-a\\/b\\u002Bc\\\\u003dd_01234\\u00356789uv" };

	lm_buf_byte(out, '"');
	for (unsigned n = next_random(seed, 12); n > 0; n--)
		lm_buf_text(out, parts[next_random(seed, LM_COUNT(parts))]);
	lm_buf_byte(out, '"');
}

// Read by Jansson: as many values as before, and none that has the key.
static void
json_stays_json(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
		LM_AUTO(lm_buf_release) struct lm_buf text = {}, out = {};
		json_error_t error;
		lm_redactor_init(&redactor, key);
		lm_buf_byte(&text, '[');
		add_string(&text, &seed);
		lm_buf_byte(&text, ',');
		add_string(&text, &seed);
		lm_buf_byte(&text, ']');
		json_t *before = json_loads(lm_buf_cstr(&text), 0, &error);
		row_true(lm_buf_cstr(&text), before != nullptr);
		json_decref(before);
		pass_pieces(&redactor, lm_buf_view(&text), 1 + next_random(&seed, 40), &out);
		row_int_equal(lm_buf_cstr(&text), out.len, text.len);
		json_t *after = json_loads(lm_buf_cstr(&out), 0, &error);
		row_int_equal(lm_buf_cstr(&out), json_array_size(after), 2);
		for (size_t i = 0; i < 2; i++)
			row_true(lm_buf_cstr(&out), strstr(json_string_value(json_array_get(after, i)), key) == nullptr);
		json_decref(after);
	}
}

static void
little_is_held_back(void **state)
{
	enum { PIECE = 1000, PIECES = 2000 };
	LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
	char slashes[PIECE];
	size_t given = 0;

	(void)state;
	memset(slashes, '\\', sizeof slashes);
	lm_redactor_init(&redactor, key);
	for (size_t i = 0; i < PIECES; i++) {
		given += lm_redactor_pass(&redactor, (struct lm_str){ slashes, sizeof slashes }, false).len;
		assert_in_range((i + 1) * PIECE - given, 15, 16);
	}
	assert_true(redactor.window.cap < 8 * PIECE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_become_asterisks),
		cmocka_unit_test(each_character_in_each_form),
		cmocka_unit_test(nothing_of_a_key_is_given_out),
		cmocka_unit_test(json_stays_json),
		cmocka_unit_test(little_is_held_back),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
