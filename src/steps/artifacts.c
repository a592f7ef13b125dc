#include "steps/artifacts.h"

#include "base/mem.h"
#include "steps/plan.h"

#include <stdlib.h>
#include <string.h>

// What keeps a layer's inputs from being known.
static enum lm_lack
lacking_lock(const struct lm_project *project, size_t index)
{
	const struct lm_layer_spec *layer = &project->spec.layers[index];
	if (!project->locks[index].valid)
		return LM_LACK_LOCK;
	for (size_t i = 0; i < layer->lower_count; i++)
		if (!project->locks[layer->lower[i]].valid)
			return LM_LACK_LOWER_LOCK;
	return LM_LACK_NOTHING;
}

// By inputs; of the same inputs what is at its place first, then what is newer.
static int
compare(const void *a, const void *b)
{
	const struct lm_catalogued *one = *(const struct lm_catalogued *const *)a,
				   *other = *(const struct lm_catalogued *const *)b;
	int order = strcmp(one->artifact.inputs_hash, other->artifact.inputs_hash);
	if (order == 0)
		order = (int)one->state - (int)other->state;
	if (order == 0)
		order = strcmp(other->published_at, one->published_at);
	return order != 0 ? order : (one > other) - (one < other);
}

static int
compare_inputs(const void *key, const void *item)
{
	return strcmp(key, (*(const struct lm_catalogued *const *)item)->artifact.inputs_hash);
}

// What there is of all inputs, the best of each.
struct best {
	const struct lm_catalogued **items;
	size_t count;
};

static struct best
sort(const struct lm_catalogue *catalogue)
{
	struct best best = { .items = lm_alloc_array(catalogue->count, sizeof *best.items) };
	for (size_t i = 0; i < catalogue->count; i++)
		best.items[i] = &catalogue->items[i];
	if (catalogue->count > 0)
		qsort(best.items, catalogue->count, sizeof *best.items, compare);
	for (size_t i = 0; i < catalogue->count; i++)
		if (best.count == 0 ||
			!lm_cstr_equal(best.items[best.count - 1]->artifact.inputs_hash, best.items[i]->artifact.inputs_hash))
			best.items[best.count++] = best.items[i];
	return best;
}

static const struct lm_catalogued *
find(const struct best *best, const char *inputs_hash)
{
	const struct lm_catalogued **found = best->count == 0
		? nullptr
		: bsearch(inputs_hash, best->items, best->count, sizeof *best->items, compare_inputs);
	return found == nullptr ? nullptr : *found;
}

static void
declare(const struct lm_work_plan *plan, const struct best *best, struct lm_declared *row)
{
	const struct lm_work *work = lm_work_find(plan, row->layer, row->platform);
	row->found = work == nullptr ? nullptr : find(best, work->inputs_hash);
	row->lack = row->found != nullptr ? LM_LACK_NOTHING : lacking_lock(plan->project, row->layer);
	if (row->found == nullptr && row->lack == LM_LACK_NOTHING)
		row->lack = work == nullptr ? LM_LACK_RUNTIME : LM_LACK_ARCHIVE;
}

int
lm_step_artifacts(struct lm_project *project, const unsigned *operations, lm_platform_set platforms, bool only_known,
	const struct lm_catalogue *catalogue, struct lm_declared **out, size_t *count, struct lm_err *err)
{
	const struct lm_spec *spec = &project->spec;
	LM_AUTO(lm_free_ptr) unsigned *known = lm_alloc_array(spec->layer_count, sizeof *known);
	LM_AUTO(lm_work_plan_release) struct lm_work_plan plan = {};
	for (size_t i = 0; i < spec->layer_count; i++)
		known[i] = lacking_lock(project, i) == LM_LACK_NOTHING ? operations[i] & LM_OP_PUBLISH : 0;
	if (lm_work_plan_make(project, known, LM_OP_PUBLISH, platforms, true, &plan, err) < 0)
		return -1;
	struct best best = sort(catalogue);
	*out = lm_alloc_array(spec->layer_count * LM_PLATFORM_COUNT, sizeof **out);
	*count = 0;
	for (size_t i = 0; i < spec->layer_count; i++)
		for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
			lm_platform_set wanted = platforms & spec->layers[i].platforms & (1u << p);
			bool runtime = lm_runtime_known(project, spec->layers[i].runtime, (enum lm_platform)p);
			if ((operations[i] & LM_OP_PUBLISH) == 0 || wanted == 0 || (only_known && !runtime))
				continue;
			struct lm_declared *row = &(*out)[(*count)++];
			*row = (struct lm_declared){ .layer = i, .platform = (enum lm_platform)p };
			declare(&plan, &best, row);
		}
	lm_free(best.items);
	return 0;
}
