// The one door for time and for randomness.
#pragma once

#include "base/base.h"
#include "base/err.h"

int64_t lm_clock_now_s(void);         // seconds since 1970, UTC
int64_t lm_clock_now_ms(void);        // the same in milliseconds, for instants that other processes read
uint64_t lm_clock_monotonic_ms(void); // for durations and deadlines
// Wait; returns early (true) when lm_cancel is requested.
bool lm_clock_sleep_ms(uint64_t ms);
void lm_random_bytes(void *out, size_t len);
void lm_random_hex(char *out, size_t digits); // NUL added

enum { LM_TIME_TEXT = 32 };
// "2026-06-01T00:00:00Z" (RFC 3339, UTC, whole seconds); out has LM_TIME_TEXT bytes.
void lm_time_format(int64_t time_s, char *out);
// RFC 3339 with any offset, fractions cut off; also a plain date (midnight UTC). Returns false on anything else.
[[nodiscard]] bool lm_time_parse(const char *text, int64_t *time_s);
