// Archives of anybody, through libarchive: tar in any dialect and compression.
#include "fuzz.h"
#include "archive/scan.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct lm_scan_limits limits = { .max_members = 10000, .max_total_bytes = 1 << 24 };
	struct lm_err err = {};
	struct lm_scan_result result = {};
	const struct lm_scan_source source = { .path = fuzz_file(bytes, len) };
	const struct lm_scan_sink sink = {};
	if (lm_scan(&source, &sink, &limits, &result, &err) < 0)
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
	else
		fuzz_accepted = true;
	return 0;
}
