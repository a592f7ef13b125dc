// A fuzz target as an ordinary program: runs on each file that is named, from memory of exactly its size, and tells whether it was
// accepted.
#include "base/mem.h"
#include "fuzz.h"
#include "os/file.h"

#include <string.h>

enum { INPUT_MAX_BYTES = 1 << 20 };

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct lm_err err = {};
		LM_AUTO(lm_free_ptr) char *bytes = nullptr;
		size_t len = 0;
		if (lm_file_read(argv[i], INPUT_MAX_BYTES, &bytes, &len, &err) < 0) {
			(void)fprintf(stderr, "%s\n", err.text);
			return 1;
		}
		(void)fprintf(stderr, "%s", argv[i]); // the last line names what breaks it
		LM_AUTO(lm_free_ptr) uint8_t *exact = lm_alloc(len);
		if (len > 0)
			memcpy(exact, bytes, len);
		fuzz_accepted = false;
		(void)LLVMFuzzerTestOneInput(exact, len);
		(void)fprintf(stderr, ": %s\n", fuzz_accepted ? "accepted" : "refused");
	}
	return 0;
}
