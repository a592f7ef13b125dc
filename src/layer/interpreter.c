#include "layer/parts.h"

#include <assert.h>
#include <stdio.h>

static const struct lm_lower_layer *
runtime_of(const struct lm_layer_plan *plan)
{
	assert(plan->lower_count > 0);
	return &plan->lower[plan->lower_count - 1];
}

// The venv launchers of CPython read pyvenv.cfg and start the runtime's own python.exe; up to 3.12 the runtime names
// them python.exe, later venvlauncher.exe.
static int
place_launcher(
	struct lm_assembly *assembly, const char *name, const char *old_source, const char *new_source, struct lm_err *err)
{
	const struct lm_entries *runtime = assembly->plan->runtime;
	assert(runtime != nullptr);
	const struct lm_entry *entry = lm_entries_find(runtime, new_source);
	if (entry == nullptr)
		entry = lm_entries_find(runtime, old_source);
	if (entry == nullptr || entry->type != LM_ENTRY_FILE)
		return lm_err_set(err, LM_E_SYNTAX, "the runtime archive has neither '%s' nor '%s'", new_source, old_source);
	lm_assembly_place(assembly, entry, name);
	return 0;
}

static int
place_windows(struct lm_assembly *assembly, struct lm_err *err)
{
	if (place_launcher(assembly, "Scripts/python.exe", "Lib/venv/scripts/nt/python.exe",
		    "Lib/venv/scripts/nt/venvlauncher.exe", err) < 0)
		return -1;
	return place_launcher(assembly, "Scripts/pythonw.exe", "Lib/venv/scripts/nt/pythonw.exe",
		"Lib/venv/scripts/nt/venvwlauncher.exe", err);
}

static const char wrapper_head[] =
	"#!/bin/sh\n"
	"# Starts this layer's Python with the shared libraries that it and the layers below publish.\n"
	"self=$0\n"
	"case $self in */*) ;; *) self=./$self ;; esac\n"
	"while [ -L \"$self\" ]; do\n"
	"\tto=$(PATH=${PATH-}:/usr/bin:/bin readlink -- \"$self\") || exit 126\n"
	"\tcase $to in /*) self=$to ;; *) self=${self%/*}/$to ;; esac\n"
	"done\n"
	"bin=$(CDPATH='' cd -P -- \"${self%/*}/\" && pwd) || exit 126\n"
	"stack=$(CDPATH='' cd -P -- \"$bin/../..\" && pwd) || exit 126\n";

// Names of layers are safe in double quotes: lm_path_check_name.
void
lm_interpreter_wrapper(const struct lm_assembly *assembly, bool publishes, struct lm_buf *out)
{
	const struct lm_layer_plan *plan = assembly->plan;
	const char *variable = lm_platform_is_macos(plan->platform) ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH";
	const char *separator = "";
	lm_buf_text(out, wrapper_head);
	lm_buf_text(out, "libraries=\"");
	for (size_t i = 0; i < plan->lower_count; i++) {
		if (!plan->lower[i].publishes_libraries)
			continue;
		lm_buf_format(out, "%s$stack/%s/" LM_LAYER_DYNLIB, separator, plan->lower[i].install_target);
		separator = ":";
	}
	if (publishes)
		lm_buf_format(out, "%s$stack/%s/" LM_LAYER_DYNLIB, separator, plan->install_target);
	lm_buf_format(out,
		"\"\n"
		"case ${%s-} in\n"
		"\"$libraries\" | \"$libraries\":*) ;; # a child of ours\n"
		"*) %s=$libraries${%s:+:$%s} ;;\n"
		"esac\n"
		"export %s\n"
		"exec \"$bin/python_\" \"$@\"\n",
		variable, variable, variable, variable, variable);
}

int
lm_interpreter_place(struct lm_assembly *assembly, bool wrapped, bool publishes, struct lm_err *err)
{
	if (assembly->windows)
		return place_windows(assembly, err);

	const struct lm_layer_spec *layer = assembly->layer;
	struct lm_entries *out = assembly->out;
	char alias[48];
	LM_AUTO(lm_free_ptr)
	char *target = lm_format(
		"../../%s/bin/python%u.%u", runtime_of(assembly->plan)->install_target, layer->py_major, layer->py_minor);
	if (wrapped) {
		LM_AUTO(lm_buf_release) struct lm_buf text = {};
		lm_interpreter_wrapper(assembly, publishes, &text);
		lm_entries_add_text(out, "bin/python", lm_buf_cstr(&text), text.len, true, LM_LAYER_ORIGIN);
		lm_entries_add_link(out, "bin/python_", target, LM_LAYER_ORIGIN);
	} else {
		lm_entries_add_link(out, "bin/python", target, LM_LAYER_ORIGIN);
	}
	(void)snprintf(alias, sizeof alias, "bin/python%u", layer->py_major);
	lm_entries_add_link(out, alias, "python", LM_LAYER_ORIGIN);
	(void)snprintf(alias, sizeof alias, "bin/python%u.%u", layer->py_major, layer->py_minor);
	lm_entries_add_link(out, alias, "python", LM_LAYER_ORIGIN);
	return 0;
}
