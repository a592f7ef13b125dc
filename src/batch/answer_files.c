#include "batch/answer_files.h"

#include "base/mem.h"

static struct lm_answer_file *
find(struct lm_answer_files *files, int64_t batch, uint8_t file)
{
	struct lm_answer_file *oldest = &files->open[0];
	for (size_t i = 0; i < LM_ANSWER_FILES_OPEN; i++) {
		struct lm_answer_file *at = &files->open[i];
		if (at->batch == batch && at->file == file)
			return at;
		if (at->used < oldest->used)
			oldest = at;
	}
	return oldest;
}

int
lm_answer_files_line(struct lm_answer_files *files, int64_t batch, uint8_t file, uint64_t offset, uint32_t length,
	uint64_t check, struct lm_str *line, struct lm_err *err)
{
	struct lm_answer_file *at = find(files, batch, file);
	at->used = ++files->clock;
	if (at->batch != batch || at->file != file) {
		LM_AUTO(lm_free_ptr)
		char *path = lm_run_folder_file(files->folder, file == 0 ? LM_FILE_ANSWER : LM_FILE_ANSWER_ERROR, batch);
		if (at->batch != 0)
			lm_line_reader_close(&at->reader);
		at->batch = 0;
		at->reader = (struct lm_line_reader){};
		if (lm_line_reader_open(&at->reader, path, err) < 0)
			return -1;
		at->batch = batch;
		at->file = file;
	}
	return lm_line_reader_at(&at->reader, offset, length, check, line, err);
}

void
lm_answer_files_close(struct lm_answer_files *files)
{
	for (size_t i = 0; i < LM_ANSWER_FILES_OPEN; i++)
		if (files->open[i].batch != 0)
			lm_line_reader_close(&files->open[i].reader);
}
