// Zip files: every member of one that is accepted is read, and has the size that was promised.
#include "fuzz.h"
#include "archive/zip.h"

enum { MEMBER_MAX = 1 << 20 };

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	if (lm_zip_open(&zip, fuzz_file(bytes, len), nullptr, &err) < 0) {
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
		return 0;
	}
	fuzz_accepted = true;
	for (size_t i = 0; i < zip.count; i++) {
		char *text = nullptr;
		size_t got = 0;
		FUZZ_MUST(lm_zip_find(&zip, zip.members[i].name) == &zip.members[i]);
		if (lm_zip_read(&zip, &zip.members[i], MEMBER_MAX, &text, &got, &err) == 0)
			FUZZ_MUST(got == zip.members[i].size);
		else
			fuzz_accepted = false;
		lm_free(text);
	}
	return 0;
}
