#include "layer/parts.h"

#include "text/json.h"

#include <string.h>

static const unsigned char postinstall[] = {
#embed "postinstall.py"
};

static void
append_dir(json_t *list, const char *layer, const char *folder)
{
	LM_AUTO(lm_free_ptr) char *path = lm_format("../%s/%s", layer, folder);
	json_array_append_new(list, json_string(path));
}

// As seen from the layer, in import order: frameworks first, the runtime last.
static json_t *
pylib_dirs(const struct lm_assembly *assembly)
{
	json_t *list = json_array();
	for (size_t i = 0; i < assembly->plan->lower_count; i++)
		append_dir(list, assembly->plan->lower[i].install_target, assembly->site);
	return list;
}

static json_t *
dynlib_dirs(const struct lm_assembly *assembly, bool publishes)
{
	const char *folder = assembly->windows ? LM_LAYER_DYNLIB_WINDOWS : LM_LAYER_DYNLIB;
	json_t *list = json_array();
	for (size_t i = 0; i < assembly->plan->lower_count; i++)
		if (assembly->plan->lower[i].publishes_libraries)
			append_dir(list, assembly->plan->lower[i].install_target, folder);
	if (publishes)
		json_array_append_new(list, json_string(folder));
	return list;
}

static json_t *
base_python(const struct lm_assembly *assembly)
{
	const struct lm_layer_plan *plan = assembly->plan;
	if (plan->lower_count == 0)
		return json_string(assembly->python);
	const struct lm_lower_layer *runtime = &plan->lower[plan->lower_count - 1];
	char python[LM_LAYER_DIR_MAX];
	lm_layer_python(&plan->spec->layers[assembly->layer->runtime], plan->platform, python);
	LM_AUTO(lm_free_ptr) char *path = lm_format("../%s/%s", runtime->install_target, python);
	return json_string(path);
}

void
lm_config_place(struct lm_assembly *assembly, bool publishes)
{
	LM_AUTO(lm_json_decref_ptr) json_t *config = json_object();
	json_object_set_new(config, "python", json_string(assembly->python));
	json_object_set_new(config, "py_version", json_string(assembly->layer->py_version));
	json_object_set_new(config, "base_python", base_python(assembly));
	json_object_set_new(config, "site_dir", json_string(assembly->site));
	json_object_set_new(config, "pylib_dirs", pylib_dirs(assembly));
	json_object_set_new(config, "dynlib_dirs", dynlib_dirs(assembly, publishes));
	if (assembly->plan->launch_module != nullptr)
		json_object_set_new(config, "launch_module", json_string(assembly->plan->launch_module));

	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(config, &text);
	lm_entries_add_text(assembly->out, "share/venv/metadata/venvstacks_layer.json", lm_buf_cstr(&text), text.len, false,
		LM_LAYER_ORIGIN);
	lm_entries_add_text(assembly->out, "postinstall.py", postinstall, sizeof postinstall, false, LM_LAYER_ORIGIN);
}
