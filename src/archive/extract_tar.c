// Going through the members of a tar as lamina writes it. What is read is written again, and must come out the same: so nothing is
// taken for one of ours that another reader would read otherwise.
#include "archive/extract_parts.h"

#include "archive/tar.h"

#include <string.h>

enum {
	PAX_MAX_BYTES = 16384,
	HEADERS_MAX_BYTES = PAX_MAX_BYTES + 2 * LM_TAR_BLOCK,
	PART_LEAST_BYTES = 4 << 20, // of a file: smaller ones are written at once
};

void
extract_members_init(
	struct extract_members *members, const struct lm_extract_source *source, const struct lm_unpack_limits *limits)
{
	*members = (struct extract_members){ .tree = { .root = -1, .fd = -1 } };
	members->unpacking = (struct unpacking){ .path = source->path,
		.origin = source->path,
		.limits = *limits,
		.entries = &members->entries,
		.tree = &members->tree };
}

void
extract_members_release(struct extract_members *members)
{
	extract_tree_release(&members->tree);
	lm_path_tree_release(&members->unpacking.paths);
	lm_sha256_release(&members->unpacking.hash);
	lm_free(members->unpacking.folders);
	lm_entries_release(&members->entries);
	lm_buf_release(&members->header);
	*members = (struct extract_members){ .tree = { .root = -1, .fd = -1 } };
}

// A member being read; its strings are in the arena of the entries.
struct header {
	struct lm_tar_member member;
	const char *path, *link; // NUL-terminated
	size_t len; // with the pax header
};

// Digits and a NUL. UINT64_MAX: something else.
static uint64_t
octal(const unsigned char *field, size_t room)
{
	uint64_t value = 0;
	for (size_t i = 0; i + 1 < room; i++) {
		if (field[i] < '0' || field[i] > '7')
			return UINT64_MAX;
		value = value << 3 | (unsigned)(field[i] - '0');
	}
	return field[room - 1] == '\0' ? value : UINT64_MAX;
}

static struct lm_str
field_text(const unsigned char *field, size_t room)
{
	return (struct lm_str){ (const char *)field, strnlen((const char *)field, room) };
}

// "<length> <key>=<value>\n"... as we write them; what differs in form is found when they are written again.
static bool
read_pax(struct lm_str rest, struct lm_str *path, struct lm_str *link, uint64_t *size)
{
	while (rest.len > 0) {
		struct lm_str before = rest, digits = lm_str_cut(&rest, ' ');
		uint64_t len = 0;
		if (!lm_parse_u64(digits, before.len, &len) || len < digits.len + 3)
			return false;
		struct lm_str value = { before.ptr + digits.len + 1, (size_t)len - digits.len - 2 };
		struct lm_str key = lm_str_cut(&value, '=');
		if (memchr(value.ptr, '\0', value.len) != nullptr)
			return false;
		if (lm_str_equal(key, LM_STR("path")))
			*path = value;
		else if (lm_str_equal(key, LM_STR("linkpath")))
			*link = value;
		else if (!lm_str_equal(key, LM_STR("size")) || !lm_parse_u64(value, INT64_MAX, size))
			return false;
		rest = (struct lm_str){ before.ptr + len, before.len - (size_t)len };
	}
	return true;
}

static const char *
keep(struct extract_members *members, struct lm_str prefix, struct lm_str name)
{
	return prefix.len == 0 ? lm_arena_strndup(&members->entries.arena, name.ptr, name.len)
			       : lm_arena_format(&members->entries.arena, "%.*s/%.*s", LM_STR_ARG(prefix), LM_STR_ARG(name));
}

// Read a header and write it again.
static bool
read_header(struct extract_members *members, const unsigned char *at, size_t len, struct header *out)
{
	struct lm_str pax_path = {}, pax_link = {};
	uint64_t pax_size = UINT64_MAX, pax_len = 0;
	const unsigned char *block = at;
	if (block[156] == 'x') {
		pax_len = octal(block + 124, 12);
		if (pax_len > PAX_MAX_BYTES || len < 2 * LM_TAR_BLOCK + pax_len + lm_tar_padding(pax_len) ||
			!read_pax((struct lm_str){ (const char *)at + LM_TAR_BLOCK, (size_t)pax_len }, &pax_path, &pax_link,
				&pax_size))
			return false;
		block += LM_TAR_BLOCK + pax_len + lm_tar_padding(pax_len);
	}
	uint64_t mode = octal(block + 100, 8), size = octal(block + 124, 12), mtime = octal(block + 136, 12);
	char type = (char)block[156];
	bool file = type == '0';
	if ((!file && type != '2' && type != '5') || size == UINT64_MAX || mtime == UINT64_MAX ||
		(mode != 0755 && (!file || mode != 0644) && (type != '2' || mode != 0777)))
		return false;
	out->path = pax_path.ptr != nullptr ? keep(members, (struct lm_str){}, pax_path)
					    : keep(members, field_text(block + 345, 155), field_text(block, 100));
	out->link = keep(members, (struct lm_str){}, pax_link.ptr != nullptr ? pax_link : field_text(block + 157, 100));
	out->member = (struct lm_tar_member){ .path = lm_str_of(out->path),
		.type = type,
		.mode = (unsigned)mode,
		.link = lm_str_of(out->link),
		.size = pax_size != UINT64_MAX ? pax_size : size,
		.mtime_s = (int64_t)mtime };
	lm_buf_clear(&members->header);
	lm_tar_header(&members->header, &out->member);
	out->len = members->header.len;
	return out->len <= len && memcmp(members->header.ptr, at, out->len) == 0 && (file || out->member.size == 0) &&
		(type == '5') == lm_str_ends(out->member.path, LM_STR("/"));
}

