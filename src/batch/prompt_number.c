// Numbers by a format specification.
#include "batch/prompt_parts.h"
#include "text/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- whole numbers, of any length: decimal digits are what there is

// Decimal digits to digits of base 2, 8 or 16, most significant first.
static void
to_base(struct lm_str decimal, unsigned base, bool upper, struct lm_buf *out)
{
	enum { CHUNK = 1'000'000'000 };
	LM_AUTO(lm_free_ptr) uint32_t *parts = lm_alloc_array(decimal.len / 9 + 1, sizeof *parts); // base 10^9, top first
	LM_AUTO(lm_buf_release) struct lm_buf reversed = {};
	size_t count = 0, first = decimal.len % 9;
	for (size_t at = 0; at < decimal.len;) {
		size_t len = at == 0 && first > 0 ? first : 9;
		uint64_t part = 0;
		(void)lm_parse_u64((struct lm_str){ decimal.ptr + at, len }, CHUNK, &part);
		parts[count++] = (uint32_t)part;
		at += len;
	}
	size_t top = 0;
	do {
		uint64_t rest = 0;
		for (size_t i = top; i < count; i++) {
			uint64_t part = rest * CHUNK + parts[i];
			parts[i] = (uint32_t)(part / base);
			rest = part % base;
		}
		lm_buf_byte(&reversed, (upper ? "0123456789ABCDEF" : "0123456789abcdef")[rest]);
		while (top < count && parts[top] == 0)
			top++;
	} while (top < count);
	for (size_t i = reversed.len; i > 0; i--)
		lm_buf_byte(out, reversed.ptr[i - 1]);
}

static int
put_character(const struct lm_format_spec *spec, struct lm_str digits, bool negative, struct lm_buf *out, struct lm_err *err)
{
	uint64_t point = 0;
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	if (negative || !lm_parse_u64(digits, 0x10FFFF, &point) || (point >= 0xD800 && point <= 0xDFFF))
		return lm_err_set(err, LM_E_SYNTAX, "no character has this number");
	if (point < 0x10000)
		lm_buf_format(&text, "\"\\u%04x\"", (unsigned)point);
	else
		lm_buf_format(&text, "\"\\u%04x\\u%04x\"", (unsigned)(0xD800 + ((point - 0x10000) >> 10)),
			(unsigned)(0xDC00 + ((point - 0x10000) & 0x3FF)));
	LM_AUTO(lm_buf_release) struct lm_buf character = {};
	lm_json_append_text((struct lm_json_value){ LM_JSON_STRING, lm_buf_view(&text) }, &character);
	lm_format_put(spec, &(struct lm_format_pieces){ .prefix = "", .rest = lm_buf_view(&character) }, out);
	return 0;
}

static void
put_integer(const struct lm_format_spec *spec, struct lm_str digits, bool negative, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf converted = {};
	struct lm_format_pieces pieces = { .negative = negative, .prefix = "", .digits = digits };
	const char *found = strchr("boxX", spec->type);
	if (found != nullptr) {
		static const unsigned bases[] = { 2, 8, 16, 16 };
		static const char *const prefixes[] = { "0b", "0o", "0x", "0X" };
		size_t which = (size_t)(found - "boxX");
		which = spec->type == 'b' ? 0 : spec->type == 'o' ? 1 : spec->type == 'x' ? 2 : 3;
		to_base(digits, bases[which], which == 3, &converted);
		pieces.digits = lm_buf_view(&converted);
		pieces.prefix = spec->alternate ? prefixes[which] : "";
	}
	lm_format_put(spec, &pieces, out);
}

// ---- numbers with a point

static void
print(struct lm_buf *out, const char *format, int precision, double number)
{
	char small[64];
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t) nullptr), old = uselocale(c);
	int len = snprintf(small, sizeof small, format, precision, number);
	if (len > 0 && (size_t)len < sizeof small) {
		lm_buf_append(out, small, (size_t)len);
	} else if (len > 0) {
		char *end = lm_buf_reserve(out, (size_t)len + 1);
		(void)snprintf(end, (size_t)len + 1, format, precision, number);
		out->len += (size_t)len;
	}
	(void)uselocale(old);
	freelocale(c);
}

