#include "fixture.h"

static void
paths_inside_a_layer(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		enum lm_layer_kind kind;
		enum lm_platform platform;
		const char *site, *python;
	} rows[] = {
		{ "linux runtime", LM_RUNTIME, LM_LINUX_X86_64, "lib/python3.14/site-packages", "bin/python" },
		{ "mac app", LM_APPLICATION, LM_MACOSX_ARM64, "lib/python3.14/site-packages", "bin/python" },
		{ "windows runtime", LM_RUNTIME, LM_WIN_AMD64, "Lib/site-packages", "python.exe" },
		{ "windows framework", LM_FRAMEWORK, LM_WIN_ARM64, "Lib/site-packages", "Scripts/python.exe" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_layer_spec layer = { .kind = rows[i].kind, .py_major = 3, .py_minor = 14 };
		char out[128];
		lm_layer_site_dir(&layer, rows[i].platform, out);
		row_str_equal(rows[i].row, out, rows[i].site);
		lm_layer_python(&layer, rows[i].platform, out);
		row_str_equal(rows[i].row, out, rows[i].python);
	}
}

static void
wrapper_and_metadata(void **state)
{
	(void)state;
	static const struct file libs[] = { { "demo.libs/libdemo.so.1", "lib", false } };
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
	f.lower[0].publishes_libraries = true;
	f.plan.launch_module = "main_module";
	fixture_wheel(&f, "demo-1.0", "demo 1.0", libs, LM_COUNT(libs));
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_text(&f.out, "bin/python",
		"#!/bin/sh\n"
		"# Starts this layer's Python with the shared libraries that it and the layers below publish.\n"
		"self=$0\n"
		"case $self in */*) ;; *) self=./$self ;; esac\n"
		"while [ -L \"$self\" ]; do\n"
		"	to=$(PATH=${PATH-}:/usr/bin:/bin readlink -- \"$self\") || exit 126\n"
		"	case $to in /*) self=$to ;; *) self=${self%/*}/$to ;; esac\n"
		"done\n"
		"bin=$(CDPATH='' cd -P -- \"${self%/*}/\" && pwd) || exit 126\n"
		"stack=$(CDPATH='' cd -P -- \"$bin/../..\" && pwd) || exit 126\n"
		"libraries=\"$stack/framework-sci@2/share/venv/dynlib:$stack/app-main/share/venv/dynlib\"\n"
		"case ${LD_LIBRARY_PATH-} in\n"
		"\"$libraries\" | \"$libraries\":*) ;; # a child of ours\n"
		"*) LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} ;;\n"
		"esac\n"
		"export LD_LIBRARY_PATH\n"
		"exec \"$bin/python_\" \"$@\"\n");
	assert_true(lm_entries_find(&f.out, "bin/python")->executable);
	assert_string_equal(lm_entries_find(&f.out, "bin/python_")->link, "../../cpython-3.11/bin/python3.11");
	assert_string_equal(lm_entries_find(&f.out, "bin/python3")->link, "python");
	assert_string_equal(lm_entries_find(&f.out, "bin/python3.11")->link, "python");
	expect_text(&f.out, "share/venv/metadata/venvstacks_layer.json",
		"{\n"
		"  \"base_python\": \"../cpython-3.11/bin/python\",\n"
		"  \"dynlib_dirs\": [\n"
		"    \"../framework-sci@2/share/venv/dynlib\",\n"
		"    \"share/venv/dynlib\"\n"
		"  ],\n"
		"  \"launch_module\": \"main_module\",\n"
		"  \"py_version\": \"3.11.11\",\n"
		"  \"pylib_dirs\": [\n"
		"    \"../framework-sci@2/lib/python3.11/site-packages\",\n"
		"    \"../cpython-3.11/lib/python3.11/site-packages\"\n"
		"  ],\n"
		"  \"python\": \"bin/python\",\n"
		"  \"site_dir\": \"lib/python3.11/site-packages\"\n"
		"}\n");
	fixture_release(&f);
}

static void
wrapper_of_macos(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_MACOSX_ARM64);
	f.lower[1].publishes_libraries = true;
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	assert_false(f.publishes);
	char *text = text_of(&f.out, "bin/python");
	assert_non_null(strstr(text, "libraries=\"$stack/cpython-3.11/share/venv/dynlib\"\n"));
	assert_non_null(strstr(text, "export DYLD_LIBRARY_PATH\n"));
	lm_free(text);
	fixture_release(&f);
}

