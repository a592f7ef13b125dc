#include "stack/spec.h"

#include "os/path.h"
#include "stack/spec_read.h"

#include <string.h>

const char *
lm_layer_kind_plural(enum lm_layer_kind kind)
{
	static const char *const names[] = { "runtimes", "frameworks", "applications" };
	return names[kind];
}

// Make room for the layers of all kinds; those of a faulty table are left out.
static void
count_layers(struct lm_spec_reader *r, const struct lm_toml *root)
{
	struct lm_spec *spec = r->spec;
	size_t total = 0;

	for (int kind = LM_RUNTIME; kind <= LM_APPLICATION; kind++) {
		const struct lm_toml *list = lm_toml_get(root, lm_layer_kind_plural((enum lm_layer_kind)kind));
		if (list != nullptr && list->type == LM_TOML_ARRAY)
			total += list->array.count;
	}
	if (total > LM_SPEC_MAX_LAYERS) {
		lm_spec_error(r, (struct lm_toml_place){}, "more than %d layers", LM_SPEC_MAX_LAYERS);
		total = LM_SPEC_MAX_LAYERS;
	}
	spec->layers = lm_arena_alloc(&spec->arena, total * sizeof *spec->layers);
	r->drafts = lm_arena_alloc(&spec->arena, total * sizeof *r->drafts);
	for (int kind = LM_RUNTIME; kind <= LM_APPLICATION; kind++) {
		const char *plural = lm_layer_kind_plural((enum lm_layer_kind)kind);
		const struct lm_toml *list = lm_toml_get(root, plural);
		if (list == nullptr)
			continue;
		if (list->type != LM_TOML_ARRAY) {
			lm_spec_error(r, list->place, "'%s' must be an array of tables: [[%s]]", plural, plural);
			continue;
		}
		for (size_t i = 0; i < list->array.count && spec->layer_count < total; i++) {
			const struct lm_toml *table = &list->array.items[i];
			if (!lm_spec_is(r, table, LM_TOML_TABLE, lm_arena_format(&spec->arena, "each element of '%s'", plural)))
				continue;
			spec->layers[spec->layer_count].kind = (enum lm_layer_kind)kind;
			r->drafts[spec->layer_count++].table = table;
		}
	}
}

static void
read_root(struct lm_spec_reader *r, const struct lm_toml *root)
{
	static const char *const keys[] = { "runtimes", "frameworks", "applications", "tool" };
	struct lm_spec *spec = r->spec;
	const struct lm_toml *tool = lm_toml_get(root, "tool");

	lm_spec_check_keys(r, root, "the spec", keys, LM_COUNT(keys));
	if (tool != nullptr && !lm_spec_is(r, tool, LM_TOML_TABLE, "'tool'"))
		tool = nullptr;
	lm_spec_read_uv(r, lm_toml_get(tool, "uv"));
	count_layers(r, root);
	if (lm_toml_get(root, "runtimes") == nullptr)
		lm_spec_error(r, (struct lm_toml_place){}, "no [[runtimes]] are declared");
	for (size_t i = 0; i < spec->layer_count; i++)
		lm_spec_read_layer(r, i);
	for (size_t i = 0; i < spec->layer_count; i++) {
		lm_spec_link_layer(r, i);
		lm_spec_inherit(r, i);
	}
	lm_spec_read_lamina(r, lm_toml_get(tool, "lamina"));
}

void
lm_spec_parse(const char *path, struct lm_str text, struct lm_spec *out, struct lm_diags *diags)
{
	LM_AUTO(lm_toml_free_ptr) struct lm_toml_doc *doc = nullptr;
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	struct lm_toml_place place = {};
	struct lm_err err = {};

	*out = (struct lm_spec){};
	out->path = lm_arena_strdup(&out->arena, path);
	out->folder = lm_arena_strdup(&out->arena, folder);
	out->name = lm_arena_strdup(&out->arena, lm_path_name(path));
	out->uv_config = lm_arena_strdup(&out->arena, "");
	if (lm_toml_parse(text, &doc, &place, &err) < 0) {
		lm_diags_add(diags, false, path, place.line, place.column, nullptr, "%s", err.text);
		return;
	}
	struct lm_spec_reader reader = { .spec = out, .diags = diags };
	read_root(&reader, lm_toml_root(doc));
}

