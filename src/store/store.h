// The store: what was fetched or unpacked, kept once, known by digest. Everything in it can be deleted at any time.
//   <root>/sources/<2 hex>/<62 hex>         files from outside, exactly as fetched (named by their SHA-256)
//   <root>/blobs/<2 hex>/<62 hex>           the bytes of an unpacked runtime archive (named by the archive's SHA-256)
//   <root>/index/<2 hex>/<62 hex>.<kind>    the entries of a source: text, format in docs/formats/store.md
//   <root>/segments/<2 hex>/<62 hex>        compressed segments of archives, by what they are made of
//   <root>/trees/<name>                     trees on disk made for running something (an interpreter for the resolver)
//   <root>/tmp, <root>/locks, <root>/store.sqlite
// docs/formats/store.md has every file. Many processes may use it at once: files appear whole by rename, the same digest
// is fetched by one of them (lm_lock); threads of one process may share a struct lm_store. A file's modification time is
// when it was last used.
#pragma once

#include "archive/entry.h"
#include "archive/writer.h"
#include "base/event.h"
#include "digest/sha256.h"

struct lm_store;

// Open (and make) a store. root: a folder.
[[nodiscard]] int lm_store_open(struct lm_store **out, const char *root, const struct lm_sink *sink, struct lm_err *err);
void lm_store_close(struct lm_store *store);
void lm_store_close_ptr(struct lm_store **store);
const char *lm_store_root(const struct lm_store *store);

// Something to have in the store.
struct lm_wanted {
	const char *name;     // file name, for messages ("numpy-2.4.6-....whl")
	struct lm_digest digest;
	uint64_t size_bytes;  // 0: not known
	const char *url;      // where to get it when no folder has it; null: nowhere
	const char *whose;    // put in front of what is said when its download fails ("layer 'cpython'"); null: nothing
};

// The path of a source that is here, or null. Yours to lm_free. Size is not looked at; bytes are checked where they are
// read. Counts as a use.
char *lm_store_find(struct lm_store *store, const struct lm_digest *digest);

// Make sure that all are here: first those present, then folders (a file of that name whose digest matches is copied in;
// one of that name with another digest is passed over with a warning), then their URLs, several at once. One that is here
// with another size than expected is set aside and fetched again. A source that cannot be had: LM_E_NOT_FOUND listing every
// missing file, before anything is downloaded. Else as lm_http_download.
[[nodiscard]] int lm_store_fetch(struct lm_store *store, const struct lm_wanted *wanted, size_t count,
	const char *const *folders, size_t folder_count, unsigned parallel, struct lm_err *err);

// The same in two steps. First all but the downloads: *missing are those left for them, yours to lm_free; they point into `wanted`.
[[nodiscard]] int lm_store_prepare(struct lm_store *store, const struct lm_wanted *wanted, size_t count,
	const char *const *folders, size_t folder_count, const struct lm_wanted ***missing, size_t *missing_count,
	struct lm_err *err);
// Then the downloads, begun in the order given. Each has a URL and is there once.
//   here  called by this thread for each that is in the store now, and may be read; null: nobody asks
[[nodiscard]] int lm_store_download(struct lm_store *store, const struct lm_wanted *const *wanted, size_t count,
	unsigned parallel, void (*here)(void *context, const struct lm_wanted *wanted), void *context, struct lm_err *err);

// Take a local file in (copied), checking the digest when `expected` is given. *digest gets what it has.
[[nodiscard]] int lm_store_add_file(struct lm_store *store, const char *path, const struct lm_digest *expected,
	struct lm_digest *digest, struct lm_err *err);
// Fetch a URL whose digest is not known yet (recorded by the caller): trust on first use.
[[nodiscard]] int lm_store_add_url(struct lm_store *store, const char *url, const char *name, uint64_t max_bytes,
	struct lm_digest *digest, struct lm_err *err);

