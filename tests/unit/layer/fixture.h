// A small stack made by hand: runtime "cpython-3.11", framework "framework-sci", application "app-main".
#pragma once

#include "rows.h"

#include "layer/assemble.h"

#include <stdlib.h>

struct file {
	const char *path, *text;
	bool executable;
};

enum { RUNTIME, FRAMEWORK, APPLICATION };

struct fixture {
	struct lm_layer_spec layers[3];
	struct lm_spec spec;
	struct lm_entries runtime, out;
	struct lm_entries wheel_entries[4];
	struct lm_layer_wheel wheels[4];
	size_t wheel_count;
	struct lm_lower_layer lower[3];
	struct lm_layer_plan plan;
	bool publishes;
	struct lm_err err;
};

static inline void
add_files(struct lm_entries *entries, const struct file *files, size_t count, const char *origin)
{
	for (size_t i = 0; i < count; i++)
		lm_entries_add_text(entries, files[i].path, files[i].text, strlen(files[i].text), files[i].executable, origin);
	struct lm_err err = {};
	if (lm_entries_finish(entries, false, &err) < 0)
		fail_msg("%s", err.text);
}

// A fixture to assemble `layer` (RUNTIME, ...) on one platform, with the archive of a small runtime.
static inline void
fixture_init(struct fixture *fixture, size_t layer, enum lm_platform platform)
{
	static const struct file posix[] = {
		{ "bin/python3.11", "ELF", true },
		{ "lib/python3.11/os.py", "os", false },
	};
	static const struct file windows[] = {
		{ "Lib/os.py", "os", false },
		{ "Lib/venv/scripts/nt/python.exe", "launcher", false },
		{ "Lib/venv/scripts/nt/pythonw.exe", "windowed launcher", false },
		{ "python.exe", "PE", false },
	};
	*fixture = (struct fixture){};
	fixture->layers[RUNTIME] = (struct lm_layer_spec){ .kind = LM_RUNTIME, .build_name = (char *)"cpython-3.11" };
	fixture->layers[FRAMEWORK] = (struct lm_layer_spec){ .kind = LM_FRAMEWORK, .build_name = (char *)"framework-sci" };
	fixture->layers[APPLICATION] = (struct lm_layer_spec){ .kind = LM_APPLICATION, .build_name = (char *)"app-main" };
	for (size_t i = 0; i < LM_COUNT(fixture->layers); i++) {
		fixture->layers[i].py_version = (char *)"3.11.11";
		fixture->layers[i].py_major = 3;
		fixture->layers[i].py_minor = 11;
	}
	fixture->spec = (struct lm_spec){ .layers = fixture->layers, .layer_count = LM_COUNT(fixture->layers) };
	if (lm_platform_is_windows(platform))
		add_files(&fixture->runtime, windows, LM_COUNT(windows), "cpython@3.11.11");
	else
		add_files(&fixture->runtime, posix, LM_COUNT(posix), "cpython@3.11.11");

	struct lm_lower_layer runtime = { "cpython-3.11", false }, framework = { "framework-sci@2", false };
	fixture->lower[0] = layer == APPLICATION ? framework : runtime;
	fixture->lower[1] = runtime;
	fixture->plan = (struct lm_layer_plan){
		.spec = &fixture->spec,
		.layer = layer,
		.platform = platform,
		.install_target = layer == RUNTIME ? "cpython-3.11"
			: layer == FRAMEWORK       ? "framework-sci@2"
						   : "app-main",
		.runtime = &fixture->runtime,
		.wheels = fixture->wheels,
		.lower = fixture->lower,
		.lower_count = layer,
	};
}

// Give the layer a wheel. `name` as in "demo-1.0"; its dist-info has METADATA and WHEEL besides `files`.
static inline void
fixture_wheel(struct fixture *fixture, const char *name, const char *origin, const struct file *files, size_t count)
{
	struct lm_entries *entries = &fixture->wheel_entries[fixture->wheel_count];
	char *path = lm_format("%s.dist-info/WHEEL", name);
	lm_entries_add_text(entries, path, "Wheel-Version: 1.0\nTag: py3-none-any\n", 37, false, origin);
	lm_free(path);
	path = lm_format("%s.dist-info/METADATA", name);
	lm_entries_add_text(entries, path, "Name: x\n", 8, false, origin);
	lm_free(path);
	add_files(entries, files, count, origin);
	fixture->wheels[fixture->wheel_count++] =
		(struct lm_layer_wheel){ lm_format("%s-py3-none-any.whl", name), origin, entries };
	fixture->plan.wheel_count = fixture->wheel_count;
}

static inline int
fixture_assemble(struct fixture *fixture)
{
	return lm_layer_assemble(&fixture->plan, &fixture->out, &fixture->publishes, &fixture->err);
}

static inline void
fixture_release(struct fixture *fixture)
{
	lm_entries_release(&fixture->out);
	lm_entries_release(&fixture->runtime);
	for (size_t i = 0; i < fixture->wheel_count; i++) {
		lm_entries_release(&fixture->wheel_entries[i]);
		lm_free((char *)fixture->wheels[i].file_name);
	}
}

static inline int
collect_text(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	(void)err;
	lm_buf_append(context, bytes, len);
	return 0;
}

// The text of a file of a list; fails the test when it is not there. Yours to lm_free.
static inline char *
text_of(const struct lm_entries *entries, const char *path)
{
	const struct lm_entry *entry = lm_entries_find(entries, path);
	if (entry == nullptr)
		fail_msg("no entry '%s'", path);
	struct lm_buf text = {};
	struct lm_err err = {};
	lm_buf_text(&text, "");
	if (lm_entry_read(entry, collect_text, &text, &err) < 0)
		fail_msg("'%s': %s", path, err.text);
	return text.ptr;
}

static inline void
expect_text(const struct lm_entries *entries, const char *path, const char *want)
{
	char *got = text_of(entries, path);
	row_str_equal(path, got, want);
	lm_free(got);
}

// One line per entry: "path", "path*" when executable, "path -> target", "path/" for a folder. Yours to lm_free.
static inline char *
listing(const struct lm_entries *entries)
{
	struct lm_buf text = {};
	lm_buf_text(&text, "");
	for (size_t i = 0; i < entries->count; i++) {
		const struct lm_entry *entry = &entries->items[i];
		lm_buf_text(&text, entry->path);
		if (entry->type == LM_ENTRY_LINK)
			lm_buf_format(&text, " -> %s", entry->link);
		else if (entry->type == LM_ENTRY_FOLDER)
			lm_buf_text(&text, "/");
		else if (entry->executable)
			lm_buf_text(&text, "*");
		lm_buf_text(&text, "\n");
	}
	return text.ptr;
}

static inline void
expect_listing(const char *row, const struct lm_entries *entries, const char *want)
{
	char *got = listing(entries);
	row_str_equal(row, got, want);
	lm_free(got);
}
