// RECORD files of wheels.
#include "fuzz.h"
#include "python/wheel.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_record record = {};
	if (lm_record_parse((struct lm_str){ (const char *)bytes, len }, &arena, &record, &err) < 0)
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
	else
		fuzz_accepted = true;
	return 0;
}