static void
windows_application(void **state)
{
	(void)state;
	static const struct file files[] = {
		{ "demo-1.0.data/data/Library/bin/demo.dll", "dll", false },
		{ "demo.py", "x", false },
	};
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_WIN_AMD64);
	f.lower[0].publishes_libraries = true;
	fixture_wheel(&f, "demo-1.0", "demo 1.0", files, LM_COUNT(files));
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	assert_true(f.publishes);
	expect_listing("windows", &f.out,
		"Lib/site-packages/demo-1.0.dist-info/INSTALLER\n"
		"Lib/site-packages/demo-1.0.dist-info/METADATA\n"
		"Lib/site-packages/demo-1.0.dist-info/RECORD\n"
		"Lib/site-packages/demo-1.0.dist-info/WHEEL\n"
		"Lib/site-packages/demo.py\n"
		"Library/bin/demo.dll\n"
		"Scripts/python.exe\n"
		"Scripts/pythonw.exe\n"
		"postinstall.py\n"
		"share/venv/metadata/venvstacks_layer.json\n");
	expect_text(&f.out, "Scripts/python.exe", "launcher");
	expect_text(&f.out, "Scripts/pythonw.exe", "windowed launcher");
	expect_text(&f.out, "share/venv/metadata/venvstacks_layer.json",
		"{\n"
		"  \"base_python\": \"../cpython-3.11/python.exe\",\n"
		"  \"dynlib_dirs\": [\n"
		"    \"../framework-sci@2/Library/bin\",\n"
		"    \"Library/bin\"\n"
		"  ],\n"
		"  \"py_version\": \"3.11.11\",\n"
		"  \"pylib_dirs\": [\n"
		"    \"../framework-sci@2/Lib/site-packages\",\n"
		"    \"../cpython-3.11/Lib/site-packages\"\n"
		"  ],\n"
		"  \"python\": \"Scripts/python.exe\",\n"
		"  \"site_dir\": \"Lib/site-packages\"\n"
		"}\n");
	fixture_release(&f);
}

static void
newer_windows_launchers(void **state)
{
	(void)state;
	static const struct file newer[] = {
		{ "Lib/venv/scripts/nt/venvlauncher.exe", "new", false },
		{ "Lib/venv/scripts/nt/venvwlauncher.exe", "new windowed", false },
	};
	struct fixture f;
	fixture_init(&f, FRAMEWORK, LM_WIN_AMD64);
	lm_entries_release(&f.runtime);
	add_files(&f.runtime, newer, LM_COUNT(newer), "cpython@3.14.6");
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_text(&f.out, "Scripts/python.exe", "new");
	expect_text(&f.out, "Scripts/pythonw.exe", "new windowed");
	fixture_release(&f);
}

// A module as lm_module_collect would give it.
static struct lm_module
module_of(const char *name, const struct file *files, size_t count)
{
	struct lm_module module = { .name = lm_strdup(name) };
	add_files(&module.entries, files, count, "module of the test");
	return module;
}

