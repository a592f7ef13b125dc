// What an answer means: its head before the body is taken, the whole after its end. For this module only.
#pragma once

#include "net/transfer.h"

// More than this is refused, whatever the server says.
uint64_t lm_download_limit(const struct lm_download *download);
// Look at the head: a whole file or the rest of one, its size. -1 with transfer->err: take nothing of it.
[[nodiscard]] int lm_answer_begin(struct lm_transfer *transfer);
int lm_answer_too_large(struct lm_transfer *transfer); // sets transfer->err; -1
// All bytes are there: check the digest and give the file its name, or fetch it again.
enum lm_verdict lm_answer_complete(struct lm_transfer *transfer);
