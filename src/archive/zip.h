// Reading zip files from outside (wheels), strictly (APPNOTE 6.3.10, without encryption, splitting or
// anything but "stored" and "deflate"). Never trusts a size before a limit has been applied.
#pragma once

#include "archive/entry.h"
#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/file.h"

struct lm_zip_member {
	const char *name; // NUL-terminated UTF-8 as in the archive, not checked for safety
	uint64_t size, stored_size, offset; // offset: of the data, in the file
	uint32_t crc32;
	bool deflated;
	bool is_folder;   // name ends in '/'
	unsigned unix_mode; // permission and type bits, 0 when the archive has none
	uint16_t dos_date, dos_time; // as the directory has them
	const unsigned char *extra;  // its extra fields there, in the mapping
	size_t extra_len;
};

struct lm_zip {
	struct lm_map map;
	char *label; // what messages call the file
	struct lm_zip_member *members; // in order of the central directory
	size_t count;
	const struct lm_zip_member **by_name; // the members, sorted by name
	struct lm_arena arena; // owns all of it but the mapping
};

struct lm_zip_limits {
	uint64_t max_members;      // default 200,000
	uint64_t max_member_bytes; // uncompressed, default 8 GiB
	uint64_t max_total_bytes;  // uncompressed, default 32 GiB
	uint64_t max_ratio;        // total uncompressed / file size, default 1,200 (deflate cannot do more than 1,032)
	bool links;                // symbolic links are members like others, their content is the target
};
struct lm_zip_limits lm_zip_default_limits(void);

// Open `path` and check the whole structure of the file; no member is inflated.
//   label   what messages call the file; null: path
//   limits  null: the defaults
// A file is accepted only when there is one way to read it: local records, in any order, fill the file from its first byte
// to the central directory without gap or overlap; the directory ends where the end record (or its zip64 form) begins; the
// end record and its comment end the file. Refused with LM_E_SYNTAX and the member's name: truncated or trailing data
// that hides members, a second end record, local header that disagrees with the central one (name, flags, sizes, crc, method),
// overlapping members, duplicate names, encryption, unknown methods, names with NUL, backslash, not UTF-8, or not ASCII
// without the UTF-8 flag, links (unless limits->links) and special files; LM_E_LIMIT beyond the limits. Data descriptors are accepted when they agree.
[[nodiscard]] int lm_zip_open(struct lm_zip *zip, const char *path, const struct lm_zip_limits *limits, struct lm_err *err);
[[nodiscard]] int lm_zip_open_as(
	struct lm_zip *zip, const char *path, const char *label, const struct lm_zip_limits *limits, struct lm_err *err);
const struct lm_zip_member *lm_zip_find(const struct lm_zip *zip, const char *name); // null when absent
// Read one member whole; size and CRC are checked. *out is NUL-terminated, yours to lm_free.
[[nodiscard]] int lm_zip_read(const struct lm_zip *zip, const struct lm_zip_member *member, uint64_t max_bytes, char **out,
	size_t *out_len, struct lm_err *err);
// Read one member in pieces of at most 256 KiB; size and CRC are checked at the end (LM_E_SYNTAX, as is a stream that is
// not deflate, ends early or late). Several threads may read one zip at once.
[[nodiscard]] int lm_zip_stream(const struct lm_zip *zip, const struct lm_zip_member *member, lm_content_sink *chunk,
	void *context, struct lm_err *err);
void lm_zip_close(struct lm_zip *zip); // safe on a zeroed one; fits LM_AUTO
