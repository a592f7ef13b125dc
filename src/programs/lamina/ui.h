// What the user sees while lamina works: live lines on a terminal, plain lines elsewhere. Everything here goes to stderr.
#pragma once

#include "base/event.h"
#include "base/err.h"
#include "base/diag.h"

struct lm_ui;

//   verbosity  -1 quiet (errors only), 0 normal, 1 with notes
struct lm_ui *lm_ui_new(int verbosity);
struct lm_sink lm_ui_sink(struct lm_ui *ui);
void lm_ui_finish(struct lm_ui *ui); // take the live lines away; before anything else is printed
void lm_ui_free(struct lm_ui *ui);

// Findings, then "lamina: <error>". Colour only on a terminal and without NO_COLOR.
void lm_ui_diags(struct lm_ui *ui, const struct lm_diags *diags);
void lm_ui_error(struct lm_ui *ui, const struct lm_err *err);

// "12.3 MB": three digits, decimal units; out has 16 bytes.
void lm_format_bytes(uint64_t bytes, char out[16]);
