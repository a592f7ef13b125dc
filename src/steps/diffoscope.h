// Handing what differs to diffoscope (https://diffoscope.org): only the files that differ are unpacked.
#pragma once

#include "steps/diff.h"

struct lm_diffoscope {
	const char *program; // a path
	const char *scratch; // a folder that is ours
	size_t layers;       // looked at so far
};

// For lm_diff_options: unpack the files of the layer whose bytes differ, or that one side has, run diffoscope, and put its text
// into the layer as "diffoscope" (null when there was nothing to look into).
// LM_E_CHILD: diffoscope failed; else as lm_scan.
[[nodiscard]] int lm_diffoscope_layer(
	void *diffoscope, const struct lm_published *a, const struct lm_published *b, json_t *layer, struct lm_err *err);
