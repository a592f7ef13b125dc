// Compressed segments of archives, so that what did not change is not compressed again. docs/formats/store.md has the file.
// They are not flushed to disk: one that a power cut tore has another digest, and is made again.
#include "os/dir.h"
#include "os/fd.h"
#include "os/path.h"
#include "store/store_parts.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "lamina-segment 1\n"
enum { MAGIC_LEN = sizeof MAGIC - 1, HEAD_LEN = MAGIC_LEN + LM_DIGEST_BYTES, SEGMENT_MAX_BYTES = 256 * 1024 * 1024 };

// The digest in the file is of the key, too: a file under another name is as bad as one with other bytes.
static void
digest_of(const struct lm_digest *key, const void *bytes, size_t len, struct lm_digest *out)
{
	struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	lm_sha256_update(&hash, key->bytes, sizeof key->bytes);
	lm_sha256_update(&hash, bytes, len);
	lm_sha256_final(&hash, out);
}

static bool
read_all(int fd, void *out, size_t len)
{
	unsigned char *at = out;
	while (len > 0) {
		ssize_t got = read(fd, at, len);
		if (got <= 0)
			return false;
		at += got;
		len -= (size_t)got;
	}
	return true;
}

// Append the bytes of an open file of this size. False: it is damaged.
static bool
read_segment(int fd, uint64_t size, const struct lm_digest *key, struct lm_buf *out)
{
	unsigned char head[HEAD_LEN];
	struct lm_digest digest;
	if (size < HEAD_LEN || size > SEGMENT_MAX_BYTES || !read_all(fd, head, HEAD_LEN) || memcmp(head, MAGIC, MAGIC_LEN) != 0)
		return false;
	size_t len = (size_t)size - HEAD_LEN;
	char *bytes = lm_buf_reserve(out, len);
	if (!read_all(fd, bytes, len))
		return false;
	digest_of(key, bytes, len, &digest);
	if (memcmp(digest.bytes, head + MAGIC_LEN, sizeof digest.bytes) != 0)
		return false;
	out->len += len;
	return true;
}

int
store_segment_read(struct lm_store *store, const struct lm_digest *key, struct lm_buf *out, enum store_segment_state *state,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "segments", key, "");
	LM_AUTO(lm_fd_close) int fd = -1;
	struct stat status;
	*state = STORE_SEGMENT_ABSENT;
	if (lm_fd_open_regular(path, &fd, &status, err) < 0) {
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		return 0;
	}
	*state = STORE_SEGMENT_READ;
	if (read_segment(fd, (uint64_t)status.st_size, key, out))
		return 0;
	*state = STORE_SEGMENT_DAMAGED;
	LM_AUTO(lm_free_ptr) char *bad = lm_format("%s.bad", path);
	if (lm_file_rename(path, bad, err) < 0)
		return -1;
	lm_emit_warning(&store->sink,
		"a compressed segment in the store was damaged (it is not what its digest says): set aside as '%s'", bad);
	return 0;
}

static bool
has(void *context, const struct lm_digest *key)
{
	LM_AUTO(lm_free_ptr) char *path = store_path(context, "segments", key, "");
	return lm_file_exists(path);
}

static bool
get(void *context, const struct lm_digest *key, struct lm_buf *out)
{
	struct lm_store *store = context;
	struct lm_err ignored = {}; // what cannot be read is compressed again
	enum store_segment_state state = STORE_SEGMENT_ABSENT;
	if (store_segment_read(store, key, out, &state, &ignored) < 0 || state != STORE_SEGMENT_READ)
		return false;
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "segments", key, "");
	store_touch(path);
	return true;
}

// Leftovers of killed writers go before the first file that we make in a folder: from then on there may be some of ours that
// are closed, and wait to be settled.
static int
make_folder(struct lm_store *store, const char *path, const struct lm_digest *key, struct lm_err *err)
{
	bool *swept = &store->swept[key->bytes[0]];
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	(void)pthread_mutex_lock(&store->mutex);
	int rc = *swept ? 0 : lm_dir_make(folder, err);
	if (rc == 0 && !*swept)
		rc = lm_outfile_sweep(folder, err);
	*swept = rc == 0;
	(void)pthread_mutex_unlock(&store->mutex);
	return rc;
}

static int
write_segment(struct lm_store *store, struct lm_outfile *file, const struct lm_digest *key, const void *bytes, size_t len,
	struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "segments", key, "");
	struct lm_digest digest;
	digest_of(key, bytes, len, &digest);
	if (make_folder(store, path, key, err) < 0 || lm_outfile_open(file, path, 0644, err) < 0)
		return -1;
	if (lm_outfile_write(file, MAGIC, MAGIC_LEN, err) < 0 ||
		lm_outfile_write(file, digest.bytes, sizeof digest.bytes, err) < 0 ||
		lm_outfile_write(file, bytes, len, err) < 0 || lm_outfile_close_unflushed(file, err) < 0) {
		lm_outfile_abandon(file);
		return -1;
	}
	return 0;
}

static void *
put(void *context, const struct lm_digest *key, const void *bytes, size_t len)
{
	struct lm_err ignored = {}; // a full disk, say: then nothing is kept
	LM_AUTO(lm_free_ptr) struct lm_outfile *file = lm_alloc(sizeof *file);
	if (len > SEGMENT_MAX_BYTES - HEAD_LEN || write_segment(context, file, key, bytes, len, &ignored) < 0)
		return nullptr;
	return lm_take(&file);
}

static void
settle(void *, void *put, bool keep)
{
	struct lm_err ignored = {};
	LM_AUTO(lm_free_ptr) struct lm_outfile *file = put;
	if (!keep)
		lm_outfile_abandon(file);
	else if (lm_outfile_place_unflushed(file, &ignored) < 0)
		lm_err_clear(&ignored);
}

void
lm_store_segment_cache(struct lm_store *store, struct lm_segment_cache *out)
{
	*out = (struct lm_segment_cache){ .context = store, .has = has, .get = get, .put = put, .settle = settle };
}
