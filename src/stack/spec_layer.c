// One [[runtimes]], [[frameworks]] or [[applications]] table: the fields that need no other layer.
#include "stack/spec_read.h"

#include "os/path.h"

#include <string.h>

enum {
	RUNTIME = 1 << LM_RUNTIME,
	FRAMEWORK = 1 << LM_FRAMEWORK,
	APPLICATION = 1 << LM_APPLICATION,
	LAYERED = FRAMEWORK | APPLICATION,
	EVERY = RUNTIME | LAYERED,
};

static const struct {
	const char *key;
	unsigned kinds;
} fields[] = {
	{ "name", EVERY },
	{ "requirements", EVERY },
	{ "versioned", EVERY },
	{ "platforms", EVERY },
	{ "linux_target", EVERY },
	{ "macosx_target", EVERY },
	{ "dynlib_exclude", EVERY },
	{ "package_indexes", EVERY },
	{ "index_overrides", EVERY },
	{ "priority_indexes", EVERY },
	{ "python_implementation", RUNTIME },
	{ "runtime", LAYERED },
	{ "frameworks", LAYERED },
	{ "launch_module", APPLICATION },
	{ "support_modules", APPLICATION },
	{ "executables", APPLICATION },
};

static const char *
kinds_phrase(unsigned kinds)
{
	return kinds == RUNTIME ? "runtimes" : kinds == APPLICATION ? "applications" : "frameworks and applications";
}

static void
check_field(struct lm_spec_reader *r, const struct lm_toml_pair *pair, unsigned kind)
{
	const char *known[LM_COUNT(fields)];
	size_t count = 0;

	for (size_t i = 0; i < LM_COUNT(fields); i++) {
		bool same = lm_str_equal(pair->key, lm_str_of(fields[i].key));
		if (same && (fields[i].kinds & kind) != 0)
			return;
		if (same) {
			lm_spec_error(r, pair->place, "'%s' is for %s only", fields[i].key, kinds_phrase(fields[i].kinds));
			return;
		}
		if ((fields[i].kinds & kind) != 0)
			known[count++] = fields[i].key;
	}
	lm_spec_error(
		r, pair->place, "unknown key '%s'%s", pair->key.ptr, lm_spec_did_you_mean(r, pair->key.ptr, known, count));
}

static void
check_fields(struct lm_spec_reader *r, const struct lm_toml *table, enum lm_layer_kind kind)
{
	for (size_t i = 0; i < table->table.count; i++) {
		const struct lm_toml_pair *pair = &table->table.pairs[i];
		if (lm_str_equal(pair->key, LM_STR("build_requirements")))
			lm_spec_warning(r, pair->place, "'build_requirements' has no effect; remove it");
		else if (kind == LM_RUNTIME && lm_str_equal(pair->key, LM_STR("fully_versioned_name")))
			lm_spec_warning(r, pair->place, "'fully_versioned_name' is now 'python_implementation'; rename it");
		else
			check_field(r, pair, 1u << kind);
	}
}

static const char *
build_prefix(enum lm_layer_kind kind)
{
	return kind == LM_FRAMEWORK ? "framework-" : kind == LM_APPLICATION ? "app-" : "";
}

static void
check_name(struct lm_spec_reader *r, const struct lm_layer_spec *layer)
{
	struct lm_err err = {};

	if (lm_path_check_name(layer->name, &err) < 0)
		lm_spec_error(r, layer->place, "%s", err.text);
	else if (strchr(layer->name, '@') != nullptr)
		lm_spec_error(
			r, layer->place, "invalid name: '@' separates the lock version from the name of a versioned layer");
	else if (lm_path_check_name(layer->build_name, &err) < 0)
		lm_spec_error(r, layer->place, "%s", err.text); // with its prefix it is too long
	if (layer->kind != LM_RUNTIME)
		return;
	static const char *const reserved[] = { "framework-", "app-" };
	for (size_t i = 0; i < LM_COUNT(reserved); i++)
		if (lm_cstr_starts(layer->name, reserved[i]))
			lm_spec_error(r, layer->place, "invalid name: runtime names must not start with '%s'", reserved[i]);
}

