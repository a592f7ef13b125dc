// How large the store is, and making it smaller.
#include "os/clock.h"
#include "os/dir.h"
#include "os/path.h"
#include "store/store_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum { RECENT_S = 24 * 60 * 60, SHARD_DIGITS = 2, NAME_DIGITS = 62 };

static int
count_file(void *context, const char *path, const struct lm_file_info *info, struct lm_err *)
{
	struct lm_store_size *out = context;
	if (info->is_dir)
		return 0;
	uint64_t *files = &out->other.files, *bytes = &out->other.bytes;
	bool bad = lm_cstr_ends(path, ".bad") || lm_cstr_ends(path, ".partial");
	if (lm_cstr_starts(path, "sources/") && !bad)
		files = &out->sources.files, bytes = &out->sources.bytes;
	else if (lm_cstr_starts(path, "blobs/") && !bad)
		files = &out->blobs.files, bytes = &out->blobs.bytes;
	else if (lm_cstr_starts(path, "index/") && !bad)
		files = &out->index.files, bytes = &out->index.bytes;
	else if (lm_cstr_starts(path, "segments/") && !bad)
		files = &out->segments.files, bytes = &out->segments.bytes;
	else if (lm_cstr_starts(path, "trees/"))
		files = &out->trees.files, bytes = &out->trees.bytes;
	*files += 1;
	*bytes += info->size_bytes;
	out->bytes += info->size_bytes;
	return 0;
}

int
lm_store_size(struct lm_store *store, struct lm_store_size *out, struct lm_err *err)
{
	*out = (struct lm_store_size){};
	return lm_dir_walk(store->root, count_file, out, err);
}

// Something that is removed as one: the files of one digest, or a tree.
struct item {
	char *key; // 64 hex digits, or "trees/<name>"
	int64_t used_s, used_ns;
	uint64_t bytes;
};

struct items {
	struct item *items;
	size_t count, cap;
};

static void
release_items(struct items *items)
{
	for (size_t i = 0; i < items->count; i++)
		lm_free(items->items[i].key);
	lm_free(items->items);
}

static void
add_item(struct items *items, char *key, const struct lm_file_info *info, uint64_t bytes)
{
	lm_grow(items->items, items->count, items->cap);
	items->items[items->count++] = (struct item){ key, info->mtime_s, info->mtime_ns, bytes };
}

// Context: struct items.
static int
collect_file(void *context, const char *folder, const char *shard, const char *name, struct lm_err *err)
{
	struct lm_file_info info = {};
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, name);
	if (lm_cstr_ends(name, ".bad"))
		return lm_dir_remove(path, err);
	if (name[0] == '.')
		return lm_outfile_sweep(folder, err);
	if (strlen(name) < NAME_DIGITS || strlen(shard) != SHARD_DIGITS)
		return 0; // not ours
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (info.exists)
		add_item(context, lm_format("%s%.*s", shard, NAME_DIGITS, name), &info, info.size_bytes);
	return 0;
}

static int
add_size(void *context, const char *, const struct lm_file_info *info, struct lm_err *)
{
	*(uint64_t *)context += info->is_dir ? 0 : info->size_bytes;
	return 0;
}

