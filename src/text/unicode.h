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
// Append the text so that nothing in it acts on a terminal: control characters (C0 but for tab and newline, DEL, C1), line and
// paragraph separators and what changes the direction of writing become \xNN and \uNNNN, bytes that are not UTF-8 \xNN.
void lm_text_escape(struct lm_buf *out, struct lm_str text);
// The length in bytes of the longest beginning that needs no more than this many columns; no character is cut in two.
size_t lm_text_fit(struct lm_str text, size_t columns);
// Is it shown as itself? Not so: controls, formats, surrogates, private use, unassigned, and separators but the blank (as Python's
// str.isprintable).
bool lm_character_is_printable(uint32_t point);
