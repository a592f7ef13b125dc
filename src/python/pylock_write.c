#include "python/pylock.h"

#include <stdlib.h>
#include <string.h>

static void
write_pair(struct lm_buf *out, const char *key, const char *value)
{
	if (value == nullptr)
		return;
	lm_buf_format(out, "%s = ", key);
	lm_toml_write_string(out, lm_str_of(value));
	lm_buf_byte(out, '\n');
}

// A "file:" URL is a path of this machine: the resolver writes them for wheels of local folders.
static bool
is_shared(const char *url)
{
	return url != nullptr && !lm_cstr_starts(url, "file:");
}

static void
write_environments(struct lm_buf *out, const struct lm_strings *environments)
{
	if (environments->count == 0)
		return;
	lm_buf_text(out, "environments = [\n");
	for (size_t i = 0; i < environments->count; i++) {
		lm_buf_text(out, "    ");
		lm_toml_write_string(out, lm_str_of(environments->items[i]));
		lm_buf_text(out, ",\n");
	}
	lm_buf_text(out, "]\n");
}

// Does the URL end in the file name, so that a reader finds the name there?
static bool
url_shows_name(const struct lm_lock_wheel *wheel)
{
	size_t name = strlen(wheel->file_name), len = strcspn(wheel->url, "?#");
	return len > name && wheel->url[len - name - 1] == '/' && memcmp(wheel->url + len - name, wheel->file_name, name) == 0;
}

// PEP 751 wants a URL or a path: without a URL, the file is said to lie beside the lock.
static void
write_wheel(struct lm_buf *out, const struct lm_lock_wheel *wheel, bool with_urls)
{
	bool url = with_urls && is_shared(wheel->url);
	char hex[LM_DIGEST_HEX];

	lm_buf_text(out, "    { ");
	if (url && !url_shows_name(wheel)) {
		lm_buf_text(out, "name = ");
		lm_toml_write_string(out, lm_str_of(wheel->file_name));
		lm_buf_text(out, ", ");
	}
	lm_buf_text(out, url ? "url = " : "path = ");
	lm_toml_write_string(out, lm_str_of(url ? wheel->url : wheel->file_name));
	if (with_urls && wheel->size_bytes > 0) // one index tells it, another does not
		lm_buf_format(out, ", size = %llu", (unsigned long long)wheel->size_bytes);
	lm_digest_hex(&wheel->digest, hex);
	lm_buf_format(out, ", hashes = { sha256 = \"%s\" } },\n", hex);
}

static void
write_package(struct lm_buf *out, const struct lm_lock_package *package, bool with_urls)
{
	lm_buf_text(out, "\n[[packages]]\n");
	write_pair(out, "name", package->name);
	write_pair(out, "version", package->version);
	write_pair(out, "marker", package->marker);
	if (with_urls && is_shared(package->index))
		write_pair(out, "index", package->index);
	if (package->wheel_count == 0) {
		lm_buf_text(out, "wheels = []\n");
		return;
	}
	lm_buf_text(out, "wheels = [\n");
	for (size_t i = 0; i < package->wheel_count; i++)
		write_wheel(out, &package->wheels[i], with_urls);
	lm_buf_text(out, "]\n");
}

static void
write_inherited(struct lm_buf *out, const struct lm_lock_package *package)
{
	lm_buf_text(out, "\n[[tool.lamina.inherited]]\n");
	write_pair(out, "name", package->name);
	write_pair(out, "version", package->version);
	write_pair(out, "marker", package->marker);
	write_pair(out, "from", package->inherited_from);
}

static void
write_runtime(struct lm_buf *out, const struct lm_lock_runtime *runtime, bool with_urls)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(&runtime->digest, hex);
	lm_buf_text(out, "\n[[tool.lamina.runtime-archives]]\n");
	write_pair(out, "platform", lm_platform_name(runtime->platform));
	write_pair(out, "name", runtime->name);
	if (with_urls && is_shared(runtime->url))
		write_pair(out, "url", runtime->url);
	write_pair(out, "sha256", hex);
}

static int
compare_packages(const void *a, const void *b)
{
	const struct lm_lock_package *const *x = a, *const *y = b;
	return lm_lock_package_compare(*x, *y);
}

static void
write_packages(const struct lm_pylock *lock, bool with_urls, struct lm_buf *out)
{
	LM_AUTO(lm_free_ptr) const struct lm_lock_package **sorted = lm_alloc_array(lock->package_count, sizeof *sorted);
	size_t own = 0;
	for (size_t i = 0; i < lock->package_count; i++) {
		sorted[i] = &lock->packages[i];
		own += !lock->packages[i].inherited;
	}
	if (lock->package_count > 1)
		qsort(sorted, lock->package_count, sizeof *sorted, compare_packages);
	if (own == 0)
		lm_buf_text(out, "packages = []\n");
	for (size_t i = 0; i < lock->package_count; i++)
		if (!sorted[i]->inherited)
			write_package(out, sorted[i], with_urls);
	for (size_t i = 0; i < lock->package_count; i++)
		if (sorted[i]->inherited)
			write_inherited(out, sorted[i]);
}

void
lm_pylock_format(const struct lm_pylock *lock, bool with_urls, struct lm_buf *out)
{
	lm_buf_text(out, "# Written by lamina. Do not edit: relock to change.\nlock-version = \"1.0\"\n");
	write_environments(out, &lock->environments);
	write_pair(out, "requires-python", lock->requires_python);
	write_pair(out, "created-by", "lamina");
	write_packages(lock, with_urls, out);
	for (size_t platform = 0; platform < LM_PLATFORM_COUNT; platform++)
		for (size_t i = 0; i < lock->runtime_count; i++)
			if (lock->runtimes[i].platform == platform)
				write_runtime(out, &lock->runtimes[i], with_urls);
}
