// Shared libraries that are loaded when they are needed, and not at every start: libcurl and libarchive bring thirty others, and
// most runs of a program have nothing to fetch or unpack.
#pragma once

#include "base/base.h"
#include "base/err.h"

struct lm_symbol {
	const char *name;
	void *slot; // a variable that is a pointer to a function of that name's type
};

struct lm_library {
	const char *name; // as the loader knows it, with the number of its interface: "libcurl.so.4"
	const struct lm_symbol *symbols;
	size_t symbol_count;
	void (*loaded)(void); // called once when it is, or null

	bool tried; // set by lm_library_use, as what follows
	struct lm_err failure;
};

// Load it at the first call, for as long as the program runs, and set all slots; later calls have the same outcome. Any thread may.
// LM_E_UNSUPPORTED with what the loader says, when it is not there or lacks a symbol; then some slots may be set.
[[nodiscard]] int lm_library_use(struct lm_library *library, struct lm_err *err);
