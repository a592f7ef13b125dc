// Reading the bytes of file entries piece by piece. For the modules of src/archive; others use lm_entry_read.
#pragma once

#include "archive/entry.h"

// Zero-initialised is ready. Keeps its open file and its inflate state from one entry to the next: one reader per
// thread. Begin, read until all `entry->size` bytes are there, end.
struct lm_content_reader {
	const struct lm_entry *entry;
	uint64_t done;        // bytes handed out
	uint64_t stored_done; // bytes read from the file
	const char *file;     // the open one, null: none
	int fd;
	struct lm_inflate *inflate;
	struct libdeflate_decompressor *whole; // for members read in one call
	struct lm_buf stored;                  // their stored bytes
};

void lm_content_begin(struct lm_content_reader *reader, const struct lm_entry *entry);
// Read exactly `len` bytes, no more than are left.
// LM_E_IO; LM_E_INTEGRITY when the source ends early or does not inflate.
[[nodiscard]] int lm_content_read(struct lm_content_reader *reader, void *out, size_t len, struct lm_err *err);
// After the last byte: the source must end here as well, and the digest of what was read must be the entry's.
[[nodiscard]] int lm_content_end(struct lm_content_reader *reader, const struct lm_digest *digest, struct lm_err *err);
// Between entries: close the file. The entries that were read may go.
void lm_content_rest(struct lm_content_reader *reader);
void lm_content_release(struct lm_content_reader *reader);
