#include "python/pylock.h"

#include "python/pylock_toml.h"
#include "python/scan.h"
#include "python/version.h"
#include "python/wheel.h"

#include <stdlib.h>
#include <string.h>

static const char *
describe(struct lm_lock_reader *reader, const char *kind, const char *name)
{
	return lm_arena_format(&reader->lock->arena, "%s '%s'", kind, name);
}

static int
check_marker(struct lm_lock_reader *reader, const struct lm_toml *value, const char *text, const char *what)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_marker *marker = nullptr;
	struct lm_err err = {};
	if (lm_marker_parse(lm_str_of(text), &arena, &marker, &err) < 0)
		return lm_lock_fail(reader, value, "%s: %s", what, err.text);
	return 0;
}

int
lm_lock_read_identity(
	struct lm_lock_reader *reader, const struct lm_toml *table, bool version_required, struct lm_lock_package *out)
{
	LM_AUTO(lm_buf_release) struct lm_buf normal = {};
	struct lm_version version;

	if (lm_lock_get_text(reader, table, "a package", "name", true, &out->name) < 0)
		return -1;
	const struct lm_toml *name = lm_toml_get(table, "name");
	if (!lm_name_valid(lm_str_of(out->name)))
		return lm_lock_fail(reader, name, "'%s' is not a package name", out->name);
	lm_name_normalize(lm_str_of(out->name), &normal);
	if (!lm_cstr_equal(out->name, normal.ptr))
		return lm_lock_fail(reader, name, "package name '%s' is not normalised ('%s')", out->name, normal.ptr);

	const char *what = describe(reader, "package", out->name);
	if (lm_lock_get_text(reader, table, what, "version", version_required, &out->version) < 0 ||
		lm_lock_get_text(reader, table, what, "marker", false, &out->marker) < 0)
		return -1;
	if (out->version != nullptr && !lm_version_parse(lm_str_of(out->version), &version))
		return lm_lock_fail(
			reader, lm_toml_get(table, "version"), "version '%s' of %s is not a version", out->version, what);
	if (out->marker != nullptr &&
		check_marker(reader, lm_toml_get(table, "marker"), out->marker,
			lm_arena_format(&reader->lock->arena, "marker of %s", what)) < 0)
		return -1;
	out->line = table->place.line;
	return 0;
}

