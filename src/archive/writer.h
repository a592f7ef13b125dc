// Writing archives that come out the same everywhere: tar (POSIX ustar with pax headers where a name or size needs
// them), plain or compressed in segments, and zip. docs/formats/archive.md has every byte.
#pragma once

#include "archive/entry.h"
#include "base/event.h"

enum lm_format {
	LM_FORMAT_TAR_ZST,
	LM_FORMAT_TAR_XZ,
	LM_FORMAT_TAR_GZ,
	LM_FORMAT_ZIP,
	LM_FORMAT_TAR,
	LM_FORMAT_COUNT,
};

const char *lm_format_extension(enum lm_format format); // "tar.zst", without a leading dot
[[nodiscard]] bool lm_format_parse(const char *extension, enum lm_format *format);

// Compressed segments of before. They are found by what they are made of, and whoever keeps them checks that they are what was
// kept. Functions are called by any thread; `key` is of one format, compressor and content.
struct lm_segment_cache {
	void *context;
	// Is something kept? Cheap, and no promise: only what is worth beginning with depends on it.
	bool (*has)(void *context, const struct lm_digest *key);
	// Append what is kept to `out`; false: nothing is.
	bool (*get)(void *context, const struct lm_digest *key, struct lm_buf *out);
	// Take these bytes, but show them to nobody yet. Returns what settle wants, null when they cannot be kept.
	void *(*put)(void *context, const struct lm_digest *key, const void *bytes, size_t len);
	// From now on they can be found (keep), or are forgotten.
	void (*settle)(void *context, void *put, bool keep);
};

// What archives share that are written at the same time: no more than `jobs` pieces are made at once (0: one per processor), of
// all of them together. It lives longer than their writing.
struct lm_crew;
[[nodiscard]] struct lm_crew *lm_crew_new(unsigned jobs);
void lm_crew_free(struct lm_crew *crew);
void lm_crew_free_ptr(struct lm_crew **crew); // fits LM_AUTO

struct lm_archive_options {
	enum lm_format format;
	// of the codec: zstd 1 to 22, xz 0 to 9, gzip and zip 1 to 12, tar 0; or one of LM_LEVEL_*
	int level;
	unsigned jobs; // threads, 0: one per processor; any number gives the same bytes
	int64_t mtime_s; // of every entry, 0 to 8589934591; zip: also clamped to 1980..2107, even seconds, as UTC
	const char *prefix; // top folder that all entries are in, checked with lm_path_check_name; null: none
	struct lm_crew *crew; // null: one of its own
	const struct lm_segment_cache *cache; // null: all is compressed. Takes no part in the bytes
	bool unflushed; // whoever wants the archive flushes it to disk
	const char *
		replaces; // the file that the archive will replace later, or null: memory that the system has it in goes to the new one
	const struct lm_sink *sink;
	const char *subject; // for events LM_EVENT_PROGRESS of step "publish" (begin and end are the caller's)
};

// What they are for a format is in docs/performance.md, with the reasons.
enum { LM_LEVEL_DEFAULT = -1, LM_LEVEL_FAST = -2, LM_LEVEL_MAX = -3 };

// One independently compressed part of the archive (a zstd frame, gzip member, xz stream; a run of zip entries, or a
// part of one).
struct lm_segment {
	uint64_t offset, size; // in the archive
	uint64_t content_offset, content_size; // in the uncompressed tar stream (zip: in all files one after the other)
	uint64_t first_entry, entry_count; // entries that begin in it; counted as `tar -t` lists them, from 0
	struct lm_digest digest; // of the uncompressed bytes by way of their files' digests: archive.md has the rule
};

struct lm_archive_result {
	uint64_t size; // bytes of the archive
	struct lm_digest digest; // of the archive
	uint64_t content_size; // bytes of the uncompressed tar stream (zip: sum of file sizes)
	uint64_t entry_count; // as `tar -t` lists them: folders count
	char compressor[96]; // "zstd 1.5.4 level 8 wide 4 segment 6 MiB large 22 MiB rule 3"
	struct lm_segment *segments; // yours to lm_free
	size_t segment_count;
	size_t reused_count; // of those, how many were in the cache
};

// Are the options in their ranges? Before any work: LM_E_USAGE says which is not. lm_archive_write does the same.
[[nodiscard]] int lm_archive_check(const struct lm_archive_options *options, struct lm_err *err);

// Write `entries` (finished) to `path`, whole or not at all, flushed to disk. Memory is bounded by jobs and segment size, not by the
// entries. Every file's bytes are checked against its digest while they are read.
// LM_E_USAGE: an option out of its range; LM_E_INTEGRITY, LM_E_IO: reading an entry or writing; LM_E_INTERRUPTED.
[[nodiscard]] int lm_archive_write(const struct lm_entries *entries, const struct lm_archive_options *options, const char *path,
	struct lm_archive_result *result, struct lm_err *err);
void lm_archive_result_release(struct lm_archive_result *result);
// What `compressor` will say for these options, without writing anything.
void lm_archive_compressor(const struct lm_archive_options *options, char out[96]);
