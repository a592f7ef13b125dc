// What an application brings of its own: launch module, support modules, executables.
#include "stack/spec_read.h"

#include "os/path.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

static bool
is_keyword(const char *name)
{
	static const char *const keywords[] = { "False", "None", "True", "and", "as", "assert", "async", "await", "break",
		"class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
		"in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield" };
	for (size_t i = 0; i < LM_COUNT(keywords); i++)
		if (strcmp(name, keywords[i]) == 0)
			return true;
	return false;
}

// ASCII exactly; other letters are left to Python.
static bool
is_identifier(const char *name)
{
	for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || *p >= 0x80;
		bool digit = *p >= '0' && *p <= '9';
		if (!letter && (!digit || p == (const unsigned char *)name))
			return false;
	}
	return name[0] != '\0';
}

// A file that goes into the layer under its own name.
struct placed_name {
	const char *name, *folded, *path;
	struct lm_toml_place place;
};

static const char *
fold(struct lm_spec_reader *r, const char *name)
{
	LM_AUTO(lm_buf_release) struct lm_buf folded = {};
	lm_casefold(&folded, lm_str_of(name));
	return lm_arena_strdup(&r->spec->arena, lm_buf_cstr(&folded));
}

static int
by_folded(const void *a, const void *b)
{
	const struct placed_name *x = a, *y = b;
	int order = strcmp(x->folded, y->folded);
	if (order != 0)
		return order;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return (x->place.column > y->place.column) - (x->place.column < y->place.column);
}

static void
check_collisions(struct lm_spec_reader *r, struct placed_name *names, size_t count, const char *what)
{
	if (count > 1)
		qsort(names, count, sizeof *names, by_folded);
	for (size_t i = 1; i < count; i++) {
		const struct placed_name *first = &names[i - 1], *second = &names[i];
		if (strcmp(first->folded, second->folded) != 0)
			continue;
		if (strcmp(first->name, second->name) == 0)
			lm_spec_error(r, second->place, "'%s' and '%s' (line %u, column %u) have one %s: '%s'", second->path,
				first->path, first->place.line, first->place.column, what, first->name);
		else
			lm_spec_error(r, second->place,
				"'%s' and '%s' (line %u, column %u) differ only in the case of their %s", second->path,
				first->path, first->place.line, first->place.column, what);
	}
}

// The path made normal and the module's name checked; false when there was a fault.
static bool
check_module(struct lm_spec_reader *r, struct lm_placed_text *module, const char *label, struct placed_name *out)
{
	module->text = lm_spec_path(r, module->text, module->place, label);
	if (module->text == nullptr)
		return false;
	const char *name = lm_path_name(module->text);
	size_t len = strlen(name) - (lm_cstr_ends(name, ".py") ? 3 : 0);
	name = lm_arena_strndup(&r->spec->arena, name, len);
	if (!is_identifier(name) || is_keyword(name)) {
		lm_spec_error(r, module->place, "%s '%s' cannot be imported: '%s' is %s", label, module->text, name,
			is_keyword(name) ? "a Python keyword" : "not a Python identifier");
		return false;
	}
	*out = (struct placed_name){ name, fold(r, name), module->text, module->place };
	return true;
}

static void
read_python_modules(struct lm_spec_reader *r, struct lm_layer_spec *layer, const struct lm_toml *table)
{
	const struct lm_toml *launch = lm_toml_get(table, "launch_module");
	struct lm_placed_text *support;
	size_t count = lm_spec_get_texts(r, table, "support_modules", &support, nullptr), names_count = 0;
	struct placed_name *names = lm_arena_alloc(&r->spec->arena, (count + 1) * sizeof *names);

	layer->launch_module.text = lm_spec_get_text(r, table, "launch_module");
	if (layer->launch_module.text != nullptr) {
		layer->launch_module.place = launch->place;
		names_count += check_module(r, &layer->launch_module, "'launch_module'", &names[names_count]) ? 1 : 0;
	}
	layer->support_modules = support;
	for (size_t i = 0; i < count; i++)
		if (check_module(r, &support[i], "support module", &names[names_count])) {
			names_count++;
			layer->support_modules[layer->support_module_count++] = support[i];
		}
	check_collisions(r, names, names_count, "module name");
}

static bool
check_executable(struct lm_spec_reader *r, struct lm_placed_text *program, struct placed_name *out)
{
	struct lm_err err = {};

	program->text = lm_spec_path(r, program->text, program->place, "executable");
	if (program->text == nullptr)
		return false;
	const char *name = lm_path_name(program->text);
	const char *folded = fold(r, name);
	if (lm_path_check_name(name, &err) < 0) {
		lm_spec_error(r, program->place, "executable '%s': %s", program->text, err.text);
		return false;
	}
	// bin/python, python3, python3.12 and python.exe are the layer's own
	if (lm_cstr_starts(folded, "python") &&
		strspn(folded + 6, "0123456789.w") + (lm_cstr_ends(folded, ".exe") ? 3 : 0) == strlen(folded + 6)) {
		lm_spec_error(r, program->place, "executable '%s' would take the place of the layer's Python", program->text);
		return false;
	}
	*out = (struct placed_name){ name, folded, program->text, program->place };
	return true;
}

void
lm_spec_read_modules(struct lm_spec_reader *r, size_t index)
{
	struct lm_layer_spec *layer = &r->spec->layers[index];
	const struct lm_toml *table = r->drafts[index].table;
	struct lm_placed_text *programs;
	size_t names_count = 0;

	read_python_modules(r, layer, table);
	size_t count = lm_spec_get_texts(r, table, "executables", &programs, nullptr);
	struct placed_name *names = lm_arena_alloc(&r->spec->arena, count * sizeof *names);
	layer->executables = programs;
	for (size_t i = 0; i < count; i++)
		if (check_executable(r, &programs[i], &names[names_count])) {
			names_count++;
			layer->executables[layer->executable_count++] = programs[i];
		}
	check_collisions(r, names, names_count, "file name");

	const struct lm_toml *executables = lm_toml_get(table, "executables");
	bool none = executables == nullptr || (executables->type == LM_TOML_ARRAY && executables->array.count == 0);
	if (lm_toml_get(table, "launch_module") == nullptr && none)
		lm_spec_error(
			r, layer->place, "'launch_module' is missing; only an application with 'executables' can do without");
}
