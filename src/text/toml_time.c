#include "text/toml_parser.h"

#include <string.h>

// Two or more digits as a number; -1 when one of them is none.
static int
digits(struct lm_str text, size_t at, size_t count)
{
	int value = 0;
	if (at + count > text.len)
		return -1;
	for (size_t i = at; i < at + count; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -1;
		value = value * 10 + (text.ptr[i] - '0');
	}
	return value;
}

static bool
has(struct lm_str text, size_t at, char c)
{
	return at < text.len && text.ptr[at] == c;
}

bool
lm_toml_looks_like_time(struct lm_str token)
{
	return (digits(token, 0, 4) >= 0 && has(token, 4, '-')) || (digits(token, 0, 2) >= 0 && has(token, 2, ':'));
}

static int
days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

// Each of these takes its part of `text` from *at and moves *at behind it; null is good, else what is wrong.

static const char *
take_date(struct lm_str text, size_t *at)
{
	int year = digits(text, *at, 4), month = digits(text, *at + 5, 2), day = digits(text, *at + 8, 2);
	if (year < 0 || month < 0 || day < 0 || !has(text, *at + 4, '-') || !has(text, *at + 7, '-'))
		return "a date is written YYYY-MM-DD";
	if (month < 1 || month > 12)
		return "the month must be 01 to 12";
	if (day < 1 || day > days_in(year, month))
		return "this month has no such day";
	*at += 10;
	return nullptr;
}

static const char *
take_time(struct lm_str text, size_t *at)
{
	int hour = digits(text, *at, 2), minute = digits(text, *at + 3, 2), second = digits(text, *at + 6, 2);
	if (hour < 0 || minute < 0 || second < 0 || !has(text, *at + 2, ':') || !has(text, *at + 5, ':'))
		return "a time is written HH:MM:SS";
	if (hour > 23)
		return "the hour must be 00 to 23";
	if (minute > 59)
		return "the minute must be 00 to 59";
	if (second > 59)
		return "the second must be 00 to 59";
	*at += 8;
	if (!has(text, *at, '.'))
		return nullptr;
	if (digits(text, ++*at, 1) < 0)
		return "digits are needed after the point";
	while (digits(text, *at, 1) >= 0)
		++*at;
	return nullptr;
}

static const char *
take_offset(struct lm_str text, size_t *at)
{
	if (has(text, *at, 'Z') || has(text, *at, 'z')) {
		++*at;
		return nullptr;
	}
	int hour = digits(text, *at + 1, 2), minute = digits(text, *at + 4, 2);
	if (!(has(text, *at, '+') || has(text, *at, '-')) || hour < 0 || minute < 0 || !has(text, *at + 3, ':'))
		return "an offset is written Z, +HH:MM or -HH:MM";
	if (hour > 23 || minute > 59)
		return "the offset must be at most 23:59";
	*at += 6;
	return nullptr;
}

static const char *
take_all(struct lm_str token, enum lm_toml_type *type)
{
	size_t at = 0;
	const char *wrong = nullptr;
	*type = LM_TOML_TIME_LOCAL;
	if (has(token, 4, '-')) {
		*type = LM_TOML_DATE_LOCAL;
		wrong = take_date(token, &at);
		if (wrong != nullptr || at == token.len)
			return wrong;
		if (!has(token, at, 'T') && !has(token, at, 't') && !has(token, at, ' '))
			return "a date is written YYYY-MM-DD";
		at++;
		*type = LM_TOML_DATETIME_LOCAL;
	}
	wrong = take_time(token, &at);
	if (wrong == nullptr && at < token.len && *type == LM_TOML_DATETIME_LOCAL) {
		*type = LM_TOML_DATETIME;
		wrong = take_offset(token, &at);
	}
	if (wrong == nullptr && at < token.len)
		wrong = *type == LM_TOML_TIME_LOCAL ? "a time is written HH:MM:SS" : "an offset is written Z, +HH:MM or -HH:MM";
	return wrong;
}

int
lm_toml_time(struct lm_toml_parser *p, struct lm_str token, struct lm_toml *out)
{
	enum { SHOWN = 60 };
	const char *wrong = take_all(token, &out->type);
	if (wrong != nullptr)
		return lm_toml_fail(
			p, "invalid date or time '%.*s': %s", token.len > SHOWN ? SHOWN : (int)token.len, token.ptr, wrong);
	char *text = lm_arena_strndup(p->arena, token.ptr, token.len);
	if (out->type == LM_TOML_DATETIME || out->type == LM_TOML_DATETIME_LOCAL)
		text[10] = 'T';
	if (text[token.len - 1] == 'z')
		text[token.len - 1] = 'Z';
	out->time = (struct lm_str){ text, token.len };
	return 0;
}
