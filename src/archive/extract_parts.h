// Inside extract*.c: the folder that is filled, the segments of an archive, and what one thread hands to another.
#pragma once

#include "archive/extract.h"
#include "archive/unpack_parts.h"
#include "archive/zip.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
	SEGMENT_MAX_BYTES = 65 << 20,       // those of ours are smaller; larger ones are streamed
	ZSTD_SEGMENT_MAX_BYTES = 193 << 20, // of --level max
	SEGMENTS_MAX = 1'000'000,
};

// ---- the folder (extract_tree.c)

// What is done when all files are written: while a link is not there yet, nothing can be written through it.
struct extract_late {
	const char *path, *target; // target null: a folder, which gets its mode and time
	struct timespec mtime;
};

// A large file, written in parts by several threads.
struct extract_file {
	const char *path;
	int fd;
	bool executable;
	struct timespec mtime;
	_Atomic uint64_t left; // bytes that are not written yet
};

struct extract_tree {
	const char *folder;
	int root; // of it
	char *top; // null until the first member
	struct extract_late *late;
	size_t late_count, late_cap;
	struct extract_file **files;
	size_t file_count, file_cap;
	struct lm_buf parent; // the folder that was made last
	struct lm_arena arena;
	int fd; // of the file being read from its begin to its end
	struct timespec mtime; // of the member at hand
};

[[nodiscard]] int extract_tree_open(struct extract_tree *tree, const char *folder, struct lm_err *err);
void extract_tree_release(struct extract_tree *tree);
// Paths must outlive the tree. Parents are made where no member was.
[[nodiscard]] int extract_folder(struct extract_tree *tree, const char *path, struct lm_err *err);
void extract_link(struct extract_tree *tree, const char *path, const char *target);
[[nodiscard]] int extract_copy(
	struct extract_tree *tree, const char *from, const char *path, bool executable, struct lm_err *err);
[[nodiscard]] int extract_parents(struct extract_tree *tree, const char *path, struct lm_err *err);
// A file: its descriptor, its bytes in pieces, its end. Any thread, once its folder is there.
[[nodiscard]] int extract_create(const struct extract_tree *tree, const char *path, uint64_t size, struct lm_err *err);
[[nodiscard]] int extract_write(const struct extract_tree *tree, int fd, const char *path, const void *bytes, size_t len,
	uint64_t offset, struct lm_err *err);
[[nodiscard]] int extract_close(
	const struct extract_tree *tree, int fd, const char *path, bool executable, struct timespec mtime, struct lm_err *err);
// A file whose parts come from several segments.
struct extract_file *extract_large(
	struct extract_tree *tree, const char *path, uint64_t size, bool executable, struct lm_err *err); // null: failed
[[nodiscard]] int extract_part(const struct extract_tree *tree, struct extract_file *file, const void *bytes, size_t len,
	uint64_t offset, struct lm_err *err);
// Links, then modes and times of folders.
[[nodiscard]] int extract_settle(struct extract_tree *tree, struct lm_err *err);

// ---- segments (extract_segments.c)

enum extract_format { EXTRACT_NONE, EXTRACT_ZST, EXTRACT_XZ, EXTRACT_GZ, EXTRACT_TAR, EXTRACT_ZIP };

struct extract_segment {
	uint64_t offset, size; // in the archive
	size_t content_size;   // as the archive says: not to be trusted
	size_t memory_bytes;   // that decompressing takes besides
	unsigned char *bytes;  // when it is decompressed: content_size, from the pool
	size_t pending;        // pieces of work that still need the bytes
	bool ready;
};

// What the archive is, and its segments if it has some that can be decompressed each on its own. None: EXTRACT_NONE.
//   segments  yours to lm_free
enum extract_format extract_find(const struct lm_map *map, struct extract_segment **segments, size_t *count);
// Told now and then while a large segment is decompressed: its first `len` bytes are there, and stay as they are.
typedef void extract_ready(void *context, size_t len);
// False: it is damaged, or no segment after all.
bool extract_decode(enum extract_format format, const struct lm_map *map, const struct extract_segment *segment,
	unsigned char *out, extract_ready *ready, void *context);

// Do all members of a gzip file decompress, and have their checksums? (also false when interrupted)
bool extract_gzip_is_whole(const struct lm_map *map);

// ---- memory for segments (extract_pages.c)

struct extract_memory {
	unsigned char *ptr;
	size_t len;
};

// Pages that were used before are used again: the system need not clear them once more. Who calls holds a lock.
struct extract_pages {
	struct extract_memory idle[16];
	size_t idle_count;
};
//   idle_max  bytes of what is not used now that may stay
// Null: there is no memory.
unsigned char *extract_pages_take(struct extract_pages *pages, size_t len, size_t idle_max);
void extract_pages_give(struct extract_pages *pages, unsigned char *ptr, size_t len);
void extract_pages_release(struct extract_pages *pages);
// A part of an archive was read and counts no longer as memory of ours.
void extract_pages_forget(const struct lm_map *map, uint64_t offset, uint64_t size);

// ---- members, in order (extract_tar.c, extract_zip.c)

// Something to be written by any thread: a whole file, or a part of a large one.
struct extract_item {
	const char *path;
	struct extract_file *file; // large; else null
	const struct lm_zip_member *member; // of a zip; else null
	const unsigned char *bytes;
	size_t len;
	uint64_t offset; // in the large file
	bool executable;
	struct timespec mtime;
};

struct extract_members {
	struct unpacking unpacking;
	struct lm_entries entries;
	struct extract_tree tree;
	struct extract_file *file; // the large one whose bytes come next
	uint64_t left, offset;     // of it
	size_t padding;            // behind it
	bool ended;
	struct lm_buf header;
};

void extract_members_init(
	struct extract_members *members, const struct lm_extract_source *source, const struct lm_unpack_limits *limits);
void extract_members_release(struct extract_members *members);
// What is there of a segment.
struct extract_span {
	const unsigned char *bytes;
	size_t len, at; // at: how far its members were read
	bool more; // it is being decompressed, and len will be larger
	bool last; // it is the last segment of the archive
};
typedef void extract_emit(void *context, const struct extract_item *item);
// Go through the members of the next segment, as far as they are there, and emit what is to be written.
// 0: done; 1: this is not as lamina writes it, or must be refused: another reader shall look at it; -1: the system refused.
[[nodiscard]] int extract_tar(
	struct extract_members *members, struct extract_span *span, extract_emit *emit, void *context, struct lm_err *err);
[[nodiscard]] int extract_zip(
	struct extract_members *members, const struct lm_zip *zip, extract_emit *emit, void *context, struct lm_err *err);
[[nodiscard]] int extract_member(
	const struct extract_tree *tree, const struct lm_zip *zip, const struct extract_item *item, struct lm_err *err);

// ---- all of it on all threads (extract_work.c)

struct extract_job {
	struct lm_extract_source *source;
	struct lm_map map;
	enum extract_format format;
	struct extract_segment *segments;
	size_t segment_count, next; // next: in whose members we are
	bool reading; // some thread is going through members just now
	bool other;   // another reader shall look at it
	struct extract_members members;
	struct lm_zip zip;
	struct lm_digest digest;
	uint64_t total_bytes;
	_Atomic uint64_t done_bytes;
	struct lm_err err; // of a zip; code LM_OK: none
	size_t failed_item;
};

// Decompress, read and write all that can be done in parallel. What is left for another reader is marked.
[[nodiscard]] int extract_work(
	struct extract_job *jobs, size_t count, unsigned threads, const struct lm_sink *sink, struct lm_err *err);
