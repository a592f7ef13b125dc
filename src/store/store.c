#include "store/store.h"

#include "db/db.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/path.h"
#include "store/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const folders[] = { "sources", "blobs", "index", "segments", "trees", "tmp", "locks" };

// Backup programs leave a folder with such a file out (bford.info/cachedir).
static const char cache_tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
				"# This is the store of lamina; everything in it can be deleted at any time.\n";

static int
make_folders(const struct lm_store *store, struct lm_err *err)
{
	for (size_t i = 0; i < LM_COUNT(folders); i++) {
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(store->root, folders[i]);
		if (lm_dir_make(path, err) < 0)
			return -1;
	}
	LM_AUTO(lm_free_ptr) char *tag = lm_path_join(store->root, "CACHEDIR.TAG");
	if (lm_file_exists(tag))
		return 0;
	if (lm_outfile_sweep(store->root, err) < 0)
		return -1;
	return lm_file_replace(tag, cache_tag, sizeof cache_tag - 1, 0644, err);
}

// While a store is open others can see that it is: gc takes care then.
static int
take_use_lock(struct lm_store *store, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(store->root, "locks/use");
	store->use_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (store->use_fd < 0)
		return lm_err_sys(err, errno, "cannot open '%s'", path);
	while (flock(store->use_fd, LOCK_SH) < 0) {
		if (errno != EINTR)
			return lm_err_sys(err, errno, "cannot lock '%s'", path);
		if (lm_cancel_check(err) < 0)
			return -1;
	}
	return 0;
}

int
lm_store_open(struct lm_store **out, const char *root, const struct lm_sink *sink, struct lm_err *err)
{
	LM_AUTO(lm_store_close_ptr) struct lm_store *store = lm_alloc(sizeof *store);
	store->root = lm_path_absolute(root);
	store->use_fd = -1;
	if (sink != nullptr)
		store->sink = *sink;
	(void)pthread_mutex_init(&store->mutex, nullptr);
	if (make_folders(store, err) < 0 || take_use_lock(store, err) < 0)
		return lm_err_wrap(err, "cannot use the store '%s'", store->root);
	*out = lm_take(&store);
	return 0;
}

void
lm_store_close(struct lm_store *store)
{
	if (store == nullptr)
		return;
	lm_db_close(store->db);
	if (store->use_fd >= 0)
		(void)close(store->use_fd);
	(void)pthread_mutex_destroy(&store->mutex);
	lm_free(store->root);
	lm_free(store);
}

void
lm_store_close_ptr(struct lm_store **store)
{
	lm_store_close(*store);
}

const char *
lm_store_root(const struct lm_store *store)
{
	return store->root;
}

char *
store_path(const struct lm_store *store, const char *kind, const struct lm_digest *digest, const char *suffix)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(digest, hex);
	return lm_format("%s/%s/%.2s/%s%s", store->root, kind, hex, hex + 2, suffix);
}

int
store_make_parent(const char *path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(path);
	return lm_dir_make(parent, err);
}

int
store_lock(struct lm_store *store, const struct lm_digest *digest, const char *what, const char *name,
	const struct lm_sink *sink, struct lm_lock *lock, struct lm_err *err)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(digest, hex);
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s/locks/%s", store->root, hex);
	LM_AUTO(lm_free_ptr) char *doing = lm_format("%s '%s'", what, name);
	return lm_lock_take(lock, path, doing, sink, err);
}

void
store_touch(const char *path)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	(void)utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

char *
lm_store_find(struct lm_store *store, const struct lm_digest *digest)
{
	struct lm_err ignored = {};
	struct lm_file_info info = {};
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "sources", digest, "");
	if (lm_file_info(path, &info, &ignored) < 0 || !info.is_file)
		return nullptr;
	store_touch(path);
	return lm_take(&path);
}

int
store_check_source(const char *path, const struct lm_digest *digest, bool *matches, struct lm_err *err)
{
	struct lm_digest found = {};
	if (lm_sha256_file(path, &found, nullptr, err) < 0)
		return -1;
	*matches = lm_digest_equal(&found, digest);
	return 0;
}

