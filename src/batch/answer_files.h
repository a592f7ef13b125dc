// The answer files of a run, a few of them open at a time.
#pragma once

#include "batch/folder.h"

enum { LM_ANSWER_FILES_OPEN = 8 }; // each with a window of 1 MiB

// Zero-initialised but for `folder` (borrowed) is ready.
struct lm_answer_files {
	const struct lm_run_folder *folder;
	struct lm_answer_file {
		int64_t batch; // 0: not used
		uint8_t file;
		uint64_t used; // when, for choosing whose turn it is to be closed
		struct lm_line_reader reader;
	} open[LM_ANSWER_FILES_OPEN];
	uint64_t clock;
};

// A line of the output (file 0) or error file (1) of a batch, as lm_line_reader_at gives it. Valid until the next call.
[[nodiscard]] int lm_answer_files_line(struct lm_answer_files *files, int64_t batch, uint8_t file, uint64_t offset,
	uint32_t length, uint64_t check, struct lm_str *line, struct lm_err *err);
void lm_answer_files_close(struct lm_answer_files *files);
