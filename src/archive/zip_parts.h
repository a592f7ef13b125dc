// Inside zip.c, zip_local.c and zip_read.c: the numbers of the format (APPNOTE 6.3.10, section 4) and what they share.
#pragma once

#include "archive/zip.h"

enum {
	ZIP_LOCAL_SIGNATURE = 0x04034b50,
	ZIP_CENTRAL_SIGNATURE = 0x02014b50,
	ZIP_END_SIGNATURE = 0x06054b50,
	ZIP64_END_SIGNATURE = 0x06064b50,
	ZIP64_LOCATOR_SIGNATURE = 0x07064b50,
	ZIP_DESCRIPTOR_SIGNATURE = 0x08074b50,

	ZIP_LOCAL_SIZE = 30,
	ZIP_CENTRAL_SIZE = 46,
	ZIP_END_SIZE = 22,
	ZIP64_END_SIZE = 56,
	ZIP64_LOCATOR_SIZE = 20,

	ZIP_EXTRA_ZIP64 = 0x0001,
	ZIP_EXTRA_UNICODE_PATH = 0x7075,

	ZIP_FLAG_ENCRYPTED = 1 << 0,
	ZIP_FLAG_DESCRIPTOR = 1 << 3,
	ZIP_FLAG_PATCH = 1 << 5,
	ZIP_FLAG_STRONG = 1 << 6,
	ZIP_FLAG_UTF8 = 1 << 11,
	ZIP_FLAG_MASKED = 1 << 13,

	ZIP_STORED = 0,
	ZIP_DEFLATED = 8,
	ZIP_DEFLATE_BEST = 1032, // a match of 258 bytes takes at least two bits

	ZIP_MODE_TYPE = 0170000,
	ZIP_MODE_FILE = 0100000,
	ZIP_MODE_FOLDER = 0040000,
	ZIP_MODE_LINK = 0120000,
};

static inline uint16_t
zip_u16(const unsigned char *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t
zip_u32(const unsigned char *at)
{
	return (uint32_t)zip_u16(at) | (uint32_t)zip_u16(at + 2) << 16;
}

static inline uint64_t
zip_u64(const unsigned char *at)
{
	return (uint64_t)zip_u32(at) | (uint64_t)zip_u32(at + 4) << 32;
}

// The sizes of a record: as its short fields have them, then, after zip_extra_read, as its zip64 extra field has them.
struct zip_sizes {
	uint64_t size, stored_size, offset;
	bool has_offset; // a central record; a local one has none
};

// Go through the extra fields of a record. Returns null, or what is wrong (after "member 'x' ").
const char *zip_extra_read(const unsigned char *extra, size_t len, struct lm_str name, struct zip_sizes *sizes);

// When a member was changed: as its extra field says to the second, else as the directory does, taken as UTC (1970 when it says nonsense).
int64_t zip_member_time(const struct lm_zip_member *member);

// What a member takes of the file: from its local header to the end of its data (and descriptor).
struct zip_span {
	uint64_t start;
	unsigned flags, method; // of the central record
	struct lm_zip_member *member;
};

// Check each local header against its central record and fill in the members' data offsets; the records must fill the
// file up to `end`, without gap or overlap. Sorts `spans`.
[[nodiscard]] int zip_check_locals(const struct lm_zip *zip, struct zip_span *spans, uint64_t end, struct lm_err *err);
