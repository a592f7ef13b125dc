#include "python/pylock.h"
#include "python/wheel.h"

const struct lm_lock_wheel *
lm_lock_best_wheel(const struct lm_lock_package *package, const struct lm_target *target)
{
	const struct lm_lock_wheel *best = nullptr;
	struct lm_wheel_name best_name;
	int best_rank = -1;

	for (size_t i = 0; i < package->wheel_count; i++) { // in order of file names, so the first of equal ones stays
		struct lm_wheel_name name;
		struct lm_err ignored;
		if (lm_wheel_name_parse(lm_str_of(package->wheels[i].file_name), &name, &ignored) < 0)
			continue;
		int rank = lm_wheel_rank(&name, target);
		if (rank < 0)
			continue;
		bool better = best == nullptr || rank < best_rank ||
			(rank == best_rank && lm_wheel_compare_build(&name, &best_name) < 0);
		if (!better)
			continue;
		best = &package->wheels[i];
		best_name = name;
		best_rank = rank;
	}
	return best;
}

int
lm_lock_applies(const struct lm_lock_package *package, const struct lm_target *target, bool *applies, struct lm_err *err)
{
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	struct lm_marker *marker = nullptr;
	struct lm_marker_env env;
	char scratch[16];

	*applies = true;
	if (package->marker == nullptr)
		return 0;
	if (lm_marker_parse(lm_str_of(package->marker), &arena, &marker, err) < 0)
		return lm_err_wrap(err, "marker of package '%s'", package->name);
	lm_target_marker_env(target, scratch, &env);
	*applies = lm_marker_eval(marker, &env);
	return 0;
}