static void
modules_and_executables(void **state)
{
	(void)state;
	static const struct file package[] = {
		{ "main/__init__.py", "", false },
		{ "main/__main__.py", "run", false },
	};
	static const struct file single[] = { { "helper.py", "help", false } };
	static const struct file program[] = { { "native", "ELF", true } };
	struct lm_module modules[] = { module_of("main", package, 2), module_of("helper", single, 1) };
	struct lm_module executables[] = { module_of("native", program, 1) };
	lm_entries_add_link(&modules[0].entries, "main/alias.py", "../main/__main__.py", "module of the test");
	struct lm_err err = {};
	assert_int_equal(lm_entries_finish(&modules[0].entries, false, &err), 0);

	struct fixture f;
	fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
	f.plan.modules = modules;
	f.plan.module_count = 2;
	f.plan.executables = executables;
	f.plan.executable_count = 1;
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_listing("linux", &f.out,
		"bin/native*\n"
		"bin/python -> ../../cpython-3.11/bin/python3.11\n"
		"bin/python3 -> python\n"
		"bin/python3.11 -> python\n"
		"lib/python3.11/site-packages/helper.py\n"
		"lib/python3.11/site-packages/main/__init__.py\n"
		"lib/python3.11/site-packages/main/__main__.py\n"
		"lib/python3.11/site-packages/main/alias.py -> ../main/__main__.py\n"
		"postinstall.py\n"
		"share/venv/metadata/venvstacks_layer.json\n");
	fixture_release(&f);

	fixture_init(&f, APPLICATION, LM_WIN_AMD64);
	f.plan.modules = modules;
	f.plan.module_count = 2;
	f.plan.executables = executables;
	f.plan.executable_count = 1;
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_listing("windows", &f.out,
		"Lib/site-packages/helper.py\n"
		"Lib/site-packages/main/__init__.py\n"
		"Lib/site-packages/main/__main__.py\n"
		"Lib/site-packages/main/alias.py\n"
		"Scripts/native*\n"
		"Scripts/python.exe\n"
		"Scripts/pythonw.exe\n"
		"postinstall.py\n"
		"share/venv/metadata/venvstacks_layer.json\n");
	expect_text(&f.out, "Lib/site-packages/main/alias.py", "run");
	fixture_release(&f);

	lm_entries_add_link(&modules[0].entries, "main/here", "../main", "module of the test");
	assert_int_equal(lm_entries_finish(&modules[0].entries, false, &err), 0);
	fixture_init(&f, APPLICATION, LM_WIN_AMD64);
	f.plan.modules = modules;
	f.plan.module_count = 1;
	assert_int_equal(fixture_assemble(&f), -1);
	assert_int_equal(f.err.code, LM_E_UNSUPPORTED);
	assert_string_equal(f.err.text,
		"layer 'app-main' for win_amd64: module of the test: a link to a folder cannot be part of a Windows layer: "
		"'main/here'");
	fixture_release(&f);
	for (size_t i = 0; i < LM_COUNT(modules); i++)
		lm_module_release(&modules[i]);
	lm_module_release(&executables[0]);
}

static void
conflicts(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		size_t layer;
		struct file first, second; // of two wheels
		const char *module;        // or a module
		const char *text;          // in the message
	} rows[] = {
		{ "two wheels", FRAMEWORK, { "x/y.py", "1", false }, { "x/y.py", "2", false }, nullptr,
			"lib/python3.11/site-packages/x/y.py" },
		{ "module and package", APPLICATION, { "main/extra.py", "1", false }, { "z.py", "2", false }, "main",
			"module 'main' collides with 'lib/python3.11/site-packages/main/extra.py' of one 1.0" },
		{ "module and extension", APPLICATION, { "main.cpython-311-x86_64-linux-gnu.so", "1", false },
			{ "z.py", "2", false }, "main",
			"module 'main' collides with 'lib/python3.11/site-packages/main.cpython-311-x86_64-linux-gnu.so' of "
			"one 1.0" },
		{ "sitecustomize", APPLICATION, { "sitecustomize.py", "1", false }, { "z.py", "2", false }, nullptr,
			"layer 'app-main' for linux_x86_64: 'lib/python3.11/site-packages/sitecustomize.py' of one 1.0 is a "
			"file "
			"that postinstall.py writes" },
		{ "pyvenv.cfg", RUNTIME, { "one-1.0.data/data/pyvenv.cfg", "1", false }, { "z.py", "2", false }, nullptr,
			"layer 'cpython-3.11' for linux_x86_64: 'pyvenv.cfg' of one 1.0 is a file that postinstall.py writes" },
		{ "python", APPLICATION, { "one-1.0.data/data/bin/python", "1", true }, { "z.py", "2", false }, nullptr,
			"bin/python" },
		{ "postinstall", RUNTIME, { "one-1.0.data/data/postinstall.py", "1", true }, { "z.py", "2", false }, nullptr,
			"postinstall.py" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct fixture f;
		fixture_init(&f, rows[i].layer, LM_LINUX_X86_64);
		fixture_wheel(&f, "one-1.0", "one 1.0", &rows[i].first, 1);
		fixture_wheel(&f, "two-2.0", "two 2.0", &rows[i].second, 1);
		struct file file = { "main/__init__.py", "", false };
		struct lm_module module = module_of("main", &file, 1);
		f.plan.modules = &module;
		f.plan.module_count = rows[i].module == nullptr ? 0 : 1;
		row_int_equal(rows[i].row, fixture_assemble(&f), -1);
		row_int_equal(rows[i].row, f.err.code, LM_E_CONFLICT);
		if (strstr(f.err.text, rows[i].text) == nullptr)
			fail_msg("row '%s': '%s' is not in '%s'", rows[i].row, rows[i].text, f.err.text);
		row_true(rows[i].row, strstr(f.err.text, "one 1.0") != nullptr);
		lm_module_release(&module);
		fixture_release(&f);
	}
}

