// Which archives a stack declares, and which of them were ever published: its layers and platforms beside the catalogue.
#pragma once

#include "steps/catalogue.h"

enum lm_lack {
	LM_LACK_NOTHING,
	LM_LACK_ARCHIVE,    // none was published of what the layer is made of now
	LM_LACK_LOCK,       // the layer has no valid lock
	LM_LACK_LOWER_LOCK, // a layer below has none
	LM_LACK_RUNTIME,    // no runtime archive is known for the platform
};

struct lm_declared {
	size_t layer;
	enum lm_platform platform;
	const struct lm_catalogued *found; // made of the very inputs that the layer has now; null: there is none
	enum lm_lack lack;                 // why not
};

// One row for each selected layer and each platform that it declares, in order of layers. Found are archives wherever they were
// published to; of several one that is at its place, then the newest. Nothing is fetched or made.
//   operations  LM_OP_PUBLISH selects
//   platforms   a set; narrowed for each layer to what it declares
//   only_known  leave out platforms without a known runtime archive, as --platform all does
//   out         `count` rows, yours to lm_free; they point into `catalogue`
// LM_E_NOT_FOUND when a package has no wheel for a platform.
[[nodiscard]] int lm_step_artifacts(struct lm_project *project, const unsigned *operations, lm_platform_set platforms,
	bool only_known, const struct lm_catalogue *catalogue, struct lm_declared **out, size_t *count, struct lm_err *err);
