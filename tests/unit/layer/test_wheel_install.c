#include "fixture.h"

static const struct file everything[] = {
	{ "Demo_Pkg-1.0.data/data/etc/demo.conf", "conf", false },
	{ "Demo_Pkg-1.0.data/headers/sub/demo.h", "h", false },
	{ "Demo_Pkg-1.0.data/platlib/plat.py", "plat", false },
	{ "Demo_Pkg-1.0.data/purelib/pure.py", "pure", false },
	{ "Demo_Pkg-1.0.data/scripts/demo", "#!python", true },
	{ "Demo_Pkg-1.0.dist-info/INSTALLER", "somebody", false },
	{ "Demo_Pkg-1.0.dist-info/RECORD", "old", false },
	{ "Demo_Pkg-1.0.dist-info/REQUESTED", "", false },
	{ "Demo_Pkg-1.0.dist-info/direct_url.json", "{}", false },
	{ "Demo_Pkg-1.0.dist-info/entry_points.txt", "[console_scripts]\ndemo = demo:main\n", false },
	{ "demo/__init__.py", "one", false },
	{ "demo/__pycache__/__init__.cpython-311.pyc", "junk", false },
	{ "demo/tool.sh", "#!/bin/sh", true },
	{ "demo/with,comma \"q\".txt", "c", false },
	{ "legacy.pyc", "code", false },
};

static void
schemes_are_placed(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
	fixture_wheel(&f, "Demo_Pkg-1.0", "demo-pkg 1.0", everything, LM_COUNT(everything));
	if (fixture_assemble(&f) < 0)
		fail_msg("%s", f.err.text);
	expect_listing("posix", &f.out,
		"bin/python -> ../../cpython-3.11/bin/python3.11\n"
		"bin/python3 -> python\n"
		"bin/python3.11 -> python\n"
		"etc/demo.conf\n"
		"include/site/python3.11/demo-pkg/sub/demo.h\n"
		"lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/INSTALLER\n"
		"lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/METADATA\n"
		"lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/RECORD\n"
		"lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/WHEEL\n"
		"lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/entry_points.txt\n"
		"lib/python3.11/site-packages/demo/__init__.py\n"
		"lib/python3.11/site-packages/demo/tool.sh*\n"
		"lib/python3.11/site-packages/demo/with,comma \"q\".txt\n"
		"lib/python3.11/site-packages/legacy.pyc\n"
		"lib/python3.11/site-packages/plat.py\n"
		"lib/python3.11/site-packages/pure.py\n"
		"postinstall.py\n"
		"share/venv/metadata/venvstacks_layer.json\n");
	expect_text(&f.out, "lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/INSTALLER", "lamina\n");
	// digests: printf '%s' TEXT | openssl dgst -sha256 -binary | basenc --base64url
	expect_text(&f.out, "lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/RECORD",
		"../../../etc/demo.conf,sha256=DDJsTwJ5ewiPxWbmT7_iFiOQ9S8v7BSD7DpBOn8RyRA,4\n"
		"../../../include/site/python3.11/demo-pkg/sub/demo.h,sha256=qqlAJmTxpB9A67xSyZk-tmrrNmYClY_fqig7ceZNsSM,1\n"
		"Demo_Pkg-1.0.dist-info/INSTALLER,sha256=kdWPQQcVwx7tOnmZgNxNhke0aV0_iHDzaiixP5_LXeU,7\n"
		"Demo_Pkg-1.0.dist-info/METADATA,sha256=y2WPk-xXj3pXkBFkxscp5NaLBHaEboBQqmMCh-w0TaA,8\n"
		"Demo_Pkg-1.0.dist-info/RECORD,,\n"
		"Demo_Pkg-1.0.dist-info/WHEEL,sha256=c2sCN4vvlZhk3BchbhFJEfhyDSOwBajfTYQ5XgvNqOA,37\n"
		"Demo_Pkg-1.0.dist-info/entry_points.txt,sha256=cB9_KZ99Q1zeK186yD_neftGZdvOT61tblgHJXTEFUw,35\n"
		"demo/__init__.py,sha256=dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z_0Me0,3\n"
		"demo/tool.sh,sha256=Ovca2yeK1K8zwUS3j6GucI2gO3c9mDJK6ZGn2u21PKI,9\n"
		"\"demo/with,comma \"\"q\"\".txt\",sha256=Ln0sA6lQeuJl7PW1NWiFpTOTogKdJBOUmXJloaJa78Y,1\n"
		"legacy.pyc,sha256=VpTQii5T_8rgwxA-Wtb2B2q9lg6x-KVldwQLwQKPcCs,4\n"
		"plat.py,sha256=zmkRjSVyRoq378C8FIAnnnxi9ZTYk2mYjO9SSp-kApA,4\n"
		"pure.py,sha256=uLoux-kHE8EEN3gWSvMlCCCUPCFlyfGfopmH4Baq5d0,4\n");
	fixture_release(&f);
}

