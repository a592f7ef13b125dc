#include "archive/plan.h"

#include "archive/codec.h"

#include <stdlib.h>
#include <string.h>

enum lm_entry_type
lm_member_type(const struct lm_member *member)
{
	return member->entry == nullptr ? LM_ENTRY_FOLDER : member->entry->type;
}

uint64_t
lm_member_size(const struct lm_member *member)
{
	return lm_member_type(member) == LM_ENTRY_FILE ? member->entry->size : 0;
}

void
lm_member_name(const struct lm_plan *plan, const struct lm_member *member, struct lm_buf *out)
{
	if (plan->prefix != nullptr) {
		lm_buf_text(out, plan->prefix);
		if (member->path.len > 0)
			lm_buf_byte(out, '/');
	}
	lm_buf_str(out, member->path);
	if (lm_member_type(member) == LM_ENTRY_FOLDER)
		lm_buf_byte(out, '/');
}

void
lm_member_tar_header(const struct lm_plan *plan, const struct lm_member *member, struct lm_buf *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf name = {};
	lm_member_name(plan, member, &name);
	struct lm_tar_member tar = { .path = lm_buf_view(&name), .mtime_s = plan->mtime_s };
	switch (lm_member_type(member)) {
	case LM_ENTRY_FILE:
		tar.type = '0';
		tar.mode = member->entry->executable ? 0755 : 0644;
		tar.size = member->entry->size;
		break;
	case LM_ENTRY_FOLDER:
		tar.type = '5';
		tar.mode = 0755;
		break;
	case LM_ENTRY_LINK:
		tar.type = '2';
		tar.mode = 0777;
		tar.link = lm_str_of(member->entry->link);
		break;
	}
	lm_tar_header(out, &tar);
}

static void
add_member(struct lm_plan *plan, struct lm_str path, const struct lm_entry *entry)
{
	lm_grow(plan->members, plan->member_count, plan->member_cap);
	plan->members[plan->member_count++] = (struct lm_member){ path, entry };
}

// By the bytes of the name in the archive, where folders end in '/'.
static int
compare_members(const void *a, const void *b)
{
	const struct lm_member *x = a, *y = b;
	size_t len = x->path.len < y->path.len ? x->path.len : y->path.len;
	int order = memcmp(x->path.ptr, y->path.ptr, len);
	if (order != 0)
		return order;
	int slash_x = lm_member_type(x) == LM_ENTRY_FOLDER ? '/' : -1;
	int slash_y = lm_member_type(y) == LM_ENTRY_FOLDER ? '/' : -1;
	int next_x = x->path.len > len ? (unsigned char)x->path.ptr[len] : slash_x;
	int next_y = y->path.len > len ? (unsigned char)y->path.ptr[len] : slash_y;
	if (next_x != next_y)
		return next_x - next_y;
	return (x->path.len > y->path.len) - (x->path.len < y->path.len);
}

// The entries and the folders they are in, each once.
static void
list_members(struct lm_plan *plan, const struct lm_entries *entries)
{
	const char *before = "";
	for (size_t i = 0; i < entries->count; i++) {
		const char *path = entries->items[i].path;
		size_t at = 0;
		while (path[at] != '\0' && path[at] == before[at])
			at++;
		for (; path[at] != '\0'; at++) {
			if (path[at] == '/')
				add_member(plan, (struct lm_str){ path, at }, nullptr);
		}
		add_member(plan, (struct lm_str){ path, at }, &entries->items[i]);
		before = path;
	}
	if (plan->member_count > 0)
		qsort(plan->members, plan->member_count, sizeof(*plan->members), compare_members);
	if (plan->prefix != nullptr) {
		add_member(plan, LM_STR(""), nullptr);
		struct lm_member top = plan->members[plan->member_count - 1];
		memmove(plan->members + 1, plan->members, (plan->member_count - 1) * sizeof(*plan->members));
		plan->members[0] = top;
	}
}

// 32 bits that say nothing about the path but differ when it does: FNV-1a, then the finalizer of splitmix64.
static uint32_t
path_hash(struct lm_str path)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < path.len; i++) {
		hash ^= (unsigned char)path.ptr[i];
		hash *= 0x100000001b3;
	}
	hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
	hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((hash ^ (hash >> 31)) >> 32);
}

// Whether to cut behind a member of `size` bytes, when the segment has `filled` bytes with it. Only the path
// decides, so that a change of bytes moves no cut; the chance is in proportion to the size, so that the
// segments come out alike for many small members and few big ones, and rises once the target is reached.
static bool
cut_behind(const struct lm_plan *plan, const struct lm_member *member, uint64_t size, uint64_t filled)
{
	if (filled < plan->segment / 4)
		return false;
	uint64_t rate = filled < plan->segment ? plan->segment * 2 : plan->segment / 8;
	return path_hash(member->path) * rate < size << 32;
}

// Before the end blocks.
static uint64_t
segment_max(const struct lm_plan *plan)
{
	return plan->segment + plan->segment / 2;
}

static struct lm_part *
add_part(struct lm_plan *plan, size_t member)
{
	lm_grow(plan->parts, plan->part_count, plan->part_cap);
	struct lm_part *part = &plan->parts[plan->part_count++];
	*part = (struct lm_part){ .member = member, .content_offset = plan->content_size };
	return part;
}

