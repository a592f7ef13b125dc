// Having sources: from folders, from URLs.
#include "net/http.h"
#include "os/cancel.h"
#include "os/path.h"
#include "store/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	COPY_PIECE_BYTES = 256 * 1024,
	NAMES_TOLD = 20,  // of files that cannot be had
};

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

// Copy a file into `out` and hash what is copied.
static int
copy_hashed(const char *path, struct lm_outfile *out, struct lm_digest *digest, struct lm_err *err)
{
	LM_AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return lm_err_sys(err, errno, "cannot read '%s'", path);
	if (!S_ISREG(status.st_mode))
		return lm_err_set(err, LM_E_IO, "cannot read '%s': it is not a file", path);
	LM_AUTO(lm_free_ptr) char *piece = lm_alloc(COPY_PIECE_BYTES);
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	for (;;) {
		ssize_t got = read(fd, piece, COPY_PIECE_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_err_sys(err, errno, "cannot read '%s'", path);
		if (got == 0)
			break;
		if (lm_cancel_check(err) < 0)
			return -1;
		lm_sha256_update(&hash, piece, (size_t)got);
		if (lm_outfile_write(out, piece, (size_t)got, err) < 0)
			return -1;
	}
	lm_sha256_final(&hash, digest);
	return 0;
}

// Copy a file to where the source of this digest is. *matches: whether it had that digest; else nothing was kept.
static int
copy_in(struct lm_store *store, const char *from, const struct lm_digest *digest, bool *matches, struct lm_err *err)
{
	struct lm_digest found = {};
	LM_AUTO(lm_outfile_abandon) struct lm_outfile out = {};
	LM_AUTO(lm_free_ptr) char *path = store_path(store, "sources", digest, "");
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	if (store_make_parent(path, err) < 0 || lm_outfile_sweep(folder, err) < 0 ||
		lm_outfile_open(&out, path, 0644, err) < 0 || copy_hashed(from, &out, &found, err) < 0)
		return -1;
	*matches = lm_digest_equal(&found, digest);
	return *matches ? lm_outfile_commit(&out, err) : 0;
}

int
lm_store_add_file(struct lm_store *store, const char *path, const struct lm_digest *expected, struct lm_digest *digest,
	struct lm_err *err)
{
	struct lm_digest found = {};
	if (lm_sha256_file(path, &found, nullptr, err) < 0)
		return -1;
	if (expected != nullptr && !lm_digest_equal(&found, expected)) {
		char have[LM_DIGEST_HEX], want[LM_DIGEST_HEX];
		lm_digest_hex(&found, have);
		lm_digest_hex(expected, want);
		return lm_err_set(err, LM_E_INTEGRITY, "'%s' has the SHA-256 %s, expected is %s", path, have, want);
	}
	LM_AUTO(lm_lock_free) struct lm_lock lock = {};
	if (store_lock(store, &found, "copying", lm_path_name(path), &store->sink, &lock, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *here = lm_store_find(store, &found);
	bool matches = true;
	if (here == nullptr && copy_in(store, path, &found, &matches, err) < 0)
		return -1;
	if (!matches)
		return lm_err_set(err, LM_E_INTEGRITY, "'%s' changed while it was read", path);
	*digest = found;
	return 0;
}

int
lm_store_add_url(struct lm_store *store, const char *url, const char *name, uint64_t max_bytes, struct lm_digest *digest,
	struct lm_err *err)
{
	struct lm_digest of_url = {};
	char hex[LM_DIGEST_HEX];
	LM_AUTO(lm_lock_free) struct lm_lock lock = {}, target_lock = {};
	lm_sha256_bytes(url, strlen(url), &of_url);
	lm_digest_hex(&of_url, hex);
	if (store_lock(store, &of_url, "downloading", name, &store->sink, &lock, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s/tmp/url-%s", store->root, hex);
	struct lm_download download = { .url = url, .label = name, .path = path, .max_bytes = max_bytes };
	if (lm_http_download(&download, 1, 1, &store->sink, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *target = store_path(store, "sources", &download.digest, "");
	if (store_lock(store, &download.digest, "keeping", name, &store->sink, &target_lock, err) < 0 ||
		store_make_parent(target, err) < 0 || lm_file_rename(path, target, err) < 0)
		return -1;
	*digest = download.digest;
	return 0;
}

// What is wanted and not here, sorted by digest (the order in which every process takes the locks), each once.
struct missing {
	const struct lm_wanted **items;
	size_t count;
};

static void
release_missing(struct missing *missing)
{
	lm_free(missing->items);
}

int
store_compare_wanted(const void *a, const void *b)
{
	return memcmp((*(const struct lm_wanted *const *)a)->digest.bytes, (*(const struct lm_wanted *const *)b)->digest.bytes,
		LM_DIGEST_BYTES);
}

int
store_is_here(struct lm_store *store, const struct lm_wanted *wanted, bool *here, struct lm_err *err)
{
	struct lm_file_info info = {};
	LM_AUTO(lm_free_ptr) char *path = lm_store_find(store, &wanted->digest);
	*here = path != nullptr;
	if (path == nullptr || wanted->size_bytes == 0)
		return 0;
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (!info.exists || info.size_bytes == wanted->size_bytes) {
		*here = info.exists;
		return 0;
	}
	bool matches = false; // the size may be what is wrong
	if (store_check_source(path, &wanted->digest, &matches, err) < 0)
		return -1;
	if (matches)
		return lm_err_set(err, LM_E_INTEGRITY, "'%s' has %llu bytes where %llu are expected, and the expected digest",
			wanted->name, (unsigned long long)info.size_bytes, (unsigned long long)wanted->size_bytes);
	*here = false;
	return store_set_aside(store, &wanted->digest, wanted->name, err);
}

static int
find_missing(struct lm_store *store, const struct lm_wanted *wanted, size_t count, struct missing *out, struct lm_err *err)
{
	size_t kept = 0;
	out->items = lm_alloc_array(count, sizeof(struct lm_wanted *));
	for (size_t i = 0; i < count; i++)
		out->items[i] = &wanted[i];
	qsort(out->items, count, sizeof *out->items, store_compare_wanted);
	for (size_t i = 0; i < count; i++) {
		bool here = false;
		if (kept > 0 && lm_digest_equal(&out->items[kept - 1]->digest, &out->items[i]->digest))
			continue;
		if (store_is_here(store, out->items[i], &here, err) < 0)
			return -1;
		if (!here)
			out->items[kept++] = out->items[i];
	}
	out->count = kept;
	return 0;
}

// Try one folder. *done: the source is in the store now.
static int
take_from(struct lm_store *store, const struct lm_wanted *wanted, const char *folder, bool *done, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, wanted->name);
	struct stat status;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode)) // a link to a file is fine
		return 0;
	if (wanted->size_bytes == 0 || (uint64_t)status.st_size == wanted->size_bytes) {
		if (copy_in(store, path, &wanted->digest, done, err) < 0)
			return -1;
	}
	if (!*done)
		lm_emit_warning(
			&store->sink, "'%s' is not the file that was locked (its digest differs) and is passed over", path);
	return 0;
}

static int
take_local(struct lm_store *store, struct missing *missing, const char *const *folders, size_t folder_count, struct lm_err *err)
{
	size_t kept = 0;
	for (size_t i = 0; i < missing->count; i++) {
		const struct lm_wanted *wanted = missing->items[i];
		bool done = false;
		LM_AUTO(lm_lock_free) struct lm_lock lock = {};
		if (folder_count > 0 && strchr(wanted->name, '/') == nullptr) {
			if (store_lock(store, &wanted->digest, "fetching", wanted->name, &store->sink, &lock, err) < 0 ||
				store_is_here(store, wanted, &done, err) < 0)
				return -1;
			for (size_t j = 0; j < folder_count && !done; j++)
				if (take_from(store, wanted, folders[j], &done, err) < 0)
					return -1;
		}
		if (!done)
			missing->items[kept++] = wanted;
	}
	missing->count = kept;
	return 0;
}

// Everything that is nowhere, in one message.
static int
check_places(const struct missing *missing, const char *const *folders, size_t folder_count, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	for (size_t i = 0; i < missing->count; i++) {
		if (missing->items[i]->url == nullptr)
			lm_strings_add(&names, missing->items[i]->name);
	}
	if (names.count == 0)
		return 0;
	lm_strings_sort(&names);
	for (size_t i = 0; i < names.count && i < NAMES_TOLD; i++)
		lm_buf_format(&text, "%s'%s'", i == 0 ? "" : ", ", names.items[i]);
	if (names.count > NAMES_TOLD)
		lm_buf_format(&text, " and %zu more", names.count - NAMES_TOLD);
	lm_buf_text(&text, folder_count == 0 ? " (no folder was given to look in)" : " (looked in ");
	for (size_t i = 0; i < folder_count; i++)
		lm_buf_format(&text, "%s'%s'%s", i == 0 ? "" : ", ", folders[i], i + 1 == folder_count ? ")" : "");
	return lm_err_set(err, LM_E_NOT_FOUND, "cannot find %s; put %s into a folder that is named with --local-wheels",
		lm_buf_cstr(&text), names.count == 1 ? "it" : "them");
}

int
lm_store_prepare(struct lm_store *store, const struct lm_wanted *wanted, size_t count, const char *const *folders,
	size_t folder_count, const struct lm_wanted ***missing, size_t *missing_count, struct lm_err *err)
{
	LM_AUTO(release_missing) struct missing found = {};
	*missing = nullptr;
	*missing_count = 0;
	if (count == 0)
		return 0;
	if (find_missing(store, wanted, count, &found, err) < 0 || take_local(store, &found, folders, folder_count, err) < 0 ||
		check_places(&found, folders, folder_count, err) < 0)
		return -1;
	*missing_count = found.count;
	*missing = lm_take(&found.items);
	return 0;
}

int
lm_store_fetch(struct lm_store *store, const struct lm_wanted *wanted, size_t count, const char *const *folders,
	size_t folder_count, unsigned parallel, struct lm_err *err)
{
	LM_AUTO(release_missing) struct missing missing = {};
	if (lm_store_prepare(store, wanted, count, folders, folder_count, &missing.items, &missing.count, err) < 0)
		return -1;
	return lm_store_download(store, missing.items, missing.count, parallel, nullptr, nullptr, err);
}
