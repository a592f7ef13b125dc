#include "steps/uv.h"

#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "os/scratch.h"
#include "steps/child_env.h"
#include "steps/explain.h"
#include "steps/sources.h"

#include <string.h>

enum { UV_OUTPUT_MAX = 64 * 1024 * 1024, UV_TIMEOUT_MS = 30 * 60 * 1000, KILLED = 128 };

static const char *
uv_program(const struct lm_project *project)
{
	return project->settings.uv == nullptr ? "uv" : project->settings.uv;
}

static void
write_list(struct lm_buf *out, const char *key, const struct lm_strings *lines)
{
	lm_buf_format(out, "%s = [\n", key);
	for (size_t i = 0; lines != nullptr && i < lines->count; i++) {
		lm_buf_text(out, "    ");
		lm_toml_write_string(out, lm_str_of(lines->items[i]));
		lm_buf_text(out, ",\n");
	}
	lm_buf_text(out, "]\n");
}

// The generated pyproject.toml.
//   folder  the spec's, absolute: relative index paths start there
static void
write_project(const struct lm_project *project, const struct lm_resolve *resolve, const char *folder, struct lm_buf *out)
{
	const struct lm_layer_spec *layer = &project->spec.layers[resolve->layer];
	lm_buf_format(out, "[project]\nname = \"lamina-layer\"\nversion = \"0\"\nrequires-python = \"==%u.%u.*\"\n",
		layer->py_major, layer->py_minor);
	write_list(out, "dependencies", resolve->requirements);
	lm_buf_text(out, "\n[tool.uv]\npackage = false\nno-build = true\n");
	write_list(out, "constraint-dependencies", resolve->constraints);
	struct lm_strings markers = {};
	for (int p = 0; p < LM_PLATFORM_COUNT; p++)
		if ((resolve->platforms & (1u << p)) != 0)
			lm_strings_add(&markers, lm_platform_marker((enum lm_platform)p));
	write_list(out, "environments", &markers);
	lm_strings_release(&markers);
	lm_spec_uv_config(&project->spec, resolve->layer, folder, out);
}

// Earlier versions, in the form that the resolver takes as preferences: a lock without files.
static void
write_preferences(const struct lm_pylock *preferences, struct lm_buf *out)
{
	lm_buf_text(out, "lock-version = \"1.0\"\ncreated-by = \"lamina\"\npackages = [\n");
	for (size_t i = 0; preferences != nullptr && i < preferences->package_count; i++) {
		const struct lm_lock_package *package = &preferences->packages[i];
		if (package->inherited)
			continue;
		lm_buf_text(out, "  { name = ");
		lm_toml_write_string(out, lm_str_of(package->name));
		lm_buf_text(out, ", version = ");
		lm_toml_write_string(out, lm_str_of(package->version));
		lm_buf_text(out, " },\n");
	}
	lm_buf_text(out, "]\n");
}

static int
write_inputs(const struct lm_project *project, const struct lm_resolve *resolve, const char *folder, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *project_path = lm_path_join(folder, "pyproject.toml");
	LM_AUTO(lm_free_ptr) char *lock_path = lm_path_join(folder, "pylock.toml");
	LM_AUTO(lm_buf_release) struct lm_buf text = {}, locked = {};
	LM_AUTO(lm_free_ptr) char *spec_folder = lm_path_absolute(project->spec.folder);
	write_project(project, resolve, spec_folder, &text);
	write_preferences(resolve->preferences, &locked);
	if (lm_file_replace(project_path, text.ptr, text.len, 0644, err) < 0)
		return -1;
	if (resolve->preferences == nullptr || resolve->preferences->package_count == 0)
		return 0;
	return lm_file_replace(lock_path, locked.ptr, locked.len, 0644, err);
}

// Does the spec itself say where packages come from? Then no index variable of this machine's environment counts.
static bool
has_default_index(const struct lm_spec *spec)
{
	for (size_t i = 0; i < spec->index_count; i++)
		if (strstr(spec->indexes[i].settings, "default = true") != nullptr)
			return true;
	return false;
}

