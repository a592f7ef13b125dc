#include "os/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

// dlerror's text begins with the library's name.
static int
refuse(const char *name, struct lm_err *err)
{
	const char *why = dlerror();
	return lm_err_set(err, LM_E_UNSUPPORTED, "cannot load a library: %s", why != nullptr ? why : name);
}

static int
load(const struct lm_library *library, struct lm_err *err)
{
	// functions of what it needs are bound at their first call: of those of libcurl's thirty libraries hardly any is ever called
	void *handle = dlopen(library->name, RTLD_LAZY | RTLD_LOCAL);
	if (handle == nullptr)
		return refuse(library->name, err);
	for (size_t i = 0; i < library->symbol_count; i++) {
		void *found = dlsym(handle, library->symbols[i].name);
		if (found == nullptr)
			return refuse(library->name, err);
		memcpy(library->symbols[i].slot, &found,
			sizeof found); // C knows no way from an object's address to a function's
	}
	if (library->loaded != nullptr)
		library->loaded();
	return 0;
}

int
lm_library_use(struct lm_library *library, struct lm_err *err)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	(void)pthread_mutex_lock(&mutex);
	int rc = library->tried ? 0 : load(library, &library->failure);
	library->tried = true;
	if (library->failure.code != LM_OK) {
		*err = library->failure;
		rc = -1;
	}
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}
