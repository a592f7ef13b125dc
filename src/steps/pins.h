// What the layers below pin: constraints of a resolution.
#pragma once

#include "steps/project.h"

struct lm_pin {
	const struct lm_lock_package *package; // of the lock of `layer`
	size_t layer;
	char *constraint;                      // "name==version" or "name==version ; marker"; owned
};

struct lm_pins {
	struct lm_pin *items;
	size_t count, cap;
};

// The pins of all layers below `layer`. On a platform where two of them provide a package, the first in import order counts.
[[nodiscard]] int lm_pins_collect(const struct lm_project *project, size_t layer, struct lm_pins *out, struct lm_err *err);
// After a failed resolution: say which of the versions that its explanation mentions come from layers below.
void lm_pins_explain(const struct lm_project *project, const struct lm_pins *pins, struct lm_err *err);
void lm_pins_release(struct lm_pins *pins);
