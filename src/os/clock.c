#include "os/clock.h"

#include "os/cancel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

int64_t
lm_clock_now_s(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t
lm_clock_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t
lm_clock_monotonic_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool
lm_clock_sleep_ms(uint64_t ms)
{
	struct pollfd cancel = { .fd = lm_cancel_fd(), .events = POLLIN };
	uint64_t start = lm_clock_monotonic_ms();

	while (!lm_cancel_requested()) {
		uint64_t passed = lm_clock_monotonic_ms() - start;
		if (passed >= ms)
			return false;
		uint64_t left = ms - passed;
		(void)poll(&cancel, 1, left > INT_MAX ? INT_MAX : (int)left);
	}
	return true;
}

void
lm_random_bytes(void *out, size_t len)
{
	unsigned char *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort(); // no kernel we support lacks it, and nothing else would do
		at += got;
		len -= (size_t)got;
	}
}

void
lm_random_hex(char *out, size_t digits)
{
	static const char alphabet[] = "0123456789abcdef";

	lm_random_bytes(out, digits);
	for (size_t i = 0; i < digits; i++)
		out[i] = alphabet[(unsigned char)out[i] & 15];
	out[digits] = '\0';
}
