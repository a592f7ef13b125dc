// For fuzz targets: a promise that must hold, and bytes as a file.
#pragma once

#include "base/base.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_MUST(promise) \
	do { \
		if (!(promise)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #promise); \
			abort(); \
		} \
	} while (0)

// Whether the last input was accepted in all its parts: for run.c, which tells.
[[gnu::weak]] bool fuzz_accepted;

// A file in memory with these bytes, rewritten for each input. Returns its path.
static inline const char *
fuzz_file(const uint8_t *bytes, size_t len)
{
	static int fd = -1;
	static char path[32];
	if (fd < 0) {
		fd = memfd_create("fuzz", 0);
		FUZZ_MUST(fd >= 0);
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	FUZZ_MUST(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len);
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
