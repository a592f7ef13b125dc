// Indexes of packages that a layer does not require itself. The resolver heeds `sources` only for requirements of the project
// that it is given, so those packages are required too, in a way that changes nothing else.
#pragma once

#include "steps/project.h"

// Add requirements for packages of layer->package_indexes that take part and are not among `requirements`.
//   answer       of a resolution: packages in it are required where it has them; null: there is no solution
//   explanation  why there is none: packages that it mentions get a requirement that holds on no platform
// Returns whether any was added: then the resolver has to be asked again.
bool lm_indexed_add(const struct lm_layer_spec *layer, const struct lm_pylock *answer, const char *explanation,
	struct lm_strings *requirements);