static bool
same_letters(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) { // names are ASCII, or refused already
		int x = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, y = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;
		if (x != y)
			return false;
	}
	return *a == *b;
}

static void
check_duplicate(struct lm_spec_reader *r, size_t index)
{
	const struct lm_layer_spec *layer = &r->spec->layers[index];

	for (size_t i = 0; i < index; i++) {
		const struct lm_layer_spec *other = &r->spec->layers[i];
		if (!r->drafts[i].has_name || !same_letters(other->build_name, layer->build_name))
			continue;
		if (strcmp(other->build_name, layer->build_name) == 0)
			lm_spec_error(r, layer->place, "the name is taken already by the layer at line %u, column %u",
				other->place.line, other->place.column);
		else
			lm_spec_error(r, layer->place, "the name differs only in case from '%s' at line %u, column %u",
				other->build_name, other->place.line, other->place.column);
		return;
	}
}

// A name that is too long to be one is shown in part.
static const char *
short_label(struct lm_spec_reader *r, const char *name)
{
	enum { MAX_LABEL = 150 };
	size_t len = strlen(name);

	if (len <= MAX_LABEL)
		return name;
	for (len = MAX_LABEL; ((unsigned char)name[len] & 0xC0) == 0x80;)
		len--;
	return lm_arena_format(&r->spec->arena, "%.*s...", (int)len, name);
}

static void
read_name(struct lm_spec_reader *r, size_t index, size_t number)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];
	const struct lm_toml *value = lm_toml_get(draft->table, "name");

	layer->place = value == nullptr ? draft->table->place : value->place;
	if (value == nullptr)
		lm_spec_error(r, layer->place, "'name' is missing in number %zu of [[%s]]", number,
			lm_layer_kind_plural(layer->kind));
	layer->name = lm_spec_get_text(r, draft->table, "name");
	draft->has_name = layer->name != nullptr;
	if (!draft->has_name)
		layer->name = lm_arena_strdup(&r->spec->arena, "");
	layer->build_name = lm_arena_format(&r->spec->arena, "%s%s", build_prefix(layer->kind), layer->name);
	if (!draft->has_name)
		return;
	draft->label = short_label(r, layer->build_name);
	r->layer = draft->label;
	check_name(r, layer);
	check_duplicate(r, index);
}

static void
read_requirements(struct lm_spec_reader *r, struct lm_layer_spec *layer, const struct lm_toml *table)
{
	struct lm_arena *arena = &r->spec->arena;

	if (lm_toml_get(table, "requirements") == nullptr)
		lm_spec_error(r, layer->place, "'requirements' is missing; it may be empty: requirements = []");
	layer->requirement_count = lm_spec_get_texts(r, table, "requirements", &layer->requirements, nullptr);
	layer->parsed_requirements = lm_arena_alloc(arena, layer->requirement_count * sizeof *layer->parsed_requirements);
	for (size_t i = 0; i < layer->requirement_count; i++) {
		const struct lm_placed_text *text = &layer->requirements[i];
		struct lm_err err = {};
		if (lm_requirement_parse(lm_str_of(text->text), arena, &layer->parsed_requirements[i], &err) < 0)
			lm_spec_error(r, text->place, "invalid requirement '%s': %s", text->text, err.text);
	}
}