static int
hex_value(char c)
{
	if (lm_is_digit(c))
		return c - '0';
	c = lm_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The last component of a URL's path, percent-decoded, or of a file path with either kind of slash.
static char *
last_component(struct lm_arena *arena, const char *text, bool url)
{
	size_t end = url ? strcspn(text, "?#") : strlen(text), start = end;
	while (start > 0 && text[start - 1] != '/' && (url || text[start - 1] != '\\'))
		start--;
	char *name = lm_arena_strndup(arena, text + start, end - start);
	if (!url)
		return name;
	char *to = name;
	for (const char *from = name; *from != '\0'; from++) {
		int high = *from == '%' ? hex_value(from[1]) : -1;
		int low = high >= 0 ? hex_value(from[2]) : -1;
		bool decoded = low >= 0 && high + low > 0; // "%00" stays, and is refused with the name
		*to++ = decoded ? (char)(high * 16 + low) : *from;
		from += decoded ? 2 : 0;
	}
	*to = '\0';
	return name;
}

static int
read_file_name(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, struct lm_lock_wheel *out)
{
	char *path = nullptr;
	if (lm_lock_get_text(reader, table, what, "name", false, &out->file_name) < 0 ||
		lm_lock_get_url(reader, table, what, "url", &out->url) < 0 ||
		lm_lock_get_text(reader, table, what, "path", false, &path) < 0)
		return -1;
	struct lm_arena *arena = &reader->lock->arena;
	if (out->file_name == nullptr && path != nullptr)
		out->file_name = last_component(arena, path, false);
	if (out->file_name == nullptr && out->url != nullptr)
		out->file_name = last_component(arena, out->url, true);
	if (out->file_name == nullptr)
		return lm_lock_fail(reader, table, "%s has neither 'name' nor 'url' nor 'path'", what);
	return 0;
}

static int
check_wheel_name(struct lm_lock_reader *reader, const struct lm_toml *table, const struct lm_lock_package *package,
	const char *file_name)
{
	struct lm_wheel_name name;
	struct lm_version version, wanted;
	struct lm_err err = {};
	if (lm_wheel_name_parse(lm_str_of(file_name), &name, &err) < 0)
		return lm_lock_fail(reader, table, "package '%s': %s", package->name, err.text);
	if (!lm_cstr_equal(name.name, package->name))
		return lm_lock_fail(reader, table, "wheel '%s' does not belong to package '%s'", file_name, package->name);
	if (!lm_version_parse(lm_str_of(name.version), &version) || !lm_version_parse(lm_str_of(package->version), &wanted) ||
		lm_version_compare(&version, &wanted) != 0)
		return lm_lock_fail(reader, table, "wheel '%s' is not of version %s", file_name, package->version);
	return 0;
}

static int
read_digest(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, struct lm_digest *out)
{
	const struct lm_toml *hashes = nullptr;
	char *hex = nullptr;
	if (lm_lock_get(reader, table, what, "hashes", LM_TOML_TABLE, true, &hashes) < 0 ||
		lm_lock_get_text(reader, hashes, lm_arena_format(&reader->lock->arena, "'hashes' of %s", what), "sha256", true,
			&hex) < 0)
		return -1;
	if (!lm_digest_parse(lm_str_of(hex), out))
		return lm_lock_fail(reader, lm_toml_get(hashes, "sha256"), "'sha256' of %s is not 64 hexadecimal digits", what);
	return 0;
}

static int
read_wheel(struct lm_lock_reader *reader, const struct lm_toml *table, const struct lm_lock_package *package,
	struct lm_lock_wheel *out)
{
	const char *what = describe(reader, "a wheel of package", package->name);
	const struct lm_toml *size = nullptr;
	if (table->type != LM_TOML_TABLE)
		return lm_lock_fail(reader, table, "%s is not a table", what);
	if (package->version == nullptr)
		return lm_lock_fail(reader, table, "package '%s' has wheels but no 'version'", package->name);
	if (read_file_name(reader, table, what, out) < 0 || check_wheel_name(reader, table, package, out->file_name) < 0)
		return -1;
	what = describe(reader, "wheel", out->file_name);
	if (read_digest(reader, table, what, &out->digest) < 0 ||
		lm_lock_get(reader, table, what, "size", LM_TOML_INTEGER, false, &size) < 0)
		return -1;
	if (size != nullptr && size->integer < 0)
		return lm_lock_fail(reader, size, "'size' of %s is negative", what);
	out->size_bytes = size == nullptr ? 0 : (uint64_t)size->integer;
	return 0;
}

static int
compare_wheels(const void *a, const void *b)
{
	const struct lm_lock_wheel *x = a, *y = b;
	int order = strcmp(x->file_name, y->file_name);
	if (order == 0)
		order = memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
	if (order == 0)
		order = (x->url == nullptr) - (y->url == nullptr);
	return order != 0 || x->url == nullptr ? order : strcmp(x->url, y->url);
}

// Sort, and count equal ones once.
static int
settle_wheels(struct lm_lock_reader *reader, const struct lm_toml *place, struct lm_lock_package *package)
{
	struct lm_lock_wheel *wheels = package->wheels;
	size_t kept = 0;
	if (package->wheel_count > 1)
		qsort(wheels, package->wheel_count, sizeof *wheels, compare_wheels);
	for (size_t i = 0; i < package->wheel_count; i++) {
		if (kept == 0 || !lm_cstr_equal(wheels[kept - 1].file_name, wheels[i].file_name)) {
			wheels[kept++] = wheels[i];
			continue;
		}
		if (!lm_digest_equal(&wheels[kept - 1].digest, &wheels[i].digest))
			return lm_lock_fail(
				reader, place, "wheel '%s' is there twice with different digests", wheels[i].file_name);
		if (wheels[kept - 1].size_bytes == 0)
			wheels[kept - 1].size_bytes = wheels[i].size_bytes;
	}
	package->wheel_count = kept;
	return 0;
}

static int
read_wheels(struct lm_lock_reader *reader, const struct lm_toml *table, struct lm_lock_package *package)
{
	const struct lm_toml *wheels = nullptr;
	const char *what = describe(reader, "package", package->name);
	if (lm_lock_get(reader, table, what, "wheels", LM_TOML_ARRAY, false, &wheels) < 0)
		return -1;
	if (wheels == nullptr || wheels->array.count == 0)
		return 0;
	package->wheels = lm_arena_alloc(&reader->lock->arena, wheels->array.count * sizeof *package->wheels);
	for (size_t i = 0; i < wheels->array.count; i++) {
		if (read_wheel(reader, &wheels->array.items[i], package, &package->wheels[i]) < 0)
			return -1;
		package->wheel_count++;
	}
	return settle_wheels(reader, wheels, package);
}

// "name @ https://.../name-1.0-py3-none-any.whl" comes as an archive.
static int
read_archive(struct lm_lock_reader *reader, const struct lm_toml *table, struct lm_lock_package *package)
{
	const struct lm_toml *archive = nullptr;
	const char *what = describe(reader, "package", package->name);
	if (lm_lock_get(reader, table, what, "archive", LM_TOML_TABLE, false, &archive) < 0)
		return -1;
	if (archive == nullptr)
		return 0;
	struct lm_lock_wheel wheel = {};
	if (read_file_name(reader, archive, lm_arena_format(&reader->lock->arena, "the archive of %s", what), &wheel) < 0)
		return -1;
	if (!lm_cstr_ends(wheel.file_name, ".whl")) {
		package->has_sdist = true;
		return 0;
	}
	if (package->wheel_count > 0)
		return lm_lock_fail(reader, archive, "%s has both 'archive' and 'wheels'", what);
	package->wheels = lm_arena_alloc(&reader->lock->arena, sizeof *package->wheels);
	package->wheel_count = 1;
	return read_wheel(reader, archive, package, package->wheels);
}

static int
read_sources(struct lm_lock_reader *reader, const struct lm_toml *table, struct lm_lock_package *package)
{
	static const char *const sources[] = { "sdist", "vcs", "directory" };
	const char *what = describe(reader, "package", package->name);
	for (size_t i = 0; i < LM_COUNT(sources); i++) {
		const struct lm_toml *source = nullptr;
		if (lm_lock_get(reader, table, what, sources[i], LM_TOML_TABLE, false, &source) < 0)
			return -1;
		package->has_sdist = package->has_sdist || source != nullptr;
	}
	if (read_wheels(reader, table, package) < 0 || read_archive(reader, table, package) < 0)
		return -1;
	if (!package->has_sdist && package->wheel_count == 0)
		return lm_lock_fail(reader, table, "%s has no wheels and no other source", what);
	return lm_lock_get_url(reader, table, what, "index", &package->index);
}

void
lm_lock_packages_add(struct lm_lock_packages *packages, const struct lm_lock_package *package)
{
	lm_grow(packages->items, packages->count, packages->cap);
	packages->items[packages->count++] = *package;
}

static int
read_packages(struct lm_lock_reader *reader, const struct lm_toml *root, struct lm_lock_packages *packages)
{
	const struct lm_toml *array = nullptr;
	if (lm_lock_get(reader, root, "the lock", "packages", LM_TOML_ARRAY, true, &array) < 0)
		return -1;
	for (size_t i = 0; i < array->array.count; i++) {
		const struct lm_toml *table = &array->array.items[i];
		struct lm_lock_package package = {};
		if (table->type != LM_TOML_TABLE)
			return lm_lock_fail(reader, table, "a package is not a table");
		if (lm_lock_read_identity(reader, table, false, &package) < 0 || read_sources(reader, table, &package) < 0)
			return -1;
		lm_lock_packages_add(packages, &package);
	}
	return lm_lock_read_tool(reader, root, packages);
}

static int
compare_text(const char *a, const char *b)
{
	if (a == nullptr || b == nullptr)
		return (a != nullptr) - (b != nullptr);
	return strcmp(a, b);
}

int
lm_lock_package_compare(const void *a, const void *b)
{
	const struct lm_lock_package *x = a, *y = b;
	struct lm_version v = {}, w = {};
	int order = strcmp(x->name, y->name);
	if (order == 0 && x->version != nullptr && y->version != nullptr && lm_version_parse(lm_str_of(x->version), &v) &&
		lm_version_parse(lm_str_of(y->version), &w))
		order = lm_version_compare(&v, &w);
	if (order == 0)
		order = compare_text(x->version, y->version);
	return order != 0 ? order : compare_text(x->marker, y->marker);
}

static int
check_doubles(struct lm_lock_reader *reader)
{
	const struct lm_pylock *lock = reader->lock;
	for (size_t i = 1; i < lock->package_count; i++) {
		const struct lm_lock_package *package = &lock->packages[i];
		if (lm_lock_package_compare(package - 1, package) != 0)
			continue;
		(void)lm_lock_fail(
			reader, nullptr, "package '%s' is there twice with the same version and marker", package->name);
		reader->place.line = package->line;
		return -1;
	}
	return 0;
}

static int
read_lock_version(struct lm_lock_reader *reader, const struct lm_toml *root)
{
	char *text = nullptr;
	struct lm_version version;
	if (lm_lock_get_text(reader, root, "the lock", "lock-version", true, &text) < 0)
		return -1;
	const struct lm_toml *value = lm_toml_get(root, "lock-version");
	if (!lm_version_parse(lm_str_of(text), &version))
		return lm_lock_fail(reader, value, "'lock-version' is not a version");
	if (version.epoch != 0 || version.release[0] != 1)
		return lm_lock_fail(reader, value, "lock version %s is not known here, only 1 is", text);
	return 0;
}

static int
read_environments(struct lm_lock_reader *reader, const struct lm_toml *root)
{
	const struct lm_toml *array = nullptr;
	if (lm_lock_get(reader, root, "the lock", "environments", LM_TOML_ARRAY, false, &array) < 0)
		return -1;
	for (size_t i = 0; array != nullptr && i < array->array.count; i++) {
		const struct lm_toml *item = &array->array.items[i];
		if (item->type != LM_TOML_STRING || strlen(item->string.ptr) != item->string.len)
			return lm_lock_fail(reader, item, "an environment is not a string");
		if (check_marker(reader, item, item->string.ptr, "an environment") < 0)
			return -1;
		lm_strings_add_str(&reader->lock->environments, item->string);
	}
	return 0;
}

static int
read_head(struct lm_lock_reader *reader, const struct lm_toml *root)
{
	struct lm_pylock *lock = reader->lock;
	struct lm_err err = {};
	char *created_by = nullptr;
	if (read_lock_version(reader, root) < 0 || read_environments(reader, root) < 0 ||
		lm_lock_get_text(reader, root, "the lock", "created-by", true, &created_by) < 0 ||
		lm_lock_get_text(reader, root, "the lock", "requires-python", false, &lock->requires_python) < 0)
		return -1;
	if (lock->requires_python != nullptr && lm_specifiers_check(lm_str_of(lock->requires_python), &err) < 0)
		return lm_lock_fail(reader, lm_toml_get(root, "requires-python"), "'requires-python': %s", err.text);
	return 0;
}

static int
read_root(struct lm_lock_reader *reader, const struct lm_toml *root)
{
	struct lm_lock_packages packages = {};
	struct lm_pylock *lock = reader->lock;
	int rc = read_head(reader, root) < 0 ? -1 : read_packages(reader, root, &packages);
	if (rc == 0 && packages.count > 0) {
		qsort(packages.items, packages.count, sizeof *packages.items, lm_lock_package_compare);
		lock->packages = lm_arena_alloc(&lock->arena, packages.count * sizeof *lock->packages);
		memcpy(lock->packages, packages.items, packages.count * sizeof *lock->packages);
		lock->package_count = packages.count;
		rc = check_doubles(reader);
	}
	lm_free(packages.items);
	return rc;
}

int
lm_pylock_parse(struct lm_str text, struct lm_pylock *out, struct lm_toml_place *place, struct lm_err *err)
{
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
	struct lm_lock_reader reader = { .lock = out, .place = { 1, 1 }, .err = err };

	*out = (struct lm_pylock){};
	int rc = lm_toml_parse(text, &doc, &reader.place, err);
	if (rc < 0 && err->code == LM_E_SYNTAX)
		err->code = LM_E_SPEC;
	if (rc == 0)
		rc = read_root(&reader, lm_toml_root(doc));
	if (rc < 0) {
		lm_pylock_release(out);
		if (place != nullptr)
			*place = reader.place;
	}
	return rc;
}

void
lm_pylock_release(struct lm_pylock *lock)
{
	lm_strings_release(&lock->environments);
	lm_arena_release(&lock->arena);
	*lock = (struct lm_pylock){};
}