// Let another store have a source of this one: the same file where the file system can. Nobody reads its bytes for that; whoever
// asks `to` for its entries does, and checks them, because `to` has no index of it. LM_E_NOT_FOUND: it is not here.
[[nodiscard]] int lm_store_lend(struct lm_store *from, struct lm_store *to, const struct lm_digest *digest, struct lm_err *err);

// The entries of a wheel (paths as in the archive) or of a runtime archive (its "python/" stripped; see archive/unpack.h for
// what is refused), computed once and then read from the index; sorted by path. Contents point into the store.
//   name  the wheel's file name, or a name for messages
// A wheel is refused (LM_E_SYNTAX, naming wheel and member) when archive/zip.h refuses it; unless exactly one folder at its
// top ends in ".dist-info", is of the project and version of the file name and has METADATA, WHEEL (Wheel-Version 1.x) and
// RECORD; when a path is unsafe (lm_path_check_inside) or one member is a file where another needs a folder; when a member is
// not in RECORD (but for RECORD, RECORD.jws, RECORD.p7s), has no sha256 digest there or another size, when RECORD names what
// is not there or says two things of one path. LM_E_INTEGRITY: a member has another digest than RECORD says.
// A source whose bytes no longer match its own digest or size is set aside (".bad") with a warning, and LM_E_INTEGRITY is
// returned: when lm_store_find has nothing then, fetch it again and call once more. LM_E_NOT_FOUND: it is not in the store.
// An index that is damaged, of another format, or whose blob is gone is made anew. On failure `entries` is as before.
[[nodiscard]] int lm_store_wheel_entries(struct lm_store *store, const struct lm_digest *wheel, const char *name,
	struct lm_entries *entries, struct lm_err *err);
[[nodiscard]] int lm_store_runtime_entries(struct lm_store *store, const struct lm_digest *archive, const char *name,
	struct lm_entries *entries, struct lm_err *err);

// What lm_archive_write wants to take segments from and to give them to. A segment that is not what was kept is set aside (".bad")
// with a warning, and not found. Lives as long as the store.
void lm_store_segment_cache(struct lm_store *store, struct lm_segment_cache *out);

// Small values remembered between runs (for example the size and time of a file that was hashed), in store.sqlite.
[[nodiscard]] int lm_store_note_get(
	struct lm_store *store, const char *key, char **value, struct lm_err *err); // *value null when absent
[[nodiscard]] int lm_store_note_set(struct lm_store *store, const char *key, const char *value, struct lm_err *err);

// Look at the bytes of one source and of what was made of it; for a caller that met LM_E_INTEGRITY while it read contents.
//   name        for messages
//   *set_aside  something did not match and is out of the way (with a warning): fetch again, and ask for the entries again
[[nodiscard]] int lm_store_recheck(
	struct lm_store *store, const struct lm_digest *digest, const char *name, bool *set_aside, struct lm_err *err);

struct lm_store_size {
	struct {
		uint64_t files, bytes; // as ls -l counts them
	} sources, blobs, index, segments, trees, other; // other: temporary files, locks, the database, what was set aside
	uint64_t bytes; // of all
};
[[nodiscard]] int lm_store_size(struct lm_store *store, struct lm_store_size *out, struct lm_err *err);

struct lm_store_verified {
	uint64_t sources, blobs, segments, bytes; // looked at
	uint64_t bad; // set aside, each with a warning
};
// lm_store_recheck for all, and the same for segments, on all processors.
[[nodiscard]] int lm_store_verify(struct lm_store *store, struct lm_store_verified *out, struct lm_err *err);

struct lm_store_gc {
	uint64_t removed, removed_bytes; // sources (with their blob and index), segments and trees
	uint64_t kept_bytes;
	bool in_use; // other processes have the store open: only what was not used for a day could be removed
};
// Remove what was used longest ago until sources, blobs, indexes, segments and trees together have at most `max_bytes`; and, always,
// what was set aside, the leftovers of killed processes, and, unless in_use, temporary and lock files.
[[nodiscard]] int lm_store_gc(struct lm_store *store, uint64_t max_bytes, struct lm_store_gc *out, struct lm_err *err);
