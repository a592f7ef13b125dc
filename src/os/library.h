// Shared libraries that are loaded when they are needed, and not at every start: libcurl and libarchive bring thirty others, and
// most runs of a program have nothing to fetch or unpack.
#pragma once

#include "base/base.h"
#include "base/err.h"

struct lm_symbol {
	const char *name;
	void *slot; // a variable that is a pointer to a function of that name's type
};

// Load a library, for as long as the program runs, and set all slots.
//   name  as the loader knows it, with the number of its interface: "libcurl.so.4"
// LM_E_UNSUPPORTED with what the loader says, when it is not there or lacks a symbol; then some slots may be set.
[[nodiscard]] int lm_library_load(const char *name, const struct lm_symbol *symbols, size_t count, struct lm_err *err);