// Run uv in `folder`; its standard output is yours.
static int
run_uv(const struct lm_project *project, const char *const *argv, const char *folder, struct lm_buf *output, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *config_home = lm_format("XDG_CONFIG_HOME=%s", folder);
	LM_AUTO(lm_free_ptr) char *config_dirs = lm_format("XDG_CONFIG_DIRS=%s", folder);
	const char *overrides[] = { config_home, config_dirs, "UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1", "NO_COLOR=1",
		"UV_DEFAULT_INDEX=", "UV_INDEX=", "UV_INDEX_URL=", "UV_EXTRA_INDEX_URL=" };
	size_t count = LM_COUNT(overrides) - (has_default_index(&project->spec) ? 0 : 4);
	LM_AUTO(lm_free_ptr) const char **env = lm_child_env(overrides, count);
	struct lm_process process = {
		.argv = argv, .env = env, .cwd = folder, .timeout_ms = UV_TIMEOUT_MS, .output_max = UV_OUTPUT_MAX
	};
	LM_AUTO(lm_process_result_release) struct lm_process_result result = {};
	if (lm_process_run(&process, &result, err) < 0) {
		if (err->code == LM_E_NOT_FOUND)
			return lm_err_set(err, LM_E_NOT_FOUND,
				"cannot find the resolver '%s': install uv, or give its path with --uv or LAMINA_UV", argv[0]);
		return lm_err_wrap(err, "running '%s'", argv[0]);
	}
	if (result.exit_code > KILLED)
		return lm_err_set(
			err, LM_E_CHILD, "the resolver '%s' was ended by signal %d", argv[0], result.exit_code - KILLED);
	if (result.exit_code != 0)
		return lm_explain_failure(lm_buf_view(&result.err), err);
	*output = result.out;
	result.out = (struct lm_buf){};
	return 0;
}

static int
make_folder(struct lm_project *project, struct lm_scratch *folder, struct lm_err *err)
{
	struct lm_store *store = nullptr;
	if (lm_project_store(project, &store, err) < 0)
		return -1;
	LM_AUTO(lm_free_ptr) char *parent = lm_path_join(lm_store_root(store), "tmp");
	if (lm_dir_make(parent, err) < 0 || lm_scratch_make(parent, "resolve-", folder, err) < 0)
		return -1;
	// an empty configuration where uv looks for the user's and the system's (XDG_CONFIG_HOME, XDG_CONFIG_DIRS): with none
	// there it would go on to /etc/uv
	LM_AUTO(lm_free_ptr) char *config = lm_path_join(folder->path, "uv");
	LM_AUTO(lm_free_ptr) char *config_file = lm_path_join(config, "uv.toml");
	if (lm_dir_make(config, err) < 0)
		return -1;
	return lm_file_replace(config_file, "", 0, 0644, err);
}

static int
read_answer(const char *program, const char *folder, struct lm_pylock *out, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, "pylock.toml");
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	struct lm_toml_place place = {};
	if (lm_file_read(path, UV_OUTPUT_MAX, &text, &len, err) < 0) {
		if (err->code == LM_E_NOT_FOUND)
			return lm_err_set(err, LM_E_CHILD, "the resolver '%s' gave no answer", program);
		return -1;
	}
	if (lm_pylock_parse((struct lm_str){ text, len }, out, &place, err) == 0)
		return 0;
	err->code = LM_E_CHILD; // not a fault of the spec
	return lm_err_wrap(
		err, "the answer of the resolver '%s' is not usable: line %u, column %u", program, place.line, place.column);
}

char *
lm_uv_find_link(const struct lm_project *project, size_t at)
{
	const char *link = project->spec.find_links[at];
	if (strstr(link, "://") != nullptr)
		return lm_strdup(link);
	LM_AUTO(lm_free_ptr) char *joined = lm_path_join(project->spec.folder, link);
	return lm_path_absolute(joined);
}

