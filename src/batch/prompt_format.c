// Format specifications: "[[fill]align][sign][z][#][0][width][grouping][.precision][type]".
#include "batch/prompt_parts.h"

#include <inttypes.h>
#include <string.h>

enum { LM_SHOWN_MAX = 100 };

struct scanner {
	const char *at, *end;
	struct lm_str text;
	struct lm_err *err;
};

struct lm_str
lm_format_shown(struct lm_str text)
{
	size_t len = text.len > LM_SHOWN_MAX ? LM_SHOWN_MAX : text.len;
	while (len > 0 && len < text.len && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
		len--;
	return (struct lm_str){ text.ptr, len };
}

static int
fail(const struct scanner *s, const char *what)
{
	return lm_err_set(s->err, LM_E_SYNTAX, "format '%.*s': %s", LM_STR_ARG(lm_format_shown(s->text)), what);
}

static bool
take(struct scanner *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool
is_align(const char *at, const char *end)
{
	return at < end && (*at == '<' || *at == '>' || *at == '^' || *at == '=');
}

// -1 in *out when there is none.
static int
take_number(struct scanner *s, int64_t max, int64_t *out)
{
	const char *begin = s->at;
	uint64_t number = 0;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	*out = -1;
	if (s->at == begin)
		return 0;
	if (!lm_parse_u64((struct lm_str){ begin, (size_t)(s->at - begin) }, (uint64_t)max, &number))
		return lm_err_set(s->err, LM_E_LIMIT, "format '%.*s': a number above %" PRId64,
			LM_STR_ARG(lm_format_shown(s->text)), max);
	*out = (int64_t)number;
	return 0;
}

// [[fill]align]
static bool
take_align(struct scanner *s, struct lm_format_spec *spec, bool *has_fill)
{
	size_t first = 1;
	while (s->at + first < s->end && ((unsigned char)s->at[first] & 0xC0) == 0x80)
		first++;
	*has_fill = s->at < s->end && is_align(s->at + first, s->end);
	if (*has_fill) {
		spec->fill = (struct lm_str){ s->at, first };
		spec->align = s->at[first];
		s->at += first + 1;
		return true;
	}
	if (!is_align(s->at, s->end))
		return false;
	spec->align = *s->at++;
	return true;
}

static int
check_grouping(const struct scanner *s, const struct lm_format_spec *spec)
{
	if (spec->grouping == 0)
		return 0;
	if (spec->type == '\0' || strchr("deEfFgG%", spec->type) != nullptr)
		return 0;
	if (spec->grouping == '_' && strchr("boxX", spec->type) != nullptr)
		return 0;
	return fail(s, spec->type == 's' ? "text has no groups of digits" : "this type has no such groups of digits");
}

static int
take_tail(struct scanner *s, struct lm_format_spec *spec)
{
	if (take_number(s, LM_FORMAT_WIDTH_MAX, &spec->width) < 0)
		return -1;
	if (take(s, ','))
		spec->grouping = ',';
	if (take(s, '_')) {
		if (spec->grouping != 0)
			return fail(s, "both ',' and '_'");
		spec->grouping = '_';
	}
	if (spec->grouping == '_' && s->at < s->end && *s->at == ',')
		return fail(s, "both ',' and '_'");
	if (take(s, '.')) {
		if (take_number(s, LM_FORMAT_PRECISION_MAX, &spec->precision) < 0)
			return -1;
		if (spec->precision < 0)
			return fail(s, "no digits after '.'");
	}
	if (s->end - s->at > 1)
		return fail(s, "not understood");
	if (s->at < s->end)
		spec->type = *s->at++;
	return 0;
}

static int
check_type(const struct scanner *s, enum lm_format_kind kind, const struct lm_format_spec *spec)
{
	static const char *const types[] = { "s", "bcdoxXneEfFgG%", "neEfFgG%" };
	static const char *const faults[] = { "no format of text", "no format of a whole number",
		"no format of a number with a point" };
	bool is_default = spec->type == '\0' && kind == LM_FORMAT_FLOAT;
	if (!is_default && (spec->type == '\0' || strchr(types[kind], spec->type) == nullptr))
		return fail(s, faults[kind]);
	if (kind == LM_FORMAT_TEXT) {
		if (spec->sign != 0 || spec->no_negative_zero || spec->alternate || spec->align == '=')
			return fail(s, "sign, 'z', '#' and '=' are for numbers");
		return 0;
	}
	if (strchr("bcdoxXn", spec->type) == nullptr || kind == LM_FORMAT_FLOAT)
		return 0;
	if (spec->precision >= 0 || spec->no_negative_zero)
		return fail(s, "precision and 'z' are not for whole numbers");
	if (spec->type == 'c' && (spec->sign != 0 || spec->alternate))
		return fail(s, "sign and '#' are not for characters");
	return 0;
}

int
lm_format_parse(struct lm_str text, enum lm_format_kind kind, struct lm_format_spec *out, struct lm_err *err)
{
	static const char default_types[] = { 's', 'd', '\0' };
	if (text.len == 0)
		text.ptr = "";
	struct scanner s = { text.ptr, text.ptr + text.len, text, err };
	struct lm_format_spec spec = {
		.fill = LM_STR(" "),
		.align = kind == LM_FORMAT_TEXT ? '<' : '>',
		.width = -1,
		.precision = -1,
		.type = default_types[kind],
	};
	bool has_fill = false;
	bool has_align = take_align(&s, &spec, &has_fill);
	if (s.at < s.end && (*s.at == '+' || *s.at == '-' || *s.at == ' '))
		spec.sign = *s.at++;
	spec.no_negative_zero = take(&s, 'z');
	spec.alternate = take(&s, '#');
	if (!has_fill && take(&s, '0')) {
		spec.fill = LM_STR("0");
		if (!has_align && kind != LM_FORMAT_TEXT)
			spec.align = '=';
	}
	if (take_tail(&s, &spec) < 0 || check_grouping(&s, &spec) < 0 || check_type(&s, kind, &spec) < 0)
		return -1;
	*out = spec;
	return 0;
}

static void
put_fill(const struct lm_format_spec *spec, size_t count, struct lm_buf *out)
{
	for (size_t i = 0; i < count; i++)
		lm_buf_str(out, spec->fill);
}

// How much of the padding stands in front.
static size_t
before(const struct lm_format_spec *spec, size_t padding)
{
	return spec->align == '>' ? padding : spec->align == '^' ? padding / 2 : 0;
}

int
lm_format_text(struct lm_str spec_text, struct lm_str text, struct lm_buf *out, struct lm_err *err)
{
	struct lm_format_spec spec;
	if (lm_format_parse(spec_text, LM_FORMAT_TEXT, &spec, err) < 0)
		return -1;
	size_t count = lm_text_count(text);
	if (spec.precision >= 0 && count > (size_t)spec.precision) {
		size_t at = 0;
		count = (size_t)spec.precision;
		for (size_t seen = 0; at < text.len; at++)
			if (((unsigned char)text.ptr[at] & 0xC0) != 0x80 && seen++ == count)
				break;
		text.len = at;
	}
	size_t padding = spec.width > 0 && (size_t)spec.width > count ? (size_t)spec.width - count : 0;
	put_fill(&spec, before(&spec, padding), out);
	lm_buf_str(out, text);
	put_fill(&spec, padding - before(&spec, padding), out);
	return 0;
}

// Digits with separators, filled up with zeros to so many characters.
static void
group(struct lm_str digits, size_t size, char separator, size_t min_width, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf reversed = {};
	size_t left = digits.len, in_group = 0;
	while (left > 0 || reversed.len < min_width) {
		if (separator != 0 && in_group == size) {
			lm_buf_byte(&reversed, separator);
			in_group = 0;
		}
		lm_buf_byte(&reversed, left > 0 ? digits.ptr[--left] : '0');
		in_group++;
	}
	for (size_t i = reversed.len; i > 0; i--)
		lm_buf_byte(out, reversed.ptr[i - 1]);
}

void
lm_format_put(const struct lm_format_spec *spec, const struct lm_format_pieces *pieces, struct lm_buf *out)
{
	char sign = pieces->negative ? '-' : spec->sign == '+' || spec->sign == ' ' ? spec->sign : '\0';
	size_t fixed = (sign != 0) + strlen(pieces->prefix) + lm_text_count(pieces->rest);
	size_t width = spec->width > 0 ? (size_t)spec->width : 0, min_width = 0;
	LM_AUTO(lm_buf_release) struct lm_buf digits = {};
	if (spec->align == '=' && lm_str_equal(spec->fill, LM_STR("0")) && width > fixed)
		min_width = width - fixed;
	if (pieces->digits.len > 0)
		group(pieces->digits, strchr("boxX", spec->type) != nullptr && spec->type != 0 ? 4 : 3, spec->grouping,
			min_width, &digits);
	size_t used = fixed + digits.len, padding = width > used ? width - used : 0;
	put_fill(spec, before(spec, padding), out);
	if (sign != 0)
		lm_buf_byte(out, sign);
	lm_buf_text(out, pieces->prefix);
	if (spec->align == '=')
		put_fill(spec, padding, out);
	lm_buf_str(out, lm_buf_view(&digits));
	lm_buf_str(out, pieces->rest);
	if (spec->align == '<' || spec->align == '^')
		put_fill(spec, padding - before(spec, padding), out);
}
