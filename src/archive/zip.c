#include "archive/zip.h"

#include "archive/shown.h"
#include "archive/zip_parts.h"

#include <stdlib.h>
#include <string.h>

struct lm_zip_limits
lm_zip_default_limits(void)
{
	return (struct lm_zip_limits){
		.max_members = 200'000,
		.max_member_bytes = 8ull << 30,
		.max_total_bytes = 32ull << 30,
		.max_ratio = 1'200,
	};
}

// Where the central directory is.
struct directory {
	uint64_t offset, size, count;
	uint64_t end; // where the directory has to end
};

static int
bad(const struct lm_zip *zip, struct lm_err *err, const char *what)
{
	return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable zip file: %s", zip->label, what);
}

// A fault of one member.
#define bad_member(zip, member_name, err, format, ...) \
	lm_err_set((err), LM_E_SYNTAX, "'%s' is not a usable zip file: member '%s' " format, (zip)->label, \
		lm_shown(member_name).text __VA_OPT__(, ) __VA_ARGS__)

// The end record is the last one whose signature is there; readers that take another one are given no choice.
static int
find_end(const struct lm_zip *zip, uint64_t *at, struct lm_err *err)
{
	const unsigned char *bytes = zip->map.ptr;
	uint64_t len = zip->map.len;
	if (len < ZIP_END_SIZE)
		return bad(zip, err, "it is shorter than the smallest one");
	uint64_t last = len - ZIP_END_SIZE, first = last > UINT16_MAX ? last - UINT16_MAX : 0;
	uint64_t found = UINT64_MAX;
	for (uint64_t i = last + 1; i-- > first;) {
		if (zip_u32(bytes + i) != ZIP_END_SIGNATURE)
			continue;
		bool ends_file = i + ZIP_END_SIZE + zip_u16(bytes + i + 20) == len;
		if (found == UINT64_MAX && !ends_file)
			return bad(zip, err, "its end record is not the end of the file");
		if (found != UINT64_MAX && ends_file)
			return bad(zip, err, "it has two end records");
		if (found == UINT64_MAX)
			found = i;
	}
	if (found == UINT64_MAX)
		return bad(zip, err, "it has no end record (was it cut off?)");
	*at = found;
	return 0;
}

// A field of the end record and the same of its zip64 form: equal, or the short one says "look there".
static bool
agrees(uint64_t short_form, uint64_t mask, uint64_t long_form)
{
	return short_form == mask || short_form == long_form;
}

static int
read_zip64_end(const struct lm_zip *zip, uint64_t end_at, struct directory *directory, struct lm_err *err)
{
	const unsigned char *end = zip->map.ptr + end_at, *locator = end - ZIP64_LOCATOR_SIZE;
	uint64_t locator_at = end_at - ZIP64_LOCATOR_SIZE, at = zip_u64(locator + 8);
	if (zip_u32(locator + 4) != 0 || zip_u32(locator + 16) > 1)
		return bad(zip, err, "it is split over several files");
	if (locator_at < ZIP64_END_SIZE || at > locator_at - ZIP64_END_SIZE)
		return bad(zip, err, "its zip64 end record is outside the file");
	const unsigned char *record = zip->map.ptr + at;
	if (zip_u32(record) != ZIP64_END_SIGNATURE || zip_u64(record + 4) != locator_at - at - 12)
		return bad(zip, err, "its zip64 end record is damaged");
	if (zip_u32(record + 16) != 0 || zip_u32(record + 20) != 0 || zip_u64(record + 24) != zip_u64(record + 32))
		return bad(zip, err, "it is split over several files");
	directory->count = zip_u64(record + 32);
	directory->size = zip_u64(record + 40);
	directory->offset = zip_u64(record + 48);
	directory->end = at;
	if (!agrees(zip_u16(end + 10), UINT16_MAX, directory->count) ||
		!agrees(zip_u32(end + 12), UINT32_MAX, directory->size) ||
		!agrees(zip_u32(end + 16), UINT32_MAX, directory->offset))
		return bad(zip, err, "its two end records disagree");
	return 0;
}

static int
find_directory(const struct lm_zip *zip, struct directory *directory, struct lm_err *err)
{
	uint64_t at = 0;
	if (find_end(zip, &at, err) < 0)
		return -1;
	const unsigned char *end = zip->map.ptr + at;
	bool zip64 = at >= ZIP64_LOCATOR_SIZE && zip_u32(end - ZIP64_LOCATOR_SIZE) == ZIP64_LOCATOR_SIGNATURE;
	uint16_t disk = zip_u16(end + 4), first_disk = zip_u16(end + 6), here = zip_u16(end + 8), total = zip_u16(end + 10);
	if ((disk != 0 && !(zip64 && disk == UINT16_MAX)) || (first_disk != 0 && !(zip64 && first_disk == UINT16_MAX)) ||
		here != total)
		return bad(zip, err, "it is split over several files");
	if (zip64) {
		if (read_zip64_end(zip, at, directory, err) < 0)
			return -1;
	} else {
		*directory = (struct directory){ zip_u32(end + 16), zip_u32(end + 12), total, at };
	}
	if (directory->offset > directory->end || directory->size != directory->end - directory->offset)
		return bad(zip, err, "its central directory is not where the end record says");
	return 0;
}

