// Packages that are in a layer although a layer below it has them.
#include "steps/compare_parts.h"

#include "python/platform.h"

#include <string.h>

// The packages of each layer of one platform.
struct stock {
	struct lm_publication *publication;
	struct lm_strings *packages; // one list per item of the publication; empty for other platforms
};

static void
release_stock(struct stock *stock)
{
	for (size_t i = 0; stock->packages != nullptr && i < stock->publication->count; i++)
		lm_strings_release(&stock->packages[i]);
	lm_free(stock->packages);
}

static int
take_stock(struct stock *stock, const char *platform, struct lm_err *err)
{
	struct lm_publication *publication = stock->publication;
	stock->packages = lm_alloc_array(publication->count, sizeof *stock->packages);
	for (size_t i = 0; i < publication->count; i++) {
		LM_AUTO(lm_view_release) struct lm_view view = {};
		bool known = false;
		if (!lm_cstr_equal(publication->items[i].platform, platform))
			continue;
		size_t findings = publication->items[i].findings.count;
		if (lm_published_listing(&publication->items[i], &view, &known, err) < 0)
			return -1;
		while (publication->items[i].findings.count > findings) // said before, where the layer was compared
			lm_free(publication->items[i].findings.items[--publication->items[i].findings.count]);
		if (known)
			lm_packages_list(&view, &stock->packages[i]);
	}
	return 0;
}

// "numpy" of "numpy 2.4.6": two versions are the same package in two layers.
static bool
has_project(const struct lm_strings *packages, const char *package)
{
	size_t len = strcspn(package, " ");
	for (size_t i = 0; i < packages->count; i++)
		if (strcspn(packages->items[i], " ") == len && strncmp(packages->items[i], package, len) == 0)
			return true;
	return false;
}

// The layer of this platform with this install target.
static size_t
find_target(const struct stock *stock, const char *platform, const char *target)
{
	size_t i = 0;
	while (i < stock->publication->count &&
		(!lm_cstr_equal(stock->publication->items[i].platform, platform) ||
			!lm_cstr_equal(stock->publication->items[i].top, target)))
		i++;
	return i;
}

static bool
in_layer(const struct stock *stock, const char *platform, const char *target, const char *package)
{
	size_t i = target == nullptr ? stock->publication->count : find_target(stock, platform, target);
	return i < stock->publication->count && has_project(&stock->packages[i], package);
}

// The install target of a layer below `item` that has the package too; null: none has.
static const char *
find_below(const struct stock *stock, const struct lm_published *item, const char *package)
{
	const char *runtime = lm_json_string(item->metadata, "runtime_layer");
	json_t *required = json_object_get(item->metadata, "required_layers"), *value = nullptr;
	size_t i = 0;
	json_array_foreach(required, i,
		value) if (in_layer(stock, item->platform, json_string_value(value), package)) return json_string_value(value);
	bool itself = lm_cstr_equal(runtime, item->top);
	return !itself && in_layer(stock, item->platform, runtime, package) ? runtime : nullptr;
}

// Was it so before?
static bool
was_doubled(const struct stock *stock, const char *platform, const char *name, const char *package)
{
	for (size_t i = 0; i < stock->publication->count; i++) {
		const struct lm_published *item = &stock->publication->items[i];
		if (lm_cstr_equal(item->platform, platform) && lm_cstr_equal(item->name, name))
			return has_project(&stock->packages[i], package) && find_below(stock, item, package) != nullptr;
	}
	return false;
}

int
lm_compare_packages(
	struct lm_publication *a, struct lm_publication *b, const char *platform, json_t *packages, struct lm_err *err)
{
	LM_AUTO(release_stock) struct stock before = { .publication = a };
	LM_AUTO(release_stock) struct stock now = { .publication = b };
	if (take_stock(&before, platform, err) < 0 || take_stock(&now, platform, err) < 0)
		return -1;
	for (size_t i = 0; i < b->count; i++) {
		const struct lm_published *item = &b->items[i];
		for (size_t j = 0; j < now.packages[i].count; j++) {
			const char *package = now.packages[i].items[j], *below = find_below(&now, item, package);
			if (below == nullptr || was_doubled(&before, platform, item->name, package))
				continue;
			json_t *found = json_object();
			(void)json_object_set_new(found, "layer_name", json_string(item->name));
			(void)json_object_set_new(
				found, "target_platform", platform == nullptr ? json_null() : json_string(platform));
			(void)json_object_set_new(found, "package", json_string(package));
			(void)json_object_set_new(found, "lower_layer", json_string(below));
			(void)json_array_append_new(packages, found);
		}
	}
	return 0;
}