// Without a type but with a precision: as 'g', but with an exponent one digit earlier and ".0" on whole numbers.
static void
print_general(struct lm_buf *out, int precision, bool alternate, double number)
{
	LM_AUTO(lm_buf_release) struct lm_buf scientific = {};
	if (precision == 0)
		precision = 1;
	print(&scientific, "%.*e", precision - 1, number);
	const char *exponent_text = memchr(scientific.ptr, 'e', scientific.len);
	LM_AUTO(lm_free_ptr) char *digits = lm_alloc((size_t)precision + 2);
	size_t count = 0;
	for (const char *at = scientific.ptr; at < exponent_text; at++)
		if (*at >= '0' && *at <= '9')
			digits[count++] = *at;
	uint64_t size = 0;
	(void)lm_parse_u64(lm_str_of(exponent_text + 2), 1000, &size);
	int64_t point = (exponent_text[1] == '-' ? -(int64_t)size : (int64_t)size) + 1; // digits before the point
	while (!alternate && count > 1 && digits[count - 1] == '0')
		count--;
	if (point <= -4 || point > precision - 1) {
		lm_buf_byte(out, digits[0]);
		lm_buf_text(out, count > 1 || alternate ? "." : "");
		lm_buf_append(out, digits + 1, count - 1);
		lm_buf_text(out, exponent_text);
		return;
	}
	for (int64_t i = point < 1 ? 0 : 1; i <= point; i++) // at least one digit before the point
		lm_buf_byte(out, i < 1 ? '0' : (size_t)i <= count ? digits[i - 1] : '0');
	if (point < 0)
		lm_buf_text(out, "0");
	lm_buf_byte(out, '.');
	for (int64_t i = point; i < 0; i++)
		lm_buf_byte(out, '0');
	size_t from = point > 0 ? (size_t)point : 0;
	if (from < count)
		lm_buf_append(out, digits + from, count - from);
	else
		lm_buf_text(out, alternate && point > 0 ? "" : "0");
}

static void
print_float(const struct lm_format_spec *spec, double number, struct lm_buf *out)
{
	char format[8] = "%.*", *at = format + 1;
	if (spec->type == '\0' && spec->precision < 0) {
		size_t from = out->len;
		lm_number_format(out, number);
		const char *exponent = memchr(out->ptr + from, 'e', out->len - from);
		if (spec->alternate && exponent != nullptr && memchr(out->ptr + from, '.', out->len - from) == nullptr) {
			LM_AUTO(lm_free_ptr) char *tail = lm_strdup(exponent);
			out->len = (size_t)(exponent - out->ptr);
			lm_buf_byte(out, '.');
			lm_buf_text(out, tail);
		}
		return;
	}
	int precision = spec->precision < 0 ? 6 : (int)spec->precision;
	if (spec->type == '\0') {
		print_general(out, precision, spec->alternate, number);
		return;
	}
	if (spec->alternate)
		*at++ = '#';
	*at++ = '.';
	*at++ = '*';
	*at++ = spec->type == '%' ? 'f' : spec->type == 'n' ? 'g' : spec->type;
	*at = '\0';
	print(out, format, precision, number);
}

static bool
is_zero_text(struct lm_str text)
{
	for (size_t i = 0; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++)
		if (text.ptr[i] >= '1' && text.ptr[i] <= '9')
			return false;
	return true;
}

static void
put_float(const struct lm_format_spec *spec, double number, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct lm_format_pieces pieces = { .negative = signbit(number) != 0, .prefix = "" };
	double size = fabs(number);
	if (spec->type == '%')
		size *= 100;
	if (isinf(size))
		lm_buf_text(&text, spec->type != '\0' && strchr("EFG", spec->type) != nullptr ? "INF" : "inf");
	else
		print_float(spec, size, &text);
	if (spec->type == '%')
		lm_buf_byte(&text, '%');
	if (spec->no_negative_zero && is_zero_text(lm_buf_view(&text)) && !isinf(size))
		pieces.negative = false;
	size_t digits = 0;
	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
		digits++;
	pieces.digits = (struct lm_str){ text.ptr, digits };
	pieces.rest = (struct lm_str){ text.ptr + digits, text.len - digits };
	lm_format_put(spec, &pieces, out);
}

// ---- both

int
lm_format_number(struct lm_str spec_text, struct lm_str raw, struct lm_buf *out, struct lm_err *err)
{
	bool is_float = lm_number_is_float(raw);
	struct lm_format_spec spec;
	if (!is_float && raw.len > LM_INTEGER_DIGITS_MAX + (raw.ptr[0] == '-'))
		return lm_err_set(err, LM_E_SYNTAX, "whole number of more than %d digits", LM_INTEGER_DIGITS_MAX);
	if (lm_format_parse(spec_text, is_float ? LM_FORMAT_FLOAT : LM_FORMAT_INTEGER, &spec, err) < 0)
		return -1;
	bool negative = raw.ptr[0] == '-';
	struct lm_str digits = { raw.ptr + negative, raw.len - negative };
	if (!is_float && spec.type == 'c')
		return put_character(&spec, digits, negative, out, err);
	if (!is_float && strchr("bdoxXn", spec.type) != nullptr) {
		put_integer(&spec, digits, negative && !lm_str_equal(digits, LM_STR("0")), out);
		return 0;
	}
	LM_AUTO(lm_free_ptr)
	char *text = is_float || !lm_str_equal(digits, LM_STR("0")) ? lm_strndup(raw.ptr, raw.len) : lm_strdup("0");
	double number = lm_number_parse(text);
	if (!is_float && isinf(number))
		return lm_err_set(err, LM_E_SYNTAX, "whole number is too large for format '%.*s'",
			LM_STR_ARG(lm_format_shown(spec_text)));
	put_float(&spec, number, out);
	return 0;
}

int
lm_format_bool(struct lm_str spec_text, bool value, struct lm_buf *out, struct lm_err *err)
{
	return lm_format_number(spec_text, value ? LM_STR("1") : LM_STR("0"), out, err);
}
