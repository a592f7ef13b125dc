// Assembles layers from wheels and a runtime archive and writes them as trees:
//     layer_tool PLAN.json OUT
// The plan, whose layers come in order, lower ones first:
//     {"platform": "linux_x86_64", "mtime": 1700000000, "layers": [
//       {"kind": "runtime" | "framework" | "application", "name": build name, "target": install target,
//        "version": "3.11.11", "archive": path of a runtime archive (runtimes; Windows: all layers),
//        "lower": [indexes in import order, the runtime last], "wheels": [paths], "modules": [paths],
//        "executables": [paths], "dynlib_exclude": [globs], "launch_module": name}]}
// Prints one line per layer: "<target> <content hash>". Wheels are believed: src/store checks them.
#include "archive/unpack.h"
#include "archive/zip.h"
#include "layer/assemble.h"
#include "layer/tree.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "python/wheel.h"
#include "text/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_MAX = 16, MEMBER_MAX = 1 << 30 };

struct layer {
	struct lm_entries runtime, out;
	struct lm_layer_wheel *wheels;
	struct lm_entries *wheel_entries;
	struct lm_module *modules, *executables;
	size_t wheel_count, module_count, executable_count;
	bool publishes;
};

struct stack {
	json_t *plan;
	const char *out;
	enum lm_platform platform;
	struct lm_layer_spec specs[LAYERS_MAX];
	struct layer layers[LAYERS_MAX];
	size_t count;
	struct lm_arena arena;
};

static const char *
item(const json_t *list, size_t i)
{
	return json_string_value(json_array_get(list, i));
}

static int
read_wheel(struct lm_arena *arena, const char *path, struct lm_entries *entries, struct lm_err *err)
{
	struct lm_zip_limits limits = lm_zip_default_limits();
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	if (lm_zip_open(&zip, path, &limits, err) < 0)
		return -1;
	for (size_t i = 0; i < zip.count; i++) {
		const struct lm_zip_member *member = &zip.members[i];
		LM_AUTO(lm_free_ptr) char *bytes = nullptr;
		size_t len = 0;
		if (member->is_folder)
			continue;
		if (lm_zip_read(&zip, member, MEMBER_MAX, &bytes, &len, err) < 0)
			return -1;
		struct lm_entry *entry = lm_entries_add(entries);
		*entry = (struct lm_entry){
			.path = lm_arena_strdup(arena, member->name),
			.type = LM_ENTRY_FILE,
			.executable = (member->unix_mode & 0111) != 0,
			.size = member->size,
			.content = { member->deflated ? LM_CONTENT_DEFLATE : LM_CONTENT_FILE, nullptr,
				lm_arena_strdup(arena, path), member->offset, member->stored_size },
		};
		lm_sha256_bytes(bytes, len, &entry->digest);
		entry->origin = "wheel";
	}
	return lm_entries_finish(entries, false, err);
}

static int
read_wheels(struct stack *stack, struct layer *layer, const json_t *list, struct lm_err *err)
{
	layer->wheel_count = json_array_size(list);
	layer->wheels = lm_alloc_array(layer->wheel_count, sizeof *layer->wheels);
	layer->wheel_entries = lm_alloc_array(layer->wheel_count, sizeof *layer->wheel_entries);
	for (size_t i = 0; i < layer->wheel_count; i++) {
		const char *path = item(list, i);
		struct lm_wheel_name name;
		if (read_wheel(&stack->arena, path, &layer->wheel_entries[i], err) < 0 ||
			lm_wheel_name_parse(lm_str_of(lm_path_name(path)), &name, err) < 0)
			return lm_err_wrap(err, "%s", path);
		layer->wheels[i] = (struct lm_layer_wheel){
			.file_name = lm_path_name(path),
			.origin = lm_arena_format(&stack->arena, "%s %s", name.name, name.version),
			.entries = &layer->wheel_entries[i],
		};
	}
	return 0;
}

typedef int collect_fn(const char *path, struct lm_module *out, struct lm_err *err);

static int
read_modules(const json_t *list, collect_fn *collect, struct lm_module **modules, size_t *count, struct lm_err *err)
{
	*modules = lm_alloc_array(json_array_size(list), sizeof **modules);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (collect(item(list, i), &(*modules)[i], err) < 0)
			return -1;
		*count = i + 1;
	}
	return 0;
}

static int
read_archive(struct stack *stack, struct layer *layer, const json_t *plan, size_t index, struct lm_err *err)
{
	const char *archive = lm_json_string(plan, "archive");
	if (archive == nullptr)
		return 0;
	struct lm_unpack_limits limits = lm_unpack_default_limits();
	const char *blob = lm_arena_format(&stack->arena, "%s/.blob%zu", stack->out, index);
	if (lm_unpack(archive, "python", blob, "runtime", &limits, &layer->runtime, err) < 0)
		return -1;
	return lm_entries_finish(&layer->runtime, false, err);
}

