#include "fixture.h"

#include "layer/parts.h"

static void
what_is_a_library(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
		{ "libscipy_openblas64_-32a4b2a6.so", true },
		{ "libgfortran-040039e1-0352e75f.so.5.0.0", true },
		{ "libz.so.1", true },
		{ "libomp.dylib", true },
		{ "libgfortran.5.dylib", true },
		{ "anything.dylib", true },
		{ "odd.so.3", true },
		{ "lib.foo-1.2.so", true },
		{ "_core.cpython-311-x86_64-linux-gnu.so", false },
		{ "_core.cpython-314t-darwin.so", false },
		{ "_core.pypy311-pp73-x86_64-linux-gnu.so", false },
		{ "_core.abi3.so", false },
		{ "libmodule.abi3.so", false },
		{ "lib.cpython-311-x86_64-linux-gnu.so", false },
		{ "module.so", false },
		{ "libz.so.", false },
		{ "libz.so.x", false },
		{ "libz.so.1.bak", false },
		{ "libz.a", false },
		{ ".so", false },
		{ ".so.1", false },
		{ ".dylib", false },
		{ "so", false },
		{ "1.2.3", false },
		{ "libz.dll", false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].name, lm_dynlib_is_library(rows[i].name), rows[i].want);
}

static void
globs_match_the_end(void **state)
{
	(void)state;
	static const char path[] = "lib/python3.11/site-packages/numpy.libs/libz-1.so";
	static const struct {
		const char *glob;
		bool want;
	} rows[] = {
		{ "libz-1.so", true },
		{ "libz*.so", true },
		{ "*", true },
		{ "numpy.libs/*", true },
		{ "numpy.libs/libz-?.so", true },
		{ "/numpy.libs/libz-1.so", true },
		{ "site-packages/*/libz-1.so", true },
		{ "**/libz-1.so", true },
		{ "lib/**/libz-1.so", true },
		{ "lib/**/**/*.so", true },
		{ "python3.11/**", true },
		{ "**", true },
		{ "**/**/*.so/**", true },
		{ "*/numpy.libs/**/libz*", true },
		{ "**/numpy.libs/**/numpy.libs/*", false },
		{ "lib/**/scipy.libs/**", false },
		{ "z-1.so", false },
		{ "numpy.libs", false },
		{ "numpy*libz-1.so", false },
		{ "scipy.libs/*", false },
		{ "lib/*/libz-1.so", false },
		{ "", false },
		{ "/", false },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++)
		row_int_equal(rows[i].glob, lm_dynlib_excluded(path, rows[i].glob), rows[i].want);
}

static const struct file numpy[] = {
	{ "numpy.libs/libgfortran.so.5", "fortran", false },
	{ "numpy.libs/libopenblas.so", "blas", false },
	{ "numpy/_core.cpython-311-x86_64-linux-gnu.so", "module", false },
};
static const struct file scipy_equal[] = { { "scipy.libs/libgfortran.so.5", "fortran", false } };
static const struct file scipy_other[] = { { "scipy.libs/libgfortran.so.5", "other fortran", false } };

static void
links_are_published(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, FRAMEWORK, LM_LINUX_X86_64);
	fixture_wheel(&f, "numpy-2.0", "numpy 2.0", numpy, LM_COUNT(numpy));
	fixture_wheel(&f, "scipy-1.0", "scipy 1.0", scipy_equal, LM_COUNT(scipy_equal));
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	assert_true(f.publishes);
	char *all = listing(&f.out);
	char *links = strstr(all, "share/venv/dynlib/");
	assert_non_null(links);
	strstr(links, "share/venv/metadata")[0] = '\0';
	assert_string_equal(links,
		"share/venv/dynlib/libgfortran.so.5 -> ../../../lib/python3.11/site-packages/numpy.libs/libgfortran.so.5\n"
		"share/venv/dynlib/libopenblas.so -> ../../../lib/python3.11/site-packages/numpy.libs/libopenblas.so\n");
	lm_free(all);
	fixture_release(&f);
}

static void
ambiguity(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, FRAMEWORK, LM_MACOSX_ARM64);
	fixture_wheel(&f, "numpy-2.0", "numpy 2.0", numpy, LM_COUNT(numpy));
	fixture_wheel(&f, "scipy-1.0", "scipy 1.0", scipy_other, LM_COUNT(scipy_other));
	assert_int_equal(fixture_assemble(&f), -1);
	assert_int_equal(f.err.code, LM_E_CONFLICT);
	assert_string_equal(f.err.text,
		"layer 'framework-sci' for macosx_arm64: ambiguous shared library 'libgfortran.so.5': "
		"'lib/python3.11/site-packages/numpy.libs/libgfortran.so.5' of numpy 2.0 and "
		"'lib/python3.11/site-packages/scipy.libs/libgfortran.so.5' of scipy 1.0 differ; "
		"name one of them in dynlib_exclude");

	char *globs[] = { (char *)"numpy.libs/libgfortran*" };
	f.layers[FRAMEWORK].dynlib_exclude = globs;
	f.layers[FRAMEWORK].dynlib_exclude_count = 1;
	lm_entries_release(&f.out);
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	const struct lm_entry *link = lm_entries_find(&f.out, "share/venv/dynlib/libgfortran.so.5");
	assert_non_null(link);
	assert_string_equal(link->link, "../../../lib/python3.11/site-packages/scipy.libs/libgfortran.so.5");
	fixture_release(&f);
}

static void
windows_has_no_links(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, FRAMEWORK, LM_WIN_AMD64);
	fixture_wheel(&f, "numpy-2.0", "numpy 2.0", numpy, LM_COUNT(numpy));
	fixture_wheel(&f, "scipy-1.0", "scipy 1.0", scipy_other, LM_COUNT(scipy_other));
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	assert_false(f.publishes);
	for (size_t i = 0; i < f.out.count; i++)
		row_true(f.out.items[i].path, f.out.items[i].type != LM_ENTRY_LINK);
	fixture_release(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_library),
		cmocka_unit_test(globs_match_the_end),
		cmocka_unit_test(links_are_published),
		cmocka_unit_test(ambiguity),
		cmocka_unit_test(windows_has_no_links),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
