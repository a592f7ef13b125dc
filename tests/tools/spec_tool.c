// spec_tool FILE [NAME]: parse a stack spec. Findings go to stderr under NAME (default: FILE), the checked spec as JSON to
// stdout. Exit code 0, or 2 when there are errors.
#include "stack/spec.h"
#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *
strings(char *const *items, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

static json_t *
texts(const struct lm_placed_text *items, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(items[i].text));
	return array;
}

static json_t *
pairs(const struct lm_name_pair *items, size_t count)
{
	json_t *object = json_object();
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, items[i].from, json_string(items[i].to));
	return object;
}

static json_t *
names(const struct lm_spec *spec, const size_t *layers, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(spec->layers[layers[i]].build_name));
	return array;
}

static json_t *
layer_json(const struct lm_spec *spec, size_t index)
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	json_t *object = json_object(), *platforms = json_array();
	struct lm_buf config = {};

	for (int i = 0; i < LM_PLATFORM_COUNT; i++)
		if ((layer->platforms & ((lm_platform_set)1 << i)) != 0)
			json_array_append_new(platforms, json_string(lm_platform_name((enum lm_platform)i)));
	lm_spec_uv_config(spec, index, "/base", &config);
	json_object_set_new(object, "kind", json_string(lm_layer_kind_plural(layer->kind)));
	json_object_set_new(object, "name", json_string(layer->name));
	json_object_set_new(object, "build_name", json_string(layer->build_name));
	json_object_set_new(object, "place", json_sprintf("%u:%u", layer->place.line, layer->place.column));
	json_object_set_new(object, "requirements", texts(layer->requirements, layer->requirement_count));
	json_object_set_new(object, "versioned", json_boolean(layer->versioned));
	json_object_set_new(object, "platforms", platforms);
	json_object_set_new(object, "glibc", json_sprintf("%u.%u", layer->glibc_major, layer->glibc_minor));
	json_object_set_new(object, "macos", json_sprintf("%u.%u", layer->macos_major, layer->macos_minor));
	json_object_set_new(object, "dynlib_exclude", strings(layer->dynlib_exclude, layer->dynlib_exclude_count));
	json_object_set_new(object, "package_indexes", pairs(layer->package_indexes, layer->package_index_count));
	json_object_set_new(object, "index_overrides", pairs(layer->index_overrides, layer->index_override_count));
	json_object_set_new(object, "priority_indexes", strings(layer->priority_indexes, layer->priority_index_count));
	json_object_set_new(object, "python_implementation", json_string(layer->python_implementation));
	json_object_set_new(object, "python", json_sprintf("%u.%u %s", layer->py_major, layer->py_minor, layer->py_version));
	json_object_set_new(object, "runtime", json_string(spec->layers[layer->runtime].build_name));
	json_object_set_new(object, "depends", names(spec, layer->depends, layer->depend_count));
	json_object_set_new(object, "lower", names(spec, layer->lower, layer->lower_count));
	if (layer->launch_module.text != nullptr)
		json_object_set_new(object, "launch_module", json_string(layer->launch_module.text));
	json_object_set_new(object, "support_modules", texts(layer->support_modules, layer->support_module_count));
	json_object_set_new(object, "executables", texts(layer->executables, layer->executable_count));
	json_object_set_new(object, "uv", json_string(lm_buf_cstr(&config)));
	lm_buf_release(&config);
	return object;
}

static json_t *
spec_json(const struct lm_spec *spec)
{
	json_t *object = json_object(), *layers = json_array(), *archives = json_array();

	for (size_t i = 0; i < spec->layer_count; i++)
		json_array_append_new(layers, layer_json(spec, i));
	for (size_t i = 0; i < spec->runtime_archive_count; i++) {
		const struct lm_runtime_archive *archive = &spec->runtime_archives[i];
		char hex[LM_DIGEST_HEX];
		lm_digest_hex(&archive->digest, hex);
		json_t *item = json_object();
		json_object_set_new(item, "implementation", json_string(archive->implementation));
		json_object_set_new(item, "platform", json_string(lm_platform_name(archive->platform)));
		json_object_set_new(item, "sha256", json_string(hex));
		json_object_set_new(item, "path", archive->path == nullptr ? json_null() : json_string(archive->path));
		json_object_set_new(item, "url", archive->url == nullptr ? json_null() : json_string(archive->url));
		json_array_append_new(archives, item);
	}
	json_object_set_new(object, "name", json_string(spec->name));
	json_object_set_new(object, "folder", json_string(spec->folder));
	json_object_set_new(object, "layers", layers);
	json_object_set_new(object, "runtime_archives", archives);
	json_object_set_new(object, "lock_urls", json_boolean(spec->lock_urls));
	json_object_set_new(object, "archive_format",
		spec->has_archive_format ? json_string(lm_format_extension(spec->archive_format)) : json_null());
	json_object_set_new(
		object, "exclude_newer", spec->exclude_newer == nullptr ? json_null() : json_string(spec->exclude_newer));
	json_object_set_new(object, "no_index", json_boolean(spec->no_index));
	json_object_set_new(object, "find_links", strings(spec->find_links, spec->find_link_count));
	json_object_set_new(object, "constraints", strings(spec->constraints, spec->constraint_count));
	return object;
}

static int
read_all(const char *path, struct lm_buf *out)
{
	FILE *file = fopen(path, "rb");
	if (file == nullptr)
		return -1;
	for (;;) {
		size_t got = fread(lm_buf_reserve(out, 65536), 1, 65536, file);
		if (got == 0)
			break;
		out->len += got;
		out->ptr[out->len] = '\0';
	}
	fclose(file);
	return 0;
}

int
main(int argc, char **argv)
{
	struct lm_buf text = {}, out = {};
	struct lm_diags diags = {};
	struct lm_spec spec;

	if (argc < 2 || read_all(argv[1], &text) < 0) {
		fprintf(stderr, "usage: spec_tool FILE [NAME]\n");
		return 1;
	}
	lm_spec_parse(argc > 2 ? argv[2] : argv[1], lm_buf_view(&text), &spec, &diags);
	lm_diags_format(&diags, &out);
	fputs(lm_buf_cstr(&out), stderr);
	lm_buf_clear(&out);
	if (diags.errors == 0) {
		json_t *json = spec_json(&spec);
		lm_json_format(json, &out);
		json_decref(json);
		fputs(lm_buf_cstr(&out), stdout);
	}
	int code = diags.errors == 0 ? 0 : 2;
	lm_spec_release(&spec);
	lm_diags_release(&diags);
	lm_buf_release(&text);
	lm_buf_release(&out);
	return code;
}
