#include "steps/pins.h"

#include "steps/amend.h"

#include <string.h>

// On which of our platforms a layer nearer than the `before`-th below provides the package.
static int
provided_nearer(const struct lm_project *project, size_t index, size_t before, const char *name, lm_platform_set *out,
	struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	*out = 0;
	for (size_t i = 0; i < before; i++) {
		const struct lm_pylock *lock = &project->locks[layer->lower[i]].pylock;
		for (size_t j = 0; j < lock->package_count; j++) {
			lm_platform_set applies = 0;
			if (lock->packages[j].inherited || !lm_cstr_equal(lock->packages[j].name, name))
				continue;
			if (lm_amend_applies_on(layer, &lock->packages[j], &applies, err) < 0)
				return -1;
			*out |= applies;
		}
	}
	return 0;
}

static int
add_pin(const struct lm_project *project, size_t index, size_t below, const struct lm_lock_package *package,
	struct lm_pins *pins, struct lm_err *err)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	lm_platform_set nearer = 0, applies = 0;
	if (provided_nearer(project, index, below, package->name, &nearer, err) < 0 ||
		lm_amend_applies_on(layer, package, &applies, err) < 0)
		return -1;
	if (nearer != 0 && (applies & ~nearer) == 0)
		return 0;
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	const char *marker = (applies & nearer) == 0 ? package->marker : lm_amend_platform_marker(applies & ~nearer, &arena);
	lm_grow(pins->items, pins->count, pins->cap);
	pins->items[pins->count++] = (struct lm_pin){ .package = package,
		.layer = layer->lower[below],
		.constraint = lm_format("%s==%s%s%s", package->name, package->version, marker == nullptr ? "" : " ; ",
			marker == nullptr ? "" : marker) };
	return 0;
}

int
lm_pins_collect(const struct lm_project *project, size_t layer, struct lm_pins *out, struct lm_err *err)
{
	const struct lm_layer_spec *spec = &project->spec.layers[layer];
	for (size_t i = 0; i < spec->lower_count; i++) {
		const struct lm_pylock *lock = &project->locks[spec->lower[i]].pylock;
		for (size_t j = 0; j < lock->package_count; j++)
			if (!lock->packages[j].inherited && add_pin(project, layer, i, &lock->packages[j], out, err) < 0)
				return -1;
	}
	return 0;
}

// Is "name==version" in the text, as a word of its own?
static bool
mentions(const char *text, const char *name, const char *version)
{
	LM_AUTO(lm_free_ptr) char *word = lm_format("%s==%s", name, version);
	size_t len = strlen(word);
	for (const char *at = strstr(text, word); at != nullptr; at = strstr(at + 1, word)) {
		bool begins = at == text || strchr(" `(\n", at[-1]) != nullptr;
		bool ends = strchr(" `),;\n", at[len]) != nullptr || (at[len] == '.' && strchr(" \n", at[len + 1]) != nullptr);
		if (begins && ends)
			return true;
	}
	return false;
}

void
lm_pins_explain(const struct lm_project *project, const struct lm_pins *pins, struct lm_err *err)
{
	LM_AUTO(lm_buf_release) struct lm_buf lines = {};
	for (size_t i = 0; i < pins->count; i++) {
		const struct lm_lock_package *package = pins->items[i].package;
		if (mentions(err->text, package->name, package->version))
			lm_buf_format(&lines, "\n%s==%s is what the layer '%s' below provides", package->name, package->version,
				project->spec.layers[pins->items[i].layer].name);
	}
	if (lines.len > 0)
		lm_err_append(err, "%s", lines.ptr);
}

void
lm_pins_release(struct lm_pins *pins)
{
	for (size_t i = 0; i < pins->count; i++)
		lm_free(pins->items[i].constraint);
	lm_free(pins->items);
}
