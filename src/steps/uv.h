// Running the resolver (uv). It is given a generated project in a folder of its own, the runtime layer's interpreter, and an
// environment without the user's uv configuration: two machines that lock the same inputs get the same answer.
#pragma once

#include "steps/project.h"

struct lm_resolve {
	size_t layer;                    // whose Python version, index settings and [tool.uv] apply
	lm_platform_set platforms;       // resolved universally for these
	const struct lm_strings *requirements; // PEP 508 lines
	const struct lm_strings *constraints;  // the same; may be null
	const struct lm_pylock *preferences;   // versions to keep when they still fit; may be null
	bool no_deps;                    // exactly these requirements, nothing they depend on
	bool local_wheels;               // look into the local wheel folders too, and the spec's find-links that are folders
};

// LM_E_CHILD with the resolver's own explanation when it finds no solution; LM_E_NOT_FOUND when there is no resolver.
[[nodiscard]] int lm_uv_resolve(
	struct lm_project *project, const struct lm_resolve *resolve, struct lm_pylock *out, struct lm_err *err);

// A find-links entry of the spec: a URL as it is, a folder from the spec's, absolute. Yours to lm_free.
[[nodiscard]] char *lm_uv_find_link(const struct lm_project *project, size_t at);

// URLs that the resolver knows for the runtime archives of an implementation ("cpython@3.12.9"), as JSON.
[[nodiscard]] int lm_uv_python_list(struct lm_project *project, const char *implementation, json_t **out, struct lm_err *err);
