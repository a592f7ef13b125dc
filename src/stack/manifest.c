#include "stack/manifest.h"

#include <string.h>

static json_t *
sha256_text(const struct lm_digest *digest)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(digest, hex);
	return json_sprintf("sha256:%s", hex);
}

static json_t *
number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void
set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static void
add_modules(json_t *object, const struct lm_layer_facts *facts)
{
	if (facts->launch.name != nullptr) {
		set(object, "app_launch_module", json_string(facts->launch.name));
		set(object, "app_launch_module_hash", json_string(facts->launch.hash));
	}
	if (facts->support_count == 0)
		return;
	json_t *modules = json_array();
	for (size_t i = 0; i < facts->support_count; i++) {
		json_t *module = json_object();
		set(module, "name", json_string(facts->support[i].name));
		set(module, "hash", json_string(facts->support[i].hash));
		json_array_append_new(modules, module);
	}
	set(object, "app_support_modules", modules);
}

static void
add_archive(json_t *object, const struct lm_archive_facts *archive, enum lm_platform platform)
{
	char hex[LM_DIGEST_HEX];
	json_t *hashes = json_object();

	lm_digest_hex(&archive->archive_digest, hex);
	set(hashes, "sha256", json_string(hex));
	set(object, "archive_build", number(archive->archive_build));
	set(object, "archive_hashes", hashes);
	set(object, "archive_name", json_string(archive->archive_name));
	set(object, "archive_size", number(archive->archive_size));
	set(object, "compressor", json_string(archive->compressor));
	set(object, "content_hash", sha256_text(&archive->content_hash));
	set(object, "content_size", number(archive->content_size));
	set(object, "entry_count", number(archive->entry_count));
	set(object, "target_platform", json_string(lm_platform_name(platform)));
}

json_t *
lm_manifest_layer(const struct lm_layer_facts *facts, const struct lm_archive_facts *archive)
{
	const struct lm_layer_spec *layer = &facts->spec->layers[facts->layer];
	const struct lm_layer_lock *lock = &facts->locks[facts->layer];
	json_t *object = json_object();

	set(object, "layer_name", json_string(layer->build_name));
	set(object, "install_target", json_string(lock->install_target));
	set(object, "requirements_hash", json_string(lock->meta.requirements_hash));
	set(object, "lock_version", number(lock->meta.lock_version));
	set(object, "locked_at", json_string(lock->meta.locked_at));
	set(object, "runtime_layer", json_string(facts->locks[layer->runtime].install_target));
	set(object, "python_implementation", json_string(layer->python_implementation));
	set(object, "bound_to_implementation",
		json_boolean(layer->kind != LM_RUNTIME && lm_platform_is_windows(facts->platform)));
	if (layer->kind != LM_RUNTIME) {
		json_t *required = json_array();
		for (size_t i = 0; i < layer->lower_count; i++)
			if (layer->lower[i] != layer->runtime)
				json_array_append_new(required, json_string(facts->locks[layer->lower[i]].install_target));
		set(object, "required_layers", required);
	}
	if (layer->kind == LM_APPLICATION)
		add_modules(object, facts);
	if (archive != nullptr)
		add_archive(object, archive, facts->platform);
	return object;
}

json_t *
lm_manifest_stack(const struct lm_spec *spec, json_t *const *layers, const size_t *layer_indexes, size_t count)
{
	json_t *kinds = json_object(), *object = json_object();

	for (int kind = LM_RUNTIME; kind <= LM_APPLICATION; kind++)
		set(kinds, lm_layer_kind_plural((enum lm_layer_kind)kind), json_array());
	for (size_t i = 0; i < count; i++) {
		const char *kind = lm_layer_kind_plural(spec->layers[layer_indexes[i]].kind);
		json_array_append(json_object_get(kinds, kind), layers[i]);
	}
	set(object, "layers", kinds);
	return object;
}

char *
lm_manifest_archive_name(
	const char *install_target, enum lm_platform platform, uint64_t archive_build, bool tagged, enum lm_format format)
{
	if (!tagged)
		return lm_format("%s.%s", install_target, lm_format_extension(format));
	return lm_format("%s-%s-%llu.%s", install_target, lm_platform_name(platform), (unsigned long long)archive_build,
		lm_format_extension(format));
}

json_t *
lm_manifest_segments(const struct lm_archive_result *result)
{
	json_t *object = json_object(), *segments = json_array();
	char hex[LM_DIGEST_HEX];

	for (size_t i = 0; i < result->segment_count; i++) {
		const struct lm_segment *segment = &result->segments[i];
		json_t *item = json_object();
		set(item, "offset", number(segment->offset));
		set(item, "size", number(segment->size));
		set(item, "content_offset", number(segment->content_offset));
		set(item, "content_size", number(segment->content_size));
		set(item, "first_entry", number(segment->first_entry));
		set(item, "entry_count", number(segment->entry_count));
		set(item, "content_hash", sha256_text(&segment->digest));
		json_array_append_new(segments, item);
	}
	lm_digest_hex(&result->digest, hex);
	json_t *hashes = json_object();
	set(hashes, "sha256", json_string(hex));
	set(object, "archive_hashes", hashes);
	set(object, "archive_size", number(result->size));
	set(object, "compressor", json_string(result->compressor));
	set(object, "content_size", number(result->content_size));
	set(object, "entry_count", number(result->entry_count));
	set(object, "segments", segments);
	return object;
}