static int
check_name(const struct lm_zip *zip, struct lm_str name, unsigned flags, struct lm_err *err)
{
	if (name.len == 0)
		return bad(zip, err, "a member has no name");
	if (memchr(name.ptr, '\0', name.len) != nullptr)
		return bad_member(zip, name, err, "has a NUL byte in its name");
	if (memchr(name.ptr, '\\', name.len) != nullptr)
		return bad_member(zip, name, err, "has a backslash in its name");
	if (!lm_utf8_valid(name))
		return bad_member(zip, name, err, "has a name that is not UTF-8");
	for (size_t i = 0; i < name.len && (flags & ZIP_FLAG_UTF8) == 0; i++) {
		if ((unsigned char)name.ptr[i] > 0x7f)
			return bad_member(zip, name, err, "has a name that is not ASCII, without the UTF-8 flag");
	}
	return 0;
}

static int
check_kind(const struct lm_zip *zip, struct lm_str name, const struct lm_zip_member *member, unsigned flags, unsigned method,
	const struct lm_zip_limits *limits, struct lm_err *err)
{
	if ((flags & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED)) != 0)
		return bad_member(zip, name, err, "is encrypted");
	if ((flags & ZIP_FLAG_PATCH) != 0)
		return bad_member(zip, name, err, "is a patch");
	if (method != ZIP_STORED && method != ZIP_DEFLATED)
		return bad_member(zip, name, err, "is compressed by method %u, which is not supported", method);
	unsigned type = member->unix_mode & ZIP_MODE_TYPE;
	if (type == ZIP_MODE_LINK && !limits->links)
		return bad_member(zip, name, err, "is a symbolic link");
	if (type != 0 && type != ZIP_MODE_FILE && type != ZIP_MODE_FOLDER && type != ZIP_MODE_LINK)
		return bad_member(zip, name, err, "is a special file (mode %o)", member->unix_mode);
	if (type == ZIP_MODE_FOLDER && !member->is_folder)
		return bad_member(zip, name, err, "is a folder by its mode and a file by its name");
	if (member->is_folder && member->size != 0)
		return bad_member(zip, name, err, "is a folder with content");
	return 0;
}

static int
check_sizes(const struct lm_zip *zip, struct lm_str name, const struct lm_zip_member *member,
	const struct lm_zip_limits *limits, uint64_t *total, struct lm_err *err)
{
	if (member->size > limits->max_member_bytes)
		return lm_err_set(err, LM_E_LIMIT, "'%s' is refused: member '%s' claims %llu bytes, the limit is %llu",
			zip->label, lm_shown(name).text, (unsigned long long)member->size,
			(unsigned long long)limits->max_member_bytes);
	if (!member->deflated && member->size != member->stored_size)
		return bad_member(zip, name, err, "is stored, and its two sizes differ");
	if (member->stored_size > zip->map.len)
		return bad_member(zip, name, err, "claims to be larger than the file");
	if (member->deflated && member->size > member->stored_size * ZIP_DEFLATE_BEST)
		return bad_member(zip, name, err, "claims %llu bytes, more than %llu compressed bytes can hold",
			(unsigned long long)member->size, (unsigned long long)member->stored_size);
	if (member->size > limits->max_total_bytes - *total)
		return lm_err_set(err, LM_E_LIMIT, "'%s' is refused: its members claim more than %llu bytes", zip->label,
			(unsigned long long)limits->max_total_bytes);
	*total += member->size;
	return 0;
}

// Read one record of the central directory; *at moves behind it.
static int
read_central(struct lm_zip *zip, const struct directory *directory, uint64_t *at, struct lm_zip_member *member,
	struct zip_span *span, const struct lm_zip_limits *limits, struct lm_err *err)
{
	const unsigned char *record = zip->map.ptr + *at; // at or before directory->end, which is inside the file
	if (directory->end - *at < ZIP_CENTRAL_SIZE || zip_u32(record) != ZIP_CENTRAL_SIGNATURE)
		return bad(zip, err, "its central directory is damaged");
	struct lm_str name = { (const char *)record + ZIP_CENTRAL_SIZE, zip_u16(record + 28) };
	size_t extra_len = zip_u16(record + 30), comment_len = zip_u16(record + 32);
	if (directory->end - *at - ZIP_CENTRAL_SIZE < name.len + extra_len + comment_len)
		return bad(zip, err, "its central directory is damaged");
	*at += ZIP_CENTRAL_SIZE + name.len + extra_len + comment_len;

