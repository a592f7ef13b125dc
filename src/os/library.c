#include "os/library.h"

#include <dlfcn.h>
#include <string.h>

// dlerror's text begins with the library's name.
static int
refuse(const char *name, struct lm_err *err)
{
	const char *why = dlerror();
	return lm_err_set(err, LM_E_UNSUPPORTED, "cannot load a library: %s", why != nullptr ? why : name);
}

int
lm_library_load(const char *name, const struct lm_symbol *symbols, size_t count, struct lm_err *err)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (library == nullptr)
		return refuse(name, err);
	for (size_t i = 0; i < count; i++) {
		void *found = dlsym(library, symbols[i].name);
		if (found == nullptr)
			return refuse(name, err);
		memcpy(symbols[i].slot, &found, sizeof found); // C knows no way from an object's address to a function's
	}
	return 0;
}
