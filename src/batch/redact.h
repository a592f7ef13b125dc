// Secrets in texts of providers: keys, tokens, and names of accounts, which their messages now and then repeat.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Append the text with each secret replaced by "REDACTED".
//   secret  a key that is known, or null
// What is recognised: the secret; "Bearer ..."; keys by their beginning (sk-, AIza, ...); ids of organisations, projects and
// users (org-, proj_, user-); the value of upload_id= and key= in URLs.
void lm_redact(struct lm_str text, const char *secret, struct lm_buf *out);

enum { LM_REDACT_LEAST = 16 }; // characters of a key: what is shorter is a word, as servers of one's own take any

// Each place of a file where the secret stands becomes asterisks, as many as it has bytes; nothing else moves. The file is flushed then.
//   secret  null, or shorter than LM_REDACT_LEAST: nothing is done
[[nodiscard]] int lm_redact_file(const char *path, const char *secret, struct lm_err *err);
