// User names and passwords of package indexes, for files that the resolver found there: locks and its answers have none.
#pragma once

#include "steps/project.h"

// The URL with the user name and password of the index that is on the same host: those in the spec's URL of that index, else
// those in UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD. Null when there are none. Yours to lm_free; never shown.
char *lm_login_url(const struct lm_project *project, const char *url);
