#include "steps/project.h"

// Layers that `index` stands on, itself not included.
static void
mark_lower(const struct lm_spec *spec, size_t index, bool *chosen)
{
	for (size_t i = 0; i < spec->layers[index].lower_count; i++)
		chosen[spec->layers[index].lower[i]] = true;
}

static void
widen(const struct lm_spec *spec, const struct lm_selection *selection, bool *chosen)
{
	LM_AUTO(lm_free_ptr) bool *first = lm_alloc_array(spec->layer_count, sizeof *first);
	for (size_t i = 0; i < spec->layer_count; i++)
		first[i] = chosen[i];
	for (size_t i = 0; i < spec->layer_count; i++) {
		if (first[i] && selection->with_dependencies)
			mark_lower(spec, i, chosen);
		for (size_t j = 0; selection->with_derived && j < spec->layers[i].lower_count; j++)
			if (first[spec->layers[i].lower[j]])
				chosen[i] = true;
	}
}

static int
no_match(const struct lm_spec *spec, const char *glob, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) const char **names = lm_alloc_array(2 * spec->layer_count, sizeof(char *));
	for (size_t i = 0; i < spec->layer_count; i++) {
		names[2 * i] = spec->layers[i].name;
		names[2 * i + 1] = spec->layers[i].build_name;
	}
	const char *near = lm_nearest(glob, names, 2 * spec->layer_count);
	if (near != nullptr)
		return lm_err_set(err, LM_E_USAGE, "no layer matches '%s', did you mean '%s'?", glob, near);
	return lm_err_set(err, LM_E_USAGE, "no layer matches '%s'; 'lamina show' lists them", glob);
}

int
lm_project_select(const struct lm_project *project, const struct lm_selection *selection, enum lm_operation operation,
	unsigned *operations, struct lm_err *err)
{
	const struct lm_spec *spec = &project->spec;
	LM_AUTO(lm_free_ptr) bool *chosen = lm_alloc_array(spec->layer_count, sizeof *chosen);
	for (size_t i = 0; i < spec->layer_count; i++)
		chosen[i] = selection->include_count == 0;
	for (size_t g = 0; g < selection->include_count; g++) {
		const char *glob = selection->include[g];
		bool matched = false;
		for (size_t i = 0; i < spec->layer_count; i++)
			if (lm_glob_match(glob, spec->layers[i].name) || lm_glob_match(glob, spec->layers[i].build_name))
				chosen[i] = matched = true;
		if (!matched && !selection->allow_missing)
			return no_match(spec, glob, err);
	}
	widen(spec, selection, chosen);
	for (size_t i = 0; i < spec->layer_count; i++)
		if (chosen[i])
			operations[i] |= operation;
	return 0;
}
