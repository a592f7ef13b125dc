// Looking at the bytes of what is in the store.
#include "os/pool.h"
#include "store/store_parts.h"

#include <stdatomic.h>

static int
nowhere(void *, const void *, size_t, struct lm_err *)
{
	return 0;
}

// Do all entries of a blob have their digests?
static int
check_contents(const struct lm_entries *entries, bool *matches, struct lm_err *err)
{
	*matches = true;
	for (size_t i = 0; i < entries->count && *matches; i++) {
		if (entries->items[i].type != LM_ENTRY_FILE || lm_entry_read(&entries->items[i], nowhere, nullptr, err) == 0)
			continue;
		if (err->code != LM_E_INTEGRITY)
			return -1;
		lm_err_clear(err);
		*matches = false;
	}
	return 0;
}

static int
remove_blob(struct lm_store *store, const struct lm_digest *digest, const char *blob, const char *name, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *index = store_path(store, "index", digest, ".runtime");
	if (lm_file_remove(index, err) < 0 || lm_file_remove(blob, err) < 0)
		return -1;
	lm_emit_warning(
		&store->sink, "what was unpacked of '%s' in the store was damaged: removed, to be unpacked again", name);
	return 0;
}

// A blob without a readable index is not used by anybody, and is not bad.
static int
check_blob(struct lm_store *store, const struct lm_digest *digest, const char *name, uint64_t *bytes, bool *bad,
	struct lm_err *err)
{
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	LM_AUTO(lm_free_ptr) char *blob = store_path(store, "blobs", digest, "");
	struct store_index index = { .suffix = ".runtime", .source = digest, .content_file = blob };
	enum store_index_state state = STORE_INDEX_ABSENT;
	struct lm_file_info info = {};
	bool matches = false;
	if (lm_file_info(blob, &info, err) < 0 || store_index_read(store, &index, &entries, &state, err) < 0)
		return -1;
	if (!info.exists || state != STORE_INDEX_READ)
		return 0;
	*bytes += info.size_bytes;
	if (info.size_bytes == index.content_size && check_contents(&entries, &matches, err) < 0)
		return -1;
	*bad = !matches;
	return matches ? 0 : remove_blob(store, digest, blob, name, err);
}

static int
check_source(struct lm_store *store, const struct lm_digest *digest, const char *name, uint64_t *bytes, bool *bad,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "sources", digest, "");
	struct lm_file_info info = {};
	bool matches = false;
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (!info.exists)
		return 0;
	*bytes += info.size_bytes;
	if (info.is_file && store_check_source(path, digest, &matches, err) < 0)
		return -1;
	*bad = !matches;
	return matches ? 0 : store_set_aside(store, digest, name, err);
}

int
lm_store_recheck(struct lm_store *store, const struct lm_digest *digest, const char *name, bool *set_aside, struct lm_err *err)
{
	bool bad_source = false, bad_blob = false;
	uint64_t bytes = 0;
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	if (store_lock(store, digest, "checking", name, &store->sink, &lock, err) < 0 ||
		check_source(store, digest, name, &bytes, &bad_source, err) < 0 ||
		check_blob(store, digest, name, &bytes, &bad_blob, err) < 0)
		return -1;
	*set_aside = bad_source || bad_blob;
	return 0;
}

enum kind { SOURCE, BLOB, SEGMENT };

// One thing to look at.
struct checked {
	struct lm_digest digest;
	char *name;
	enum kind kind;
};

struct verifying {
	struct lm_store *store;
	struct checked *items;
	size_t count, cap;
	atomic_uint_fast64_t bytes, bad;
};

static int
check_segment(struct lm_store *store, const struct lm_digest *key, uint64_t *bytes, bool *bad, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf segment = {};
	enum store_segment_state state = STORE_SEGMENT_ABSENT;
	if (store_segment_read(store, key, &segment, &state, err) < 0)
		return -1;
	*bytes += segment.len;
	*bad = state == STORE_SEGMENT_DAMAGED;
	return 0;
}

static int
check_kind(struct lm_store *store, const struct checked *item, uint64_t *bytes, bool *bad, struct lm_err *err)
{
	switch (item->kind) {
	case SOURCE:
		return check_source(store, &item->digest, item->name, bytes, bad, err);
	case BLOB:
		return check_blob(store, &item->digest, item->name, bytes, bad, err);
	case SEGMENT:
		break;
	}
	return check_segment(store, &item->digest, bytes, bad, err);
}

static int
verify_one(void *context, size_t index, struct lm_err *err)
{
	struct verifying *all = context;
	const struct checked *item = &all->items[index];
	bool bad = false;
	uint64_t bytes = 0;
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	// without a sink: the other one may be a thread of ours
	if (store_lock(all->store, &item->digest, "checking", item->name, nullptr, &lock, err) < 0)
		return -1;
	int rc = check_kind(all->store, item, &bytes, &bad, err);
	all->bytes += bytes;
	all->bad += bad ? 1 : 0;
	return rc;
}

static int
collect(struct verifying *all, const char *shard, const char *name, enum kind kind)
{
	struct lm_digest digest = {};
	LM_AUTO(lm_free_ptr) char *hex = lm_format("%s%s", shard, name);
	if (!lm_digest_parse(lm_str_of(hex), &digest))
		return 0; // a partial file, or one that was set aside
	lm_grow(all->items, all->count, all->cap);
	all->items[all->count++] = (struct checked){ digest, lm_take(&hex), kind };
	return 0;
}

static int
collect_source(void *context, const char *, const char *shard, const char *name, struct lm_err *)
{
	return collect(context, shard, name, SOURCE);
}

static int
collect_blob(void *context, const char *, const char *shard, const char *name, struct lm_err *)
{
	return collect(context, shard, name, BLOB);
}

static int
collect_segment(void *context, const char *, const char *shard, const char *name, struct lm_err *)
{
	return collect(context, shard, name, SEGMENT);
}

int
lm_store_verify(struct lm_store *store, struct lm_store_verified *out, struct lm_err *err)
{
	struct verifying all = { .store = store };
	int rc = store_each_file(store, "sources", collect_source, &all, err);
	size_t sources = all.count;
	if (rc == 0)
		rc = store_each_file(store, "blobs", collect_blob, &all, err);
	size_t blobs = all.count - sources;
	if (rc == 0)
		rc = store_each_file(store, "segments", collect_segment, &all, err);
	// sources first, then blobs: a bad source takes its blob with it
	if (rc == 0)
		rc = lm_pool_run(lm_cpu_count(), all.count, verify_one, &all, err);
	*out = (struct lm_store_verified){
		.sources = sources, .blobs = blobs, .segments = all.count - sources - blobs, .bytes = all.bytes, .bad = all.bad
	};
	for (size_t i = 0; i < all.count; i++)
		lm_free(all.items[i].name);
	lm_free(all.items);
	return rc;
}
