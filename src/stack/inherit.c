// What a layer takes over from the layers it stands on: platforms, targets, package indexes.
#include "stack/spec_read.h"

#include <string.h>

static bool
version_less(unsigned a_major, unsigned a_minor, unsigned b_major, unsigned b_minor)
{
	return a_major != b_major ? a_major < b_major : a_minor < b_minor;
}

static void
append_platforms(lm_platform_set set, struct lm_buf *out)
{
	for (int i = 0; i < LM_PLATFORM_COUNT; i++)
		if ((set & ((lm_platform_set)1 << i)) != 0)
			lm_buf_format(out, "%s%s", out->len > 0 ? ", " : "", lm_platform_name((enum lm_platform)i));
}

static void
inherit_platforms(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];

	for (size_t i = 0; i < layer->lower_count; i++) {
		const struct lm_layer_spec *below = &r->spec->layers[layer->lower[i]];
		lm_platform_set missing = layer->platforms & ~below->platforms;
		if (r->drafts[layer->lower[i]].platforms_unknown) {
			draft->platforms_unknown = draft->platforms_unknown || !draft->declares_platforms;
			continue;
		}
		if (!draft->declares_platforms) {
			layer->platforms &= below->platforms;
		} else if (missing != 0 && !draft->platforms_unknown) {
			LM_AUTO(lm_buf_release) struct lm_buf names = {};
			append_platforms(missing, &names);
			lm_spec_error(r, draft->platforms_place, "the layer '%s' below is not built for %s", below->build_name,
				names.ptr);
			draft->platforms_unknown = true;
		}
	}
}

static void
inherit_glibc(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];

	if (layer->lower_count > 0 && !draft->declares_glibc) // the default is for runtimes
		layer->glibc_major = layer->glibc_minor = 0;
	for (size_t i = 0; i < layer->lower_count; i++) {
		const struct lm_layer_spec *below = &r->spec->layers[layer->lower[i]];
		if (draft->glibc_unknown)
			return;
		if (r->drafts[layer->lower[i]].glibc_unknown) {
			draft->glibc_unknown = !draft->declares_glibc;
			continue;
		}
		if (!version_less(layer->glibc_major, layer->glibc_minor, below->glibc_major, below->glibc_minor))
			continue;
		if (draft->declares_glibc) {
			lm_spec_error(r, draft->linux_place,
				"'linux_target' is glibc %u.%u, but the layer '%s' below needs %u.%u", layer->glibc_major,
				layer->glibc_minor, below->build_name, below->glibc_major, below->glibc_minor);
			draft->glibc_unknown = true;
			return;
		}
		layer->glibc_major = below->glibc_major;
		layer->glibc_minor = below->glibc_minor;
	}
}

static void
inherit_macos(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];

	if (layer->lower_count > 0 && !draft->declares_macos) // the default is for runtimes
		layer->macos_major = layer->macos_minor = 0;
	for (size_t i = 0; i < layer->lower_count; i++) {
		const struct lm_layer_spec *below = &r->spec->layers[layer->lower[i]];
		if (draft->macos_unknown)
			return;
		if (r->drafts[layer->lower[i]].macos_unknown) {
			draft->macos_unknown = !draft->declares_macos;
			continue;
		}
		if (!version_less(layer->macos_major, layer->macos_minor, below->macos_major, below->macos_minor))
			continue;
		if (draft->declares_macos) {
			lm_spec_error(r, draft->macos_place, "'macosx_target' is %u.%u, but the layer '%s' below needs %u.%u",
				layer->macos_major, layer->macos_minor, below->build_name, below->macos_major,
				below->macos_minor);
			draft->macos_unknown = true;
			return;
		}
		layer->macos_major = below->macos_major;
		layer->macos_minor = below->macos_minor;
	}
}

// The layers whose indexes count: those it names. What they inherit, and how they settled it, is in theirs.
static size_t
direct(const struct lm_layer_spec *layer, const size_t **out)
{
	bool runtime_only = layer->depend_count == 0;
	*out = runtime_only ? layer->lower : layer->depends;
	return runtime_only ? layer->lower_count : layer->depend_count;
}

static const struct lm_name_pair *
find_override(const struct lm_layer_spec *layer, const char *index)
{
	for (size_t i = 0; i < layer->index_override_count; i++)
		if (strcmp(layer->index_overrides[i].from, index) == 0)
			return &layer->index_overrides[i];
	return nullptr;
}