static int
begin_file(struct extract_members *members, const struct header *header, const char *path, struct lm_err *err)
{
	const struct lm_tar_member *member = &header->member;
	bool executable = member->mode == 0755;
	if (unpack_file(&members->unpacking, header->path, path, member->size, executable, err) < 0 ||
		extract_parents(&members->tree, path, err) < 0)
		return -1;
	members->left = member->size;
	members->offset = 0;
	members->padding = lm_tar_padding(member->size);
	members->file = nullptr;
	return 0;
}

// Checked as any archive is, by the same functions.
static int
begin_member(struct extract_members *members, const struct header *header, struct lm_err *err)
{
	struct unpacking *unpacking = &members->unpacking;
	const char *path = nullptr;
	bool folder = header->member.type == '5';
	if (unpack_name(unpacking, header->path, folder, &path, err) < 0)
		return -1;
	unpack_time(unpacking, header->member.mtime_s, 0);
	if (folder)
		return path == nullptr ? 0 : unpack_folder(unpacking, header->path, path, err);
	if (header->member.type == '2')
		return unpack_link(unpacking, header->path, path, header->link, err);
	return begin_file(members, header, path, err);
}

// The bytes of the file at hand that are in this segment.
static int
take_bytes(struct extract_members *members, const unsigned char *bytes, size_t len, extract_emit *emit, void *context,
	struct lm_err *err)
{
	const struct lm_entry *entry = &members->entries.items[members->entries.count - 1];
	struct extract_item item = { .path = entry->path,
		.bytes = bytes,
		.len = len,
		.offset = members->offset,
		.executable = entry->executable,
		.mtime = members->tree.mtime };
	if (len < entry->size && members->file == nullptr) {
		members->file = extract_large(&members->tree, entry->path, entry->size, entry->executable, err);
		if (members->file == nullptr)
			return -1;
	}
	item.file = members->file;
	emit(context, &item);
	members->left -= len;
	members->offset += len;
	return 0;
}

static bool
is_zero(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

// What the system refused is told; all else another reader looks at.
static int
other_reader(struct lm_err *err)
{
	if (err->code == LM_E_IO)
		return -1;
	lm_err_clear(err);
	return 1;
}

// Must the next step wait until there are more bytes? None does when all are there.
static bool
waits(const struct extract_members *members, const struct extract_span *span)
{
	size_t is = span->len - span->at;
	if (!span->more)
		return false;
	if (members->left > 0)
		return is < members->left && is < PART_LEAST_BYTES;
	return is < members->padding + HEADERS_MAX_BYTES || span->bytes[span->at + members->padding] == '\0';
}

static int
read_padding(struct extract_members *members, struct extract_span *span)
{
	size_t is = span->len - span->at, len = members->padding < is ? members->padding : is;
	if (!is_zero(span->bytes + span->at, len))
		return 1;
	span->at += len;
	members->padding -= len;
	return 0;
}

static int
read_member(struct extract_members *members, struct extract_span *span, extract_emit *emit, void *context, struct lm_err *err)
{
	struct header header = {};
	const unsigned char *bytes = span->bytes + span->at;
	size_t len = span->len - span->at;
	if (len < LM_TAR_BLOCK)
		return 1;
	if (bytes[0] == '\0') {
		members->ended = span->last && len == LM_TAR_END_BYTES && is_zero(bytes, len);
		span->at = span->len;
		return members->ended ? 0 : 1;
	}
	if (!read_header(members, bytes, len, &header))
		return 1;
	if (begin_member(members, &header, err) < 0)
		return other_reader(err);
	span->at += header.len;
	bool empty = header.member.type == '0' && header.member.size == 0;
	return empty && take_bytes(members, span->bytes + span->at, 0, emit, context, err) < 0 ? other_reader(err) : 0;
}

int
extract_tar(struct extract_members *members, struct extract_span *span, extract_emit *emit, void *context, struct lm_err *err)
{
	int rc = 0;
	while (rc == 0 && span->at < span->len && !waits(members, span)) {
		size_t is = span->len - span->at, len = members->left < is ? (size_t)members->left : is;
		if (len > 0) {
			rc = take_bytes(members, span->bytes + span->at, len, emit, context, err) < 0 ? other_reader(err) : 0;
			span->at += len;
			continue;
		}
		rc = read_padding(members, span);
		if (rc == 0 && span->at < span->len)
			rc = read_member(members, span, emit, context, err);
	}
	return rc == 0 && span->last && !span->more && !members->ended ? 1 : rc; // it has no end
}
