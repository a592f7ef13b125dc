#include "steps/published.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "python/platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	DOCUMENT_MAX_BYTES = 64 << 20,
	LISTING_MAX_BYTES = 512 << 20,
	SEGMENTS_MAX = 1'000'000,
	ENTRY_NUMBER_MAX = 1'000'000'000,
	LAYERS_MAX = 10'000,
};

static const char MANIFEST[] = "__venvstacks__/venvstacks.json";

static void LM_PRINTF(2, 3) add_finding(struct lm_strings *findings, const char *format, ...)
{
	char text[2048];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	lm_strings_add(findings, text);
}

void
lm_published_release(struct lm_published *published)
{
	lm_free(published->name);
	lm_free(published->platform);
	lm_free(published->folder);
	json_decref(published->metadata);
	lm_free(published->archive_path);
	lm_strings_release(&published->findings);
	*published = (struct lm_published){};
}

void
lm_publication_release(struct lm_publication *publication)
{
	for (size_t i = 0; i < publication->count; i++)
		lm_published_release(&publication->items[i]);
	lm_free(publication->items);
	lm_strings_release(&publication->platforms);
	lm_strings_release(&publication->findings);
	*publication = (struct lm_publication){};
}

const struct lm_published *
lm_publication_find(const struct lm_publication *publication, const char *platform, const char *name)
{
	for (size_t i = 0; i < publication->count; i++)
		if (lm_cstr_equal(publication->items[i].platform, platform) && lm_cstr_equal(publication->items[i].name, name))
			return &publication->items[i];
	return nullptr;
}

// A JSON object from a file of others. LM_E_NOT_FOUND when there is none.
static int
load_object(const char *path, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	LM_AUTO(lm_json_decref_ptr) json_t *value = nullptr;
	size_t len = 0;
	if (lm_file_read(path, DOCUMENT_MAX_BYTES, &text, &len, err) < 0)
		return -1;
	if (lm_json_parse((struct lm_str){ text, len }, &value, err) < 0)
		return lm_err_wrap(err, "'%s'", path);
	if (!json_is_object(value))
		return lm_err_set(err, LM_E_SYNTAX, "'%s' holds no JSON object", path);
	*out = lm_take(&value);
	return 0;
}

// "sha256:<64 hex>" or the digits alone.
static bool
read_digest(const char *text, struct lm_digest *out)
{
	if (text == nullptr)
		return false;
	return lm_digest_parse(lm_str_of(lm_cstr_starts(text, "sha256:") ? text + 7 : text), out);
}

static void
read_recorded(struct lm_published *published)
{
	const json_t *metadata = published->metadata;
	published->has_digest =
		read_digest(lm_json_string(json_object_get(metadata, "archive_hashes"), "sha256"), &published->digest);
	published->has_content_hash = read_digest(lm_json_string(metadata, "content_hash"), &published->content_hash);
	published->compressor = lm_json_string(metadata, "compressor");
	published->time = lm_json_string(metadata, "archive_time");
	published->top = lm_json_string(metadata, "install_target");
}

static void
find_archive(struct lm_published *published)
{
	const char *name = lm_json_string(published->metadata, "archive_name");
	struct lm_file_info info = {};
	struct lm_err refused = {};
	if (name == nullptr)
		return;
	if (lm_path_check_name(name, &refused) < 0) {
		add_finding(&published->findings, "its archive has an unsafe name: %s", refused.text);
		return;
	}
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(published->folder, name);
	if (lm_file_info(path, &info, &refused) < 0 || !info.exists)
		return;
	if (!info.is_file && !(info.is_link && lm_file_exists(path))) {
		add_finding(&published->findings, "its archive '%s' is no file", name);
		return;
	}
	published->archive_size = info.size_bytes;
	published->archive_path = lm_take(&path);
}

