// [tool.lamina] of a lock file.
#include "python/pylock_toml.h"
#include "python/scan.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128 };

// Safe as one path component anywhere: it names a file in a mirror folder.
static bool
is_file_name(const char *name)
{
	size_t len = strlen(name);
	if (len > NAME_MAX_BYTES || name[0] == '.' || name[0] == '-' || name[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!lm_is_alnum(name[i]) && memchr("-_.+@", name[i], 5) == nullptr)
			return false;
	return true;
}

static int
read_runtime(struct lm_lock_reader *reader, const struct lm_toml *table, struct lm_lock_runtime *out)
{
	static const char *const known[] = { "platform", "name", "url", "sha256" };
	static const char what[] = "a runtime archive";
	char *platform = nullptr, *digest = nullptr;

	if (lm_lock_check_keys(reader, table, what, known, LM_COUNT(known)) < 0 ||
		lm_lock_get_text(reader, table, what, "platform", true, &platform) < 0 ||
		lm_lock_get_text(reader, table, what, "name", true, &out->name) < 0 ||
		lm_lock_get_text(reader, table, what, "sha256", true, &digest) < 0 ||
		lm_lock_get_url(reader, table, what, "url", &out->url) < 0)
		return -1;
	if (!lm_platform_parse(platform, &out->platform))
		return lm_lock_fail(reader, lm_toml_get(table, "platform"), "'%s' is not a platform", platform);
	if (!is_file_name(out->name))
		return lm_lock_fail(reader, lm_toml_get(table, "name"), "'%s' is not safe as a file name", out->name);
	if (!lm_digest_parse(lm_str_of(digest), &out->digest))
		return lm_lock_fail(reader, lm_toml_get(table, "sha256"), "'sha256' is not 64 hexadecimal digits");
	return 0;
}

static int
read_runtimes(struct lm_lock_reader *reader, const struct lm_toml *array)
{
	struct lm_lock_runtime *found[LM_PLATFORM_COUNT] = {};
	struct lm_pylock *lock = reader->lock;
	lock->runtimes = lm_arena_alloc(&lock->arena, LM_PLATFORM_COUNT * sizeof *lock->runtimes);
	for (size_t i = 0; i < array->array.count; i++) {
		const struct lm_toml *table = &array->array.items[i];
		struct lm_lock_runtime runtime = {};
		if (table->type != LM_TOML_TABLE)
			return lm_lock_fail(reader, table, "a runtime archive is not a table");
		if (read_runtime(reader, table, &runtime) < 0)
			return -1;
		if (found[runtime.platform] != nullptr)
			return lm_lock_fail(reader, table, "two runtime archives for '%s'", lm_platform_name(runtime.platform));
		found[runtime.platform] = lm_arena_alloc(&lock->arena, sizeof runtime);
		*found[runtime.platform] = runtime;
	}
	for (size_t i = 0; i < LM_PLATFORM_COUNT; i++)
		if (found[i] != nullptr)
			lock->runtimes[lock->runtime_count++] = *found[i];
	return 0;
}

static int
read_inherited(struct lm_lock_reader *reader, const struct lm_toml *array, struct lm_lock_packages *packages)
{
	static const char *const known[] = { "name", "version", "marker", "from" };
	for (size_t i = 0; i < array->array.count; i++) {
		const struct lm_toml *table = &array->array.items[i];
		struct lm_lock_package package = { .inherited = true };
		if (table->type != LM_TOML_TABLE)
			return lm_lock_fail(reader, table, "an inherited package is not a table");
		if (lm_lock_check_keys(reader, table, "an inherited package", known, LM_COUNT(known)) < 0 ||
			lm_lock_read_identity(reader, table, true, &package) < 0 ||
			lm_lock_get_text(reader, table, "an inherited package", "from", true, &package.inherited_from) < 0)
			return -1;
		lm_lock_packages_add(packages, &package);
	}
	return 0;
}

int
lm_lock_read_tool(struct lm_lock_reader *reader, const struct lm_toml *root, struct lm_lock_packages *packages)
{
	static const char *const known[] = { "inherited", "runtime-archives" };
	const struct lm_toml *tool = nullptr, *ours = nullptr, *inherited = nullptr, *runtimes = nullptr;

	if (lm_lock_get(reader, root, "the lock", "tool", LM_TOML_TABLE, false, &tool) < 0 ||
		lm_lock_get(reader, tool, "'tool'", "lamina", LM_TOML_TABLE, false, &ours) < 0)
		return -1;
	if (ours == nullptr)
		return 0;
	if (lm_lock_check_keys(reader, ours, "'tool.lamina'", known, LM_COUNT(known)) < 0 ||
		lm_lock_get(reader, ours, "'tool.lamina'", "inherited", LM_TOML_ARRAY, false, &inherited) < 0 ||
		lm_lock_get(reader, ours, "'tool.lamina'", "runtime-archives", LM_TOML_ARRAY, false, &runtimes) < 0)
		return -1;
	if (inherited != nullptr && read_inherited(reader, inherited, packages) < 0)
		return -1;
	return runtimes == nullptr ? 0 : read_runtimes(reader, runtimes);
}