static void
read_platforms(struct lm_spec_reader *r, struct lm_layer_spec *layer, struct lm_layer_draft *draft)
{
	const struct lm_toml *value = lm_toml_get(draft->table, "platforms");
	struct lm_placed_text *texts;

	layer->platforms = LM_ALL_PLATFORMS;
	if (value == nullptr)
		return;
	size_t count = lm_spec_get_texts(r, draft->table, "platforms", &texts, &draft->platforms_unknown);
	draft->declares_platforms = true;
	draft->platforms_place = value->place;
	layer->platforms = 0;
	for (size_t i = 0; i < count; i++) {
		enum lm_platform platform;
		if (lm_spec_platform(r, texts[i].text, texts[i].place, &platform))
			layer->platforms |= (lm_platform_set)1 << platform;
		else
			draft->platforms_unknown = true;
	}
}

// "2.28" or, with minor_optional, "13".
static bool
parse_version(struct lm_str text, bool minor_optional, unsigned *major, unsigned *minor)
{
	struct lm_str rest = text, first = lm_str_cut(&rest, '.');
	uint64_t x = 0, y = 0;

	if (!lm_parse_u64(first, 999, &x) || first.len > 3)
		return false;
	if (first.len == text.len ? !minor_optional : !lm_parse_u64(rest, 999, &y) || rest.len > 3)
		return false;
	*major = (unsigned)x;
	*minor = (unsigned)y;
	return true;
}

static void
read_linux_target(struct lm_spec_reader *r, struct lm_layer_spec *layer, struct lm_layer_draft *draft)
{
	const struct lm_toml *value = lm_toml_get(draft->table, "linux_target");
	const char *text = lm_spec_get_text(r, draft->table, "linux_target");

	layer->glibc_major = LM_DEFAULT_GLIBC_MAJOR;
	layer->glibc_minor = LM_DEFAULT_GLIBC_MINOR;
	if (value == nullptr)
		return;
	draft->linux_place = value->place;
	draft->glibc_unknown = text == nullptr;
	if (text == nullptr || strcmp(text, "glibc") == 0)
		return;
	struct lm_str version = lm_str_of(text), family = lm_str_cut(&version, '@');
	if (lm_str_equal(family, LM_STR("glibc")) && parse_version(version, false, &layer->glibc_major, &layer->glibc_minor)) {
		draft->declares_glibc = true;
		return;
	}
	draft->glibc_unknown = true;
	if (lm_str_equal(family, LM_STR("musl")))
		lm_spec_error(r, value->place, "'linux_target' is '%s', but musl is not supported, only glibc", text);
	else
		lm_spec_error(r, value->place, "'linux_target' is '%s', but must be 'glibc' or 'glibc@X.Y'", text);
}

static void
read_macosx_target(struct lm_spec_reader *r, struct lm_layer_spec *layer, struct lm_layer_draft *draft)
{
	const struct lm_toml *value = lm_toml_get(draft->table, "macosx_target");
	const char *text = lm_spec_get_text(r, draft->table, "macosx_target");

	layer->macos_major = LM_DEFAULT_MACOS_MAJOR;
	layer->macos_minor = LM_DEFAULT_MACOS_MINOR;
	if (value == nullptr)
		return;
	draft->macos_place = value->place;
	draft->declares_macos =
		text != nullptr && parse_version(lm_str_of(text), true, &layer->macos_major, &layer->macos_minor);
	draft->macos_unknown = !draft->declares_macos;
	if (text != nullptr && !draft->declares_macos)
		lm_spec_error(r, value->place, "'macosx_target' is '%s', but must be a version such as '13.0' or '13'", text);
}

