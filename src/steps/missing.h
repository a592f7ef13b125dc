// Wheels that are missing on some platforms: which, and what would help.
#pragma once

#include "steps/uv.h"

// Findings, one line a package, and what would help.
struct lm_missing {
	struct lm_buf lines;
	lm_platform_set lacking;  // platforms on which something is missing
	unsigned glibc_minor;     // 2.X that has all that is missing on Linux; 0: not known
	unsigned macos_major;     // the same for macOS
	bool hopeless;            // on some platform no newer target would do
};

// Note that a package has no wheel for the platforms of `lacking`.
void lm_missing_note(const struct lm_layer_spec *layer, const struct lm_lock_package *package, lm_platform_set lacking,
	struct lm_missing *missing);
// LM_E_NOT_FOUND with all of it.
int lm_missing_report(const struct lm_layer_spec *layer, const struct lm_missing *missing, struct lm_err *err);
void lm_missing_release(struct lm_missing *missing);

// After a failed resolution: resolve for each platform alone, and add to the text which packages have no wheel for which, and
// which platforms would work.
void lm_missing_explain(struct lm_project *project, const struct lm_resolve *resolve, struct lm_err *err);