static void
read_spec(struct stack *stack, const json_t *plan, size_t index)
{
	struct lm_layer_spec *spec = &stack->specs[index];
	const char *kind = lm_json_string(plan, "kind");
	const json_t *lower = json_object_get(plan, "lower"), *globs = json_object_get(plan, "dynlib_exclude");
	size_t lower_count = json_array_size(lower);
	spec->kind = strcmp(kind, "runtime") == 0 ? LM_RUNTIME : kind[0] == 'f' ? LM_FRAMEWORK : LM_APPLICATION;
	spec->build_name = lm_arena_strdup(&stack->arena, lm_json_string(plan, "name"));
	spec->py_version = lm_arena_strdup(&stack->arena, lm_json_string(plan, "version"));
	if (sscanf(spec->py_version, "%u.%u", &spec->py_major, &spec->py_minor) != 2)
		spec->py_major = 0;
	spec->runtime = lower_count == 0 ? index : (size_t)json_integer_value(json_array_get(lower, lower_count - 1));
	spec->dynlib_exclude_count = json_array_size(globs);
	spec->dynlib_exclude = lm_arena_alloc(&stack->arena, sizeof(char *) * (spec->dynlib_exclude_count + 1));
	for (size_t i = 0; i < spec->dynlib_exclude_count; i++)
		spec->dynlib_exclude[i] = lm_arena_strdup(&stack->arena, item(globs, i));
}

static int
write_layer(struct stack *stack, const json_t *plan, size_t index, struct lm_err *err)
{
	struct layer *layer = &stack->layers[index];
	const json_t *lower = json_object_get(plan, "lower"), *plans = json_object_get(stack->plan, "layers");
	struct lm_lower_layer below[LAYERS_MAX];
	for (size_t i = 0; i < json_array_size(lower); i++) {
		size_t at = (size_t)json_integer_value(json_array_get(lower, i));
		below[i] = (struct lm_lower_layer){ lm_json_string(json_array_get(plans, at), "target"),
			stack->layers[at].publishes };
	}
	struct lm_spec spec = { .layers = stack->specs, .layer_count = stack->count };
	struct lm_layer_plan assembly = {
		.spec = &spec,
		.layer = index,
		.platform = stack->platform,
		.install_target = lm_json_string(plan, "target"),
		.runtime = &layer->runtime,
		.wheels = layer->wheels,
		.wheel_count = layer->wheel_count,
		.lower = below,
		.lower_count = json_array_size(lower),
		.modules = layer->modules,
		.module_count = layer->module_count,
		.executables = layer->executables,
		.executable_count = layer->executable_count,
		.launch_module = lm_json_string(plan, "launch_module"),
	};
	if (lm_layer_assemble(&assembly, &layer->out, &layer->publishes, err) < 0)
		return -1;
	struct lm_digest hash;
	char hex[LM_DIGEST_HEX];
	lm_entries_content_hash(&layer->out, &hash);
	lm_digest_hex(&hash, hex);
	(void)printf("%s %s\n", assembly.install_target, hex);
	LM_AUTO(lm_free_ptr) char *folder = lm_path_join(stack->out, assembly.install_target);
	int64_t mtime = json_integer_value(json_object_get(stack->plan, "mtime"));
	return lm_tree_write(&layer->out, folder, mtime, 2, nullptr, nullptr, "build", assembly.install_target, err);
}

static int
make_layer(struct stack *stack, size_t index, struct lm_err *err)
{
	const json_t *plan = json_array_get(json_object_get(stack->plan, "layers"), index);
	struct layer *layer = &stack->layers[index];
	read_spec(stack, plan, index);
	stack->count = index + 1;
	if (read_archive(stack, layer, plan, index, err) < 0 ||
		read_wheels(stack, layer, json_object_get(plan, "wheels"), err) < 0 ||
		read_modules(json_object_get(plan, "modules"), lm_module_collect, &layer->modules, &layer->module_count, err) <
			0 ||
		read_modules(json_object_get(plan, "executables"), lm_module_collect_executable, &layer->executables,
			&layer->executable_count, err) < 0)
		return -1;
	return write_layer(stack, plan, index, err);
}

static void
release(struct stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		struct layer *layer = &stack->layers[i];
		lm_entries_release(&layer->runtime);
		lm_entries_release(&layer->out);
		for (size_t j = 0; j < layer->wheel_count; j++)
			lm_entries_release(&layer->wheel_entries[j]);
		for (size_t j = 0; j < layer->module_count; j++)
			lm_module_release(&layer->modules[j]);
		for (size_t j = 0; j < layer->executable_count; j++)
			lm_module_release(&layer->executables[j]);
		lm_free(layer->wheels);
		lm_free(layer->wheel_entries);
		lm_free(layer->modules);
		lm_free(layer->executables);
	}
	json_decref(stack->plan);
	lm_arena_release(&stack->arena);
}

static int
run(struct stack *stack, const char *plan_path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	if (lm_file_read(plan_path, 1 << 20, &text, &len, err) < 0 ||
		lm_json_parse((struct lm_str){ text, len }, &stack->plan, err) < 0 || lm_dir_make(stack->out, err) < 0)
		return -1;
	const char *platform = lm_json_string(stack->plan, "platform");
	if (!lm_platform_parse(platform, &stack->platform))
		return lm_err_set(err, LM_E_USAGE, "unknown platform: '%s'", platform);
	size_t count = json_array_size(json_object_get(stack->plan, "layers"));
	if (count > LAYERS_MAX)
		return lm_err_set(err, LM_E_USAGE, "more than %d layers", LAYERS_MAX);
	for (size_t i = 0; i < count; i++)
		if (make_layer(stack, i, err) < 0)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		(void)fprintf(stderr, "usage: layer_tool PLAN.json OUT\n");
		return 2;
	}
	LM_AUTO(release) struct stack stack = { .out = argv[2] };
	struct lm_err err = {};
	if (run(&stack, argv[1], &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return 0;
}