static void
headers_and_data_by_kind(void **state)
{
	(void)state;
	static const struct file files[] = {
		{ "demo-1.0.data/data/Library/bin/mkl.dll", "dll", false },
		{ "demo-1.0.data/data/lib/extra/x.txt", "x", false },
		{ "demo-1.0.data/headers/demo.h", "h", false },
	};
	static const struct {
		const char *row;
		size_t layer;
		enum lm_platform platform;
		const char *header, *extra;
		bool publishes;
	} rows[] = {
		{ "linux app", APPLICATION, LM_LINUX_AARCH64, "include/site/python3.11/demo/demo.h", "lib/extra/x.txt", false },
		{ "mac runtime", RUNTIME, LM_MACOSX_ARM64, "include/python3.11/demo/demo.h", "lib/extra/x.txt", false },
		{ "windows app", APPLICATION, LM_WIN_AMD64, "include/site/python3.11/demo/demo.h", "Lib/extra/x.txt", true },
		{ "windows runtime", RUNTIME, LM_WIN_ARM64, "include/demo/demo.h", "Lib/extra/x.txt", true },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct fixture f;
		fixture_init(&f, rows[i].layer, rows[i].platform);
		fixture_wheel(&f, "demo-1.0", "demo 1.0", files, LM_COUNT(files));
		if (fixture_assemble(&f) < 0)
			fail_msg("row '%s': %s", rows[i].row, f.err.text);
		row_true(rows[i].row, lm_entries_find(&f.out, rows[i].header) != nullptr);
		row_true(rows[i].row, lm_entries_find(&f.out, rows[i].extra) != nullptr);
		row_int_equal(rows[i].row, f.publishes, rows[i].publishes);
		fixture_release(&f);
	}
}

