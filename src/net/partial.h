// The file a download is received into, with the digest of what it holds. For this module only.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "digest/sha256.h"

// Zero-initialised is closed.
struct lm_partial {
	bool open;
	bool shared; // has the well-known name, under lock; else a name of our own, since another process has the lock
	int fd;
	char *path, *final_path;
	uint64_t size_bytes;
	struct lm_sha256 hash;
};

// Open "<final_path>.partial" and hash what is in it. `resume` false: begin empty.
[[nodiscard]] int lm_partial_open(struct lm_partial *partial, const char *final_path, bool resume, struct lm_err *err);
[[nodiscard]] int lm_partial_restart(struct lm_partial *partial, struct lm_err *err); // empty again
[[nodiscard]] int lm_partial_write(struct lm_partial *partial, const void *bytes, size_t len, struct lm_err *err);
// The digest of all of it; then only restart, commit or close.
void lm_partial_digest(struct lm_partial *partial, struct lm_digest *out);
// Mode 0644, flush, give it its final name, flush the folder, close.
[[nodiscard]] int lm_partial_commit(struct lm_partial *partial, struct lm_err *err);
// Safe on a closed one. `keep`: leave what was received for a later resume.
void lm_partial_close(struct lm_partial *partial, bool keep);
