#define LM_LIBARCHIVE_LOADER
#include "archive/libarchive.h"

#include "os/library.h"

#include <pthread.h>

struct lm_libarchive lm_libarchive;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lm_err failure;

static void
load(void)
{
#define LM_SYMBOL(name) { #name, &lm_libarchive.name },
	static const struct lm_symbol symbols[] = { LM_LIBARCHIVE_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	(void)lm_library_load("libarchive.so.13", symbols, LM_COUNT(symbols), &failure);
}

int
lm_libarchive_load(struct lm_err *err)
{
	(void)pthread_once(&once, load);
	if (failure.code != LM_OK)
		*err = failure;
	return failure.code == LM_OK ? 0 : -1;
}