static void
bad_wheels(void **state)
{
	(void)state;
#define PLACE "layer 'app-main' for linux_x86_64: wheel 'demo-1.0-py3-none-any.whl': "
	static const struct {
		const char *row;
		struct file file;
		enum lm_code code;
		const char *text;
	} rows[] = {
		{ "scheme", { "demo-1.0.data/lib/x", "x", false }, LM_E_SYNTAX,
			PLACE "'demo-1.0.data/lib/x': unknown scheme 'lib' in the .data folder" },
		{ "no scheme", { "demo-1.0.data/x", "x", false }, LM_E_SYNTAX,
			PLACE "'demo-1.0.data/x': a file where a scheme's folder should be" },
		{ "second dist-info", { "other-2.dist-info/METADATA", "x", false }, LM_E_SYNTAX,
			PLACE "two .dist-info folders: 'demo-1.0.dist-info' and 'other-2.dist-info'" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct fixture f;
		fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
		fixture_wheel(&f, "demo-1.0", "demo 1.0", &rows[i].file, 1);
		row_int_equal(rows[i].row, fixture_assemble(&f), -1);
		row_int_equal(rows[i].row, f.err.code, rows[i].code);
		row_str_equal(rows[i].row, f.err.text, rows[i].text);
		fixture_release(&f);
	}
}

static void
bad_dist_info(void **state)
{
	(void)state;
	static const struct {
		const char *row, *path, *text;
		enum lm_code code;
		const char *want;
	} rows[] = {
		{ "none", "demo.py", "x", LM_E_SYNTAX, PLACE "no .dist-info folder" },
		{ "other name", "other-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n", LM_E_SYNTAX,
			PLACE "folder 'other-1.0.dist-info' is of another package" },
		{ "no WHEEL", "demo-1.0.dist-info/METADATA", "x", LM_E_SYNTAX, PLACE "no 'demo-1.0.dist-info/WHEEL'" },
		{ "no version", "demo-1.0.dist-info/WHEEL", "Tag: x\n", LM_E_SYNTAX,
			PLACE "'demo-1.0.dist-info/WHEEL' has no Wheel-Version" },
		{ "malformed version", "demo-1.0.dist-info/WHEEL", "Wheel-Version: one\n", LM_E_SYNTAX,
			PLACE "'demo-1.0.dist-info/WHEEL' has a malformed Wheel-Version: 'one'" },
		{ "version 2", "demo-1.0.dist-info/WHEEL", "Wheel-Version: 2.0\r\n", LM_E_UNSUPPORTED,
			PLACE "wheels of version 2.0 are not known to lamina" },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct fixture f;
		fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
		struct file file = { rows[i].path, rows[i].text, false };
		add_files(&f.wheel_entries[0], &file, 1, "demo 1.0");
		f.wheels[0] =
			(struct lm_layer_wheel){ lm_strdup("demo-1.0-py3-none-any.whl"), "demo 1.0", &f.wheel_entries[0] };
		f.wheel_count = f.plan.wheel_count = 1;
		row_int_equal(rows[i].row, fixture_assemble(&f), -1);
		row_int_equal(rows[i].row, f.err.code, rows[i].code);
		row_str_equal(rows[i].row, f.err.text, rows[i].want);
		fixture_release(&f);
	}
}

static void
huge_wheel_file(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
	size_t len = 1024 * 1024 + 1;
	char *text = malloc(len + 1);
	memset(text, 'x', len);
	text[len] = '\0';
	struct file file = { "demo-1.0.dist-info/WHEEL", text, false };
	add_files(&f.wheel_entries[0], &file, 1, "demo 1.0");
	f.wheels[0] = (struct lm_layer_wheel){ lm_strdup("demo-1.0-py3-none-any.whl"), "demo 1.0", &f.wheel_entries[0] };
	f.wheel_count = f.plan.wheel_count = 1;
	assert_int_equal(fixture_assemble(&f), -1);
	assert_int_equal(f.err.code, LM_E_LIMIT);
	assert_string_equal(f.err.text, PLACE "'demo-1.0.dist-info/WHEEL': larger than 1048576 bytes");
	fixture_release(&f);
	free(text);
}

static void
link_in_a_wheel(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, APPLICATION, LM_LINUX_X86_64);
	lm_entries_add_link(&f.wheel_entries[0], "demo/link", "target", "demo 1.0");
	fixture_wheel(&f, "demo-1.0", "demo 1.0", nullptr, 0);
	assert_int_equal(fixture_assemble(&f), -1);
	assert_int_equal(f.err.code, LM_E_SYNTAX);
	assert_string_equal(f.err.text, PLACE "'demo/link' is a link");
	fixture_release(&f);
}

static void
one_file_in_root_and_purelib(void **state)
{
	(void)state;
	static const struct file files[] = {
		{ "demo-1.0.data/purelib/same.py", "same", false },
		{ "same.py", "same", false },
	};
	struct fixture f;
	fixture_init(&f, FRAMEWORK, LM_LINUX_X86_64);
	fixture_wheel(&f, "demo-1.0", "demo 1.0", files, LM_COUNT(files));
	assert_int_equal(fixture_assemble(&f), 0);
	char *record = text_of(&f.out, "lib/python3.11/site-packages/demo-1.0.dist-info/RECORD");
	const char *first = strstr(record, "same.py,");
	assert_non_null(first);
	assert_null(strstr(first + 1, "same.py,"));
	lm_free(record);
	fixture_release(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemes_are_placed),
		cmocka_unit_test(headers_and_data_by_kind),
		cmocka_unit_test(bad_wheels),
		cmocka_unit_test(bad_dist_info),
		cmocka_unit_test(huge_wheel_file),
		cmocka_unit_test(link_in_a_wheel),
		cmocka_unit_test(one_file_in_root_and_purelib),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
