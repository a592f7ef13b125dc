// A view: the entries of one layer or archive as somebody sees them, to be compared with another. It comes from the listing that
// publishing leaves (docs/formats/content-hash.md), from an archive of anybody, or from both.
#pragma once

#include "archive/scan.h"

struct lm_seen {
	const char *path; // printable (archive/scan.h), below `top`
	enum lm_scan_type type; // hard links appear as the file they lead to
	bool implied; // a folder with something in it: listings do not have it
	unsigned mode; // permission bits; 0 for links and implied folders of listings
	uint64_t size;
	struct lm_digest digest; // of a file
	bool has_digest; // false for hard links that lead nowhere
	const char *link, *special;

	bool read; // seen in an archive: what follows is known
	bool has_time, has_owner;
	int64_t mtime_s, uid, gid;
	uint32_t mtime_ns;
	const char *user, *group, *attributes;
	const char *hard_link; // its target, else null
	uint64_t position; // in the tar stream
	size_t order; // among the members that were read
};

// The text of a RECORD file that was met while reading an archive.
struct lm_seen_record {
	const char *path, *text;
	size_t len;
};

// Zero-initialised is empty. Owns its strings through the arena.
struct lm_view {
	const char *top; // the folder that all members are in; null: there is none
	bool partial; // only some segments of the archive were read, and there is no listing
	bool read; // an archive was read, whole or in part
	bool whole; // all of it
	struct lm_seen *items; // sorted by path, each path once
	size_t count, cap;
	struct lm_seen_record *records;
	size_t record_count, record_cap;
	uint64_t record_bytes;
	struct lm_scan_result scan;
	struct lm_strings findings; // sentences: members that are there twice, hard links to nothing
	struct lm_arena arena;
};

// LM_E_SYNTAX with the line.
[[nodiscard]] int lm_view_from_listing(struct lm_view *view, struct lm_str text, const char *top, struct lm_err *err);
// Read an archive, or some ranges of it (whole segments).
//   top  the folder that all members should be in; null: not known. Of a whole archive the one that they are in counts.
[[nodiscard]] int lm_view_from_archive(
	struct lm_view *view, const struct lm_scan_source *source, const char *top, struct lm_err *err);
// Add to a view from a listing what was seen in (a part of) its archive, and a finding for each entry that the listing has
// otherwise.
void lm_view_add_read(struct lm_view *view, const struct lm_view *read);
// Put the top folder in front of all paths, so that the view compares with one that has none.
void lm_view_drop_top(struct lm_view *view);
const struct lm_seen *lm_view_find(const struct lm_view *view, const char *path); // null when absent
// As docs/formats/content-hash.md says. False when an entry has a type or mode that content hashes do not know.
bool lm_view_content_hash(const struct lm_view *view, struct lm_digest *out);
void lm_view_release(struct lm_view *view); // fits LM_AUTO

// The members of our archive with these entries, in order: element i is the path of the i-th line of `tar -t` ("" for the
// top folder).
void lm_view_members(const struct lm_view *view, struct lm_strings *out);
