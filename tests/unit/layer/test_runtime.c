#include "fixture.h"

static void
installers_and_compiled_files_go(void **state)
{
	(void)state;
	static const struct file more[] = {
		{ "bin/2to3", "#!", true },
		{ "bin/easy_install-3.11", "#!", true },
		{ "bin/pip", "#!", true },
		{ "bin/pip3.11", "#!", true },
		{ "bin/pipeline", "#!", true },
		{ "bin/wheel", "#!", true },
		{ "lib/python3.11/__pycache__/os.cpython-311.pyc", "x", false },
		{ "lib/python3.11/compiled.pyc", "x", false },
		{ "lib/python3.11/ensurepip/_bundled/pip-24.0-py3-none-any.whl", "x", false },
		{ "lib/python3.11/site-packages/README.txt", "x", false },
		{ "lib/python3.11/site-packages/_distutils_hack/__init__.py", "x", false },
		{ "lib/python3.11/site-packages/distutils-precedence.pth", "x", false },
		{ "lib/python3.11/site-packages/pip-24.0.dist-info/RECORD", "x", false },
		{ "lib/python3.11/site-packages/pip/__init__.py", "x", false },
		{ "lib/python3.11/site-packages/pip_tools.py", "x", false },
		{ "lib/python3.11/site-packages/pkg_resources/__init__.py", "x", false },
		{ "lib/python3.11/site-packages/setuptools-65.5.0.dist-info/RECORD", "x", false },
		{ "lib/python3.11/site-packages/setuptools/__init__.py", "x", false },
		{ "lib/python3.11/site-packages/wheel-0.4.dist-info/RECORD", "x", false },
		{ "lib/python3.11/site-packages/wheel/__init__.py", "x", false },
		{ "lib/python3.11/site-packages/wheelhouse/__init__.py", "x", false },
	};
	struct fixture f;
	fixture_init(&f, RUNTIME, LM_LINUX_X86_64);
	add_files(&f.runtime, more, LM_COUNT(more), "cpython@3.11.11");
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_listing("linux", &f.out,
		"bin/2to3*\n"
		"bin/pipeline*\n"
		"bin/python -> python3.11\n"
		"bin/python3 -> python3.11\n"
		"bin/python3.11*\n"
		"lib/python3.11/ensurepip/_bundled/pip-24.0-py3-none-any.whl\n"
		"lib/python3.11/os.py\n"
		"lib/python3.11/site-packages/README.txt\n"
		"lib/python3.11/site-packages/pip_tools.py\n"
		"lib/python3.11/site-packages/wheelhouse/__init__.py\n"
		"postinstall.py\n"
		"share/venv/metadata/venvstacks_layer.json\n");
	assert_false(f.publishes);
	fixture_release(&f);
}

static void
windows_layout(void **state)
{
	(void)state;
	static const struct file more[] = {
		{ "Lib/site-packages/pip/__init__.py", "x", false },
		{ "Scripts/pip.exe", "x", false },
		{ "Scripts/pip3.11.exe", "x", false },
		{ "Scripts/pydoc.bat", "x", false },
	};
	struct fixture f;
	fixture_init(&f, RUNTIME, LM_WIN_AMD64);
	add_files(&f.runtime, more, LM_COUNT(more), "cpython@3.11.11");
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_listing("windows", &f.out,
		"Lib/os.py\n"
		"Lib/site-packages/\n"
		"Lib/venv/scripts/nt/python.exe\n"
		"Lib/venv/scripts/nt/pythonw.exe\n"
		"Scripts/pydoc.bat\n"
		"postinstall.py\n"
		"python.exe\n"
		"share/venv/metadata/venvstacks_layer.json\n");
	expect_text(&f.out, "share/venv/metadata/venvstacks_layer.json",
		"{\n"
		"  \"base_python\": \"python.exe\",\n"
		"  \"dynlib_dirs\": [],\n"
		"  \"py_version\": \"3.11.11\",\n"
		"  \"pylib_dirs\": [],\n"
		"  \"python\": \"python.exe\",\n"
		"  \"site_dir\": \"Lib/site-packages\"\n"
		"}\n");
	fixture_release(&f);
}

// pip as a requirement comes from its wheel, not from the archive.
static void
required_installer_comes_from_its_wheel(void **state)
{
	(void)state;
	static const struct file old[] = { { "lib/python3.11/site-packages/pip/__init__.py", "old", false } };
	static const struct file wheel[] = {
		{ "pip-25.0.dist-info/entry_points.txt", "x", false },
		{ "pip/__init__.py", "new", false },
	};
	struct fixture f;
	fixture_init(&f, RUNTIME, LM_LINUX_X86_64);
	add_files(&f.runtime, old, LM_COUNT(old), "cpython@3.11.11");
	fixture_wheel(&f, "pip-25.0", "pip 25.0", wheel, LM_COUNT(wheel));
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_text(&f.out, "lib/python3.11/site-packages/pip/__init__.py", "new");
	assert_null(lm_entries_find(&f.out, "bin/pip"));
	fixture_release(&f);
}

static void
archives_without_a_python(void **state)
{
	(void)state;
	static const struct {
		const char *row;
		size_t layer;
		enum lm_platform platform;
		const char *text;
	} rows[] = {
		{ "posix", RUNTIME, LM_MACOSX_X86_64,
			"layer 'cpython-3.11' for macosx_x86_64: the runtime archive has no 'python/bin/python3.11'" },
		{ "windows", RUNTIME, LM_WIN_ARM64,
			"layer 'cpython-3.11' for win_arm64: the runtime archive has no 'python/python.exe'" },
		{ "launcher", APPLICATION, LM_WIN_AMD64,
			"layer 'app-main' for win_amd64: the runtime archive has neither "
			"'Lib/venv/scripts/nt/venvlauncher.exe' "
			"nor 'Lib/venv/scripts/nt/python.exe'" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct fixture f;
		fixture_init(&f, rows[i].layer, rows[i].platform);
		lm_entries_release(&f.runtime);
		row_int_equal(rows[i].row, fixture_assemble(&f), -1);
		row_int_equal(rows[i].row, f.err.code, LM_E_SYNTAX);
		row_str_equal(rows[i].row, f.err.text, rows[i].text);
		fixture_release(&f);
	}
}

// A wheel and the archive that write one file differently.
static void
wheel_against_archive(void **state)
{
	(void)state;
	static const struct file old[] = { { "lib/python3.11/site-packages/demo.py", "archive", false } };
	static const struct file wheel[] = { { "demo.py", "wheel", false } };
	struct fixture f;
	fixture_init(&f, RUNTIME, LM_LINUX_X86_64);
	add_files(&f.runtime, old, LM_COUNT(old), "cpython@3.11.11");
	fixture_wheel(&f, "demo-1.0", "demo 1.0", wheel, LM_COUNT(wheel));
	assert_int_equal(fixture_assemble(&f), -1);
	assert_int_equal(f.err.code, LM_E_CONFLICT);
	assert_non_null(strstr(f.err.text, "cpython@3.11.11"));
	assert_non_null(strstr(f.err.text, "demo 1.0"));
	assert_non_null(strstr(f.err.text, "lib/python3.11/site-packages/demo.py"));
	fixture_release(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installers_and_compiled_files_go),
		cmocka_unit_test(windows_layout),
		cmocka_unit_test(required_installer_comes_from_its_wheel),
		cmocka_unit_test(archives_without_a_python),
		cmocka_unit_test(wheel_against_archive),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
