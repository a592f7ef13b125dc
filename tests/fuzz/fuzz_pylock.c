// Lock files (PEP 751).
#include "fuzz.h"
#include "python/pylock.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	struct lm_toml_place place = {};
	LM_AUTO(lm_pylock_release) struct lm_pylock lock = {};
	if (lm_pylock_parse((struct lm_str){ (const char *)bytes, len }, &lock, &place, &err) < 0)
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
	else
		fuzz_accepted = true;
	return 0;
}
