#include "archive/tar.h"

#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// The ustar header block, byte by byte.
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type[1], link[100], magic[6], version[2],
		uname[32], gname[32], devmajor[8], devminor[8], prefix[155], unused[12];
};
static_assert(sizeof(struct ustar) == LM_TAR_BLOCK);

constexpr uint64_t USTAR_SIZE_MAX = 077777777777; // eleven octal digits: one byte less than 8 GiB
constexpr size_t NAME_MAX_BYTES = 100, PREFIX_MAX_BYTES = 155;

size_t
lm_tar_padding(uint64_t size)
{
	return (size_t)((LM_TAR_BLOCK - size % LM_TAR_BLOCK) % LM_TAR_BLOCK);
}

static bool
is_ascii(struct lm_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

// Where a path that is too long for the name field is cut in two, at a '/' that belongs to neither part;
// 0: it fits in the name field; SIZE_MAX: no cut fits.
static size_t
split_at(struct lm_str path)
{
	if (path.len <= NAME_MAX_BYTES)
		return 0;
	for (size_t at = path.len - NAME_MAX_BYTES - 1; at <= PREFIX_MAX_BYTES && at + 1 < path.len; at++) {
		if (at > 0 && path.ptr[at] == '/')
			return at;
	}
	return SIZE_MAX;
}

// As much as fits, not ending inside of a character.
static size_t
cut_length(struct lm_str text, size_t max)
{
	if (text.len <= max)
		return text.len;
	while (max > 0 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void
copy_text(char *field, size_t room, struct lm_str text)
{
	size_t len = cut_length(text, room);
	if (len > 0)
		memcpy(field, text.ptr, len);
}

static void
set_octal(char *field, size_t room, uint64_t value)
{
	for (size_t i = room - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	assert(value == 0);
}

static void
append_block(struct lm_buf *out, const struct lm_tar_member *member)
{
	struct ustar block = {};
	size_t split = split_at(member->path);
	struct lm_str name = member->path;
	if (split != 0 && split != SIZE_MAX) {
		copy_text(block.prefix, sizeof(block.prefix), (struct lm_str){ name.ptr, split });
		name = (struct lm_str){ name.ptr + split + 1, name.len - split - 1 };
	}
	copy_text(block.name, sizeof(block.name), name);
	copy_text(block.link, sizeof(block.link), member->link);
	set_octal(block.mode, sizeof(block.mode), member->mode);
	set_octal(block.uid, sizeof(block.uid), 0);
	set_octal(block.gid, sizeof(block.gid), 0);
	set_octal(block.size, sizeof(block.size), member->size > USTAR_SIZE_MAX ? 0 : member->size);
	set_octal(block.mtime, sizeof(block.mtime), (uint64_t)member->mtime_s);
	set_octal(block.devmajor, sizeof(block.devmajor), 0);
	set_octal(block.devminor, sizeof(block.devminor), 0);
	block.type[0] = member->type;
	memcpy(block.magic, "ustar", sizeof(block.magic));
	memcpy(block.version, "00", sizeof(block.version));
	memcpy(block.uname, "root", 4);
	memcpy(block.gname, "root", 4);

	// the sum counts its own field as spaces
	memset(block.checksum, ' ', sizeof(block.checksum));
	const unsigned char *bytes = (const unsigned char *)&block;
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof(block); i++)
		sum += bytes[i];
	set_octal(block.checksum, 7, sum);
	block.checksum[6] = '\0';
	lm_buf_append(out, &block, sizeof(block));
}

// "<length> <key>=<value>\n", where the length counts its own digits.
static void
append_record(struct lm_buf *out, const char *key, struct lm_str value)
{
	size_t rest = strlen(key) + value.len + 3, digits = 1;
	for (size_t limit = 10; rest + digits >= limit; limit *= 10)
		digits++;
	lm_buf_format(out, "%zu %s=", rest + digits, key);
	lm_buf_str(out, value);
	lm_buf_byte(out, '\n');
}

static void
append_padding(struct lm_buf *out, uint64_t size)
{
	size_t padding = lm_tar_padding(size);
	memset(lm_buf_reserve(out, padding), 0, padding);
	out->len += padding;
}

// "<folder>/PaxHeaders/<name>": seen only by readers that do not know pax.
static void
pax_name(struct lm_buf *out, struct lm_str path)
{
	if (lm_str_ends(path, LM_STR("/")))
		path.len--;
	size_t name = path.len;
	while (name > 0 && path.ptr[name - 1] != '/')
		name--;
	lm_buf_append(out, path.ptr, name);
	lm_buf_text(out, "PaxHeaders/");
	lm_buf_append(out, path.ptr + name, path.len - name);
}

static void
append_pax(struct lm_buf *out, struct lm_str path, int64_t mtime_s, struct lm_str records)
{
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	pax_name(&name, path);
	append_block(out,
		&(struct lm_tar_member){
			.path = lm_buf_view(&name), .type = 'x', .mode = 0644, .size = records.len, .mtime_s = mtime_s });
	lm_buf_str(out, records);
	append_padding(out, records.len);
}

void
lm_tar_header(struct lm_buf *out, const struct lm_tar_member *member)
{
	assert(member->mtime_s >= 0 && member->mtime_s <= LM_TAR_MTIME_MAX);
	LM_AUTO(lm_buf_release) struct lm_buf records = {};
	if (split_at(member->path) == SIZE_MAX || !is_ascii(member->path))
		append_record(&records, "path", member->path);
	if (member->link.len > NAME_MAX_BYTES || !is_ascii(member->link))
		append_record(&records, "linkpath", member->link);
	if (member->size > USTAR_SIZE_MAX) {
		char digits[24];
		(void)snprintf(digits, sizeof(digits), "%" PRIu64, member->size);
		append_record(&records, "size", lm_str_of(digits));
	}
	if (records.len > 0)
		append_pax(out, member->path, member->mtime_s, lm_buf_view(&records));
	append_block(out, member);
}
