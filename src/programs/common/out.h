// Standard output: results are gathered and written in one piece, so that what goes wrong with the reader is known and told.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Make sure that descriptors 0 to 2 are taken, so that no file of ours is ever opened as standard output, and that a reader that
// goes away is an error and not the end. First of all in main.
void lm_out_init(void);
void lm_out_text(const char *text);
void lm_out_format(const char *format, ...) LM_PRINTF(1, 2);
// Write what was gathered. LM_E_IO; then `sys` is EPIPE when nobody reads any more.
[[nodiscard]] int lm_out_flush(struct lm_err *err);
// Write right away, behind what was gathered: for output that is too large to be kept.
[[nodiscard]] int lm_out_write(struct lm_str bytes, struct lm_err *err);
void lm_out_drop(void); // forget what was gathered
size_t lm_out_columns(void); // of the terminal that standard output is; SIZE_MAX when it is none
