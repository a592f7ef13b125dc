// Secrets in texts of providers: keys, tokens, and names of accounts, which their messages now and then repeat.
#pragma once

#include "base/base.h"
#include "base/str.h"

// Append the text with each secret replaced by "REDACTED".
//   secret  a key that is known, or null
// What is recognised: the secret; "Bearer ..."; keys by their beginning (sk-, AIza, ...); ids of organisations, projects and
// users (org-, proj_, user-); the value of upload_id= and key= in URLs.
void lm_redact(struct lm_str text, const char *secret, struct lm_buf *out);
