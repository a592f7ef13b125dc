// Looking into archives of anybody: every member as it is written, with what archives of ours never have (owners, times of
// their own, hard links, special files). Nothing is unpacked, nothing is refused but what has no one meaning or no end.
#pragma once

#include "archive/entry.h"

enum lm_scan_type {
	LM_SCAN_FILE,
	LM_SCAN_FOLDER,
	LM_SCAN_LINK,      // symbolic
	LM_SCAN_HARD_LINK, // to a member before it
	LM_SCAN_SPECIAL,   // a device, a fifo, ...
};

// All strings are without control characters and valid UTF-8: what is not becomes \xNN. They are borrowed for the call.
struct lm_scan_member {
	const char *name; // without "./" in front and '/' at the end; "" for the root
	enum lm_scan_type type;
	const char *special; // "fifo", "character device", ...; else null
	unsigned mode;       // permission bits, setuid, setgid and sticky
	uint64_t size;       // of a file
	struct lm_digest digest; // of a file's bytes
	const char *link;        // target of a link of either kind, else null
	bool has_time;
	int64_t mtime_s;
	uint32_t mtime_ns;
	bool has_owner;             // zip: only when an extra field says it
	int64_t uid, gid;
	const char *user, *group;   // "" when there is no name
	const char *attributes;     // extended attributes, ACLs, flags, further times: "user.note=<digest>, ..."; "" for none
	uint64_t position;          // of its header: in the uncompressed tar stream, or in the zip
};

// What is told while reading; each may be null.
struct lm_scan_sink {
	// After a member was read. digest and size are set.
	int (*member)(void *context, const struct lm_scan_member *member, struct lm_err *err);
	// Before a file's bytes are read: are they wanted?
	bool (*wants)(void *context, const struct lm_scan_member *member);
	lm_content_sink *bytes; // of the file that was wanted last
	void *context;
};

struct lm_range {
	uint64_t offset, size;
};

struct lm_scan_source {
	const char *path;
	// Read only these parts of the file, one after the other, as if they were a whole tar (segments of ours: whole members); null: all
	const struct lm_range *ranges;
	size_t range_count;
};

// Zero: no limit of its own.
struct lm_scan_limits {
	uint64_t max_members; // default 1,000,000
	uint64_t max_total_bytes; // of all files, default 64 GiB
};

struct lm_scan_result {
	bool zip;
	char format[64]; // "POSIX ustar format", "GNU tar format", "zip": as the last member has it
	char filter[64]; // "zstd", "gzip", "none"
	uint64_t members, bytes;
};

// Read an archive from its first to its last member: zip (strictly, see archive/zip.h), or tar in any dialect, plain or in gzip,
// bzip2, xz, lzma, zstd, lz4 or compress. No program is ever started to decompress.
//   limits  null: the defaults
// LM_E_SYNTAX: it is neither, is damaged, was cut off, or has a member that cannot be read (named); LM_E_LIMIT; LM_E_INTERRUPTED.
[[nodiscard]] int lm_scan(const struct lm_scan_source *source, const struct lm_scan_sink *sink,
	const struct lm_scan_limits *limits, struct lm_scan_result *result, struct lm_err *err);

// The uncompressed bytes of a tar, in pieces.
struct lm_stream;
[[nodiscard]] int lm_stream_open(struct lm_stream **out, const char *path, struct lm_err *err);
// *got is less than len only at the end.
[[nodiscard]] int lm_stream_read(struct lm_stream *stream, void *out, size_t len, size_t *got, struct lm_err *err);
void lm_stream_close(struct lm_stream **stream); // fits LM_AUTO
