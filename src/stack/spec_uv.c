// [tool.uv]: settings of the resolver. Most are passed on as they are; what depends on the layer or on the run, and what
// decides whether two machines get the same lock, is taken apart.
#include "stack/spec_read.h"

#include <string.h>

// Keys that lamina sets itself, so that a spec's value would be lost or contradict the layer.
static const struct {
	const char *key, *instead;
} owned[] = {
	{ "environments", "it follows from the 'platforms' of each layer" },
	{ "required-environments", "it follows from the 'platforms' of each layer" },
	{ "package", "a layer is not a package" },
	{ "managed", "lamina manages the project it generates" },
	{ "workspace", "each layer is resolved on its own" },
	{ "dev-dependencies", "list them in the 'requirements' of a layer" },
	{ "default-groups", "list them in the 'requirements' of a layer" },
	{ "dependency-groups", "list them in the 'requirements' of a layer" },
	{ "conflicts", "layers have neither extras nor groups" },
};
// Keys with a field of their own in lm_spec.
static const char *const taken[] = { "index", "sources", "find-links", "no-index", "no-build", "constraint-dependencies",
	"exclude-newer" };

static bool
is_taken(struct lm_str key)
{
	for (size_t i = 0; i < LM_COUNT(taken); i++)
		if (lm_str_equal(key, lm_str_of(taken[i])))
			return true;
	return false;
}

static bool
is_index_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
		if (!letter && strchr("-_.", *p) == nullptr)
			return false;
	}
	return name[0] != '\0';
}

static void
read_index_name(struct lm_spec_reader *r, const struct lm_toml *table, struct lm_package_index *index)
{
	struct lm_spec *spec = r->spec;

	index->name = lm_spec_get_text(r, table, "name");
	if (index->name == nullptr)
		return;
	struct lm_toml_place place = lm_toml_get(table, "name")->place;
	if (!is_index_name(index->name))
		lm_spec_error(r, place, "the index name '%s' may hold only letters, digits, '-', '_' and '.'", index->name);
	for (size_t i = 0; i < spec->index_count; i++)
		if (lm_cstr_equal(spec->indexes[i].name, index->name))
			lm_spec_error(r, place, "the index '%s' is declared twice, first at line %u", index->name,
				spec->indexes[i].place.line);
	spec->index_names[spec->index_name_count++] = index->name;
}

static void
read_index(struct lm_spec_reader *r, const struct lm_toml *table)
{
	struct lm_spec *spec = r->spec;
	struct lm_package_index index = { .place = table->place };
	LM_AUTO(lm_buf_release) struct lm_buf settings = {};

	read_index_name(r, table, &index);
	index.url = lm_spec_get_text(r, table, "url");
	if (lm_toml_get(table, "url") == nullptr)
		lm_spec_error(r, table->place, "'url' is missing in [[tool.uv.index]]");
	(void)lm_spec_get_bool(r, table, "explicit", &index.is_explicit);
	for (size_t i = 0; i < table->table.count; i++) {
		const struct lm_toml_pair *pair = &table->table.pairs[i];
		if (lm_str_equal(pair->key, LM_STR("name")) || lm_str_equal(pair->key, LM_STR("url")) ||
			lm_str_equal(pair->key, LM_STR("explicit")))
			continue;
		lm_buf_text(&settings, settings.len > 0 ? ", " : "");
		lm_toml_write_key(&settings, pair->key);
		lm_buf_text(&settings, " = ");
		lm_toml_write_value(&settings, &pair->value);
	}
	index.settings = lm_arena_strdup(&spec->arena, lm_buf_cstr(&settings));
	spec->indexes[spec->index_count++] = index;
}

static void
read_indexes(struct lm_spec_reader *r, const struct lm_toml *list)
{
	struct lm_spec *spec = r->spec;
	size_t errors = r->diags->errors;

	if (list == nullptr)
		return;
	if (lm_spec_is(r, list, LM_TOML_ARRAY, "'tool.uv.index'")) {
		spec->indexes = lm_arena_alloc(&spec->arena, list->array.count * sizeof *spec->indexes);
		spec->index_names = lm_arena_alloc(&spec->arena, list->array.count * sizeof *spec->index_names);
		for (size_t i = 0; i < list->array.count; i++)
			if (lm_spec_is(r, &list->array.items[i], LM_TOML_TABLE, "each element of 'tool.uv.index'"))
				read_index(r, &list->array.items[i]);
	}
	r->index_names_unknown = r->diags->errors != errors;
}

// [tool.uv.sources]: package = { index = "name" }, the package_indexes of all layers that say nothing else.
static void
read_sources(struct lm_spec_reader *r, const struct lm_toml *sources)
{
	struct lm_toml_pair *pairs;
	size_t count = 0;
	bool faulty = false;

	if (sources == nullptr || !lm_spec_is(r, sources, LM_TOML_TABLE, "'tool.uv.sources'"))
		return;
	pairs = lm_arena_alloc(&r->spec->arena, sources->table.count * sizeof *pairs);
	for (size_t i = 0; i < sources->table.count; i++) {
		const struct lm_toml_pair *pair = &sources->table.pairs[i];
		const struct lm_toml *index = lm_toml_get(&pair->value, "index");
		if (index == nullptr || pair->value.table.count != 1) {
			lm_spec_error(r, pair->value.place,
				"the source of '%s' must be an index and nothing else: { index = \"name\" }", pair->key.ptr);
			continue;
		}
		pairs[count++] = (struct lm_toml_pair){ .key = pair->key, .place = pair->place, .value = *index };
	}
	struct lm_toml plain = { .type = LM_TOML_TABLE, .table = { pairs, count } };
	r->source_count = lm_spec_package_indexes(r, &plain, "[tool.uv.sources]", SIZE_MAX, &r->sources, &faulty);
}

