// RFC 3339 times, in the proleptic Gregorian calendar, without the C library's time zones.
#include "os/clock.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, EPOCH_DAY = 719468 };

// A year that begins in March puts the leap day at its end; an era is 400 of them.
// (Howard Hinnant, "chrono-compatible low-level date algorithms")
static int64_t
days_from_date(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_PER_ERA + day_of_era - EPOCH_DAY;
}

static void
date_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	days += EPOCH_DAY;
	int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t day_of_era = days - era * DAYS_PER_ERA;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153;
	*day = day_of_year - (153 * shifted + 2) / 5 + 1;
	*month = shifted + (shifted < 10 ? 3 : -9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

void
lm_time_format(int64_t time_s, char *out)
{
	int64_t days = time_s / SECONDS_PER_DAY, second = time_s % SECONDS_PER_DAY;
	int64_t year, month, day;

	if (second < 0) {
		second += SECONDS_PER_DAY;
		days--;
	}
	date_from_days(days, &year, &month, &day);
	(void)snprintf(out, LM_TIME_TEXT,
		"%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64 "Z", year, month, day,
		second / 3600, second / 60 % 60, second % 60);
}

// Exactly `digits` digits, within [min, max].
static bool
take_number(struct lm_str *rest, size_t digits, int64_t min, int64_t max, int64_t *out)
{
	uint64_t value = 0;
	if (rest->len < digits || !lm_parse_u64((struct lm_str){ rest->ptr, digits }, (uint64_t)max, &value))
		return false;
	*rest = (struct lm_str){ rest->ptr + digits, rest->len - digits };
	*out = (int64_t)value;
	return *out >= min;
}

static bool
take_byte(struct lm_str *rest, const char *one_of)
{
	for (; rest->len > 0 && *one_of != '\0'; one_of++) {
		if (rest->ptr[0] != *one_of)
			continue;
		*rest = (struct lm_str){ rest->ptr + 1, rest->len - 1 };
		return true;
	}
	return false;
}

static bool
take_date(struct lm_str *rest, int64_t *days)
{
	static const int8_t lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t year, month, day;

	if (!take_number(rest, 4, 0, 9999, &year) || !take_byte(rest, "-") || !take_number(rest, 2, 1, 12, &month) ||
		!take_byte(rest, "-") || !take_number(rest, 2, 1, lengths[month - 1], &day))
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	*days = days_from_date(year, month, day);
	return leap || month != 2 || day < 29;
}

static bool
take_offset(struct lm_str *rest, int64_t *offset_s)
{
	int64_t hour, minute;

	*offset_s = 0;
	if (take_byte(rest, "Zz"))
		return true;
	int64_t sign = rest->len > 0 && rest->ptr[0] == '-' ? -1 : 1;
	if (!take_byte(rest, "+-") || !take_number(rest, 2, 0, 23, &hour) || !take_byte(rest, ":") ||
		!take_number(rest, 2, 0, 59, &minute))
		return false;
	*offset_s = sign * (hour * 3600 + minute * 60);
	return true;
}

bool
lm_time_parse(const char *text, int64_t *time_s)
{
	struct lm_str rest = lm_str_of(text);
	int64_t days, hour = 0, minute = 0, second = 0, offset_s = 0;

	if (!take_date(&rest, &days))
		return false;
	if (rest.len > 0) {
		if (!take_byte(&rest, "Tt ") || !take_number(&rest, 2, 0, 23, &hour) || !take_byte(&rest, ":") ||
			!take_number(&rest, 2, 0, 59, &minute) || !take_byte(&rest, ":") ||
			!take_number(&rest, 2, 0, 60, &second)) // 60: a leap second, read as the next one
			return false;
		if (take_byte(&rest, ".")) {
			if (!take_byte(&rest, "0123456789"))
				return false;
			while (take_byte(&rest, "0123456789"))
				continue;
		}
		if (!take_offset(&rest, &offset_s) || rest.len > 0)
			return false;
	}
	*time_s = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_s;
	return true;
}
