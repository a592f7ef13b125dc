// The store: what was fetched or unpacked, kept once, known by digest. Everything in it can be deleted at any time.
//   <root>/sources/<2 hex>/<62 hex>         files from outside, exactly as fetched (named by their SHA-256)
//   <root>/blobs/<2 hex>/<62 hex>           the bytes of an unpacked runtime archive (named by the archive's SHA-256)
//   <root>/index/<2 hex>/<62 hex>.<kind>    the entries of a source: text, format in docs/formats/store.md
//   <root>/trees/<name>                     trees on disk made for running something (an interpreter for the resolver)
//   <root>/tmp, <root>/locks, <root>/store.sqlite
// Many processes may use it at once: files appear whole by rename, the same digest is fetched by one of them (lm_lock).
#pragma once

#include "archive/entry.h"
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
};

// The path of a source that is here, or null. Yours to lm_free. Size is not looked at; bytes are checked where they are read.
char *lm_store_find(struct lm_store *store, const struct lm_digest *digest);

// Make sure that all are here: first those present, then folders (a file of that name whose digest matches is copied in;
// one of that name with another digest is passed over with a warning), then their URLs, several at once. A source that
// cannot be had: LM_E_NOT_FOUND listing every missing file.
[[nodiscard]] int lm_store_fetch(struct lm_store *store, const struct lm_wanted *wanted, size_t count,
	const char *const *folders, size_t folder_count, unsigned parallel, struct lm_err *err);

// Take a local file in (copied), checking the digest when `expected` is given. *digest gets what it has.
[[nodiscard]] int lm_store_add_file(struct lm_store *store, const char *path, const struct lm_digest *expected,
	struct lm_digest *digest, struct lm_err *err);
// Fetch a URL whose digest is not known yet (recorded by the caller): trust on first use.
[[nodiscard]] int lm_store_add_url(struct lm_store *store, const char *url, const char *name, uint64_t max_bytes,
	struct lm_digest *digest, struct lm_err *err);

// The entries of a wheel (paths as in the archive; checked against RECORD; see python/wheel.h for what is refused) or of
// a runtime archive (its "python/" stripped), computed once and then read from the index. Contents point into the store.
//   name  the wheel's file name, or a name for messages
// A source whose bytes no longer match its digest is set aside (".bad") with a warning, and LM_E_INTEGRITY is
// returned: the caller fetches it again and calls once more.
[[nodiscard]] int lm_store_wheel_entries(struct lm_store *store, const struct lm_digest *wheel, const char *name,
	struct lm_entries *entries, struct lm_err *err);
[[nodiscard]] int lm_store_runtime_entries(struct lm_store *store, const struct lm_digest *archive, const char *name,
	struct lm_entries *entries, struct lm_err *err);

// Small values remembered between runs (for example the size and time of a file that was hashed), in store.sqlite.
[[nodiscard]] int lm_store_note_get(struct lm_store *store, const char *key, char **value, struct lm_err *err); // *value null when absent
[[nodiscard]] int lm_store_note_set(struct lm_store *store, const char *key, const char *value, struct lm_err *err);