int
store_set_aside(struct lm_store *store, const struct lm_digest *digest, const char *name, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "sources", digest, "");
	LM_AUTO(lm_free_ptr) char *bad = lm_format("%s.bad", path);
	static const char *const made_of_it[][2] = { { "index", ".wheel" }, { "index", ".runtime" }, { "blobs", "" } };
	for (size_t i = 0; i < LM_COUNT(made_of_it); i++) {
		LM_AUTO(lm_free_ptr) char *made = store_path(store, made_of_it[i][0], digest, made_of_it[i][1]);
		if (lm_file_remove(made, err) < 0)
			return -1;
	}
	if (lm_dir_remove(bad, err) < 0 || lm_file_rename(path, bad, err) < 0)
		return -1;
	lm_emit_warning(
		&store->sink, "'%s' in the store was damaged (it is not what its digest says): set aside as '%s'", name, bad);
	return 0;
}

static int
visit_shard(const char *folder, const char *shard, store_visit *visit, void *context, struct lm_err *err)
{
	struct lm_file_info info = {};
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (lm_file_info(folder, &info, err) < 0)
		return -1;
	if (!info.is_dir)
		return 0; // not ours
	if (lm_dir_list(folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (visit(context, folder, shard, names.items[i], err) < 0)
			return -1;
	}
	return 0;
}

int
store_each_file(const struct lm_store *store, const char *kind, store_visit *visit, void *context, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *top = lm_path_join(store->root, kind);
	LM_AUTO(lm_strings_release) struct lm_strings shards = {};
	if (lm_dir_list(top, &shards, err) < 0)
		return -1;
	for (size_t i = 0; i < shards.count; i++) {
		LM_AUTO(lm_free_ptr) char *folder = lm_path_join(top, shards.items[i]);
		if (visit_shard(folder, shards.items[i], visit, context, err) < 0)
			return -1;
	}
	return 0;
}

static const char *const schema[] = {
	"CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
};

// A database that is damaged is worth nothing: begin a new one.
static int
replace_db(struct lm_store *store, const char *path, struct lm_err *err)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	lm_emit_warning(&store->sink, "'%s' was damaged and is begun anew", path);
	for (size_t i = 0; i < LM_COUNT(suffixes); i++) {
		LM_AUTO(lm_free_ptr) char *part = lm_format("%s%s", path, suffixes[i]);
		if (lm_file_remove(part, err) < 0)
			return -1;
	}
	return lm_db_open(&store->db, path, schema, LM_COUNT(schema), err);
}

static int
open_db(struct lm_store *store, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(store->root, "store.sqlite");
	if (lm_db_open(&store->db, path, schema, LM_COUNT(schema), err) == 0)
		return 0;
	if (err->code != LM_E_INTEGRITY)
		return -1;
	lm_err_clear(err);
	return replace_db(store, path, err);
}

// With store->mutex held. What is noted can be found out again, so nobody waits until it is on disk.
static int
need_db(struct lm_store *store, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (store->db != nullptr)
		return 0;
	if (open_db(store, err) < 0 || lm_db_prepare(store->db, "PRAGMA synchronous = NORMAL", &stmt, err) < 0)
		return -1;
	return lm_stmt_step(stmt, err) < 0 ? -1 : 0;
}

static int
get_note(struct lm_store *store, const char *key, char **value, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (need_db(store, err) < 0 || lm_db_prepare(store->db, "SELECT value FROM note WHERE key = ?", &stmt, err) < 0)
		return -1;
	lm_stmt_bind_text(stmt, 1, key);
	int rc = lm_stmt_step(stmt, err);
	if (rc == 1)
		*value = lm_strdup(lm_stmt_text(stmt, 0));
	return rc < 0 ? -1 : 0;
}

int
lm_store_note_get(struct lm_store *store, const char *key, char **value, struct lm_err *err)
{
	*value = nullptr;
	(void)pthread_mutex_lock(&store->mutex);
	int rc = get_note(store, key, value, err);
	(void)pthread_mutex_unlock(&store->mutex);
	return rc;
}

static int
set_note(struct lm_store *store, const char *key, const char *value, struct lm_err *err)
{
	LM_AUTO(lm_stmt_done_ptr) struct lm_stmt *stmt = nullptr;
	if (need_db(store, err) < 0 || lm_db_prepare(store->db, "INSERT OR REPLACE INTO note VALUES (?, ?)", &stmt, err) < 0)
		return -1;
	lm_stmt_bind_text(stmt, 1, key);
	lm_stmt_bind_text(stmt, 2, value);
	return lm_stmt_step(stmt, err) < 0 ? -1 : 0;
}

int
lm_store_note_set(struct lm_store *store, const char *key, const char *value, struct lm_err *err)
{
	(void)pthread_mutex_lock(&store->mutex);
	int rc = set_note(store, key, value, err);
	(void)pthread_mutex_unlock(&store->mutex);
	return rc;
}
