// Versions and specifiers: PEP 440 (packaging.python.org/en/latest/specifications/version-specifiers).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// Limits: a version beyond one of them is no version to us. Numbers go up to 2^64 - 1 (those inside the local part have
// no limit of their own).
enum { LM_VERSION_RELEASE_MAX = 16, LM_VERSION_LOCAL_MAX = 128 };

struct lm_version {
	uint64_t epoch;
	uint64_t release[LM_VERSION_RELEASE_MAX];
	size_t release_count;
	char pre;      // 'a', 'b', 'r' (rc) or 0
	uint64_t pre_number;
	bool has_post, has_dev;
	uint64_t post, dev;
	char local[LM_VERSION_LOCAL_MAX]; // normalised, "" when none
};

// Accepts all PEP 440 spellings ("v1.0-RC.1", " 1!2 "). *out is undefined when false.
[[nodiscard]] bool lm_version_parse(struct lm_str text, struct lm_version *out);
int lm_version_compare(const struct lm_version *a, const struct lm_version *b);
void lm_version_format(const struct lm_version *version, struct lm_buf *out); // normalised
bool lm_version_is_prerelease(const struct lm_version *version); // has a pre or dev part

// Is `specifiers` (">=1.2,<2,!=1.5.*") well-formed? "" is, and so is a comma at the end. LM_E_SYNTAX: which clause and why.
[[nodiscard]] int lm_specifiers_check(struct lm_str specifiers, struct lm_err *err);
// Does the version satisfy them? Pre-releases are accepted as they are. Malformed specifiers: false.
bool lm_specifiers_match(struct lm_str specifiers, const struct lm_version *version);
