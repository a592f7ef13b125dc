#define LM_MICROHTTPD_LOADER
#include "fake/microhttpd.h"

#include "os/library.h"

#include <pthread.h>

struct lm_microhttpd lm_microhttpd;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lm_err failure;

static void
load(void)
{
#define LM_SYMBOL(name) { #name, &lm_microhttpd.name },
	static const struct lm_symbol symbols[] = { LM_MICROHTTPD_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	(void)lm_library_load("libmicrohttpd.so.12", symbols, LM_COUNT(symbols), &failure);
}

int
lm_microhttpd_load(struct lm_err *err)
{
	(void)pthread_once(&once, load);
	if (failure.code != LM_OK)
		*err = failure;
	return failure.code == LM_OK ? 0 : -1;
}
