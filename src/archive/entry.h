// Entries: what a layer holds, as a value. A list of entries and a time make an archive, a tree on disk or a
// listing; nothing else takes part. Owner is always root (0:0), modes are 0644 or 0755 (links 0777).
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "digest/sha256.h"

enum lm_entry_type {
	LM_ENTRY_FILE,
	LM_ENTRY_FOLDER, // only for folders that would otherwise not appear, i.e. empty ones; writers add parents by themselves
	LM_ENTRY_LINK, // symbolic
};

enum lm_content_kind {
	LM_CONTENT_NONE, // links, folders, files of 0 bytes
	LM_CONTENT_MEMORY, // `memory`, `size` bytes
	LM_CONTENT_FILE, // `size` bytes at `offset` of the file `file`
	LM_CONTENT_DEFLATE, // the raw deflate stream of `stored_size` bytes at `offset` of `file`; `size` bytes when inflated
};

// Where the bytes of a file are.
struct lm_content {
	enum lm_content_kind kind;
	const void *memory;
	const char *file;
	uint64_t offset, stored_size;
};

struct lm_entry {
	const char *path; // relative, '/' separated, checked with lm_path_check_inside
	enum lm_entry_type type;
	bool executable; // files: mode 0755, else 0644
	uint64_t size; // of a file, in bytes
	struct lm_digest digest; // of a file's bytes; checked whenever they are read
	const char *link; // target of a link, as it is stored
	const char *origin; // "numpy 2.4.6", "cpython@3.11.11", "lamina", ... : who brought it, for messages
	struct lm_content content;
};

// A list of entries. Strings and memory contents live in `arena` unless somebody else outlives the list.
struct lm_entries {
	struct lm_entry *items;
	size_t count, cap;
	struct lm_arena arena;
};

struct lm_entry *lm_entries_add(struct lm_entries *entries); // zeroed, at the end; valid until the next add
// A file made by us, from memory (copied into the arena); digest and size are computed.
void lm_entries_add_text(
	struct lm_entries *entries, const char *path, const void *bytes, size_t len, bool executable, const char *origin);
void lm_entries_add_link(struct lm_entries *entries, const char *path, const char *target, const char *origin);
// Sort by path bytes and refuse (LM_E_CONFLICT, naming path and both origins): two entries of one path (equal ones
// become one), a file or link where another needs a folder, and, with fold_case, names of entries or of their folders
// that lm_casefold makes equal. A folder that has something in it needs no entry and loses it.
// Refused with LM_E_SYNTAX: unsafe paths, absolute links, links that leave the stack's folder (the one above the layer),
// links with ".." after a name (it would lead elsewhere when that name is a link), and what is no text in a target.
// Finishing a finished list changes nothing.
[[nodiscard]] int lm_entries_finish(struct lm_entries *entries, bool fold_case, struct lm_err *err);
// Refuse, with LM_E_SYNTAX, an entry whose path Windows cannot have.
[[nodiscard]] int lm_entries_check_windows(const struct lm_entries *entries, struct lm_err *err);
// By binary search after lm_entries_finish; null when absent.
const struct lm_entry *lm_entries_find(const struct lm_entries *entries, const char *path);
void lm_entries_release(struct lm_entries *entries); // empty again; fits LM_AUTO

// The content hash of a finished list: equal exactly when paths, types, modes, link targets and bytes are.
// It does not depend on the archive format, the compressor or times. docs/formats/content-hash.md says how anybody can
// compute it from an unpacked archive with find, sort and sha256sum:
// SHA-256 of one line per entry, in byte order of path:
//   file:   "<0644|0755> <64 hex digits> <size> <path>\n"
//   link:   "link <target> <path>\n"
//   folder: "folder - <path>\n"        (empty folders only)
// where path and target have ' ' as %20 and '%' as %25 (control bytes are refused before).
// The text that the content hash is the SHA-256 of, appended.
void lm_entries_listing(const struct lm_entries *entries, struct lm_buf *out);
void lm_entries_content_hash(const struct lm_entries *entries, struct lm_digest *out);

// Read the bytes of one file entry, checked against its digest at the end (LM_E_INTEGRITY names entry and origin; also
// when the source ends early, does not inflate, or inflates to another size).
// `chunk` is called with consecutive pieces, at most 1 MiB each; what it got counts only after 0 was returned.
typedef int lm_content_sink(void *context, const void *bytes, size_t len, struct lm_err *err);
[[nodiscard]] int lm_entry_read(const struct lm_entry *entry, lm_content_sink *chunk, void *context, struct lm_err *err);
