#define LM_MICROHTTPD_LOADER
#include "fake/microhttpd.h"

#include "os/library.h"

struct lm_microhttpd lm_microhttpd;

int
lm_microhttpd_load(struct lm_err *err)
{
#define LM_SYMBOL(name) { #name, &lm_microhttpd.name },
	static const struct lm_symbol symbols[] = { LM_MICROHTTPD_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	static struct lm_library library = {
		.name = "libmicrohttpd.so.12", .symbols = symbols, .symbol_count = LM_COUNT(symbols)
	};
	return lm_library_use(&library, err);
}
