// The log: a line of JSON per call, in a file.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <pthread.h>

struct lm_fake_log {
	pthread_mutex_t lock;
	int fd;
	char *path;
	uint64_t count, size_bytes, start_ms;
};

enum { LM_FAKE_LOG_MAX_BYTES = 1 << 30 }; // what comes after is not noted

[[nodiscard]] int lm_fake_log_open(struct lm_fake_log *log, const char *path, struct lm_err *err);
// Add a line; `members` is the inside of an object.
void lm_fake_log_add(struct lm_fake_log *log, struct lm_str members);
void lm_fake_log_clear(struct lm_fake_log *log);
uint64_t lm_fake_log_size(struct lm_fake_log *log);
void lm_fake_log_close(struct lm_fake_log *log);
