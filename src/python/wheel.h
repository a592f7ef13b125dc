// Wheel names and compatibility tags: the binary distribution format (packaging.python.org/.../binary-distribution-format),
// PEP 425, 427, 600; METADATA-free: only what an installer needs.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "digest/sha256.h"
#include "python/platform.h"

struct lm_wheel_name {
	char name[256];    // normalised (PEP 503)
	char version[128]; // as in the file name
	char build[64];    // "" when none
	char python[128], abi[128], platform[512]; // compressed tag sets, "cp311", "abi3", "manylinux_2_17_x86_64.manylinux2014_x86_64"
};

[[nodiscard]] int lm_wheel_name_parse(struct lm_str file_name, struct lm_wheel_name *out, struct lm_err *err);

// How well a wheel fits a target: 0 the best tag, higher is worse (the position in the target's tag list, as
// packaging.tags and pip order it), -1: not compatible.
int lm_wheel_rank(const struct lm_wheel_name *wheel, const struct lm_target *target);

// The target's tags, best first, as "cp311-cp311-manylinux_2_28_x86_64" (for messages and tests).
void lm_target_tags(const struct lm_target *target, struct lm_strings *out);

// The RECORD file (packaging.python.org/.../recording-installed-packages).
struct lm_record_row {
	const char *path; // as written
	bool has_digest, has_size;
	struct lm_digest digest; // sha256 only; others (md5 is refused) are LM_E_UNSUPPORTED
	uint64_t size;
};
struct lm_record {
	struct lm_record_row *rows;
	size_t count, cap;
};
[[nodiscard]] int lm_record_parse(struct lm_str text, struct lm_arena *arena, struct lm_record *out, struct lm_err *err);
