// Unicode (through utf8proc; its version's Unicode tables).
#pragma once

#include "base/base.h"
#include "base/str.h"

// Append the full case folding of valid UTF-8, NFC-normalised: what case-insensitive file systems take for equal
// folds equal. Bytes that are not UTF-8 are appended as they are.
void lm_casefold(struct lm_buf *out, struct lm_str text);
// Columns a terminal needs for this text (East Asian wide is 2, combining and control is 0, a byte that is not UTF-8
// is 1).
size_t lm_text_width(struct lm_str text);