static int
collect_trees(struct lm_store *store, struct items *items, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *top = lm_path_join(store->root, "trees");
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (lm_dir_list(top, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct lm_file_info info = {};
		uint64_t bytes = 0;
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(top, names.items[i]);
		if (lm_file_info(path, &info, err) < 0 || (info.is_dir && lm_dir_walk(path, add_size, &bytes, err) < 0))
			return -1;
		add_item(items, lm_format("trees/%s", names.items[i]), &info, bytes);
	}
	return 0;
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

static bool
older(const struct item *a, const struct item *b)
{
	return a->used_s != b->used_s ? a->used_s < b->used_s : a->used_ns < b->used_ns;
}

static int
compare_uses(const void *a, const void *b)
{
	if (older(a, b))
		return -1;
	return older(b, a) ? 1 : compare_keys(a, b);
}

// One item for the files of one digest: used when the last of them was.
static void
merge(struct items *items)
{
	size_t kept = 0;
	if (items->count > 0)
		qsort(items->items, items->count, sizeof *items->items, compare_keys);
	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->items[i], *last = kept == 0 ? nullptr : &items->items[kept - 1];
		if (last == nullptr || strcmp(last->key, item->key) != 0) {
			items->items[kept++] = *item;
			continue;
		}
		last->bytes += item->bytes;
		if (older(last, item)) {
			last->used_s = item->used_s;
			last->used_ns = item->used_ns;
		}
		lm_free(item->key);
	}
	items->count = kept;
	if (kept > 0)
		qsort(items->items, kept, sizeof *items->items, compare_uses);
}

// What refers to bytes goes before the bytes.
static int
remove_item(struct lm_store *store, const struct item *item, struct lm_err *err)
{
	static const char *const parts[][2] = { { "index", ".wheel" }, { "index", ".runtime" }, { "blobs", "" },
		{ "sources", "" }, { "sources", ".partial" }, { "segments", "" } };
	struct lm_digest digest = {};
	if (!lm_digest_parse(lm_str_of(item->key), &digest)) {
		LM_AUTO(lm_free_ptr) char *tree = lm_path_join(store->root, item->key);
		return lm_dir_remove(tree, err);
	}
	for (size_t i = 0; i < LM_COUNT(parts); i++) {
		LM_AUTO(lm_free_ptr) char *path = store_path(store, parts[i][0], &digest, parts[i][1]);
		if (lm_file_remove(path, err) < 0)
			return -1;
	}
	return 0;
}

static int
remove_oldest(
	struct lm_store *store, const struct items *items, uint64_t max_bytes, struct lm_store_gc *out, struct lm_err *err)
{
	int64_t recent = lm_clock_now_s() - RECENT_S;
	for (size_t i = 0; i < items->count; i++)
		out->kept_bytes += items->items[i].bytes;
	for (size_t i = 0; i < items->count && out->kept_bytes > max_bytes; i++) {
		const struct item *item = &items->items[i];
		if (out->in_use && item->used_s >= recent)
			break;
		if (remove_item(store, item, err) < 0)
			return -1;
		out->removed++;
		out->removed_bytes += item->bytes;
		out->kept_bytes -= item->bytes;
	}
	return 0;
}

// Nobody else has the store open, so nobody needs these.
static int
remove_leftovers(struct lm_store *store, const char *kind, const char *keep, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(store->root, kind);
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (lm_dir_list(folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, names.items[i]);
		if (!lm_cstr_equal(names.items[i], keep) && lm_dir_remove(path, err) < 0)
			return -1;
	}
	return 0;
}

static int
collect_and_remove(struct lm_store *store, uint64_t max_bytes, struct lm_store_gc *out, struct lm_err *err)
{
	LM_AUTO(release_items) struct items items = {};
	if (store_each_file(store, "sources", collect_file, &items, err) < 0 ||
		store_each_file(store, "blobs", collect_file, &items, err) < 0 ||
		store_each_file(store, "index", collect_file, &items, err) < 0 ||
		store_each_file(store, "segments", collect_file, &items, err) < 0 || collect_trees(store, &items, err) < 0)
		return -1;
	merge(&items);
	if (remove_oldest(store, &items, max_bytes, out, err) < 0)
		return -1;
	if (out->in_use)
		return 0;
	if (remove_leftovers(store, "tmp", nullptr, err) < 0)
		return -1;
	return remove_leftovers(store, "locks", "use", err);
}

int
lm_store_gc(struct lm_store *store, uint64_t max_bytes, struct lm_store_gc *out, struct lm_err *err)
{
	*out = (struct lm_store_gc){ .in_use = flock(store->use_fd, LOCK_EX | LOCK_NB) < 0 };
	if (out->in_use)
		(void)flock(store->use_fd, LOCK_SH); // what we had was given up
	int rc = collect_and_remove(store, max_bytes, out, err);
	(void)flock(store->use_fd, LOCK_SH);
	return rc;
}
