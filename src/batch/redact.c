#include "batch/redact.h"

#include <ctype.h>
#include <string.h>

// What follows these words is secret, if enough of it does. misc/check_cassette_redaction knows the same ones.
static const struct {
	struct lm_str begin;
	size_t least; // characters behind it
	bool keep_begin;
	bool word; // begins at the beginning of a word only
} kinds[] = {
	{ { "Bearer ", 7 }, 8, true, true },
	{ { "bearer ", 7 }, 8, true, true },
	{ { "sk-", 3 }, 8, false, true },
	{ { "sess-", 5 }, 8, false, true },
	{ { "AIza", 4 }, 20, false, true },
	{ { "ya29.", 5 }, 8, false, true },
	{ { "org-", 4 }, 12, false, true },
	{ { "proj_", 5 }, 12, false, true },
	{ { "user-", 5 }, 16, false, true },
	{ { "upload_id=", 10 }, 1, true, false },
	{ { "key=", 4 }, 16, true, true },
};

static bool
is_token(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '*' || c == '.';
}

static size_t
token_length(struct lm_str text)
{
	size_t len = 0;
	while (len < text.len && is_token(text.ptr[len]))
		len++;
	while (len > 0 && text.ptr[len - 1] == '.') // the end of a sentence
		len--;
	return len;
}

// How many bytes of the text, at its beginning, are to be replaced after how many that stay; false: none.
static bool
secret_here(struct lm_str text, bool in_word, struct lm_str known, size_t *stay, size_t *hide)
{
	if (known.len > 0 && lm_str_starts(text, known)) {
		*stay = 0;
		*hide = known.len;
		return true;
	}
	for (size_t i = 0; i < LM_COUNT(kinds); i++) {
		if (text.ptr[0] != kinds[i].begin.ptr[0] || (kinds[i].word && in_word) || !lm_str_starts(text, kinds[i].begin))
			continue;
		size_t begin = kinds[i].begin.len;
		size_t len = token_length((struct lm_str){ text.ptr + begin, text.len - begin });
		if (len < kinds[i].least)
			continue;
		*stay = kinds[i].keep_begin ? begin : 0;
		*hide = kinds[i].keep_begin ? len : begin + len;
		return true;
	}
	return false;
}

void
lm_redact(struct lm_str text, const char *secret, struct lm_buf *out)
{
	struct lm_str known = lm_str_of(secret);
	size_t at = 0, plain = 0;

	while (at < text.len) {
		size_t stay = 0, hide = 0;
		bool in_word = at > 0 && (isalnum((unsigned char)text.ptr[at - 1]) || text.ptr[at - 1] == '_');
		if (!secret_here((struct lm_str){ text.ptr + at, text.len - at }, in_word, known, &stay, &hide)) {
			at++;
			continue;
		}
		lm_buf_append(out, text.ptr + plain, at + stay - plain);
		lm_buf_text(out, "REDACTED");
		at += stay + hide;
		plain = at;
	}
	lm_buf_append(out, text.ptr + plain, text.len - plain);
}
