#include "text/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A program that uses the library may have set a locale with another decimal point.
static locale_t
use_c_locale(locale_t *c)
{
	*c = newlocale(LC_ALL_MASK, "C", (locale_t) nullptr);
	return uselocale(*c);
}

double
lm_number_parse(const char *text)
{
	locale_t c;
	locale_t old = use_c_locale(&c);
	double number = strtod(text, nullptr);
	(void)uselocale(old);
	freelocale(c);
	return number;
}

// "-d.ddde+XX" with as few digits as read back equal.
static void
shortest(double number, char text[40])
{
	locale_t c;
	locale_t old = use_c_locale(&c);
	for (int precision = 0; precision < 17; precision++) {
		(void)snprintf(text, 40, "%.*e", precision, number);
		if (strtod(text, nullptr) == number)
			break;
	}
	(void)uselocale(old);
	freelocale(c);
}

static void
zeros(struct lm_buf *out, int count)
{
	for (int i = 0; i < count; i++)
		lm_buf_byte(out, '0');
}

// Digits with the point after `point` of them (which may be outside).
static void
plain(struct lm_buf *out, const char *digits, int count, int point)
{
	if (point <= 0) {
		lm_buf_text(out, "0.");
		zeros(out, -point);
		lm_buf_text(out, digits);
	} else if (point >= count) {
		lm_buf_text(out, digits);
		zeros(out, point - count);
		lm_buf_text(out, ".0");
	} else {
		lm_buf_append(out, digits, (size_t)point);
		lm_buf_byte(out, '.');
		lm_buf_text(out, digits + point);
	}
}

void
lm_number_format(struct lm_buf *out, double number)
{
	if (isnan(number) || isinf(number)) {
		lm_buf_text(out, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
		return;
	}
	char text[40], digits[40];
	shortest(number, text);
	int count = 0;
	const char *at = text;
	for (; *at != 'e'; at++)
		if (*at >= '0' && *at <= '9')
			digits[count++] = *at;
	digits[count] = '\0';
	int exponent = (int)strtol(at + 1, nullptr, 10);
	if (exponent >= -4 && exponent < 16) {
		if (text[0] == '-')
			lm_buf_byte(out, '-');
		plain(out, digits, count, exponent + 1);
		return;
	}
	lm_buf_text(out, text); // the exponent has a sign and two digits at least, as Python has it
}
