// Pieces of a zip file (APPNOTE 6.3.10) and its central directory. docs/formats/archive.md has every field.
#include "archive/run.h"

#include <string.h>
#include <time.h>
#include <zlib.h>

enum {
	FLAG_DESCRIPTOR = 1 << 3, // sizes and CRC follow the data
	FLAG_UTF8 = 1 << 11,
	METHOD_STORED = 0,
	METHOD_DEFLATED = 8,
	VERSION_DEFLATE = 20,
	VERSION_ZIP64 = 45,
	MADE_BY_UNIX = 3 << 8,
	EXTRA_ZIP64 = 0x0001,
	EXTRA_TIME = 0x5455,
};
constexpr uint32_t SIGNATURE_LOCAL = 0x04034b50, SIGNATURE_DESCRIPTOR = 0x08074b50, SIGNATURE_CENTRAL = 0x02014b50,
		   SIGNATURE_END = 0x06054b50, SIGNATURE_END64 = 0x06064b50, SIGNATURE_LOCATOR64 = 0x07064b50;
constexpr uint32_t FULL_32 = UINT32_MAX; // "look in the zip64 field"
constexpr uint16_t FULL_16 = UINT16_MAX;
// From here on a member's sizes get 64 bits: deflate may add to them what is missing to 4 GiB.
constexpr uint64_t ZIP64_FROM = 0xf0000000;

static void
put(struct lm_buf *out, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, value >>= 8)
		lm_buf_byte(out, (char)(unsigned char)(value & 0xff));
}

// Days and two-second steps since 1980, in UTC.
static uint32_t
dos_time(int64_t time_s)
{
	constexpr int64_t FIRST_S = 315532800, LAST_S = 4354819198; // 1980-01-01 00:00:00, 2107-12-31 23:59:58
	time_t clamped = (time_t)(time_s < FIRST_S ? FIRST_S : time_s > LAST_S ? LAST_S : time_s);
	struct tm utc;
	(void)gmtime_r(&clamped, &utc);
	int date = (utc.tm_year - 80) << 9 | (utc.tm_mon + 1) << 5 | utc.tm_mday;
	int clock = utc.tm_hour << 11 | utc.tm_min << 5 | utc.tm_sec / 2;
	return (uint32_t)date << 16 | (uint32_t)clock;
}

// Unix time in UTC: readers take the DOS time for their local time, and odd seconds have no place in it.
static void
put_time_extra(struct lm_buf *out, int64_t time_s)
{
	enum { MODIFIED = 1 };
	if (time_s > INT32_MAX)
		return;
	put(out, EXTRA_TIME, 2);
	put(out, 5, 2);
	put(out, MODIFIED, 1);
	put(out, (uint64_t)time_s, 4);
}

static bool
is_huge(const struct lm_member *member)
{
	return lm_member_size(member) >= ZIP64_FROM;
}

static uint32_t
attributes(const struct lm_member *member)
{
	enum { UNIX_FILE = 0100000, UNIX_FOLDER = 0040000, UNIX_LINK = 0120000, DOS_FOLDER = 0x10 };
	switch (lm_member_type(member)) {
	case LM_ENTRY_FOLDER:
		return (uint32_t)(UNIX_FOLDER | 0755) << 16 | DOS_FOLDER;
	case LM_ENTRY_LINK:
		return (uint32_t)(UNIX_LINK | 0777) << 16;
	case LM_ENTRY_FILE:
		break;
	}
	return (uint32_t)(UNIX_FILE | (member->entry->executable ? 0755 : 0644)) << 16;
}

// What local header and central record have in common: from "version needed" to "extra field length".
struct common {
	struct lm_str name, extra;
	uint64_t size, stored_size;
	uint32_t crc32;
	bool deflated, descriptor, zip64;
};

