// Inside src/store: the store itself and what its files share.
#pragma once

#include "base/mem.h"
#include "base/str.h"
#include "os/file.h"
#include "os/lock.h"
#include "store/store.h"

#include <pthread.h>

struct lm_db;

enum {
	STORE_INDEX_FORMAT = 1, // of index files; raise it when they change, also when more is refused than before
};
static const uint64_t STORE_SOURCE_MAX_BYTES = 8ull << 30;

struct lm_store {
	char *root;
	struct lm_sink sink;
	int use_fd;            // shared lock on locks/use while the store is open
	pthread_mutex_t mutex; // guards what follows
	struct lm_db *db;      // opened when first needed
	bool swept[256];       // folders of segments, by their two digits
};

// "<root>/<kind>/<2 hex>/<62 hex><suffix>". Yours to lm_free.
[[nodiscard]] char *store_path(
	const struct lm_store *store, const char *kind, const struct lm_digest *digest, const char *suffix);
// Make the folder a path is in.
[[nodiscard]] int store_make_parent(const char *path, struct lm_err *err);
// Take the lock of one digest.
[[nodiscard]] int store_lock(struct lm_store *store, const struct lm_digest *digest, const char *what, const char *name,
	const struct lm_sink *sink, struct lm_lock *lock, struct lm_err *err);
// Remember that a file is in use now: its modification time says when it was last. Never fails.
void store_touch(const char *path);
// Call `visit` for each file in the folders "<root>/<kind>/<2 hex>", sorted.
//   folder  "<root>/<kind>/<2 hex>"; shard: its name; name: of the file
typedef int store_visit(void *context, const char *folder, const char *shard, const char *name, struct lm_err *err);
[[nodiscard]] int store_each_file(
	const struct lm_store *store, const char *kind, store_visit *visit, void *context, struct lm_err *err);
// A source is not what its digest says: out of the way with it, and with what was made of it, with a warning.
[[nodiscard]] int store_set_aside(struct lm_store *store, const struct lm_digest *digest, const char *name, struct lm_err *err);
// Hash a source. *matches: whether it has its digest.
[[nodiscard]] int store_check_source(const char *path, const struct lm_digest *digest, bool *matches, struct lm_err *err);
// Is a source here, with the size it should have? One of another size is set aside.
[[nodiscard]] int store_is_here(struct lm_store *store, const struct lm_wanted *wanted, bool *here, struct lm_err *err);
// For qsort of `const struct lm_wanted *`: by digest, the order in which every process takes the locks of several.
int store_compare_wanted(const void *a, const void *b);

enum store_segment_state {
	STORE_SEGMENT_READ,
	STORE_SEGMENT_ABSENT,
	STORE_SEGMENT_DAMAGED, // and set aside, with a warning
};
// Append the compressed bytes that are kept under this key.
[[nodiscard]] int store_segment_read(struct lm_store *store, const struct lm_digest *key, struct lm_buf *out,
	enum store_segment_state *state, struct lm_err *err);

// What kind of source an index is about.
struct store_index {
	const char *suffix;         // ".wheel", ".runtime"
	const struct lm_digest *source;
	const char *origin;         // of all entries; null when reading: whatever it is
	const char *content_file;   // the file that all contents are in
	uint64_t content_size;      // its size in bytes
};

enum store_index_state {
	STORE_INDEX_READ,
	STORE_INDEX_ABSENT,  // or of another format, another origin
	STORE_INDEX_DAMAGED,
};

[[nodiscard]] int store_index_write(
	struct lm_store *store, const struct store_index *index, const struct lm_entries *entries, struct lm_err *err);
// Add the entries of an index, in byte order of path. index->content_size is set from it.
[[nodiscard]] int store_index_read(struct lm_store *store, struct store_index *index, struct lm_entries *entries,
	enum store_index_state *state, struct lm_err *err);

// Check a wheel and add its entries, sorted. Messages begin with its name.
//   digest  of the file, checked along the way; *damaged: it does not match
[[nodiscard]] int store_wheel_read(const char *path, const struct lm_digest *digest, const char *name, const char *origin,
	struct lm_entries *entries, bool *damaged, struct lm_err *err);
// "numpy 2.4.6" from the file name of a wheel.
[[nodiscard]] int store_wheel_origin(const char *name, char **origin, struct lm_err *err);
