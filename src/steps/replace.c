#include "steps/replace.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "steps/output.h"

static bool
has(const char *folder, const char *name)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, name);
	return lm_file_exists(path);
}

// A folder that has been built in, exported to or published to.
static bool
is_marked(const char *folder)
{
	return has(folder, "__lamina__") || has(folder, "__venvstacks__");
}

static int
is_empty(const char *path, bool *empty, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	struct lm_file_info info = {};
	*empty = false;
	if (lm_file_info(path, &info, err) < 0)
		return -1;
	if (!info.is_dir)
		return 0;
	if (lm_dir_list(path, &names, err) < 0)
		return -1;
	*empty = names.count == 0;
	return 0;
}

// What a run reads must survive it.
static int
check_inputs(const struct lm_project *project, const char *path, struct lm_err *err)
{
	const struct {
		const char *what, *path;
	} rows[] = {
		{ "the stack spec", project->spec.path },
		{ "the stack spec", project->spec.folder }, // the spec may be a link; locks and modules are beside it
		{ "the store", project->settings.store_root },
		{ "the state folder", project->settings.state_folder },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		if (lm_dir_holds(path, rows[i].path))
			return lm_err_set(err, LM_E_USAGE, "'%s' cannot be replaced: it holds %s", path, rows[i].what);
	return 0;
}

static int
not_ours(const char *path, struct lm_err *err)
{
	return lm_err_set(err, LM_E_CONFLICT, "'%s' was not made by lamina: remove it yourself if that is meant", path);
}

int
lm_check_cleaning(const struct lm_project *project, const char *folder, struct lm_err *err)
{
	bool empty = false;
	if (!lm_file_exists(folder))
		return 0;
	if (is_empty(folder, &empty, err) < 0 || check_inputs(project, folder, err) < 0)
		return -1;
	bool ours = empty || is_marked(folder);
	// trees are made again, archives of earlier builds are not
	if (lm_output_check(folder, lm_platform_host(), false, nullptr, err) < 0)
		return -1;
	for (int p = 0; p < LM_PLATFORM_COUNT; p++) {
		LM_AUTO(lm_free_ptr) char *below = lm_path_join(folder, lm_platform_name((enum lm_platform)p));
		ours = ours || is_marked(below);
		if (lm_output_check(below, (enum lm_platform)p, false, nullptr, err) < 0)
			return -1;
	}
	return ours ? 0 : not_ours(folder, err);
}

int
lm_check_replacing(const struct lm_project *project, const char *tree, const char *state, struct lm_err *err)
{
	bool empty = false;
	struct lm_file_info info = {};
	if (lm_file_info(tree, &info, err) < 0)
		return -1;
	if (!info.exists)
		return 0;
	if (is_empty(tree, &empty, err) < 0 || check_inputs(project, tree, err) < 0)
		return -1;
	bool ours = empty || lm_file_exists(state) || has(tree, "share/venv/metadata/venvstacks_layer.json");
	return ours ? 0 : not_ours(tree, err);
}
