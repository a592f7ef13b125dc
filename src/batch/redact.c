#include "batch/redact.h"

#include <ctype.h>

// What follows these words is secret, if enough of it does. misc/check_cassette_redaction knows the same ones.
static const struct {
	struct lm_str begin;
	size_t least; // characters behind it
	bool keep_begin;
	bool letters; // only letters and digits behind it: ids of accounts, and no words joined by hyphens
} kinds[] = {
	{ { "Bearer ", 7 }, 16, true, false },
	{ { "bearer ", 7 }, 16, true, false },
	{ { "sk-", 3 }, 12, false, false },
	{ { "sess-", 5 }, 20, false, false },
	{ { "AIza", 4 }, 20, false, false },
	{ { "ya29.", 5 }, 20, false, false },
	{ { "org-", 4 }, 16, false, true },
	{ { "proj_", 5 }, 16, false, true },
	{ { "user-", 5 }, 20, false, true },
	{ { "upload_id=", 10 }, 8, true, false },
	{ { "key=", 4 }, 16, true, false },
};

static bool
is_token(char c, bool letters)
{
	return isalnum((unsigned char)c) || (!letters && (c == '-' || c == '_' || c == '*' || c == '.'));
}

// The length of what follows, if it may be a secret: one has digits, or stars where somebody hid them.
static size_t
token_length(struct lm_str text, bool letters, size_t least)
{
	size_t len = 0;
	bool marked = false;

	for (; len < text.len && is_token(text.ptr[len], letters); len++)
		marked = marked || isdigit((unsigned char)text.ptr[len]) || text.ptr[len] == '*';
	while (len > 0 && text.ptr[len - 1] == '.') // the end of a sentence
		len--;
	return marked && len >= least ? len : 0;
}

// How many bytes of the text, at its beginning, are to be replaced after how many that stay; false: none.
static bool
secret_here(struct lm_str text, bool in_word, struct lm_str known, struct lm_str long_key, size_t *stay, size_t *hide)
{
	*stay = 0;
	*hide = lm_key_here(text, long_key);
	if (*hide > 0)
		return true;
	*hide = known.len;
	if (known.len > 0 && lm_str_starts(text, known))
		return true;
	for (size_t i = 0; i < LM_COUNT(kinds) && !in_word; i++) {
		struct lm_str begin = kinds[i].begin;
		if (text.ptr[0] != begin.ptr[0] || !lm_str_starts(text, begin))
			continue;
		struct lm_str behind = { text.ptr + begin.len, text.len - begin.len };
		size_t len = token_length(behind, kinds[i].letters, kinds[i].least);
		if (len == 0)
			continue;
		*stay = kinds[i].keep_begin ? begin.len : 0;
		*hide = kinds[i].keep_begin ? len : begin.len + len;
		return true;
	}
	return false;
}

void
lm_redact(struct lm_str text, const char *secret, struct lm_buf *out)
{
	LM_AUTO(lm_redactor_release) struct lm_redactor redactor = {};
	struct lm_str known = lm_str_of(secret);
	size_t at = 0, plain = 0;

	lm_redactor_init(&redactor, secret);
	while (at < text.len) {
		size_t stay = 0, hide = 0;
		bool in_word = at > 0 && (isalnum((unsigned char)text.ptr[at - 1]) || text.ptr[at - 1] == '_');
		if (!secret_here((struct lm_str){ text.ptr + at, text.len - at }, in_word, known, lm_buf_view(&redactor.key),
			    &stay, &hide)) {
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