static void
names_beside_a_module_do_not_collide(void **state)
{
	(void)state;
	static const struct file files[] = {
		{ "main.txt", "1", false },
		{ "main.pth", "1", false },
		{ "mainly/__init__.py", "1", false },
		{ "main-1.0.py/x", "1", false },
	};
	struct file file = { "main/__init__.py", "", false };
	struct lm_module module = module_of("main", &file, 1), twice[2] = { module, module };
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
	fixture_wheel(&f, "one-1.0", "one 1.0", files, LM_COUNT(files));
	f.plan.modules = &module;
	f.plan.module_count = 1;
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	lm_entries_release(&f.out);
	f.plan.modules = twice;
	f.plan.module_count = 2;
	assert_int_equal(fixture_assemble(&f), -1);
	assert_int_equal(f.err.code, LM_E_CONFLICT);
	assert_string_equal(f.err.text, "layer 'app-main' for linux_x86_64: two modules of one name: 'main'");
	lm_module_release(&module);
	fixture_release(&f);
}

static void
equal_files_of_two_wheels_merge(void **state)
{
	(void)state;
	static const struct file same[] = { { "ns/__init__.py", "", false } };
	struct fixture f;
	fixture_init(&f, FRAMEWORK, LM_LINUX_X86_64);
	fixture_wheel(&f, "one-1.0", "one 1.0", same, 1);
	fixture_wheel(&f, "two-2.0", "two 2.0", same, 1);
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	static const char *const records[] = {
		"lib/python3.11/site-packages/one-1.0.dist-info/RECORD",
		"lib/python3.11/site-packages/two-2.0.dist-info/RECORD",
	};
	for (size_t i = 0; i < LM_COUNT(records); i++) {
		char *record = text_of(&f.out, records[i]);
		row_true(records[i],
			strstr(record, "ns/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n") != nullptr);
		lm_free(record);
	}
	fixture_release(&f);
}

static void
case_collisions_count_where_case_folds(void **state)
{
	(void)state;
	static const struct file files[] = { { "demo/README", "1", false }, { "demo/readme", "2", false } };
	static const struct {
		enum lm_platform platform;
		int rc;
	} rows[] = {
		{ LM_LINUX_X86_64, 0 },
		{ LM_LINUX_AARCH64, 0 },
		{ LM_MACOSX_ARM64, -1 },
		{ LM_MACOSX_X86_64, -1 },
		{ LM_WIN_AMD64, -1 },
		{ LM_WIN_ARM64, -1 },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct fixture f;
		fixture_init(&f, FRAMEWORK, rows[i].platform);
		fixture_wheel(&f, "demo-1.0", "demo 1.0", files, LM_COUNT(files));
		row_int_equal(lm_platform_name(rows[i].platform), fixture_assemble(&f), rows[i].rc);
		if (rows[i].rc < 0)
			row_int_equal(lm_platform_name(rows[i].platform), f.err.code, LM_E_CONFLICT);
		fixture_release(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_inside_a_layer),
		cmocka_unit_test(wrapper_and_metadata),
		cmocka_unit_test(wrapper_of_macos),
		cmocka_unit_test(windows_application),
		cmocka_unit_test(newer_windows_launchers),
		cmocka_unit_test(modules_and_executables),
		cmocka_unit_test(conflicts),
		cmocka_unit_test(names_beside_a_module_do_not_collide),
		cmocka_unit_test(equal_files_of_two_wheels_merge),
		cmocka_unit_test(case_collisions_count_where_case_folds),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
