// The files of a run, below "<database without ending>_artifacts/<run id>/" (SQLite) or the folder given (PostgreSQL: all
// runners share it). Folders 0700, files 0600. Format: docs/formats/batch-run.md.
//
//   rows.jsonl                     every item's row, in order of index; grows with ingestion
//   requests/000001.jsonl          what was sent, by batch
//   answers/000001_output.jsonl    what came back; results are read from here
//   answers/000001_error.jsonl
//   outputs/000001_output.jsonl    raw files for the user: hard links to the answers; not there when keep_raw is off
//   events.jsonl                   what happened when, with the provider's ids
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum lm_batch_file { LM_FILE_REQUEST, LM_FILE_ANSWER, LM_FILE_ANSWER_ERROR, LM_FILE_RAW, LM_FILE_RAW_ERROR };

struct lm_run_folder {
	char *path; // owned
};
// Check the run id: one safe path component (LM_E_USAGE). With `make`, make the folders; else nothing is looked at.
enum { LM_BATCH_FILE_NAME_MAX = 64 };
[[nodiscard]] int lm_run_folder_open(
	struct lm_run_folder *folder, const char *artifacts, const char *run_id, bool make, struct lm_err *err);
void lm_run_folder_release(struct lm_run_folder *folder);
// Remove what killed processes were writing.
[[nodiscard]] int lm_run_folder_sweep(const struct lm_run_folder *folder, struct lm_err *err);
char *lm_run_folder_rows(const struct lm_run_folder *folder);                                   // yours to lm_free
char *lm_run_folder_file(const struct lm_run_folder *folder, enum lm_batch_file kind, int64_t seq); // yours to lm_free
// Path relative to the folder ("requests/000001.jsonl"), for manifests; `out` has LM_BATCH_FILE_NAME_MAX bytes.
void lm_run_folder_name(enum lm_batch_file kind, int64_t seq, char *out);
// Add a line (without LF) to events.jsonl; half a line that a power cut left there is ended first.
[[nodiscard]] int lm_run_folder_event(const struct lm_run_folder *folder, struct lm_str json_line, struct lm_err *err);

// Lines of a large file by offset. Neighbours are read together, through a window of up to 1 MiB (larger only for a larger
// line), and cost no system call; who jumps about reads little at a time. Memory stays flat.
enum { LM_LINE_MAX_BYTES = 256 << 20 };
struct lm_line_reader {
	int fd;
	bool open; // zero-initialised is closed, and safe to close
	char *path, *window;
	uint64_t begin, end; // of what the window has
	size_t cap, ahead;   // ahead: how much is read at once now
};
// LM_E_NOT_FOUND when there is no such file.
[[nodiscard]] int lm_line_reader_open(struct lm_line_reader *reader, const char *path, struct lm_err *err);
// What a line is known by: 47 bits of its SHA-256, never 0.
uint64_t lm_line_check(struct lm_str line);
// length: without LF; check: as lm_line_check gave it when the line was recorded (0: it was not). LM_E_INTEGRITY when the file is
// shorter, there is no LF behind (the end of the file does as well), or the line is another one. Valid until the next call.
[[nodiscard]] int lm_line_reader_at(struct lm_line_reader *reader, uint64_t offset, uint32_t length, uint64_t check,
	struct lm_str *line, struct lm_err *err);
// The next line from an offset on: 1 a line (*next: where the one behind begins), 0 the end. A last line without LF counts.
// LM_E_LIMIT: longer than max_bytes (0: LM_LINE_MAX_BYTES).
[[nodiscard]] int lm_line_reader_next(struct lm_line_reader *reader, uint64_t offset, uint64_t max_bytes, struct lm_str *line,
	uint64_t *next, struct lm_err *err);
void lm_line_reader_close(struct lm_line_reader *reader);
