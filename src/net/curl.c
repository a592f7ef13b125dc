#define LM_CURL_LOADER
#include "net/curl.h"

#include "os/library.h"

#include <pthread.h>

struct lm_curl lm_curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lm_err failure;

static void
load(void)
{
#define LM_SYMBOL(name) { #name, &lm_curl.name },
	static const struct lm_symbol symbols[] = { LM_CURL_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	if (lm_library_load("libcurl.so.4", symbols, LM_COUNT(symbols), &failure) == 0)
		(void)lm_curl.curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
lm_curl_load(struct lm_err *err)
{
	(void)pthread_once(&once, load);
	if (failure.code != LM_OK)
		*err = failure;
	return failure.code == LM_OK ? 0 : -1;
}
