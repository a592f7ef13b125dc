// Inside unpack*.c: what reading a tar and reading a zip have in common.
#pragma once

#include "archive/path_tree.h"
#include "archive/unpack.h"
#include "archive/zip.h"
#include "os/file.h"

struct extract_tree;

struct unpacking {
	const char *path, *strip, *origin, *blob_path;
	struct lm_unpack_limits limits;
	struct lm_entries *entries;
	struct lm_outfile blob;
	struct extract_tree *tree; // files and links are made there, and not in the blob; else null
	struct lm_path_tree paths;
	uint64_t entry_count, total_bytes;
	const char **folders; // as they appear
	size_t folder_count, folder_cap;
	// the file being read
	struct lm_sha256 hash;
	uint64_t expected;
};

// LM_E_SYNTAX: "'<origin>' is not a usable archive: entry '<name>' <what>".
int unpack_bad(const struct unpacking *unpacking, const char *name, struct lm_err *err, const char *format, ...)
	LM_PRINTF(4, 5);

// Count one more entry and check its name, as it is in the archive. *path gets what the entry is called (in the arena of
// the entries), null for the root itself and the folder that is stripped.
[[nodiscard]] int unpack_name(
	struct unpacking *unpacking, const char *name, bool is_folder, const char **path, struct lm_err *err);
[[nodiscard]] int unpack_folder(struct unpacking *unpacking, const char *name, const char *path, struct lm_err *err);
[[nodiscard]] int unpack_link(
	struct unpacking *unpacking, const char *name, const char *path, const char *target, struct lm_err *err);
[[nodiscard]] int unpack_hard_link(
	struct unpacking *unpacking, const char *name, const char *path, const char *target, struct lm_err *err);
// A file whose bytes come from elsewhere: check it and add its entry.
[[nodiscard]] int unpack_file(
	struct unpacking *unpacking, const char *name, const char *path, uint64_t size, bool executable, struct lm_err *err);
// A file of `size` bytes: begin, then its bytes in pieces, then end.
[[nodiscard]] int unpack_file_begin(
	struct unpacking *unpacking, const char *name, const char *path, uint64_t size, bool executable, struct lm_err *err);
[[nodiscard]] int unpack_file_bytes(void *unpacking, const void *bytes, size_t len, struct lm_err *err); // a lm_content_sink
[[nodiscard]] int unpack_file_end(struct unpacking *unpacking, const char *name, struct lm_err *err);

// An entry with the time that its archive gives it; nothing without a tree.
void unpack_time(struct unpacking *unpacking, int64_t mtime_s, long mtime_ns);
// A member of a zip. *path: of a file whose bytes are to be read; else null, and it is done.
[[nodiscard]] int unpack_zip_member(struct unpacking *unpacking, const struct lm_zip *zip, const struct lm_zip_member *member,
	const char **path, struct lm_err *err);
// Folders that nothing is in become entries of their own.
void unpack_empty_folders(struct unpacking *unpacking);
[[nodiscard]] int unpack_read_tar(struct unpacking *unpacking, struct lm_err *err);
[[nodiscard]] int unpack_read_zip(struct unpacking *unpacking, struct lm_err *err);
