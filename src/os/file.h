// Files. Whatever others read appears whole: lm_file_replace and lm_outfile write beside, flush, rename and
// flush the directory. Modes of new files are exact (the umask takes no part).
#pragma once

#include "base/base.h"
#include "base/err.h"

// Read a regular file into memory.
//   max_bytes  a larger file is refused with LM_E_LIMIT, unread
//   out        on success a NUL-terminated copy, yours to lm_free; untouched on failure
//   out_len    its length in bytes, the NUL not counted; may be null
// Returns 0, or -1 with err set (LM_E_NOT_FOUND when there is no such file, LM_E_IO, LM_E_LIMIT).
[[nodiscard]] int lm_file_read(const char *path, uint64_t max_bytes, char **out, size_t *out_len, struct lm_err *err);

// Replace (or make) a file, whole or not at all. Parent folders must exist.
//   mode  permission bits, exact
[[nodiscard]] int lm_file_replace(const char *path, const void *bytes, size_t len, unsigned mode, struct lm_err *err);

struct lm_file_info {
	bool exists, is_file, is_dir, is_link;
	unsigned mode; // permission bits
	uint64_t size_bytes;
	int64_t mtime_s, mtime_ns; // mtime_ns: the nanoseconds beyond mtime_s
	uint64_t inode, device;
};

// lstat; a missing file is no error (exists == false).
[[nodiscard]] int lm_file_info(const char *path, struct lm_file_info *info, struct lm_err *err);
bool lm_file_exists(const char *path); // follows links; false also when it cannot be told

// A file being written beside its final path. Open, write, then commit or abandon.
// Zero-initialised is closed. lm_outfile_abandon is safe at any time and fits LM_AUTO.
struct lm_outfile {
	int fd;
	bool open;
	char *path, *temp_path; // temp_path is in the same folder: ".<name>.<random>.partial"
	unsigned mode;
	uint64_t size_bytes; // written so far
};

[[nodiscard]] int lm_outfile_open(struct lm_outfile *file, const char *path, unsigned mode, struct lm_err *err);
[[nodiscard]] int lm_outfile_write(struct lm_outfile *file, const void *bytes, size_t len, struct lm_err *err);
// Have the system begin to write out what was written since `from`, so that there is less to wait for at the end.
void lm_outfile_begin_flush(const struct lm_outfile *file, uint64_t from);
// Flush to disk and close: lm_outfile_commit has only to rename then, or lm_outfile_place_unflushed where the caller flushes the folder
// once for many files. For files that shall all appear or none; the caller keeps others from sweeping the folder meanwhile.
[[nodiscard]] int lm_outfile_flush(struct lm_outfile *file, struct lm_err *err);
// Flush to disk, rename to the final path, flush the folder.
[[nodiscard]] int lm_outfile_commit(struct lm_outfile *file, struct lm_err *err);
// For what can be made again and is checked before it is used: nothing is flushed, so that after a power cut such a file may be
// torn. First close it (others may sweep it away from then on), then rename it; where that fails, it is abandoned.
[[nodiscard]] int lm_outfile_close_unflushed(struct lm_outfile *file, struct lm_err *err);
[[nodiscard]] int lm_outfile_place_unflushed(struct lm_outfile *file, struct lm_err *err);
void lm_outfile_abandon(struct lm_outfile *file); // closes and removes what was written
// Remove the partial files that killed processes left in a folder; those of living writers stay.
[[nodiscard]] int lm_outfile_sweep(const char *folder, struct lm_err *err);
// The same for those of one file, in a folder that is not ours. What cannot be removed stays: it costs space only.
void lm_outfile_sweep_of(const char *path);

// A read-only mapping of a whole file. A file of 0 bytes maps to ptr == nullptr, len 0.
struct lm_map {
	const unsigned char *ptr;
	size_t len;
};

[[nodiscard]] int lm_map_open(struct lm_map *map, const char *path, struct lm_err *err);
void lm_map_close(struct lm_map *map); // safe on a zeroed one; fits LM_AUTO

// Copy a file (reflink where the file system can, else copy_file_range or read/write); target must not exist.
[[nodiscard]] int lm_file_copy(const char *from, const char *to, unsigned mode, struct lm_err *err);
[[nodiscard]] int lm_file_remove(const char *path, struct lm_err *err); // a missing one is no error
// rename(2) within one file system; what is at `to` is replaced. The folder is not flushed.
[[nodiscard]] int lm_file_rename(const char *from, const char *to, struct lm_err *err);
// Two files or folders change places in one instant. 1: this file system has no such thing, nothing was done.
[[nodiscard]] int lm_file_exchange(const char *one, const char *other, struct lm_err *err);
// Is this the text of a file that is there already, byte for byte? (then it need not be written)
bool lm_file_equals(const char *path, const void *bytes, size_t len);
// What the system has of a file in memory is not needed: it is about to be replaced, and what replaces it can have that memory. A hint.
void lm_file_forget_cached(const char *path);
