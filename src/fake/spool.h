// Files that are written once, in pieces, and read later; nothing is flushed to disk, since nothing outlives the process.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Zero-initialised is closed; lm_spool_abandon is safe at any time and fits LM_AUTO.
struct lm_spool {
	int fd;
	bool open;
	char *path;
	struct lm_buf buffer;
	uint64_t size_bytes; // the buffer included
};

[[nodiscard]] int lm_spool_open(struct lm_spool *spool, const char *path, struct lm_err *err);
// To append to `buffer` oneself is fine; lm_spool_added then counts it and writes it out when there is much.
[[nodiscard]] int lm_spool_write(struct lm_spool *spool, const void *bytes, size_t len, struct lm_err *err);
[[nodiscard]] int lm_spool_added(struct lm_spool *spool, struct lm_err *err);
[[nodiscard]] int lm_spool_close(struct lm_spool *spool, struct lm_err *err); // the file stays
void lm_spool_abandon(struct lm_spool *spool);                               // the file goes