void
lm_spec_release(struct lm_spec *spec)
{
	lm_arena_release(&spec->arena);
	*spec = (struct lm_spec){};
}

size_t
lm_spec_find(const struct lm_spec *spec, const char *build_name)
{
	for (size_t i = 0; i < spec->layer_count; i++)
		if (strcmp(spec->layers[i].build_name, build_name) == 0)
			return i;
	return SIZE_MAX;
}

struct lm_target
lm_layer_target(const struct lm_layer_spec *layer, enum lm_platform platform)
{
	return (struct lm_target){
		.platform = platform,
		.py_major = layer->py_major,
		.py_minor = layer->py_minor,
		.py_version = layer->py_version,
		.glibc_major = layer->glibc_major,
		.glibc_minor = layer->glibc_minor,
		.macos_major = layer->macos_major,
		.macos_minor = layer->macos_minor,
	};
}

static bool
has_priority(const struct lm_layer_spec *layer, const struct lm_package_index *index)
{
	for (size_t i = 0; i < layer->priority_index_count; i++)
		if (lm_cstr_equal(layer->priority_indexes[i], index->name))
			return true;
	return false;
}

// A password that was changed does not change what is locked.
static void
write_url_without_login(const char *url, struct lm_buf *out)
{
	const char *authority = strstr(url, "://");
	const char *login_end = authority == nullptr ? nullptr : memrchr(authority + 3, '@', strcspn(authority + 3, "/?#"));
	LM_AUTO(lm_free_ptr)
	char *bare =
		login_end == nullptr ? lm_strdup(url) : lm_format("%.*s%s", (int)(authority + 3 - url), url, login_end + 1);
	lm_toml_write_string(out, lm_str_of(bare));
}

static void
write_index(const struct lm_package_index *index, bool priority, const char *base, struct lm_buf *out)
{
	lm_buf_text(out, "    { ");
	if (index->name != nullptr) {
		lm_buf_text(out, "name = ");
		lm_toml_write_string(out, lm_str_of(index->name));
		lm_buf_text(out, ", ");
	}
	lm_buf_text(out, "url = ");
	if (base != nullptr && strstr(index->url, "://") == nullptr) {
		LM_AUTO(lm_free_ptr) char *joined = lm_path_join(base, index->url);
		LM_AUTO(lm_free_ptr) char *absolute = lm_path_normal(joined);
		lm_toml_write_string(out, lm_str_of(absolute));
	} else if (base == nullptr) {
		write_url_without_login(index->url, out);
	} else {
		lm_toml_write_string(out, lm_str_of(index->url));
	}
	if (index->is_explicit && !priority)
		lm_buf_text(out, ", explicit = true");
	if (index->settings[0] != '\0')
		lm_buf_format(out, ", %s", index->settings);
	lm_buf_text(out, " },\n");
}

static void
write_sources(const struct lm_layer_spec *layer, struct lm_buf *out)
{
	lm_buf_text(out, "sources = { ");
	for (size_t i = 0; i < layer->package_index_count; i++) {
		lm_buf_text(out, i > 0 ? ", " : "");
		lm_toml_write_key(out, lm_str_of(layer->package_indexes[i].from));
		lm_buf_text(out, " = { index = ");
		lm_toml_write_string(out, lm_str_of(layer->package_indexes[i].to));
		lm_buf_text(out, " }");
	}
	lm_buf_text(out, " }\n");
}

void
lm_spec_uv_config(const struct lm_spec *spec, size_t layer_index, const char *base, struct lm_buf *out)
{
	const struct lm_layer_spec *layer = &spec->layers[layer_index];

	lm_buf_text(out, spec->uv_config);
	if (spec->index_count > 0) {
		lm_buf_text(out, "index = [\n");
		for (size_t i = 0; i < layer->priority_index_count; i++)
			for (size_t j = 0; j < spec->index_count; j++)
				if (lm_cstr_equal(spec->indexes[j].name, layer->priority_indexes[i]))
					write_index(&spec->indexes[j], true, base, out);
		for (size_t i = 0; i < spec->index_count; i++)
			if (!has_priority(layer, &spec->indexes[i]))
				write_index(&spec->indexes[i], false, base, out);
		lm_buf_text(out, "]\n");
	}
	if (layer->package_index_count > 0)
		write_sources(layer, out);
}