static void
put_common(struct lm_buf *out, const struct common *common, int64_t mtime_s)
{
	bool utf8 = false;
	for (size_t i = 0; i < common->name.len; i++)
		utf8 = utf8 || (unsigned char)common->name.ptr[i] >= 0x80;
	put(out, common->zip64 ? VERSION_ZIP64 : VERSION_DEFLATE, 2);
	put(out, (utf8 ? (unsigned)FLAG_UTF8 : 0) | (common->descriptor ? (unsigned)FLAG_DESCRIPTOR : 0), 2);
	put(out, common->deflated ? METHOD_DEFLATED : METHOD_STORED, 2);
	put(out, dos_time(mtime_s), 4);
	put(out, common->crc32, 4);
	put(out, common->stored_size, 4);
	put(out, common->size, 4);
	put(out, common->name.len, 2);
	put(out, common->extra.len, 2);
}

static uint64_t
member_bytes(const struct lm_member *member)
{
	return lm_member_type(member) == LM_ENTRY_LINK ? strlen(member->entry->link) : lm_member_size(member);
}

static void
put_local(struct lm_run *run, const struct lm_member *member, const struct lm_zip_record *record, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	LM_AUTO(lm_buf_release) struct lm_buf extra = {};
	lm_member_name(&run->plan, member, &name);
	put_time_extra(&extra, run->plan.mtime_s);
	struct common common = {
		.name = lm_buf_view(&name),
		.size = record->descriptor ? 0 : member_bytes(member),
		.stored_size = record->stored_size,
		.crc32 = record->crc32,
		.deflated = record->deflated,
		.descriptor = record->descriptor,
		.zip64 = is_huge(member),
	};
	if (common.zip64) {
		put(&extra, EXTRA_ZIP64, 2);
		put(&extra, 16, 2);
		put(&extra, 0, 16);
		common.size = common.stored_size = FULL_32;
	}
	common.extra = lm_buf_view(&extra);
	put(out, SIGNATURE_LOCAL, 4);
	put_common(out, &common, run->plan.mtime_s);
	lm_buf_str(out, common.name);
	lm_buf_str(out, common.extra);
}

// One member with its local header; the bytes are deflated where that makes them less.
static void
append_member(
	struct lm_run *run, struct lm_worker *worker, size_t member_index, const void *bytes, size_t len, struct lm_buf *out)
{
	const struct lm_member *member = &run->plan.members[member_index];
	struct lm_zip_record *record = &run->records[member_index];
	LM_AUTO(lm_buf_release) struct lm_buf header = {};
	*record = (struct lm_zip_record){ .offset = out->len, .crc32 = (uint32_t)crc32_z(0, bytes, len) };
	put_local(run, member, record, &header); // has its length already, but not yet its values
	lm_buf_append(out, header.ptr, header.len);

	size_t at = out->len;
	if (lm_member_type(member) == LM_ENTRY_FILE && len > 0)
		lm_codec_deflate(&worker->codec, bytes, len, out);
	record->deflated = out->len > at && out->len - at < len;
	if (!record->deflated) {
		out->len = at;
		lm_buf_append(out, bytes, len);
	}
	record->stored_size = out->len - at;
	lm_buf_clear(&header);
	put_local(run, member, record, &header);
	memcpy(out->ptr + record->offset, header.ptr, header.len);
}

static int
append_members(
	struct lm_run *run, struct lm_worker *worker, const struct lm_part *part, struct lm_piece *piece, struct lm_err *err)
{
	for (size_t i = 0; i < part->member_count; i++) {
		const struct lm_member *member = &run->plan.members[part->member + i];
		size_t size = (size_t)lm_member_size(member);
		char *bytes = lm_buf_reserve(&worker->raw, size);
		if (lm_member_type(member) == LM_ENTRY_FILE && lm_run_read(worker, member, bytes, err) < 0)
			return -1;
		worker->raw.len += size;
		if (lm_member_type(member) == LM_ENTRY_LINK)
			append_member(
				run, worker, part->member + i, member->entry->link, strlen(member->entry->link), &piece->bytes);
		else
			append_member(run, worker, part->member + i, bytes, size, &piece->bytes);
	}
	return 0;
}

