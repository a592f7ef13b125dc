// Floating-point numbers as text, the same in every locale.
#pragma once

#include "base/base.h"
#include "base/str.h"

// Append the shortest decimal text that reads back as the same double, as Python's repr() writes it:
// "0.1", "1.0", "1e+16", "1e-05", "inf", "-inf", "nan".
void lm_number_format(struct lm_buf *out, double number);
// The double nearest to a valid decimal number, digits after a '.' and an exponent included.
double lm_number_parse(const char *text);
