// [tool.lamina]: what the format lacks and lamina needs.
#include "stack/spec_read.h"

#include <string.h>

static const char *const keys[] = { "archive_format", "lock_urls", "runtime_archives" };
static const char *const archive_keys[] = { "implementation", "platform", "sha256", "path", "url" };

static void
read_format(struct lm_spec_reader *r, const struct lm_toml *lamina)
{
	const struct lm_toml *value = lm_toml_get(lamina, "archive_format");
	const char *text = lm_spec_get_text(r, lamina, "archive_format");
	const char *names[LM_FORMAT_COUNT];

	if (text == nullptr)
		return;
	r->spec->has_archive_format = lm_format_parse(text, &r->spec->archive_format);
	if (r->spec->has_archive_format)
		return;
	for (int i = 0; i < LM_FORMAT_COUNT; i++)
		names[i] = lm_format_extension((enum lm_format)i);
	const char *hint = lm_spec_did_you_mean(r, text, names, LM_FORMAT_COUNT);
	if (hint[0] == '\0')
		hint = "; known are tar.zst, tar.xz, tar.gz, zip, tar";
	lm_spec_error(r, value->place, "unknown archive format '%s'%s", text, hint);
}

static bool
url_valid(const char *url)
{
	static const char *const schemes[] = { "https://", "http://", "file://" };
	for (size_t i = 0; i < LM_COUNT(schemes); i++)
		if (lm_cstr_starts(url, schemes[i]))
			return strchr(url, ' ') == nullptr && strlen(url) > strlen(schemes[i]);
	return false;
}

static void
read_location(struct lm_spec_reader *r, const struct lm_toml *table, struct lm_runtime_archive *out)
{
	const struct lm_toml *path = lm_toml_get(table, "path"), *url = lm_toml_get(table, "url");

	if (path != nullptr && url != nullptr)
		lm_spec_error(r, url->place, "a runtime archive has either 'path' or 'url', not both");
	if (path == nullptr && url == nullptr)
		lm_spec_error(r, table->place, "a runtime archive needs 'path' or 'url'");
	out->path = lm_spec_get_text(r, table, "path");
	if (out->path != nullptr)
		out->path = lm_spec_path(r, out->path, path->place, "'path'");
	out->url = lm_spec_get_text(r, table, "url");
	if (out->url != nullptr && !url_valid(out->url))
		lm_spec_error(r, url->place, "'url' is '%s', which is no https, http or file URL", out->url);
}

static char *
read_required(struct lm_spec_reader *r, const struct lm_toml *table, const char *key)
{
	if (lm_toml_get(table, key) == nullptr)
		lm_spec_error(r, table->place, "'%s' is missing in [[tool.lamina.runtime_archives]]", key);
	return lm_spec_get_text(r, table, key);
}

static void
check_used(struct lm_spec_reader *r, const struct lm_runtime_archive *archive)
{
	const char *known[LM_SPEC_MAX_LAYERS];
	const struct lm_spec *spec = r->spec;
	size_t count = 0;

	for (size_t i = 0; i < spec->layer_count; i++) {
		if (spec->layers[i].kind != LM_RUNTIME || spec->layers[i].python_implementation == nullptr)
			continue;
		known[count++] = spec->layers[i].python_implementation;
		if (strcmp(known[count - 1], archive->implementation) == 0)
			return;
	}
	if (!r->implementations_unknown)
		lm_spec_warning(r, archive->place, "no runtime uses the implementation '%s'%s", archive->implementation,
			lm_spec_did_you_mean(r, archive->implementation, known, count));
}

static void
read_archive(struct lm_spec_reader *r, const struct lm_toml *table)
{
	struct lm_spec *spec = r->spec;
	struct lm_runtime_archive archive = { .place = table->place };
	unsigned major, minor;
	bool has_platform = false;

	lm_spec_check_keys(r, table, "[[tool.lamina.runtime_archives]]", archive_keys, LM_COUNT(archive_keys));
	archive.implementation = read_required(r, table, "implementation");
	if (archive.implementation != nullptr) {
		archive.place = lm_toml_get(table, "implementation")->place;
		if (lm_spec_implementation(r, archive.implementation, archive.place, &major, &minor) == nullptr)
			archive.implementation = nullptr;
	}
	const char *platform = read_required(r, table, "platform");
	if (platform != nullptr)
		has_platform = lm_spec_platform(r, platform, lm_toml_get(table, "platform")->place, &archive.platform);
	const char *hex = read_required(r, table, "sha256");
	if (hex != nullptr && !lm_digest_parse(lm_str_of(hex), &archive.digest))
		lm_spec_error(r, lm_toml_get(table, "sha256")->place, "'sha256' must be 64 hexadecimal digits");
	read_location(r, table, &archive);
	if (archive.implementation == nullptr)
		return;
	check_used(r, &archive);
	for (size_t i = 0; i < spec->runtime_archive_count && has_platform; i++) {
		const struct lm_runtime_archive *other = &spec->runtime_archives[i];
		if (other->platform != archive.platform || strcmp(other->implementation, archive.implementation) != 0)
			continue;
		lm_spec_error(r, archive.place, "the archive of '%s' for %s is given twice, first at line %u",
			archive.implementation, lm_platform_name(archive.platform), other->place.line);
		return;
	}
	if (has_platform)
		spec->runtime_archives[spec->runtime_archive_count++] = archive;
}

void
lm_spec_read_lamina(struct lm_spec_reader *r, const struct lm_toml *lamina)
{
	struct lm_spec *spec = r->spec;

	spec->lock_urls = true;
	if (lamina == nullptr || !lm_spec_is(r, lamina, LM_TOML_TABLE, "'tool.lamina'"))
		return;
	lm_spec_check_keys(r, lamina, "[tool.lamina]", keys, LM_COUNT(keys));
	read_format(r, lamina);
	(void)lm_spec_get_bool(r, lamina, "lock_urls", &spec->lock_urls);
	const struct lm_toml *list = lm_toml_get(lamina, "runtime_archives");
	if (list == nullptr || !lm_spec_is(r, list, LM_TOML_ARRAY, "'tool.lamina.runtime_archives'"))
		return;
	if (list->array.count > (size_t)LM_SPEC_MAX_LAYERS * LM_PLATFORM_COUNT) {
		lm_spec_error(r, list->place, "more than %d runtime archives", LM_SPEC_MAX_LAYERS * LM_PLATFORM_COUNT);
		return;
	}
	spec->runtime_archives = lm_arena_alloc(&spec->arena, list->array.count * sizeof *spec->runtime_archives);
	for (size_t i = 0; i < list->array.count; i++)
		if (lm_spec_is(r, &list->array.items[i], LM_TOML_TABLE, "each element of 'tool.lamina.runtime_archives'"))
			read_archive(r, &list->array.items[i]);
}
