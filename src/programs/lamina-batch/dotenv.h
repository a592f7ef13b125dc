// A .env file: NAME=VALUE lines, as shells and other tools read them.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum { LM_DOTENV_MAX_BYTES = 1 << 20 };

// Append "NAME=VALUE" for each line of a .env text: "export " in front, comments, single quotes (as they are) and double quotes
// (\n, \r, \t, \", \\ and \$) are understood, in quotes line breaks, too; nothing is expanded. LM_E_USAGE names the line, never its value.
[[nodiscard]] int lm_dotenv_parse(struct lm_str text, struct lm_strings *out, struct lm_err *err);
// The .env file of `folder` or the nearest one above it; nothing when there is none.
[[nodiscard]] int lm_dotenv_find(const char *folder, struct lm_strings *out, struct lm_err *err);
