// A wheel: the first line of the input is its file name, the rest the file. It is assembled into a layer's entries.
#include "fuzz.h"
#include "archive/zip.h"
#include "python/wheel.h"

#include <string.h>

enum { MEMBER_MAX = 1 << 20 };

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct lm_err err = {};
	struct lm_str rest = { (const char *)bytes, len };
	struct lm_wheel_name name = {};
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	if (lm_wheel_name_parse(lm_str_cut(&rest, '\n'), &name, &err) < 0 ||
		lm_zip_open(&zip, fuzz_file((const uint8_t *)rest.ptr, rest.len), nullptr, &err) < 0) {
		FUZZ_MUST(err.code != LM_OK && err.text[0] != '\0');
		return 0;
	}
	fuzz_accepted = true;
	for (size_t i = 0; i < zip.count; i++) {
		struct lm_record record = {};
		char *text = nullptr;
		size_t got = 0;
		size_t at = strlen(zip.members[i].name);
		if (at < 7 || strcmp(zip.members[i].name + at - 7, "/RECORD") != 0)
			continue;
		if (lm_zip_read(&zip, &zip.members[i], MEMBER_MAX, &text, &got, &err) < 0 ||
			lm_record_parse((struct lm_str){ text, got }, &arena, &record, &err) < 0)
			fuzz_accepted = false;
		lm_free(text);
	}
	return 0;
}