// Manifest and file of a layer say the same, unless there is no file.
static int
check_layer_file(struct lm_published *published, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr)
	char *path = lm_format("%s/__venvstacks__/env_metadata/%s.json", published->folder, published->name);
	LM_AUTO(lm_json_decref_ptr) json_t *file = nullptr;
	if (load_object(path, &file, err) < 0) {
		if (err->code == LM_E_IO || err->code == LM_E_INTERRUPTED)
			return -1;
		if (err->code != LM_E_NOT_FOUND)
			add_finding(&published->findings, "its metadata cannot be read: %s", err->text);
		lm_err_clear(err);
		return 0;
	}
	const char *key = nullptr;
	json_t *value = nullptr;
	json_object_foreach(published->metadata, key, value) if (!json_equal(value, json_object_get(file, key)))
		add_finding(&published->findings, "manifest and env_metadata/%s.json disagree on %s", published->name, key);
	json_object_foreach(file, key, value) if (json_object_get(published->metadata, key) == nullptr)
		add_finding(&published->findings, "env_metadata/%s.json has %s, the manifest has not", published->name, key);
	return 0;
}

static int
add_layer(struct lm_publication *publication, const char *folder, json_t *metadata, const char *path, struct lm_err *err)
{
	const char *name = lm_json_string(metadata, "layer_name"), *platform = lm_json_string(metadata, "target_platform");
	struct lm_err refused = {};
	if (publication->count >= LAYERS_MAX)
		return lm_err_set(err, LM_E_LIMIT, "'%s' has more than %d layers", path, LAYERS_MAX);
	if (name == nullptr || lm_path_check_name(name, &refused) < 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' has a layer without a usable name", path);
	if (platform != nullptr && lm_path_check_name(platform, &refused) < 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s': layer '%s' has no usable platform", path, name);
	if (lm_publication_find(publication, platform, name) != nullptr)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' has layer '%s' more than once", path, name);
	lm_grow(publication->items, publication->count, publication->cap);
	struct lm_published *published = &publication->items[publication->count++];
	*published = (struct lm_published){ .name = lm_strdup(name),
		.platform = platform == nullptr ? nullptr : lm_strdup(platform),
		.folder = lm_strdup(folder),
		.metadata = json_incref(metadata) };
	read_recorded(published);
	find_archive(published);
	return check_layer_file(published, err);
}

static int
add_manifest(struct lm_publication *publication, const char *path, const char *folder, struct lm_err *err)
{
	static const char *const kinds[] = { "runtimes", "frameworks", "applications" };
	LM_AUTO(lm_json_decref_ptr) json_t *manifest = nullptr;
	if (load_object(path, &manifest, err) < 0)
		return -1;
	const json_t *layers = json_object_get(manifest, "layers");
	if (!json_is_object(layers))
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is no manifest: it has no layers", path);
	for (size_t kind = 0; kind < LM_COUNT(kinds); kind++) {
		const json_t *list = json_object_get(layers, kinds[kind]);
		for (size_t i = 0; i < json_array_size(list); i++)
			if (add_layer(publication, folder, json_array_get(list, i), path, err) < 0)
				return -1;
	}
	return 0;
}

// "<folder>/<platform>" for each platform that has a manifest.
static int
add_platforms(struct lm_publication *publication, const char *folder, struct lm_err *err)
{
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		const char *platform = lm_platform_name((enum lm_platform)p);
		LM_AUTO(lm_free_ptr) char *inner = lm_path_join(folder, platform);
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(inner, MANIFEST);
		size_t before = publication->count;
		if (!lm_file_exists(path))
			continue;
		if (add_manifest(publication, path, inner, err) < 0)
			return -1;
		lm_strings_add(&publication->platforms, platform);
		for (size_t i = before; i < publication->count; i++) {
			struct lm_published *published = &publication->items[i];
			if (lm_cstr_equal(published->platform, platform))
				continue;
			add_finding(&published->findings, "its metadata say that it is for '%s'",
				published->platform == nullptr ? "" : published->platform);
			lm_free(published->platform);
			published->platform = lm_strdup(platform);
		}
	}
	return publication->platforms.count > 0
		? 0
		: lm_err_set(err, LM_E_NOT_FOUND, "nothing was published in '%s': it has no %s", folder, MANIFEST);
}

static int
load_file(struct lm_publication *publication, const char *path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(path);
	LM_AUTO(lm_free_ptr) char *absolute = lm_path_absolute(parent);
	bool in_place = strcmp(lm_path_name(absolute), "__venvstacks__") == 0;
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(absolute);
	return add_manifest(publication, path, in_place ? folder : parent, err);
}

int
lm_publication_load(struct lm_publication *publication, const char *path, struct lm_err *err)
{
	struct lm_file_info info = {};
	*publication = (struct lm_publication){};
	LM_AUTO(lm_free_ptr) char *direct = lm_path_join(path, MANIFEST);
	int rc = lm_file_info(path, &info, err);
	if (rc == 0 && !info.exists)
		rc = lm_err_set(err, LM_E_NOT_FOUND, "there is no '%s'", path);
	else if (rc == 0 && info.is_file)
		rc = load_file(publication, path, err);
	else if (rc == 0 && lm_file_exists(direct))
		rc = add_manifest(publication, direct, path, err);
	else if (rc == 0)
		rc = add_platforms(publication, path, err);
	for (size_t i = 0; rc == 0 && i < publication->count; i++)
		if (publication->items[i].platform != nullptr &&
			!lm_strings_has(&publication->platforms, publication->items[i].platform))
			lm_strings_add(&publication->platforms, publication->items[i].platform);
	if (rc < 0)
		lm_publication_release(publication);
	return rc;
}

// Look for metadata beside an archive that are about it: of its name, and of the digest that was computed.
static int
adopt_metadata(struct lm_published *published, struct lm_err *err)
{
	LM_AUTO(lm_publication_release) struct lm_publication beside = {};
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(published->archive_path);
	LM_AUTO(lm_free_ptr) char *manifest = lm_path_join(folder, MANIFEST);
	if (!lm_file_exists(manifest))
		return 0;
	if (add_manifest(&beside, manifest, folder, err) < 0)
		return -1;
	for (size_t i = 0; i < beside.count; i++) {
		struct lm_published *layer = &beside.items[i];
		const char *name = lm_json_string(layer->metadata, "archive_name");
		if (!lm_cstr_equal(name, published->name) || !layer->has_digest ||
			(published->looked_at && !lm_digest_equal(&layer->digest, &published->actual)))
			continue;
		published->folder = lm_strdup(folder);
		published->metadata = json_incref(layer->metadata);
		published->platform = layer->platform == nullptr ? nullptr : lm_strdup(layer->platform);
		lm_free(published->name);
		published->name = lm_strdup(layer->name);
		read_recorded(published);
		return 0;
	}
	return 0;
}

int
lm_published_beside(struct lm_published *published, const char *path, struct lm_err *err)
{
	*published = (struct lm_published){ .name = lm_strdup(lm_path_name(path)), .archive_path = lm_strdup(path) };
	return adopt_metadata(published, err);
}

int
lm_published_archive(struct lm_published *published, const char *path, struct lm_err *err)
{
	struct lm_file_info info = {};
	*published = (struct lm_published){ .name = lm_strdup(lm_path_name(path)), .archive_path = lm_strdup(path) };
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	published->archive_size = info.size_bytes;
	struct lm_err ignored = {};
	if (lm_published_look(published, err) < 0)
		return -1;
	(void)adopt_metadata(published, &ignored);
	return 0;
}

int
lm_published_look(struct lm_published *published, struct lm_err *err)
{
	uint64_t recorded = 0, size = 0;
	char is[LM_DIGEST_HEX], should[LM_DIGEST_HEX];
	if (published->looked_at || published->archive_path == nullptr)
		return 0;
	if (lm_sha256_file(published->archive_path, &published->actual, &size, err) < 0)
		return -1;
	published->looked_at = true;
	published->archive_size = size;
	if (published->metadata == nullptr)
		return 0;
	if (lm_json_u64(published->metadata, "archive_size", &recorded) && recorded != size) {
		add_finding(&published->findings, "archive '%s' has %llu bytes, its metadata say %llu",
			lm_path_name(published->archive_path), (unsigned long long)size, (unsigned long long)recorded);
		published->damaged = true;
	}
	if (!published->has_digest || lm_digest_equal(&published->digest, &published->actual))
		return 0;
	lm_digest_hex(&published->actual, is);
	lm_digest_hex(&published->digest, should);
	add_finding(&published->findings, "archive '%s' has SHA-256 %s, its metadata say %s",
		lm_path_name(published->archive_path), is, should);
	published->damaged = true;
	return 0;
}

bool
lm_published_digest(const struct lm_published *published, struct lm_digest *out)
{
	if (published->looked_at)
		*out = published->actual;
	else if (published->has_digest)
		*out = published->digest;
	return published->looked_at || published->has_digest;
}

int
lm_published_listing(struct lm_published *published, struct lm_view *view, bool *known, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	struct lm_digest digest;
	*known = false;
	if (published->folder == nullptr || !published->has_content_hash)
		return 0;
	LM_AUTO(lm_free_ptr)
	char *path = lm_format("%s/__venvstacks__/entries/%s.txt", published->folder, published->name);
	if (lm_file_read(path, LISTING_MAX_BYTES, &text, &len, err) < 0) {
		if (err->code != LM_E_NOT_FOUND)
			return -1;
		lm_err_clear(err);
		return 0;
	}
	lm_sha256_bytes(text, len, &digest);
	if (!lm_digest_equal(&digest, &published->content_hash)) {
		add_finding(&published->findings, "entries/%s.txt is not what content_hash is the SHA-256 of", published->name);
		return 0;
	}
	if (lm_view_from_listing(view, (struct lm_str){ text, len }, published->top, err) < 0) {
		add_finding(&published->findings, "entries/%s.txt cannot be read: %s", published->name, err->text);
		lm_err_clear(err);
		lm_view_release(view);
		return 0;
	}
	*known = true;
	return 0;
}

static bool
read_segment(const json_t *item, uint64_t *offset, struct lm_segment_row *row)
{
	bool read = lm_json_u64(item, "offset", &row->offset) && lm_json_u64(item, "size", &row->size) &&
		lm_json_u64(item, "first_entry", &row->first_entry) && lm_json_u64(item, "entry_count", &row->entry_count) &&
		read_digest(lm_json_string(item, "content_hash"), &row->digest);
	bool next = read && row->offset == *offset && row->size <= INT64_MAX - row->offset &&
		row->first_entry <= ENTRY_NUMBER_MAX && row->entry_count <= ENTRY_NUMBER_MAX;
	*offset += next ? row->size : 0;
	return next;
}

// LM_OK, or what is wrong with the table.
static const char *
read_segments(const struct lm_published *published, const json_t *document, struct lm_segment_row *rows, size_t count)
{
	struct lm_digest digest = {}, of_archive = {};
	uint64_t offset = 0;
	if (!read_digest(lm_json_string(json_object_get(document, "archive_hashes"), "sha256"), &digest) ||
		!lm_published_digest(published, &of_archive) || !lm_digest_equal(&digest, &of_archive))
		return "is about another archive";
	for (size_t i = 0; i < count; i++)
		if (!read_segment(json_array_get(json_object_get(document, "segments"), i), &offset, &rows[i]))
			return "is damaged";
	if (published->archive_path != nullptr && offset > published->archive_size)
		return "goes beyond the archive";
	return nullptr;
}

int
lm_published_segments(struct lm_published *published, struct lm_segment_row **rows, size_t *count, struct lm_err *err)
{
	LM_AUTO(lm_json_decref_ptr) json_t *document = nullptr;
	*count = 0;
	*rows = nullptr;
	if (published->folder == nullptr || published->damaged)
		return 0;
	LM_AUTO(lm_free_ptr)
	char *path = lm_format("%s/__venvstacks__/segments/%s.json", published->folder, published->name);
	const char *fault = nullptr;
	if (load_object(path, &document, err) < 0) {
		if (err->code == LM_E_NOT_FOUND) {
			lm_err_clear(err);
			return 0;
		}
		if (err->code == LM_E_IO)
			return -1;
		fault = "cannot be read";
		lm_err_clear(err);
	}
	size_t listed = json_array_size(json_object_get(document, "segments"));
	LM_AUTO(lm_free_ptr) struct lm_segment_row *read = nullptr;
	if (listed > SEGMENTS_MAX) {
		fault = "has too many segments";
	} else if (fault == nullptr) {
		read = lm_alloc_array(listed, sizeof *read);
		fault = read_segments(published, document, read, listed);
	}
	if (fault != nullptr) {
		add_finding(&published->findings, "segments/%s.json %s", published->name, fault);
		return 0;
	}
	*rows = lm_take(&read);
	*count = listed;
	return 0;
}