static int
check_folder(const char *folder, const char *named, struct lm_err *err)
{
	struct lm_file_info info = {};
	if (lm_file_info(folder, &info, err) < 0)
		return -1;
	if (!lm_file_exists(folder) || info.is_file)
		return lm_err_set(err, LM_E_NOT_FOUND, "there is no folder '%s', which %s names", folder, named);
	return 0;
}

enum { UV_ARGS_MAX = 32 };

int
lm_uv_resolve(struct lm_project *project, const struct lm_resolve *resolve, struct lm_pylock *out, struct lm_err *err)
{
	const struct lm_settings *settings = &project->settings;
	const struct lm_layer_spec *layer = &project->spec.layers[resolve->layer];
	LM_AUTO(lm_scratch_remove) struct lm_scratch scratch = {};
	LM_AUTO(lm_free_ptr) char *python = nullptr;
	if (lm_runtime_interpreter(project, layer->runtime, &python, err) < 0)
		return -1;
	if (make_folder(project, &scratch, err) < 0)
		return -1;
	if (write_inputs(project, resolve, scratch.path, err) < 0)
		return -1;

	LM_AUTO(lm_free_ptr) char *version = lm_format("%u.%u", layer->py_major, layer->py_minor);
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	LM_AUTO(lm_free_ptr)
	const char **argv =
		lm_alloc_array(UV_ARGS_MAX + 2 * (settings->local_wheel_count + project->spec.find_link_count), sizeof *argv);
	size_t n = 0;
	const char *fixed[] = { uv_program(project), "pip", "compile", "--quiet", "--universal", "--format", "pylock.toml",
		"--no-header", "--no-annotate", "--python-version", version, "--output-file", "pylock.toml", "pyproject.toml" };
	for (size_t i = 0; i < LM_COUNT(fixed); i++)
		argv[n++] = fixed[i];
	if (python != nullptr) {
		argv[n++] = "--python";
		argv[n++] = python;
	}
	if (resolve->no_deps)
		argv[n++] = "--no-deps";
	if (settings->no_index || project->spec.no_index)
		argv[n++] = "--no-index";
	for (size_t i = 0; resolve->local_wheels && i < settings->local_wheel_count; i++) {
		if (check_folder(settings->local_wheels[i], "--local-wheels", err) < 0)
			return -1;
		argv[n++] = "--find-links";
		argv[n++] = settings->local_wheels[i];
	}
	for (size_t i = 0; i < project->spec.find_link_count; i++) {
		LM_AUTO(lm_free_ptr) char *link = lm_uv_find_link(project, i);
		bool is_folder = strstr(link, "://") == nullptr;
		if (is_folder && !resolve->local_wheels)
			continue;
		if (is_folder && check_folder(link, "find-links", err) < 0)
			return -1;
		argv[n++] = lm_arena_format(&arena, "--find-links=%s", link); // in one word: it may begin with a dash
	}
	LM_AUTO(lm_buf_release) struct lm_buf output = {};
	if (run_uv(project, argv, scratch.path, &output, err) < 0)
		return -1;
	return read_answer(uv_program(project), scratch.path, out, err);
}

int
lm_uv_python_list(struct lm_project *project, const char *implementation, json_t **out, struct lm_err *err)
{
	LM_AUTO(lm_scratch_remove) struct lm_scratch scratch = {};
	if (make_folder(project, &scratch, err) < 0)
		return -1;
	const char *argv[] = { uv_program(project), "python", "list", "--only-downloads", "--all-platforms", "--all-arches",
		"--output-format", "json", implementation, nullptr };
	LM_AUTO(lm_buf_release) struct lm_buf output = {};
	if (run_uv(project, argv, scratch.path, &output, err) < 0)
		return lm_err_wrap(err, "asking the resolver for '%s'", implementation);
	if (lm_json_parse(lm_buf_view(&output), out, err) < 0) {
		err->code = LM_E_CHILD;
		return lm_err_wrap(err, "the resolver's answer about '%s'", implementation);
	}
	return 0;
}