// A large member is one deflate stream, made of parts that need nothing of the parts before; its sizes and CRC
// are known at its end only.
static int
append_large(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index, struct lm_piece *piece,
	struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	struct lm_zip_record begin = { .deflated = true, .descriptor = true };
	size_t len = (size_t)part->content_size;
	char *bytes = lm_buf_reserve(&worker->raw, len);
	enum lm_machine unused = LM_MACHINE_NONE;
	if (lm_run_read_large(run, pipeline, index, part->skip, bytes, len, &unused, err) < 0)
		return -1;
	worker->raw.len += len;
	if (part->skip == 0)
		put_local(run, &run->plan.members[part->member], &begin, &piece->bytes);
	piece->head_bytes = piece->bytes.len;
	piece->crc32 = (uint32_t)crc32_z(0, (const unsigned char *)bytes, len);
	lm_codec_deflate_part(&worker->codec, bytes, len, part->last, &piece->bytes);
	return 0;
}

int
lm_run_make_zip(struct lm_run *run, struct lm_worker *worker, struct lm_pipeline *pipeline, size_t index,
	struct lm_piece *piece, struct lm_err *err)
{
	const struct lm_part *part = &run->plan.parts[index];
	lm_buf_clear(&worker->raw);
	(void)lm_buf_reserve(&worker->raw, (size_t)part->content_size);
	return part->large ? append_large(run, worker, pipeline, index, piece, err)
			   : append_members(run, worker, part, piece, err);
}

enum { RECORD_BYTES = 8 + 8 + 4 + 1, PART_BYTES = 4 + 8 };

static uint64_t
take(const char **at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)(unsigned char)(*at)[i] << (8 * i);
	*at += bytes;
	return value;
}

void
lm_run_pack_zip(const struct lm_run *run, size_t index, struct lm_piece *piece)
{
	const struct lm_part *part = &run->plan.parts[index];
	if (part->large) {
		put(&piece->bytes, piece->crc32, 4);
		put(&piece->bytes, piece->head_bytes, 8);
		return;
	}
	for (size_t i = 0; i < part->member_count; i++) {
		const struct lm_zip_record *record = &run->records[part->member + i];
		put(&piece->bytes, record->offset, 8);
		put(&piece->bytes, record->stored_size, 8);
		put(&piece->bytes, record->crc32, 4);
		put(&piece->bytes, record->deflated, 1);
	}
}

bool
lm_run_unpack_zip(struct lm_run *run, size_t index, struct lm_piece *piece)
{
	const struct lm_part *part = &run->plan.parts[index];
	size_t taken = part->large ? PART_BYTES : part->member_count * RECORD_BYTES;
	if (piece->bytes.len < taken)
		return false;
	piece->bytes.len -= taken;
	const char *at = piece->bytes.ptr + piece->bytes.len;
	if (part->large) {
		piece->crc32 = (uint32_t)take(&at, 4);
		piece->head_bytes = (size_t)take(&at, 8);
		return piece->head_bytes <= piece->bytes.len;
	}
	for (size_t i = 0; i < part->member_count; i++) {
		struct lm_zip_record *record = &run->records[part->member + i];
		*record = (struct lm_zip_record){ .offset = take(&at, 8), .stored_size = take(&at, 8) };
		record->crc32 = (uint32_t)take(&at, 4);
		record->deflated = take(&at, 1) != 0;
	}
	return true;
}

static void
place_large(struct lm_run *run, const struct lm_part *part, struct lm_piece *piece)
{
	const struct lm_member *member = &run->plan.members[part->member];
	struct lm_zip_record *record = &run->records[part->member];
	if (part->skip == 0)
		*record = (struct lm_zip_record){ .offset = run->file.size_bytes, .deflated = true, .descriptor = true };
	record->crc32 = (uint32_t)crc32_combine(record->crc32, piece->crc32, (z_off_t)part->content_size);
	record->stored_size += piece->bytes.len - piece->head_bytes;
	if (!part->last)
		return;
	unsigned width = is_huge(member) ? 8 : 4;
	put(&piece->bytes, SIGNATURE_DESCRIPTOR, 4);
	put(&piece->bytes, record->crc32, 4);
	put(&piece->bytes, record->stored_size, width);
	put(&piece->bytes, lm_member_size(member), width);
}

