#include "steps/indexed.h"

#include <string.h>

// The resolver cannot rule it out, so it looks at the package and its index; no platform of ours has it, so what only this
// requires is dropped from the answer.
static const char nowhere[] = "platform_version == 'lamina'";

static bool
is_name_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || strchr("-_.", byte) != nullptr;
}

// Is the package's name a word of the text?
static bool
mentions(const char *text, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = strstr(text, name); at != nullptr; at = strstr(at + 1, name)) {
		bool begins = at == text || !is_name_byte(at[-1]);
		if (begins && (at[len] == '\0' || !is_name_byte(at[len])))
			return true;
	}
	return false;
}

static bool
is_required(const struct lm_layer_spec *layer, const struct lm_strings *requirements, const char *name)
{
	for (size_t i = 0; i < layer->requirement_count; i++)
		if (lm_cstr_equal(layer->parsed_requirements[i].name, name))
			return true;
	for (size_t i = layer->requirement_count; i < requirements->count; i++) { // ours: "name" or "name ; marker"
		struct lm_str rest = lm_str_of(requirements->items[i]);
		if (lm_str_equal(lm_str_cut(&rest, ' '), lm_str_of(name)))
			return true;
	}
	return false;
}

static bool
add_as_answered(const struct lm_pylock *answer, const char *name, struct lm_strings *requirements)
{
	bool added = false;
	for (size_t i = 0; i < answer->package_count; i++) {
		const struct lm_lock_package *package = &answer->packages[i];
		if (!lm_cstr_equal(package->name, name))
			continue;
		LM_AUTO(lm_free_ptr)
		char *line = package->marker == nullptr ? lm_strdup(name) : lm_format("%s ; %s", name, package->marker);
		lm_strings_add(requirements, line);
		added = true;
	}
	return added;
}

bool
lm_indexed_add(const struct lm_layer_spec *layer, const struct lm_pylock *answer, const char *explanation,
	struct lm_strings *requirements)
{
	bool added = false;
	for (size_t i = 0; i < layer->package_index_count; i++) {
		const char *name = layer->package_indexes[i].from;
		if (is_required(layer, requirements, name))
			continue;
		if (answer != nullptr) {
			added |= add_as_answered(answer, name, requirements);
		} else if (mentions(explanation, name)) {
			LM_AUTO(lm_free_ptr) char *line = lm_format("%s ; %s", name, nowhere);
			lm_strings_add(requirements, line);
			added = true;
		}
	}
	return added;
}
