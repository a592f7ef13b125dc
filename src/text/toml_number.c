#include "text/number.h"
#include "text/toml_parser.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 60 }; // a longer token is cut in messages

static int
fail_token(struct lm_toml_parser *p, struct lm_str token, const char *what)
{
	return lm_toml_fail(
		p, "%s: '%.*s'%s", what, token.len > SHOWN ? SHOWN : (int)token.len, token.ptr, token.len > SHOWN ? "..." : "");
}

static bool
is_digit(char c, unsigned base)
{
	unsigned value = c >= '0' && c <= '9' ? (unsigned)(c - '0')
		: c >= 'a' && c <= 'f'        ? (unsigned)(c - 'a') + 10
		: c >= 'A' && c <= 'F'        ? (unsigned)(c - 'A') + 10
					      : 99;
	return value < base;
}

// Over digits with single underscores between them; what is left is in *rest. 0 digits: false.
static bool
skip_digits(struct lm_str *rest, unsigned base)
{
	size_t i = 0;
	while (i < rest->len && is_digit(rest->ptr[i], base)) {
		i++;
		if (i + 1 < rest->len && rest->ptr[i] == '_' && is_digit(rest->ptr[i + 1], base))
			i++;
	}
	rest->ptr += i;
	rest->len -= i;
	return i > 0;
}

static bool
skip_char(struct lm_str *rest, const char *set)
{
	if (rest->len == 0 || strchr(set, rest->ptr[0]) == nullptr)
		return false;
	rest->ptr++;
	rest->len--;
	return true;
}

static int
fail_number(struct lm_toml_parser *p, struct lm_str token)
{
	struct lm_str digits = token;
	(void)skip_char(&digits, "+-");
	if (digits.len == 0 || !is_digit(digits.ptr[0], 10))
		return fail_token(p, token, "not a value (a string needs quotes)");
	if (lm_str_find(digits, '_') < digits.len)
		return fail_token(p, token, "invalid number, where '_' may only stand between two digits");
	return fail_token(p, token, "invalid number");
}

// Digits of a base, underscores skipped. False when the value does not fit.
static bool
to_integer(struct lm_str digits, unsigned base, bool negative, int64_t *out)
{
	int64_t value = 0;
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.ptr[i];
		if (c == '_')
			continue;
		int64_t digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
		if (__builtin_mul_overflow(value, (int64_t)base, &value) ||
			__builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	*out = value;
	return true;
}

static int
integer(struct lm_toml_parser *p, struct lm_str token, struct lm_str digits, unsigned base, struct lm_toml *out)
{
	out->type = LM_TOML_INTEGER;
	if (!to_integer(digits, base, token.ptr[0] == '-', &out->integer))
		return fail_token(p, token, "integer does not fit in 64 bits");
	return 0;
}

static int
with_prefix(struct lm_toml_parser *p, struct lm_str token, unsigned base, struct lm_toml *out)
{
	struct lm_str digits = { token.ptr + 2, token.len - 2 }, rest = digits;
	if (!skip_digits(&rest, base) || rest.len > 0)
		return fail_number(p, token);
	return integer(p, token, digits, base, out);
}

static int
real(struct lm_toml_parser *p, struct lm_str token, struct lm_toml *out)
{
	lm_buf_clear(&p->text);
	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] != '_')
			lm_buf_byte(&p->text, token.ptr[i]);
	out->type = LM_TOML_FLOAT;
	out->number = lm_number_parse(lm_buf_cstr(&p->text));
	return 0;
}

static int
decimal(struct lm_toml_parser *p, struct lm_str token, struct lm_str digits, struct lm_toml *out)
{
	struct lm_str rest = digits;
	if (!skip_digits(&rest, 10))
		return fail_number(p, token);
	size_t whole = digits.len - rest.len;
	if (whole > 1 && digits.ptr[0] == '0')
		return fail_token(p, token, "a number must not begin with a zero");
	if (rest.len == 0)
		return integer(p, token, digits, 10, out);
	if (skip_char(&rest, ".") && !skip_digits(&rest, 10))
		return fail_token(p, token, "digits are needed on both sides of the point");
	if (skip_char(&rest, "eE")) {
		(void)skip_char(&rest, "+-");
		if (!skip_digits(&rest, 10))
			return fail_token(p, token, "the exponent has no digits");
	}
	if (rest.len > 0)
		return fail_number(p, token);
	return real(p, token, out);
}

int
lm_toml_number(struct lm_toml_parser *p, struct lm_str token, struct lm_toml *out)
{
	if (token.len > 2 && token.ptr[0] == '0') {
		if (token.ptr[1] == 'x')
			return with_prefix(p, token, 16, out);
		if (token.ptr[1] == 'o')
			return with_prefix(p, token, 8, out);
		if (token.ptr[1] == 'b')
			return with_prefix(p, token, 2, out);
	}
	struct lm_str digits = token;
	(void)skip_char(&digits, "+-");
	bool is_inf = lm_str_equal(digits, LM_STR("inf"));
	if (is_inf || lm_str_equal(digits, LM_STR("nan"))) {
		out->type = LM_TOML_FLOAT;
		out->number = copysign(is_inf ? INFINITY : NAN, token.ptr[0] == '-' ? -1.0 : 1.0);
		return 0;
	}
	return decimal(p, token, digits, out);
}