void
lm_run_place_zip(struct lm_run *run, size_t index, struct lm_piece *piece)
{
	const struct lm_part *part = &run->plan.parts[index];
	if (part->large) {
		place_large(run, part, piece);
		return;
	}
	for (size_t i = 0; i < part->member_count; i++)
		run->records[part->member + i].offset += run->file.size_bytes;
}

static void
put_central(struct lm_run *run, size_t index, struct lm_buf *out)
{
	const struct lm_member *member = &run->plan.members[index];
	const struct lm_zip_record *record = &run->records[index];
	bool huge = is_huge(member), far = record->offset >= FULL_32;
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	LM_AUTO(lm_buf_release) struct lm_buf extra = {};
	lm_member_name(&run->plan, member, &name);
	put_time_extra(&extra, run->plan.mtime_s);
	if (huge || far) {
		put(&extra, EXTRA_ZIP64, 2);
		put(&extra, (huge ? 16u : 0u) + (far ? 8u : 0u), 2);
		put(&extra, lm_member_size(member), huge ? 8 : 0);
		put(&extra, record->stored_size, huge ? 8 : 0);
		put(&extra, record->offset, far ? 8 : 0);
	}
	struct common common = {
		.name = lm_buf_view(&name),
		.extra = lm_buf_view(&extra),
		.size = huge ? FULL_32 : member_bytes(member),
		.stored_size = huge ? FULL_32 : record->stored_size,
		.crc32 = record->crc32,
		.deflated = record->deflated,
		.descriptor = record->descriptor,
		.zip64 = huge || far,
	};
	put(out, SIGNATURE_CENTRAL, 4);
	put(out, MADE_BY_UNIX | (common.zip64 ? VERSION_ZIP64 : VERSION_DEFLATE), 2);
	put_common(out, &common, run->plan.mtime_s);
	put(out, 0, 2 + 2 + 2); // no comment, first disk, no internal attributes
	put(out, attributes(member), 4);
	put(out, far ? FULL_32 : record->offset, 4);
	lm_buf_str(out, common.name);
	lm_buf_str(out, common.extra);
}

static void
put_end(struct lm_run *run, uint64_t begin, uint64_t end, struct lm_buf *out)
{
	enum { END64_BYTES = 56, LENGTH_BYTES = 12 };
	uint64_t count = run->plan.member_count, size = end - begin;
	if (count >= FULL_16 || size >= FULL_32 || begin >= FULL_32) {
		put(out, SIGNATURE_END64, 4);
		put(out, END64_BYTES - LENGTH_BYTES, 8);
		put(out, MADE_BY_UNIX | VERSION_ZIP64, 2);
		put(out, VERSION_ZIP64, 2);
		put(out, 0, 4 + 4); // this disk, disk of the directory
		put(out, count, 8);
		put(out, count, 8);
		put(out, size, 8);
		put(out, begin, 8);
		put(out, SIGNATURE_LOCATOR64, 4);
		put(out, 0, 4);
		put(out, end, 8);
		put(out, 1, 4);
	}
	uint64_t count_16 = count < FULL_16 ? count : FULL_16;
	put(out, SIGNATURE_END, 4);
	put(out, 0, 2 + 2);
	put(out, count_16, 2);
	put(out, count_16, 2);
	put(out, size < FULL_32 ? size : FULL_32, 4);
	put(out, begin < FULL_32 ? begin : FULL_32, 4);
	put(out, 0, 2); // no comment
}

int
lm_run_end_zip(struct lm_run *run, struct lm_err *err)
{
	enum { FLUSH_BYTES = 1024 * 1024 };
	LM_AUTO(lm_buf_release) struct lm_buf out = {};
	uint64_t begin = run->file.size_bytes;
	for (size_t i = 0; i < run->plan.member_count; i++) {
		put_central(run, i, &out);
		if (out.len < FLUSH_BYTES)
			continue;
		if (lm_run_write(run, out.ptr, out.len, err) < 0)
			return -1;
		lm_buf_clear(&out);
	}
	put_end(run, begin, run->file.size_bytes + out.len, &out);
	return lm_run_write(run, out.ptr, out.len, err);
}
