#include "archive/scan_parts.h"
#include "archive/zip.h"
#include "archive/zip_parts.h"
#include "os/clock.h"

#include <stdio.h>

enum { EXTRA_TIME = 0x5455, EXTRA_UNIX = 0x7875, TARGET_MAX_BYTES = 4096 };

// The MS-DOS time of the directory, taken as UTC: it names no zone.
static bool
dos_time(const struct lm_zip_member *member, int64_t *time_s)
{
	unsigned date = member->dos_date, time = member->dos_time;
	char text[LM_TIME_TEXT];
	(void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", 1980 + (date >> 9), (date >> 5) & 15, date & 31,
		time >> 11, (time >> 5) & 63, (time & 31) * 2);
	return lm_time_parse(text, time_s);
}

// The next extra field, with its length behind four bytes of kind and length. Null: there is none that is whole.
static const unsigned char *
next_extra(const struct lm_zip_member *member, size_t *at, size_t *len)
{
	enum { HEAD_BYTES = 4 };
	if (member->extra_len - *at < HEAD_BYTES)
		return nullptr;
	const unsigned char *field = member->extra + *at;
	*len = zip_u16(field + 2);
	if (member->extra_len - *at - HEAD_BYTES < *len)
		return nullptr;
	*at += HEAD_BYTES + *len;
	return field;
}

int64_t
zip_member_time(const struct lm_zip_member *member)
{
	int64_t time_s = 0;
	if (!dos_time(member, &time_s))
		time_s = 0;
	size_t at = 0, len = 0;
	for (const unsigned char *field; (field = next_extra(member, &at, &len)) != nullptr;) {
		if (zip_u16(field) == EXTRA_TIME && len >= 5 && (field[4] & 1) != 0)
			time_s = (int32_t)zip_u32(field + 5);
	}
	return time_s;
}

// A little-endian number of `len` bytes, at most 8.
static uint64_t
number(const unsigned char *at, size_t len)
{
	uint64_t value = 0;
	for (size_t i = len; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

static void
read_unix_owner(struct lm_scan_member *out, const unsigned char *at, size_t len)
{
	if (len < 3 || at[0] != 1)
		return;
	size_t uid_len = at[1];
	if (uid_len > 8 || len < 3 + uid_len)
		return;
	size_t gid_len = at[2 + uid_len];
	if (gid_len > 8 || len < 3 + uid_len + gid_len)
		return;
	out->has_owner = true;
	out->uid = (int64_t)number(at + 2, uid_len);
	out->gid = (int64_t)number(at + 3 + uid_len, gid_len);
}

static void
read_extra(struct scanning *scanning, const struct lm_zip_member *member)
{
	struct lm_scan_member *out = &scanning->member;
	LM_AUTO(lm_buf_release) struct lm_buf others = {};
	size_t at = 0, len = 0;
	for (const unsigned char *field; (field = next_extra(member, &at, &len)) != nullptr;) {
		if (zip_u16(field) == EXTRA_TIME && len >= 5 && (field[4] & 1) != 0)
			out->mtime_s = (int32_t)zip_u32(field + 5), out->has_time = true;
		else if (zip_u16(field) == EXTRA_UNIX)
			read_unix_owner(out, field + 4, len);
		else if (zip_u16(field) != ZIP_EXTRA_ZIP64)
			lm_buf_format(
				&others, "%sextra field %04x of %zu bytes", others.len > 0 ? ", " : "", zip_u16(field), len);
	}
	if (others.len > 0)
		out->attributes = lm_arena_strndup(&scanning->strings, others.ptr, others.len);
}

static int
read_link(struct scanning *scanning, const struct lm_zip *zip, const struct lm_zip_member *member, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *target = nullptr;
	size_t len = 0;
	if (lm_zip_read(zip, member, TARGET_MAX_BYTES, &target, &len, err) < 0)
		return -1;
	scanning->member.type = LM_SCAN_LINK;
	scanning->member.link = scan_text(scanning, (struct lm_str){ target, len });
	return scan_tell(scanning, err);
}

static int
read_member(struct scanning *scanning, const struct lm_zip *zip, const struct lm_zip_member *member, struct lm_err *err)
{
	struct lm_scan_member *out = &scanning->member;
	if (scan_begin(scanning, member->name, err) < 0)
		return -1;
	out->mode = member->unix_mode & 07777;
	out->has_time = dos_time(member, &out->mtime_s);
	out->position = member->offset;
	read_extra(scanning, member);
	if (member->is_folder) {
		out->type = LM_SCAN_FOLDER;
		return scan_tell(scanning, err);
	}
	if ((member->unix_mode & ZIP_MODE_TYPE) == ZIP_MODE_LINK)
		return read_link(scanning, zip, member, err);
	if (scan_file_begin(scanning, member->size, err) < 0 || lm_zip_stream(zip, member, scan_file_bytes, scanning, err) < 0)
		return -1;
	return scan_file_end(scanning, err);
}

int
scan_read_zip(struct scanning *scanning, struct lm_err *err)
{
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	struct lm_zip_limits limits = lm_zip_default_limits();
	limits.max_members = scanning->limits.max_members;
	limits.max_total_bytes = scanning->limits.max_total_bytes;
	limits.links = true;
	if (lm_zip_open(&zip, scanning->source->path, &limits, err) < 0)
		return -1;
	(void)snprintf(scanning->result->format, sizeof scanning->result->format, "zip");
	(void)snprintf(scanning->result->filter, sizeof scanning->result->filter, "none");
	for (size_t i = 0; i < zip.count; i++) {
		if (read_member(scanning, &zip, &zip.members[i], err) < 0)
			return -1;
	}
	return 0;
}
