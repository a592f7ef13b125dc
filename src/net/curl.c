#define LM_CURL_LOADER
#include "net/curl.h"

#include "os/library.h"

struct lm_curl lm_curl;

static void
initialise(void)
{
	(void)lm_curl.curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
lm_curl_load(struct lm_err *err)
{
#define LM_SYMBOL(name) { #name, &lm_curl.name },
	static const struct lm_symbol symbols[] = { LM_CURL_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	static struct lm_library library = {
		.name = "libcurl.so.4", .symbols = symbols, .symbol_count = LM_COUNT(symbols), .loaded = initialise
	};
	return lm_library_use(&library, err);
}
