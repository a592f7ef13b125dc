// Local records: they repeat what the central directory says, and a reader that streams believes them.
#include "archive/shown.h"
#include "archive/zip_parts.h"

#include <stdlib.h>
#include <string.h>

static int
bad_record(const struct lm_zip *zip, const struct lm_zip_member *member, struct lm_err *err, const char *what)
{
	return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable zip file: member '%s' %s", zip->label,
		lm_shown(lm_str_of(member->name)).text, what);
}

// One value of the zip64 field: there when the short field is full of ones.
static bool
take_long(uint64_t *value, const unsigned char **at, size_t *left)
{
	if (*value != UINT32_MAX)
		return true;
	if (*left < 8)
		return false;
	*value = zip_u64(*at);
	*at += 8;
	*left -= 8;
	return true;
}

static const char *
read_zip64(const unsigned char *at, size_t left, struct zip_sizes *sizes)
{
	if (!take_long(&sizes->size, &at, &left) || !take_long(&sizes->stored_size, &at, &left) ||
		(sizes->has_offset && !take_long(&sizes->offset, &at, &left)))
		return "has a zip64 field that is too short";
	// values that the short fields did not ask for would be believed by other readers only
	if (left != 0)
		return "has a zip64 field with values that nothing asks for";
	return nullptr;
}

const char *
zip_extra_read(const unsigned char *extra, size_t len, struct lm_str name, struct zip_sizes *sizes)
{
	bool seen = false,
	     wanted = sizes->size == UINT32_MAX || sizes->stored_size == UINT32_MAX ||
		(sizes->has_offset && sizes->offset == UINT32_MAX);
	while (len >= 4) {
		unsigned id = zip_u16(extra);
		size_t size = zip_u16(extra + 2);
		extra += 4;
		len -= 4;
		if (size > len)
			return "has a damaged extra field";
		if (id == ZIP_EXTRA_ZIP64) {
			if (seen)
				return "has two zip64 fields";
			seen = true;
			const char *fault = read_zip64(extra, size, sizes);
			if (fault != nullptr)
				return fault;
		}
		// "Info-ZIP Unicode Path": version, CRC of the plain name, then a name that some readers use instead
		if (id == ZIP_EXTRA_UNICODE_PATH && (size != 5 + name.len || memcmp(extra + 5, name.ptr, name.len) != 0))
			return "has a second name in an extra field";
		extra += size;
		len -= size;
	}
	if (len != 0)
		return "has a damaged extra field";
	if (wanted && !seen)
		return "lacks its zip64 field";
	return nullptr;
}

static bool
descriptor_matches(const unsigned char *at, uint64_t len, const struct lm_zip_member *member)
{
	if (len == 16 || len == 24) {
		if (zip_u32(at) != ZIP_DESCRIPTOR_SIGNATURE)
			return false;
		at += 4;
		len -= 4;
	}
	if (len == 12)
		return zip_u32(at) == member->crc32 && zip_u32(at + 4) == member->stored_size &&
			zip_u32(at + 8) == member->size;
	if (len == 20)
		return zip_u32(at) == member->crc32 && zip_u64(at + 4) == member->stored_size &&
			zip_u64(at + 12) == member->size;
	return false;
}

static int
check_values(const struct lm_zip *zip, const struct zip_span *span, const unsigned char *header, size_t extra_len,
	struct lm_str name, struct lm_err *err)
{
	const struct lm_zip_member *member = span->member;
	struct zip_sizes sizes = { zip_u32(header + 22), zip_u32(header + 18), 0, false };
	const char *fault = zip_extra_read(header + ZIP_LOCAL_SIZE + name.len, extra_len, name, &sizes);
	if (fault != nullptr)
		return bad_record(zip, member, err, fault);
	// with a descriptor the header was written before these were known: zero, or filled in later
	bool later = (span->flags & ZIP_FLAG_DESCRIPTOR) != 0;
	uint32_t crc = zip_u32(header + 14);
	if (crc != member->crc32 && !(later && crc == 0))
		return bad_record(zip, member, err, "has another CRC in its local header");
	if ((sizes.size != member->size && !(later && sizes.size == 0)) ||
		(sizes.stored_size != member->stored_size && !(later && sizes.stored_size == 0)))
		return bad_record(zip, member, err, "has another size in its local header");
	return 0;
}

// Check one local header; *data_end is where its data ends.
static int
check_header(const struct lm_zip *zip, const struct zip_span *span, uint64_t end, uint64_t *data_end, struct lm_err *err)
{
	enum {
		COMPARED = ZIP_FLAG_ENCRYPTED | ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_PATCH | ZIP_FLAG_STRONG | ZIP_FLAG_UTF8 |
			ZIP_FLAG_MASKED
	};
	struct lm_zip_member *member = span->member;
	if (span->start > end || end - span->start < ZIP_LOCAL_SIZE)
		return bad_record(zip, member, err, "has no local header");
	const unsigned char *header = zip->map.ptr + span->start;
	if (zip_u32(header) != ZIP_LOCAL_SIGNATURE)
		return bad_record(zip, member, err, "has no local header");
	struct lm_str name = { (const char *)header + ZIP_LOCAL_SIZE, zip_u16(header + 26) };
	size_t extra_len = zip_u16(header + 28);
	uint64_t left = end - span->start - ZIP_LOCAL_SIZE;
	if (left < name.len + extra_len || left - name.len - extra_len < member->stored_size)
		return bad_record(zip, member, err, "reaches into the central directory");
	if (!lm_str_equal(name, lm_str_of(member->name)))
		return bad_record(zip, member, err, "has another name in its local header");
	if (zip_u16(header + 8) != span->method)
		return bad_record(zip, member, err, "has another method in its local header");
	if (((zip_u16(header + 6) ^ span->flags) & COMPARED) != 0)
		return bad_record(zip, member, err, "has other flags in its local header");
	member->offset = span->start + ZIP_LOCAL_SIZE + name.len + extra_len;
	*data_end = member->offset + member->stored_size;
	return check_values(zip, span, header, extra_len, name, err);
}

static int
compare_spans(const void *a, const void *b)
{
	const struct zip_span *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->member > y->member) - (x->member < y->member);
}

int
zip_check_locals(const struct lm_zip *zip, struct zip_span *spans, uint64_t end, struct lm_err *err)
{
	if (zip->count > 0)
		qsort(spans, zip->count, sizeof *spans, compare_spans);
	if ((zip->count > 0 ? spans[0].start : end) != 0)
		return lm_err_set(
			err, LM_E_SYNTAX, "'%s' is not a usable zip file: it begins with bytes of no member", zip->label);
	for (size_t i = 0; i < zip->count; i++) {
		uint64_t data_end = 0, next = i + 1 < zip->count ? spans[i + 1].start : end;
		const struct lm_zip_member *member = spans[i].member;
		if (check_header(zip, &spans[i], end, &data_end, err) < 0)
			return -1;
		if (next < data_end)
			return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable zip file: members '%s' and '%s' overlap",
				zip->label, lm_shown(lm_str_of(member->name)).text,
				lm_shown(lm_str_of(spans[i + 1].member->name)).text);
		bool descriptor = (spans[i].flags & ZIP_FLAG_DESCRIPTOR) != 0;
		if (descriptor && !descriptor_matches(zip->map.ptr + data_end, next - data_end, member))
			return bad_record(zip, member, err, "has a data descriptor that does not match");
		if (!descriptor && next != data_end)
			return bad_record(zip, member, err, "is followed by bytes of no member");
	}
	return 0;
}
