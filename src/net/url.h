// URLs as far as downloads need them. For this module only.
#pragma once

#include "base/base.h"
#include "base/err.h"

enum lm_url_scheme { LM_URL_HTTP, LM_URL_HTTPS, LM_URL_FILE };

// Check that a URL can be fetched at all.
//   shown  what may appear in messages: no user, password, query or fragment. Yours to lm_free
// LM_E_SYNTAX for what is no URL, LM_E_UNSUPPORTED for another scheme; the messages do not show the URL.
[[nodiscard]] int lm_url_check(const char *url, enum lm_url_scheme *scheme, char **shown, struct lm_err *err);
