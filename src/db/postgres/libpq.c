#define LM_LIBPQ_LOADER
#include "db/postgres/libpq.h"

#include "os/library.h"

struct lm_libpq lm_libpq;

int
lm_libpq_load(struct lm_err *err)
{
#define LM_SYMBOL(name) { #name, &lm_libpq.name },
	static const struct lm_symbol symbols[] = { LM_LIBPQ_FUNCTIONS(LM_SYMBOL) };
#undef LM_SYMBOL
	static struct lm_library library = { .name = "libpq.so.5", .symbols = symbols, .symbol_count = LM_COUNT(symbols) };
	return lm_library_use(&library, err);
}
