#define LM_LIBPQ_LOADER
#include "db/postgres/libpq.h"

#include "os/library.h"

#include <pthread.h>

struct lm_libpq lm_libpq;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lm_err failure;

static void
load(void)
{
#define LM_SYMBOL(name) { #name, &lm_libpq.name },
	static const struct lm_symbol symbols[] = { LM_LIBPQ_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	(void)lm_library_load("libpq.so.5", symbols, LM_COUNT(symbols), &failure);
}

int
lm_libpq_load(struct lm_err *err)
{
	(void)pthread_once(&once, load);
	if (failure.code != LM_OK)
		*err = failure;
	return failure.code == LM_OK ? 0 : -1;
}