static bool
digits(const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static unsigned
two(const char *text)
{
	return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

static bool
date_valid(const char *text, size_t len)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (len < 10 || !digits(text, 4) || text[4] != '-' || !digits(text + 5, 2) || text[7] != '-' || !digits(text + 8, 2))
		return false;
	unsigned century = two(text), year = two(text + 2), month = two(text + 5), day = two(text + 8);
	bool leap = year % 4 == 0 && (year != 0 || century % 4 == 0);
	if (month < 1 || month > 12)
		return false;
	return day >= 1 && day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

// RFC 3339 "2026-06-01T00:00:00[.digits](Z|+hh:mm)"; only the offset tells machines in two time zones the same.
static bool
time_valid(const char *text, size_t len)
{
	if (len < 20 || !date_valid(text, len) || strchr("Tt ", text[10]) == nullptr)
		return false;
	if (!digits(text + 11, 2) || text[13] != ':' || !digits(text + 14, 2) || text[16] != ':' || !digits(text + 17, 2))
		return false;
	if (two(text + 11) > 23 || two(text + 14) > 59 || two(text + 17) > 60)
		return false;
	const char *rest = text + 19;
	if (*rest == '.') {
		size_t fraction = strspn(rest + 1, "0123456789");
		if (fraction == 0 || fraction > 9)
			return false;
		rest += 1 + fraction;
	}
	if ((*rest == 'Z' || *rest == 'z') && rest[1] == '\0')
		return true;
	if ((*rest != '+' && *rest != '-') || strlen(rest) != 6)
		return false;
	return digits(rest + 1, 2) && rest[3] == ':' && digits(rest + 4, 2) && two(rest + 1) <= 23 && two(rest + 4) <= 59;
}

static void
read_exclude_newer(struct lm_spec_reader *r, const struct lm_toml *value, struct lm_buf *config)
{
	struct lm_spec *spec = r->spec;
	char *text;

	if (value == nullptr)
		return;
	if (value->type == LM_TOML_DATETIME || value->type == LM_TOML_DATE_LOCAL)
		text = lm_arena_strndup(&spec->arena, value->time.ptr, value->time.len);
	else
		text = lm_spec_text(r, value, "'exclude-newer'");
	if (text == nullptr)
		return;
	size_t len = strlen(text);
	if (len == 10 && date_valid(text, len)) { // uv would take it in the time zone of the machine
		text = lm_arena_format(&spec->arena, "%sT00:00:00Z", text);
	} else if (!time_valid(text, len)) {
		lm_spec_error(r, value->place,
			"'exclude-newer' is '%s', which is no time such as '2026-06-01T00:00:00Z' (RFC 3339)", text);
		return;
	}
	text[10] = 'T';
	if (lm_cstr_ends(text, "z"))
		text[strlen(text) - 1] = 'Z';
	spec->exclude_newer = text;
	lm_buf_format(config, "exclude-newer = \"%s\"\n", text);
}

static void
read_constraints(struct lm_spec_reader *r, const struct lm_toml *uv)
{
	struct lm_spec *spec = r->spec;
	struct lm_placed_text *texts;
	size_t count = lm_spec_get_texts(r, uv, "constraint-dependencies", &texts, nullptr);

	spec->constraints = lm_arena_alloc(&spec->arena, count * sizeof *spec->constraints);
	for (size_t i = 0; i < count; i++) {
		struct lm_requirement parsed;
		struct lm_err err = {};
		if (lm_requirement_parse(lm_str_of(texts[i].text), &spec->arena, &parsed, &err) < 0)
			lm_spec_error(r, texts[i].place, "invalid constraint '%s': %s", texts[i].text, err.text);
		spec->constraints[spec->constraint_count++] = texts[i].text;
	}
}

static void
read_switches(struct lm_spec_reader *r, const struct lm_toml *uv)
{
	bool no_build = true;

	(void)lm_spec_get_bool(r, uv, "no-index", &r->spec->no_index);
	if (lm_spec_get_bool(r, uv, "no-build", &no_build) && !no_build)
		lm_spec_error(r, lm_toml_get(uv, "no-build")->place,
			"'no-build' must be true: layers hold wheels only, nothing is built from source");
}

void
lm_spec_read_uv(struct lm_spec_reader *r, const struct lm_toml *uv)
{
	LM_AUTO(lm_buf_release) struct lm_buf config = {};
	struct lm_spec *spec = r->spec;

	if (uv != nullptr && lm_spec_is(r, uv, LM_TOML_TABLE, "'tool.uv'")) {
		for (size_t i = 0; i < LM_COUNT(owned); i++) {
			const struct lm_toml_pair *pair = lm_toml_get_pair(uv, owned[i].key);
			if (pair != nullptr)
				lm_spec_error(
					r, pair->place, "'%s' cannot be set in [tool.uv]: %s", owned[i].key, owned[i].instead);
		}
		read_indexes(r, lm_toml_get(uv, "index"));
		read_sources(r, lm_toml_get(uv, "sources"));
		read_exclude_newer(r, lm_toml_get(uv, "exclude-newer"), &config);
		read_constraints(r, uv);
		read_switches(r, uv);
		spec->find_link_count = lm_spec_get_strings(r, uv, "find-links", &spec->find_links);
		for (size_t i = 0; i < uv->table.count; i++) {
			const struct lm_toml_pair *pair = &uv->table.pairs[i];
			if (is_taken(pair->key))
				continue;
			lm_toml_write_key(&config, pair->key);
			lm_buf_text(&config, " = ");
			lm_toml_write_value(&config, &pair->value);
			lm_buf_byte(&config, '\n');
		}
	}
	spec->uv_config = lm_arena_strdup(&spec->arena, lm_buf_cstr(&config));
}
