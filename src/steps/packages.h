// Which package an entry of a layer belongs to: as the RECORD files say that were read, else as names suggest.
#pragma once

#include "steps/view.h"
#include "text/json.h"

struct lm_package_row {
	const char *path, *package;
};

// Zero-initialised is empty. Add what is known, finish, then ask.
struct lm_packages {
	struct lm_package_row *rows; // by path, from RECORD files
	size_t count, cap;
	struct lm_package_row *names; // by normalised project name: path is the name
	size_t name_count, name_cap;
	struct lm_strings sites;      // folders that have *.dist-info in them
	const char *runtime;          // for all else in a runtime layer: "cpython@3.11.11"; or null
	bool upper;                   // a framework or an application, which gets its Python from lamina
	struct lm_package_row *modules; // launch and support modules: path is the module's name
	size_t module_count, module_cap;
	struct lm_arena arena;
};

void lm_packages_add_view(struct lm_packages *packages, const struct lm_view *view);
// From a layer's metadata (docs/formats/manifest.md).
void lm_packages_add_metadata(struct lm_packages *packages, const json_t *metadata);
void lm_packages_finish(struct lm_packages *packages);
// "numpy 2.4.6", "cpython@3.11.11", "launch module 'main'", "lamina" for what every layer gets, or null.
const char *lm_packages_find(const struct lm_packages *packages, const char *path);
void lm_packages_release(struct lm_packages *packages); // fits LM_AUTO

// The packages whose *.dist-info is in a view, as "<normalised name> <version>", sorted.
void lm_packages_list(const struct lm_view *view, struct lm_strings *out);
