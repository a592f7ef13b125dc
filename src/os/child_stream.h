// A child process whose output is read while it runs, as much of it as is wanted: it waits when nobody reads.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "os/process.h"

struct lm_child_stream;

// Start it, as lm_process_run does (own process group, guard; timeout_ms and output_max are not looked at).
[[nodiscard]] int lm_child_stream_open(struct lm_child_stream **out, const struct lm_process *process, struct lm_err *err);
// Wait for output and read up to `cap` bytes of it. 1: *got bytes; 0: the end of its output; -1: LM_E_INTERRUPTED, LM_E_IO.
[[nodiscard]] int lm_child_stream_read(
	struct lm_child_stream *stream, void *bytes, size_t cap, size_t *got, struct lm_err *err);
// Wait until it has ended by itself (its output goes nowhere), and tell how: 128 + signal when it was killed.
[[nodiscard]] int lm_child_stream_wait(struct lm_child_stream *stream, int *exit_code, struct lm_err *err);
// What it wrote to standard error so far, the first 64 KiB of it; borrowed.
const char *lm_child_stream_errors(const struct lm_child_stream *stream);
// Kill it, if it still runs, with all it started, and forget it. Null is fine.
void lm_child_stream_close(struct lm_child_stream *stream);
void lm_child_stream_close_ptr(struct lm_child_stream **stream);
