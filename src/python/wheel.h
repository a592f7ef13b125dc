// Wheel names and compatibility tags: the binary distribution format (packaging.python.org/.../binary-distribution-format),
// PEP 425, 427, 600; METADATA-free: only what an installer needs.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "digest/sha256.h"
#include "python/platform.h"

enum { LM_WHEEL_NAME_MAX_BYTES = 255 };

struct lm_wheel_name {
	char name[256];    // normalised (PEP 503)
	char version[256]; // as in the file name
	char build[256];   // "" when none
	char python[256], abi[256],
		platform[256]; // compressed tag sets, lower case: "cp311", "abi3", "manylinux_2_17_x86_64.manylinux2014_x86_64"
};

// As packaging.utils.parse_wheel_filename, and nothing but letters, digits and "-_.+!" in the name, so that it is safe
// as a file name anywhere. LM_E_SYNTAX: "wheel file name '...': " and why.
[[nodiscard]] int lm_wheel_name_parse(struct lm_str file_name, struct lm_wheel_name *out, struct lm_err *err);

// How well a wheel fits a target: 0 the best tag, higher is worse (the position in the target's tag list, as
// packaging.tags and pip order it), -1: not compatible. Free-threaded builds are not targets of ours.
int lm_wheel_rank(const struct lm_wheel_name *wheel, const struct lm_target *target);
// Of two wheels with the same rank: below 0 when `a` is to be taken (the higher build number, as installers do).
int lm_wheel_compare_build(const struct lm_wheel_name *a, const struct lm_wheel_name *b);

// The target's tags, best first, as "cp311-cp311-manylinux_2_28_x86_64" (for messages and tests).
void lm_target_tags(const struct lm_target *target, struct lm_strings *out);

// The RECORD file (packaging.python.org/.../recording-installed-packages).
struct lm_record_row {
	const char *path; // as written; at most 4096 bytes
	bool has_digest, has_size;
	struct lm_digest digest;
	uint64_t size;
};
struct lm_record {
	struct lm_record_row *rows; // in order of the file
	size_t count, cap;
};
enum { LM_RECORD_MAX_ROWS = 1000 * 1000 };
// Rows and their strings in `arena`. LM_E_SYNTAX with the line, LM_E_LIMIT, LM_E_UNSUPPORTED for a digest that is not sha256.
[[nodiscard]] int lm_record_parse(struct lm_str text, struct lm_arena *arena, struct lm_record *out, struct lm_err *err);
