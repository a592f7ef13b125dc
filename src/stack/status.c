// What `lamina show` shows, for programs and for people.
#include "stack/manifest.h"

#include "text/unicode.h"

#include <string.h>

// In the order they are done.
static const struct {
	enum lm_operation operation;
	const char *name;
} operation_names[] = {
	{ LM_OP_RESET_LOCK, "reset-lock" },
	{ LM_OP_LOCK, "lock" },
	{ LM_OP_LOCK_IF_NEEDED, "lock-if-needed" },
	{ LM_OP_BUILD, "build" },
	{ LM_OP_PUBLISH, "publish" },
	{ LM_OP_EXPORT, "local-export" },
};

static json_t *
operations_json(unsigned operations)
{
	if (operations == 0)
		return json_null();
	json_t *names = json_array();
	for (size_t i = 0; i < LM_COUNT(operation_names); i++)
		if ((operations & operation_names[i].operation) != 0)
			json_array_append_new(names, json_string(operation_names[i].name));
	return names;
}

static json_t *
layer_json(const struct lm_spec *spec, const struct lm_layer_lock *locks, size_t index, unsigned operations)
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	json_t *object = json_object(), *dependencies = json_array();

	for (size_t i = 0; i < layer->lower_count; i++)
		json_array_append_new(dependencies, json_string(spec->layers[layer->lower[i]].build_name));
	json_object_set_new(object, "name", json_string(layer->build_name));
	json_object_set_new(object, "install_target", json_string(locks[index].install_target));
	json_object_set_new(object, "has_valid_lock", json_boolean(locks[index].valid));
	if (!locks[index].valid && locks[index].reason != nullptr)
		json_object_set_new(object, "lock_problem", json_string(locks[index].reason));
	json_object_set_new(object, "selected_operations", operations_json(operations));
	json_object_set_new(object, "dependencies", dependencies);
	return object;
}

// A file name may be no UTF-8.
static json_t *
file_name(const char *name)
{
	json_t *text = json_string(name);
	if (text != nullptr)
		return text;
	LM_AUTO(lm_buf_release) struct lm_buf escaped = {};
	lm_text_escape(&escaped, lm_str_of(name));
	return json_string(lm_buf_cstr(&escaped));
}

json_t *
lm_status_json(const struct lm_spec *spec, const struct lm_layer_lock *locks, const unsigned *operations, const bool *shown)
{
	json_t *object = json_object();

	json_object_set_new(object, "spec_name", file_name(spec->name));
	for (int kind = LM_RUNTIME; kind <= LM_APPLICATION; kind++)
		json_object_set_new(object, lm_layer_kind_plural((enum lm_layer_kind)kind), json_array());
	for (size_t i = 0; i < spec->layer_count; i++) {
		if (shown != nullptr && !shown[i])
			continue;
		json_t *list = json_object_get(object, lm_layer_kind_plural(spec->layers[i].kind));
		json_array_append_new(list, layer_json(spec, locks, i, operations == nullptr ? 0 : operations[i]));
	}
	return object;
}

static void
append_label(const struct lm_spec *spec, const struct lm_layer_lock *locks, size_t index, struct lm_buf *out)
{
	const char *name = spec->layers[index].build_name, *target = locks[index].install_target;

	lm_buf_format(out, "%s%s", locks[index].valid ? "" : "*", name);
	if (strcmp(name, target) != 0)
		lm_buf_format(out, " -> %s", target);
}

static void
append_operations(unsigned operations, struct lm_buf *out)
{
	const char *before = " (";
	for (size_t i = 0; i < LM_COUNT(operation_names); i++) {
		if ((operations & operation_names[i].operation) == 0)
			continue;
		lm_buf_format(out, "%s%s", before, operation_names[i].name);
		before = ", ";
	}
	lm_buf_text(out, operations == 0 ? "" : ")");
}

static void
append_layer(const struct lm_spec *spec, const struct lm_layer_lock *locks, size_t index, unsigned operations, bool last_kind,
	bool last_layer, struct lm_buf *out)
{
	const struct lm_layer_spec *layer = &spec->layers[index];
	const char *outer = last_kind ? "    " : "│   ";

	lm_buf_format(out, "%s%s", outer, last_layer ? "└── " : "├── ");
	append_label(spec, locks, index, out);
	append_operations(operations, out);
	lm_buf_byte(out, '\n');
	for (size_t i = 0; i < layer->lower_count; i++) {
		lm_buf_format(
			out, "%s%s%s", outer, last_layer ? "    " : "│   ", i + 1 == layer->lower_count ? "└── " : "├── ");
		append_label(spec, locks, layer->lower[i], out);
		lm_buf_byte(out, '\n');
	}
}

// The shown layer after this one; layer_count when there is none.
static size_t
next_shown(const struct lm_spec *spec, const bool *shown, size_t index)
{
	do
		index++;
	while (index < spec->layer_count && shown != nullptr && !shown[index]);
	return index;
}

void
lm_status_text(const struct lm_spec *spec, const struct lm_layer_lock *locks, const unsigned *operations, const bool *shown,
	struct lm_buf *out)
{
	size_t before = SIZE_MAX, last = SIZE_MAX;

	lm_buf_format(out, "%s\n", spec->name);
	for (size_t i = next_shown(spec, shown, SIZE_MAX); i < spec->layer_count; i = next_shown(spec, shown, i))
		last = i;
	for (size_t i = next_shown(spec, shown, SIZE_MAX); i < spec->layer_count; i = next_shown(spec, shown, i)) {
		enum lm_layer_kind kind = spec->layers[i].kind; // layers are in order of kind
		bool last_kind = kind == spec->layers[last].kind;
		if (before == SIZE_MAX || spec->layers[before].kind != kind)
			lm_buf_format(out, "%s%s\n", last_kind ? "└── " : "├── ", lm_layer_kind_plural(kind));
		size_t next = next_shown(spec, shown, i);
		bool last_layer = next == spec->layer_count || spec->layers[next].kind != kind;
		append_layer(spec, locks, i, operations == nullptr ? 0 : operations[i], last_kind, last_layer, out);
		before = i;
	}
}
