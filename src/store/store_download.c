// Downloading sources, several at once.
#include "net/http.h"
#include "os/fd.h"
#include "store/store_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
	BATCH = 64,       // sources that are locked and fetched at once; each lock takes a descriptor
	SMALL_BATCH = 16, // where there are few of them
	ONE_MORE_MS = 500, // see lm_http_options
};

// Sources that are fetched at once. Whoever wants to read one waits for its lock, so that it is let go as soon as the source is here.
struct fetch {
	struct lm_store *store;
	const struct lm_wanted *items[BATCH];
	struct lm_lock locks[BATCH];
	bool is_here[BATCH];
	size_t count;
	struct lm_download downloads[BATCH];
	char *paths[BATCH]; // by download
	size_t of_item[BATCH]; // the same
	size_t download_count;
	void (*here)(void *context, const struct lm_wanted *wanted);
	void *context;
};

static void
release_fetch(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->count; i++)
		lm_lock_free(&fetch->locks[i]);
	for (size_t i = 0; i < fetch->download_count; i++)
		lm_free(fetch->paths[i]);
}

static void
arrived(struct fetch *fetch, size_t item)
{
	fetch->is_here[item] = true;
	lm_lock_free(&fetch->locks[item]);
	if (fetch->here != nullptr)
		fetch->here(fetch->context, fetch->items[item]);
}

static void
downloaded(void *context, size_t index)
{
	struct fetch *fetch = context;
	arrived(fetch, fetch->of_item[index]);
}

// Another process may have had the lock before us. What it fetched is let go at once: while we wait for the next lock, it or a
// thread of ours may want to read that.
static int
look_again(struct fetch *fetch, size_t item, struct lm_err *err)
{
	bool here = false;
	if (store_is_here(fetch->store, fetch->items[item], &here, err) < 0)
		return -1;
	if (here)
		arrived(fetch, item);
	return 0;
}

// In order of digests, as every process takes them.
static int
take_locks(struct fetch *fetch, struct lm_err *err)
{
	const struct lm_wanted *sorted[BATCH];
	memcpy(sorted, fetch->items, fetch->count * sizeof *sorted);
	qsort(sorted, fetch->count, sizeof *sorted, store_compare_wanted);
	for (size_t i = 0; i < fetch->count; i++) {
		size_t item = 0;
		while (fetch->items[item] != sorted[i])
			item++;
		if (store_lock(fetch->store, &sorted[i]->digest, "fetching", sorted[i]->name, &fetch->store->sink,
			    &fetch->locks[item], err) < 0 ||
			look_again(fetch, item, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_download(struct fetch *fetch, size_t item, struct lm_err *err)
{
	const struct lm_wanted *wanted = fetch->items[item];
	char *path = store_path(fetch->store, "sources", &wanted->digest, "");
	fetch->paths[fetch->download_count] = path;
	fetch->of_item[fetch->download_count] = item;
	fetch->downloads[fetch->download_count++] = (struct lm_download){ .url = wanted->url,
		.label = wanted->name,
		.path = path,
		.digest = wanted->digest,
		.has_digest = true,
		.size_bytes = wanted->size_bytes,
		.max_bytes = STORE_SOURCE_MAX_BYTES };
	return store_make_parent(path, err);
}

static int
explain_failure(const struct fetch *fetch, struct lm_err *err)
{
	for (size_t i = 0; i < fetch->download_count && err->code != LM_E_INTERRUPTED; i++) {
		const char *whose = fetch->items[fetch->of_item[i]]->whose;
		if (fetch->downloads[i].failed && whose != nullptr)
			return lm_err_wrap(err, "%s", whose);
	}
	return -1;
}

static int
download_batch(struct fetch *fetch, unsigned parallel, struct lm_err *err)
{
	struct lm_http_options options = {
		.parallel = parallel, .one_more_ms = ONE_MORE_MS, .complete = downloaded, .context = fetch
	};
	if (take_locks(fetch, err) < 0)
		return -1;
	for (size_t i = 0; i < fetch->count; i++)
		if (!fetch->is_here[i] && add_download(fetch, i, err) < 0)
			return -1;
	if (fetch->download_count > 0 &&
		lm_http_fetch(fetch->downloads, fetch->download_count, &options, &fetch->store->sink, err) < 0)
		return explain_failure(fetch, err);
	return 0;
}

int
lm_store_download(struct lm_store *store, const struct lm_wanted *const *wanted, size_t count, unsigned parallel,
	void (*here)(void *context, const struct lm_wanted *wanted), void *context, struct lm_err *err)
{
	size_t batch = lm_fd_are_few() ? SMALL_BATCH : BATCH;
	for (size_t i = 0; i < count; i += batch) {
		LM_AUTO(release_fetch)
		struct fetch fetch = {
			.store = store, .count = count - i < batch ? count - i : batch, .here = here, .context = context
		};
		memcpy(fetch.items, wanted + i, fetch.count * sizeof *fetch.items);
		if (download_batch(&fetch, parallel, err) < 0)
			return -1;
	}
	return 0;
}
