// The entries of a source: from its index, or computed and then kept as one.
#include "archive/unpack.h"
#include "os/path.h"
#include "os/pool.h"
#include "store/store_parts.h"

#include <string.h>

// A source that is being read.
struct source {
	struct lm_store *store;
	const struct lm_digest *digest;
	const char *name;
	char *path;
	struct store_index index;
	struct lm_entries *entries;
	bool damaged, index_damaged;
	int (*compute)(struct source *source, struct lm_err *err);
};

static int
file_size(const char *path, bool *exists, uint64_t *size, struct lm_err *err)
{
	struct lm_file_info info = {};
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	*exists = info.is_file;
	*size = info.size_bytes;
	return 0;
}

static int
set_aside(struct source *source, struct lm_err *err)
{
	if (store_set_aside(source->store, source->digest, source->name, err) < 0)
		return -1;
	return lm_err_set(err, LM_E_INTEGRITY, "'%s' in the store was damaged and has to be fetched again", source->name);
}

// Try the index. *found: the entries are there.
static int
from_index(struct source *source, bool *found, struct lm_err *err)
{
	size_t before = source->entries->count;
	bool exists = false;
	uint64_t size = 0;
	enum store_index_state state = STORE_INDEX_ABSENT;
	if (store_index_read(source->store, &source->index, source->entries, &state, err) < 0)
		return -1;
	source->index_damaged = state == STORE_INDEX_DAMAGED;
	if (state != STORE_INDEX_READ)
		return 0;
	if (file_size(source->index.content_file, &exists, &size, err) < 0)
		return -1;
	*found = exists && size == source->index.content_size;
	if (*found) {
		store_touch(source->index.content_file);
		return 0;
	}
	source->entries->count = before;
	// the contents of a wheel are the source itself; a blob can be made again
	return exists && strcmp(source->index.content_file, source->path) == 0 ? set_aside(source, err) : 0;
}

// What is wrong with a source that could not be read: its bytes are not what they were, or it never was a good one.
static int
explain(struct source *source, struct lm_err *err)
{
	struct lm_err check = {};
	bool matches = true;
	if (err->code == LM_E_INTERRUPTED || err->code == LM_E_IO)
		return -1;
	if (!source->damaged && store_check_source(source->path, source->digest, &matches, &check) < 0)
		return -1;
	return source->damaged || !matches ? set_aside(source, err) : -1;
}

static int
compute(struct source *source, struct lm_err *err)
{
	bool exists = false;
	uint64_t size = 0;
	if (source->index_damaged)
		lm_emit_warning(
			&source->store->sink, "the index of '%s' in the store was damaged and is made anew", source->name);
	if (file_size(source->path, &exists, &size, err) < 0)
		return -1;
	if (!exists)
		return lm_err_set(err, LM_E_NOT_FOUND, "'%s' is not in the store", source->name);
	if (source->compute(source, err) < 0)
		return explain(source, err);
	if (file_size(source->index.content_file, &exists, &source->index.content_size, err) < 0)
		return -1;
	return store_index_write(source->store, &source->index, source->entries, err);
}

static int
read_source(struct source *source, struct lm_err *err)
{
	bool found = false;
	size_t before = source->entries->count;
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	source->path = store_path(source->store, "sources", source->digest, "");
	source->index.source = source->digest;
	source->index.origin = lm_arena_strdup(&source->entries->arena, source->index.origin);
	if (from_index(source, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	// without a sink: another process reads the same source, and that takes a moment only
	if (store_lock(source->store, source->digest, "reading", source->name, nullptr, &lock, err) < 0 ||
		from_index(source, &found, err) < 0)
		return -1;
	if (!found && compute(source, err) < 0) {
		source->entries->count = before;
		return -1;
	}
	return 0;
}

static int
compute_wheel(struct source *source, struct lm_err *err)
{
	return store_wheel_read(
		source->path, source->digest, source->name, source->index.origin, source->entries, &source->damaged, err);
}

int
lm_store_wheel_entries(
	struct lm_store *store, const struct lm_digest *wheel, const char *name, struct lm_entries *entries, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *origin = nullptr;
	if (store_wheel_origin(name, &origin, err) < 0)
		return -1;
	struct source source = { .store = store, .digest = wheel, .name = name, .entries = entries, .compute = compute_wheel };
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "sources", wheel, "");
	source.index = (struct store_index){
		.suffix = ".wheel", .origin = origin, .content_file = lm_arena_strdup(&entries->arena, path)
	};
	int rc = read_source(&source, err);
	lm_free(source.path);
	return rc;
}

// Two tasks: the digest of the archive, and its bytes into the blob.
static int
hash_or_unpack(void *context, size_t index, struct lm_err *err)
{
	struct source *source = context;
	if (index == 1)
		return lm_unpack(
			source->path, "python", source->index.content_file, source->name, nullptr, source->entries, err);
	bool matches = false;
	if (store_check_source(source->path, source->digest, &matches, err) < 0)
		return -1;
	source->damaged = !matches;
	return matches ? 0 : lm_err_set(err, LM_E_INTEGRITY, "'%s' in the store is damaged", source->name);
}

static int
compute_runtime(struct source *source, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(source->index.content_file);
	if (store_make_parent(source->index.content_file, err) < 0 || lm_outfile_sweep(folder, err) < 0)
		return -1;
	lm_emit_begin(&source->store->sink, "unpack", source->name, 0);
	int rc = lm_pool_run(2, 2, hash_or_unpack, source, err);
	if (rc == 0 && lm_entries_finish(source->entries, false, err) < 0)
		rc = lm_err_wrap(err, "'%s' is not a usable archive", source->name);
	lm_emit_end(&source->store->sink, "unpack", source->name, rc == 0 ? "%zu entries" : nullptr, source->entries->count);
	return rc;
}

int
lm_store_runtime_entries(struct lm_store *store, const struct lm_digest *archive, const char *name, struct lm_entries *entries,
	struct lm_err *err)
{
	struct source source = {
		.store = store, .digest = archive, .name = name, .entries = entries, .compute = compute_runtime
	};
	LM_AUTO(lm_free_ptr) char *blob = store_path(store, "blobs", archive, "");
	source.index = (struct store_index){
		.suffix = ".runtime", .origin = name, .content_file = lm_arena_strdup(&entries->arena, blob)
	};
	int rc = read_source(&source, err);
	lm_free(source.path);
	return rc;
}
