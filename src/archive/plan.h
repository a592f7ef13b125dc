// The plan of an archive: which members in which order, and where the stream is cut into segments. It is made from
// the entries alone, before any content is read. docs/formats/archive.md has the rule. For the modules of src/archive.
#pragma once

#include "archive/entry.h"
#include "archive/tar.h"
#include "archive/writer.h"

struct lm_member {
	struct lm_str path;           // in the layer, without '/' at the end; empty: the top folder
	const struct lm_entry *entry; // null: a folder that has no entry of its own
};

// A segment before it is made: whole members, or a part of one large member.
struct lm_part {
	size_t member, member_count; // members that have bytes in it
	size_t members_begun;        // of those, how many begin in it
	uint64_t content_offset, content_size;
	uint64_t skip;               // bytes of the member before this part; 0: it begins here
	bool large, last;            // part of a large member; the end of it
	size_t large_index;          // which large member of the archive
	size_t part_index;           // which part of it
	bool end_blocks;             // tar: the end of the archive
};

struct lm_plan {
	const char *prefix;
	int64_t mtime_s;
	bool tar;
	uint64_t segment; // bytes that one should have
	uint64_t large_segment; // bytes that parts of a large member should have at least
	struct lm_member *members;
	size_t member_count, member_cap;
	struct lm_part *parts;
	size_t part_count, part_cap;
	size_t large_count;
	uint64_t content_size; // tar: of the stream; zip: of all files
};

// entries (finished) and prefix are borrowed; options are right. Zero-initialised is empty; release when done.
void lm_plan_make(struct lm_plan *plan, const struct lm_entries *entries, const struct lm_archive_options *options);
void lm_plan_release(struct lm_plan *plan); // fits LM_AUTO

enum lm_entry_type lm_member_type(const struct lm_member *member);
uint64_t lm_member_size(const struct lm_member *member); // of a file's bytes, else 0
// Append the name it has in the archive: prefix in front, '/' at the end of a folder.
void lm_member_name(const struct lm_plan *plan, const struct lm_member *member, struct lm_buf *out);
// Append its header blocks.
void lm_member_tar_header(const struct lm_plan *plan, const struct lm_member *member, struct lm_buf *out);
// The digest of a part: equal exactly when its uncompressed bytes are, as far as SHA-256 can tell, and known without them.
void lm_part_digest(const struct lm_plan *plan, const struct lm_part *part, struct lm_digest *digest);
