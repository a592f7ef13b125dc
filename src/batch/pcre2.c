#include "batch/pcre2.h"

#include "os/library.h"

struct lm_pcre2 lm_pcre2;

int
lm_pcre2_load(struct lm_err *err)
{
#define LM_SYMBOL(name) { "pcre2_" #name "_8", &lm_pcre2.name },
	static const struct lm_symbol symbols[] = { LM_PCRE2_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	static struct lm_library library = { .name = "libpcre2-8.so.0", .symbols = symbols, .symbol_count = LM_COUNT(symbols) };
	return lm_library_use(&library, err);
}
