// What the user sees while a program works: live lines on a terminal, plain lines elsewhere. Everything here goes to stderr, and
// nothing that came from outside acts on the terminal.
#pragma once

#include "base/diag.h"
#include "base/err.h"
#include "base/event.h"

struct lm_ui;

//   program    its name, before messages; borrowed
//   verbosity  -1 quiet (errors only), 0 normal, 1 with notes
struct lm_ui *lm_ui_new(const char *program, int verbosity);
struct lm_sink lm_ui_sink(struct lm_ui *ui);
bool lm_ui_is_live(const struct lm_ui *ui); // there are live lines
// On a terminal, finished steps of this name leave a line: no table of results will tell of them. Borrowed.
void lm_ui_keep(struct lm_ui *ui, const char *step);
void lm_ui_finish(struct lm_ui *ui); // take the live lines away for good; before results are printed
void lm_ui_free(struct lm_ui *ui);

// Findings, then "<program>: <error>". Colour only on a terminal and without NO_COLOR.
void lm_ui_diags(struct lm_ui *ui, const struct lm_diags *diags);
void lm_ui_error(struct lm_ui *ui, const struct lm_err *err);
// The closing line of a run that went well: "<text>, 95.3 MB downloaded, 4.1 s". Not when quiet.
void lm_ui_total(struct lm_ui *ui, const char *text);
// A hint, not when quiet: "<program>: <text>".
void lm_ui_hint(struct lm_ui *ui, const char *text);
