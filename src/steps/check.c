#include "steps/check.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/scratch.h"
#include "steps/plan.h"

#include <stdlib.h>
#include <string.h>

struct check {
	struct lm_project *project; // the caller's
	const struct lm_check_options *options;
	struct lm_publication expected, built;
	struct lm_project rebuilt; // the same spec with settings of its own
	lm_platform_set platforms;
	struct lm_scratch scratch; // a folder in the store; one of a check that was killed goes when the next makes its own
	char *output, *store, *state; // in it
	struct lm_strings chosen; // "<platform>/<layer>"
};

static void
release_check(struct check *check)
{
	lm_publication_release(&check->expected);
	lm_publication_release(&check->built);
	lm_project_release(&check->rebuilt);
	lm_scratch_remove(&check->scratch);
	lm_free(check->output);
	lm_free(check->store);
	lm_free(check->state);
	lm_strings_release(&check->chosen);
}

// Those asked for; else those that something is expected for.
static int
choose_platforms(struct check *check, struct lm_err *err)
{
	check->platforms = check->options->platforms;
	for (size_t i = 0; i < check->expected.platforms.count && check->options->platforms == 0; i++) {
		enum lm_platform platform = LM_LINUX_X86_64;
		const char *name = check->expected.platforms.items[i];
		if (!lm_platform_parse(name, &platform))
			return lm_err_set(err, LM_E_UNSUPPORTED, "'%s' was published for '%s', a platform that is not known",
				check->options->expected, name);
		check->platforms |= 1u << platform;
	}
	if (check->platforms != 0)
		return 0;
	return lm_err_set(err, LM_E_NOT_FOUND, "'%s' has no layer of any platform", check->options->expected);
}

static int
make_scratch(struct check *check, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	if (lm_project_store(check->project, &store, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *parent = lm_path_join(lm_store_root(store), "tmp");
	if (lm_scratch_make(parent, "check-", &check->scratch, err) < 0)
		return -1;
	check->output = lm_path_join(check->scratch.path, "out");
	check->store = lm_path_join(check->scratch.path, "store");
	check->state = lm_path_join(check->scratch.path, "state");
	return 0;
}

static int
compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lm_digest));
}