static void
check_overrides(struct lm_spec_reader *r, size_t index)
{
	const struct lm_layer_spec *layer = &r->spec->layers[index];
	const size_t *below;
	size_t count = direct(layer, &below);

	for (size_t i = 0; i < layer->index_override_count; i++) {
		const struct lm_name_pair *override = &layer->index_overrides[i];
		bool used = false;
		for (size_t j = 0; j < count; j++) {
			const struct lm_layer_draft *draft = &r->drafts[below[j]];
			used = used || draft->indexes_unknown;
			for (size_t k = 0; k < draft->merged_count; k++)
				used = used || strcmp(draft->merged[k].to, override->from) == 0;
		}
		if (strcmp(override->from, override->to) == 0)
			lm_spec_error(
				r, override->place, "'index_overrides' replaces the index '%s' with itself", override->from);
		else if (!used)
			lm_spec_error(r, override->place,
				"'index_overrides' replaces the index '%s', which no layer below uses", override->from);
	}
}

// Add a pair inherited from below; false when the layers below disagree.
static bool
add_inherited(struct lm_spec_reader *r, size_t index, struct lm_name_pair pair, size_t own_count)
{
	const struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];
	const struct lm_name_pair *override = find_override(layer, pair.to);

	if (lm_name_pairs_find(draft->own_indexes, draft->own_index_count, pair.from) != nullptr)
		return true; // its own entry wins
	if (override != nullptr) {
		pair.to = override->to;
		pair.layer = index;
	}
	for (size_t i = own_count; i < draft->merged_count; i++) {
		const struct lm_name_pair *other = &draft->merged[i];
		if (strcmp(other->from, pair.from) != 0)
			continue;
		if (strcmp(other->to, pair.to) == 0)
			return true;
		const char *first = r->spec->layers[other->layer].build_name, *second = r->spec->layers[pair.layer].build_name;
		lm_spec_error(r, r->drafts[index].depends_place,
			"layers below take '%s' from different indexes: '%s' from '%s', '%s' from '%s'; settle it with "
			"'package_indexes' or "
			"'index_overrides'",
			pair.from, first, other->to, second, pair.to);
		return false;
	}
	draft->merged[draft->merged_count++] = pair;
	return true;
}

static void
merge_indexes(struct lm_spec_reader *r, size_t index)
{
	struct lm_arena *arena = &r->spec->arena;
	const struct lm_layer_spec *layer = &r->spec->layers[index];
	struct lm_layer_draft *draft = &r->drafts[index];
	const size_t *below;
	size_t count = direct(layer, &below), own = draft->own_index_count, most = own;

	for (size_t i = 0; i < count; i++)
		most += r->drafts[below[i]].merged_count;
	draft->merged = lm_arena_alloc(arena, most * sizeof *draft->merged);
	if (own > 0)
		memcpy(draft->merged, draft->own_indexes, own * sizeof *draft->merged);
	draft->merged_count = own;
	for (size_t i = 0; i < count && !draft->indexes_unknown; i++) {
		const struct lm_layer_draft *lower = &r->drafts[below[i]];
		draft->indexes_unknown = lower->indexes_unknown;
		for (size_t j = 0; j < lower->merged_count && !draft->indexes_unknown; j++)
			draft->indexes_unknown = !add_inherited(r, index, lower->merged[j], own);
	}
	lm_name_pairs_sort(draft->merged, draft->merged_count);
}

// [tool.uv.sources] counts where no layer says otherwise.
static void
finish_indexes(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	const struct lm_layer_draft *draft = &r->drafts[index];
	size_t count = draft->merged_count;

	layer->package_indexes = lm_arena_alloc(&r->spec->arena, (count + r->source_count) * sizeof *layer->package_indexes);
	if (count > 0)
		memcpy(layer->package_indexes, draft->merged, count * sizeof *layer->package_indexes);
	for (size_t i = 0; i < r->source_count; i++)
		if (lm_name_pairs_find(draft->merged, draft->merged_count, r->sources[i].from) == nullptr)
			layer->package_indexes[count++] = r->sources[i];
	layer->package_index_count = count;
	lm_name_pairs_sort(layer->package_indexes, count);
}

void
lm_spec_inherit(struct lm_spec_reader *r, size_t index)
{
	if (r->drafts[index].broken)
		return;
	r->layer = r->drafts[index].label;
	inherit_platforms(r, index);
	inherit_glibc(r, index);
	inherit_macos(r, index);
	merge_indexes(r, index);
	check_overrides(r, index);
	finish_indexes(r, index);
	r->layer = nullptr;
}