	unsigned flags = zip_u16(record + 8), method = zip_u16(record + 10);
	if (check_name(zip, name, flags, err) < 0)
		return -1;
	struct zip_sizes sizes = { zip_u32(record + 24), zip_u32(record + 20), zip_u32(record + 42), true };
	const char *fault = zip_extra_read((const unsigned char *)name.ptr + name.len, extra_len, name, &sizes);
	if (fault != nullptr)
		return bad_member(zip, name, err, "%s", fault);
	if (zip_u16(record + 34) != 0)
		return bad(zip, err, "it is split over several files");
	*member = (struct lm_zip_member){
		.name = lm_arena_strndup(&zip->arena, name.ptr, name.len),
		.size = sizes.size,
		.stored_size = sizes.stored_size,
		.crc32 = zip_u32(record + 16),
		.deflated = method == ZIP_DEFLATED,
		.is_folder = name.ptr[name.len - 1] == '/',
		.unix_mode = zip_u32(record + 38) >> 16,
		.dos_date = zip_u16(record + 14),
		.dos_time = zip_u16(record + 12),
		.extra = (const unsigned char *)name.ptr + name.len,
		.extra_len = extra_len,
	};
	*span = (struct zip_span){ .start = sizes.offset, .flags = flags, .method = method, .member = member };
	return check_kind(zip, name, member, flags, method, limits, err);
}

static int
read_directory(struct lm_zip *zip, const struct directory *directory, const struct lm_zip_limits *limits,
	struct zip_span *spans, struct lm_err *err)
{
	uint64_t at = directory->offset, total = 0, most = 0;
	for (size_t i = 0; i < zip->count; i++) {
		struct lm_zip_member *member = &zip->members[i];
		if (read_central(zip, directory, &at, member, &spans[i], limits, err) < 0)
			return -1;
		if (check_sizes(zip, lm_str_of(member->name), member, limits, &total, err) < 0)
			return -1;
	}
	if (at != directory->end)
		return bad(zip, err, "its central directory is longer than its members");
	if (!__builtin_mul_overflow(zip->map.len, limits->max_ratio, &most) && total > most)
		return lm_err_set(err, LM_E_LIMIT,
			"'%s' is refused: its members claim %llu bytes, more than %llu times its own size", zip->label,
			(unsigned long long)total, (unsigned long long)limits->max_ratio);
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct lm_zip_member *const *)a)->name, (*(const struct lm_zip_member *const *)b)->name);
}

static int
sort_names(struct lm_zip *zip, struct lm_err *err)
{
	zip->by_name = lm_arena_alloc(&zip->arena, zip->count * sizeof(struct lm_zip_member *));
	for (size_t i = 0; i < zip->count; i++)
		zip->by_name[i] = &zip->members[i];
	if (zip->count > 0)
		qsort(zip->by_name, zip->count, sizeof *zip->by_name, compare_names);
	for (size_t i = 1; i < zip->count; i++) {
		if (strcmp(zip->by_name[i - 1]->name, zip->by_name[i]->name) == 0)
			return bad_member(zip, lm_str_of(zip->by_name[i]->name), err, "is there twice");
	}
	return 0;
}

static int
read_all(struct lm_zip *zip, const struct lm_zip_limits *limits, struct lm_err *err)
{
	struct directory directory = {};
	if (find_directory(zip, &directory, err) < 0)
		return -1;
	if (directory.count > limits->max_members)
		return lm_err_set(err, LM_E_LIMIT, "'%s' is refused: it claims %llu members, the limit is %llu", zip->label,
			(unsigned long long)directory.count, (unsigned long long)limits->max_members);
	if (directory.count > directory.size / ZIP_CENTRAL_SIZE)
		return bad(zip, err, "it claims more members than its central directory has room for");
	zip->count = (size_t)directory.count;
	zip->members = lm_arena_alloc(&zip->arena, zip->count * sizeof *zip->members);
	LM_AUTO(lm_free_ptr) struct zip_span *spans = lm_alloc_array(zip->count, sizeof *spans);
	if (read_directory(zip, &directory, limits, spans, err) < 0 || sort_names(zip, err) < 0)
		return -1;
	return zip_check_locals(zip, spans, directory.offset, err);
}

int
lm_zip_open_as(struct lm_zip *zip, const char *path, const char *label, const struct lm_zip_limits *limits, struct lm_err *err)
{
	struct lm_zip_limits defaults = lm_zip_default_limits();
	*zip = (struct lm_zip){};
	zip->label = lm_arena_strdup(&zip->arena, label != nullptr ? label : path);
	if (lm_map_open(&zip->map, path, err) < 0 || read_all(zip, limits != nullptr ? limits : &defaults, err) < 0) {
		lm_zip_close(zip);
		return -1;
	}
	return 0;
}

int
lm_zip_open(struct lm_zip *zip, const char *path, const struct lm_zip_limits *limits, struct lm_err *err)
{
	return lm_zip_open_as(zip, path, nullptr, limits, err);
}

const struct lm_zip_member *
lm_zip_find(const struct lm_zip *zip, const char *name)
{
	struct lm_zip_member key = { .name = name };
	const struct lm_zip_member *wanted = &key;
	if (zip->count == 0)
		return nullptr;
	const struct lm_zip_member *const *found =
		bsearch(&wanted, zip->by_name, zip->count, sizeof *zip->by_name, compare_names);
	return found == nullptr ? nullptr : *found;
}

void
lm_zip_close(struct lm_zip *zip)
{
	lm_map_close(&zip->map);
	lm_arena_release(&zip->arena);
	*zip = (struct lm_zip){};
}
