#define LM_LIBARCHIVE_LOADER
#include "archive/libarchive.h"

#include "os/library.h"

struct lm_libarchive lm_libarchive;

int
lm_libarchive_load(struct lm_err *err)
{
#define LM_SYMBOL(name) { #name, &lm_libarchive.name },
	static const struct lm_symbol symbols[] = { LM_LIBARCHIVE_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	static struct lm_library library = {
		.name = "libarchive.so.13", .symbols = symbols, .symbol_count = LM_COUNT(symbols)
	};
	return lm_library_use(&library, err);
}
