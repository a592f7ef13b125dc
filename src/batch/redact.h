// Secrets in texts of providers: keys, tokens, and names of accounts, which their messages now and then repeat.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Append the text with each secret replaced by "REDACTED".
//   secret  a key that is known, or null
// What is recognised: the secret, from LM_REDACT_LEAST characters on in all forms that lm_redactor knows; "Bearer ..."; keys by their
// beginning (sk-, AIza, ...); ids of organisations, projects and users (org-, proj_, user-); the value of upload_id= and key= in URLs.
void lm_redact(struct lm_str text, const char *secret, struct lm_buf *out);

// ---- bytes on their way in (redact_stream.c)

enum {
	LM_REDACT_LEAST = 16, // characters of a key: what is shorter is a word, as servers of one's own take any
	LM_REDACT_SLASHES_MAX = 16, // in front of a character: JSON text in a JSON string, four times over
};

// Takes a key out of bytes that come in pieces: each place where it stands becomes asterisks, as many as it has bytes, so that
// offsets and sizes stay. It stands where its characters follow one another, each as itself or as \u00XX, with up to
// LM_REDACT_SLASHES_MAX backslashes in front: as JSON may escape them, and again where JSON text stands in a string of JSON. Those in
// front of the first belong to the place; where there are more, an even number stays, so that JSON stays JSON.
// Zero-initialised lets everything through.
struct lm_redactor {
	struct lm_buf key; // without its backslashes; empty: there is nothing to be looked for
	struct lm_buf window; // what was given out last, and what is held back behind it
	size_t given;
};

//   secret  copied; null, or shorter than LM_REDACT_LEAST: everything is let through
void lm_redactor_init(struct lm_redactor *redactor, const char *secret);
// What may be kept of all that came so far, and was not given out before: valid until the next call. What may be the beginning of a
// key is held back: at most 21 bytes for each of its characters. `last`: nothing follows, and nothing is held back any more.
[[nodiscard]] struct lm_str lm_redactor_pass(struct lm_redactor *redactor, struct lm_str bytes, bool last);
void lm_redactor_release(struct lm_redactor *redactor);
// How many bytes the key takes, in any of these forms, that the text begins with; 0: it does not begin with it, or the key is empty.
size_t lm_key_here(struct lm_str text, struct lm_str key);