// A large member is cut into as many parts of the size they should have as it has room for, all of one length but for the last. Its
// own size decides, whatever is before or behind it.
static void
cut_large(struct lm_plan *plan, size_t member, uint64_t bytes)
{
	uint64_t count = bytes < plan->large_segment ? 1 : bytes / plan->large_segment;
	uint64_t length = (bytes + count * LM_TAR_BLOCK - 1) / (count * LM_TAR_BLOCK) * LM_TAR_BLOCK;
	for (uint64_t at = 0, index = 0; at < bytes; at += length, index++) {
		struct lm_part *part = add_part(plan, member);
		part->member_count = 1;
		part->members_begun = at == 0;
		part->large = true;
		part->large_index = plan->large_count;
		part->part_index = (size_t)index;
		part->last = bytes - at <= length;
		part->skip = at;
		part->content_size = part->last ? bytes - at : length;
		plan->content_size += part->content_size;
	}
	plan->large_count++;
}

static void
cut_parts(struct lm_plan *plan)
{
	LM_AUTO(lm_buf_release) struct lm_buf header = {};
	bool open = false;
	uint64_t filled = 0;
	for (size_t i = 0; i < plan->member_count; i++) {
		const struct lm_member *member = &plan->members[i];
		lm_buf_clear(&header);
		lm_member_tar_header(plan, member, &header);
		uint64_t size = lm_member_size(member), tar_size = header.len + size + lm_tar_padding(size);
		uint64_t content = plan->tar ? tar_size : size;
		if (tar_size > segment_max(plan)) {
			cut_large(plan, i, content);
			open = false;
			continue;
		}
		if (!open || filled + tar_size > segment_max(plan)) {
			(void)add_part(plan, i);
			open = true;
			filled = 0;
		}
		struct lm_part *part = &plan->parts[plan->part_count - 1];
		part->member_count++;
		part->members_begun++;
		part->content_size += content;
		plan->content_size += content;
		filled += tar_size;
		if (cut_behind(plan, member, tar_size, filled))
			open = false;
	}
}

void
lm_plan_make(struct lm_plan *plan, const struct lm_entries *entries, const struct lm_archive_options *options)
{
	plan->prefix = options->prefix;
	plan->mtime_s = options->mtime_s;
	plan->tar = options->format != LM_FORMAT_ZIP;
	int level = lm_codec_level(options);
	plan->segment = lm_codec_segment(options->format, level);
	plan->large_segment = lm_codec_large_segment(options->format, level);
	list_members(plan, entries);
	cut_parts(plan);
	if (!plan->tar)
		return;
	if (plan->part_count == 0)
		(void)add_part(plan, 0);
	struct lm_part *last = &plan->parts[plan->part_count - 1];
	last->end_blocks = true;
	last->content_size += LM_TAR_END_BYTES;
	plan->content_size += LM_TAR_END_BYTES;
}

static void
hash_number(struct lm_sha256 *hash, uint64_t value)
{
	unsigned char bytes[8];
	for (size_t i = 0; i < sizeof bytes; i++, value >>= 8)
		bytes[i] = (unsigned char)(value & 0xff);
	lm_sha256_update(hash, bytes, sizeof bytes);
}

// Behind its headers, a part of a large member is the same wherever the file is: in any folder, archive, at any time.
static void
hash_large(const struct lm_plan *plan, const struct lm_part *part, struct lm_sha256 *hash)
{
	const struct lm_member *member = &plan->members[part->member];
	LM_AUTO(lm_buf_release) struct lm_buf header = {};
	uint64_t before = part->skip;
	if (part->skip == 0 || plan->tar)
		lm_member_tar_header(plan, member, &header);
	if (part->skip == 0)
		lm_sha256_update(hash, header.ptr, header.len);
	else
		before -= header.len;
	lm_sha256_update(hash, member->entry->digest.bytes, sizeof member->entry->digest.bytes);
	hash_number(hash, before);
	hash_number(hash, part->content_size - (part->end_blocks ? LM_TAR_END_BYTES : 0));
}

static void
hash_members(const struct lm_plan *plan, const struct lm_part *part, struct lm_sha256 *hash)
{
	LM_AUTO(lm_buf_release) struct lm_buf header = {};
	for (size_t i = 0; i < part->member_count; i++) {
		const struct lm_member *member = &plan->members[part->member + i];
		lm_buf_clear(&header);
		lm_member_tar_header(plan, member, &header);
		lm_sha256_update(hash, header.ptr, header.len);
		if (lm_member_type(member) == LM_ENTRY_FILE)
			lm_sha256_update(hash, member->entry->digest.bytes, sizeof member->entry->digest.bytes);
	}
}

void
lm_part_digest(const struct lm_plan *plan, const struct lm_part *part, struct lm_digest *digest)
{
	static const char zeros[LM_TAR_END_BYTES];
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	if (part->large)
		hash_large(plan, part, &hash);
	else
		hash_members(plan, part, &hash);
	if (part->end_blocks)
		lm_sha256_update(&hash, zeros, sizeof zeros);
	lm_sha256_final(&hash, digest);
}

void
lm_plan_release(struct lm_plan *plan)
{
	lm_free(plan->members);
	lm_free(plan->parts);
	*plan = (struct lm_plan){};
}