static int
lend_all(struct check *check, const struct lm_work_plan *plan, struct lm_err *err)
{
	struct lm_store *to = nullptr;
	size_t count = 0, room = plan->count;
	for (size_t i = 0; i < plan->count; i++)
		room += plan->works[i].sources.count;
	LM_AUTO(lm_free_ptr) struct lm_digest *digests = lm_alloc_array(room, sizeof *digests);
	for (size_t i = 0; i < plan->count; i++) {
		const struct lm_layer_sources *sources = &plan->works[i].sources;
		for (size_t j = 0; j < sources->count; j++)
			digests[count++] = sources->wheels[j]->digest;
		if (sources->needs_runtime)
			digests[count++] = sources->runtime.digest;
	}
	if (count > 0)
		qsort(digests, count, sizeof *digests, compare_digests);
	if (lm_project_store(&check->rebuilt, &to, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if ((i == 0 || !lm_digest_equal(&digests[i - 1], &digests[i])) &&
			lm_store_lend(check->project->store, to, &digests[i], err) < 0)
			return -1;
	return 0;
}

// All sources into the user's store, where they stay, and from there into the scratch store, without what was found out about
// them before.
static int
lend_sources(struct check *check, struct lm_err *err)
{
	struct lm_work_plan plan = {};
	int rc = lm_work_plan_make(check->project, check->options->operations, LM_OP_PUBLISH, check->platforms,
		check->options->only_known, &plan, err);
	for (size_t i = 0; i < plan.count; i++)
		plan.works[i].dirty = true;
	if (rc == 0)
		rc = lm_work_plan_fetch(&plan, err);
	if (rc == 0)
		rc = lend_all(check, &plan, err);
	lm_work_plan_release(&plan);
	return rc;
}

static int
rebuild(struct check *check, struct lm_err *err)
{
	const struct lm_check_options *options = check->options;
	struct lm_settings settings = check->project->settings;
	struct lm_outputs outputs = {};
	settings.state_folder = check->state;
	if (!options->cached)
		settings.store_root = check->store;
	if (lm_project_load(&check->rebuilt, check->project->spec.path, &settings, err) < 0 ||
		(!options->cached && lend_sources(check, err) < 0))
		return -1;
	struct lm_publish_options publish = { .operations = options->operations,
		.platforms = check->platforms,
		.only_known = options->only_known,
		.folder = check->output,
		.tagged = options->tagged,
		.has_format = options->has_format,
		.format = options->format,
		.level = options->level };
	int rc = lm_step_publish(&check->rebuilt, &publish, &outputs, err);
	bool empty = outputs.count == 0;
	lm_outputs_release(&outputs);
	if (rc < 0 || empty)
		return rc;
	return lm_publication_load(&check->built, check->output, err);
}

static void
choose(struct check *check, const struct lm_publication *publication)
{
	const struct lm_spec *spec = &check->project->spec;
	for (size_t i = 0; i < publication->count; i++) {
		const struct lm_published *published = &publication->items[i];
		enum lm_platform platform = LM_LINUX_X86_64;
		bool wanted = check->options->all_layers;
		if (published->platform == nullptr || !lm_platform_parse(published->platform, &platform) ||
			(check->platforms & (1u << platform)) == 0)
			continue;
		for (size_t j = 0; j < spec->layer_count; j++)
			if (lm_cstr_equal(spec->layers[j].build_name, published->name))
				wanted = (check->options->operations[j] & LM_OP_PUBLISH) != 0;
		LM_AUTO(lm_free_ptr) char *name = lm_format("%s/%s", published->platform, published->name);
		if (wanted && !lm_strings_has(&check->chosen, name))
			lm_strings_add(&check->chosen, name);
	}
}

struct copying {
	const char *from, *to;
};

static int
copy_entry(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err)
{
	const struct copying *copying = context;
	LM_AUTO(lm_free_ptr) char *from = lm_path_join(copying->from, path);
	LM_AUTO(lm_free_ptr) char *to = lm_path_join(copying->to, path);
	if (info->is_dir)
		return lm_dir_make(to, err);
	if (lm_file_remove(to, err) < 0)
		return -1;
	return lm_file_copy(from, to, 0644, err);
}

static int
export_outputs(const struct check *check, struct lm_err *err)
{
	const char *folder = check->options->export_folder;
	if (!lm_file_exists(folder)) {
		lm_emit_warning(&check->project->settings.sink,
			"nothing is exported: the folder '%s' (LAMINA_EXPORT_TEST_ARTIFACTS) does not exist", folder);
		return 0;
	}
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		if ((check->platforms & (1u << p)) == 0)
			continue;
		LM_AUTO(lm_free_ptr) char *from = lm_output_folder(check->output, check->platforms, (enum lm_platform)p);
		LM_AUTO(lm_free_ptr) char *to = lm_path_join(folder, lm_platform_name((enum lm_platform)p));
		struct copying copying = { .from = from, .to = to };
		if (!lm_file_exists(from))
			continue;
		if (lm_dir_make(to, err) < 0 || lm_dir_walk(from, copy_entry, &copying, err) < 0)
			return lm_err_wrap(err, "exporting to '%s'", folder);
	}
	lm_emit_note(&check->project->settings.sink, "what was built is in '%s'", folder);
	return 0;
}

static int
run_check(struct check *check, json_t **report, bool *equal, struct lm_err *err)
{
	const struct lm_check_options *options = check->options;
	struct lm_diff_options diff = options->diff;
	if (lm_publication_load(&check->expected, options->expected, err) < 0 || choose_platforms(check, err) < 0 ||
		make_scratch(check, err) < 0 || rebuild(check, err) < 0)
		return -1;
	choose(check, &check->expected);
	choose(check, &check->built);
	diff.only = &check->chosen;
	if (lm_diff_publications(&check->expected, &check->built, &diff, report, equal, err) < 0)
		return -1;
	if (options->export_folder != nullptr && (!*equal || options->export_always))
		return export_outputs(check, err);
	return 0;
}

int
lm_step_check(
	struct lm_project *project, const struct lm_check_options *options, json_t **report, bool *equal, struct lm_err *err)
{
	struct check check = { .project = project, .options = options };
	json_t *found = nullptr;
	int rc = run_check(&check, &found, equal, err);
	release_check(&check);
	if (rc < 0)
		json_decref(found);
	else
		*report = found;
	return rc;
}