static void
read_indexes(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];
	const struct lm_toml *own = lm_toml_get(draft->table, "package_indexes");
	const struct lm_toml *overrides = lm_toml_get(draft->table, "index_overrides");
	struct lm_placed_text *priority;

	if (own != nullptr && lm_spec_is(r, own, LM_TOML_TABLE, "'package_indexes'"))
		draft->own_index_count = lm_spec_package_indexes(
			r, own, "'package_indexes'", index, &draft->own_indexes, &draft->indexes_unknown);
	if (overrides != nullptr && lm_spec_is(r, overrides, LM_TOML_TABLE, "'index_overrides'")) {
		layer->index_overrides =
			lm_arena_alloc(&r->spec->arena, overrides->table.count * sizeof *layer->index_overrides);
		for (size_t i = 0; i < overrides->table.count; i++) {
			const struct lm_toml_pair *pair = &overrides->table.pairs[i];
			const char *what = lm_arena_format(&r->spec->arena, "'%s' in 'index_overrides'", pair->key.ptr);
			char *to = lm_spec_text(r, &pair->value, what);
			bool known = lm_spec_index_known(r, pair->key.ptr, pair->place, "'index_overrides'");
			if (to == nullptr || !lm_spec_index_known(r, to, pair->value.place, "'index_overrides'") || !known) {
				draft->indexes_unknown = true;
				continue;
			}
			layer->index_overrides[layer->index_override_count++] =
				(struct lm_name_pair){ lm_arena_strdup(&r->spec->arena, pair->key.ptr), to, pair->place,
					index };
		}
	}
	layer->priority_indexes = lm_arena_alloc(&r->spec->arena, r->spec->index_name_count * sizeof *layer->priority_indexes);
	size_t count = lm_spec_get_texts(r, draft->table, "priority_indexes", &priority, nullptr);
	for (size_t i = 0; i < count; i++) {
		bool twice = false;
		for (size_t j = 0; j < i && !twice; j++)
			twice = strcmp(priority[i].text, priority[j].text) == 0;
		if (twice)
			lm_spec_error(r, priority[i].place, "'priority_indexes' names the index '%s' twice", priority[i].text);
		else if (lm_spec_index_known(r, priority[i].text, priority[i].place, "'priority_indexes'") &&
			layer->priority_index_count < r->spec->index_name_count)
			layer->priority_indexes[layer->priority_index_count++] = priority[i].text;
	}
}

static void
read_implementation(struct lm_spec_reader *r, struct lm_layer_spec *layer, const struct lm_toml *table)
{
	const struct lm_toml_pair *pair = lm_toml_get_pair(table, "python_implementation");
	const struct lm_toml_pair *old = lm_toml_get_pair(table, "fully_versioned_name");
	size_t errors = r->diags->errors;

	if (pair != nullptr && old != nullptr)
		lm_spec_error(
			r, old->place, "'fully_versioned_name' is the old name of 'python_implementation', and both are set");
	if (pair == nullptr)
		pair = old;
	if (pair == nullptr)
		lm_spec_error(r, layer->place, "'python_implementation' is missing, for example \"cpython@3.12.9\"");
	else
		layer->python_implementation =
			lm_spec_text(r, &pair->value, lm_arena_format(&r->spec->arena, "'%s'", pair->key.ptr));
	if (layer->python_implementation != nullptr)
		layer->py_version = (char *)lm_spec_implementation(
			r, layer->python_implementation, pair->value.place, &layer->py_major, &layer->py_minor);
	if (r->diags->errors != errors)
		r->implementations_unknown = true;
}

void
lm_spec_read_layer(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];
	size_t number = 1;

	for (size_t i = 0; i < index; i++)
		number += r->spec->layers[i].kind == layer->kind ? 1 : 0;
	r->layer = nullptr;
	read_name(r, index, number);
	check_fields(r, draft->table, layer->kind);
	read_requirements(r, layer, draft->table);
	(void)lm_spec_get_bool(r, draft->table, "versioned", &layer->versioned);
	read_platforms(r, layer, draft);
	read_linux_target(r, layer, draft);
	read_macosx_target(r, layer, draft);
	layer->dynlib_exclude_count = lm_spec_get_strings(r, draft->table, "dynlib_exclude", &layer->dynlib_exclude);
	read_indexes(r, index);
	if (layer->kind == LM_RUNTIME)
		read_implementation(r, layer, draft->table);
	if (layer->kind == LM_APPLICATION)
		lm_spec_read_modules(r, index);
	r->layer = nullptr;
}
