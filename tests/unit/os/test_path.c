#include "rows.h"

#include "base/mem.h"
#include "os/path.h"

#include <unistd.h>

static void
text_operations(void **state)
{
	static const struct {
		const char *row;
		char *(*one)(const char *);
		char *(*two)(const char *, const char *);
		const char *a, *b, *want;
	} rows[] = {
		{ "join", nullptr, lm_path_join, "a", "b", "a/b" },
		{ "join slash", nullptr, lm_path_join, "a/", "b", "a/b" },
		{ "join absolute", nullptr, lm_path_join, "a", "/b", "/b" },
		{ "join null", nullptr, lm_path_join, nullptr, "b", "b" },
		{ "join empty", nullptr, lm_path_join, "", "b", "b" },
		{ "join with empty", nullptr, lm_path_join, "a", "", "a" },
		{ "parent", lm_path_parent, nullptr, "a/b/c", nullptr, "a/b" },
		{ "parent of name", lm_path_parent, nullptr, "c", nullptr, "." },
		{ "parent at root", lm_path_parent, nullptr, "/c", nullptr, "/" },
		{ "parent of root", lm_path_parent, nullptr, "/", nullptr, "/" },
		{ "parent double slash", lm_path_parent, nullptr, "a//c", nullptr, "a" },
		{ "normal", lm_path_normal, nullptr, "a/./b//c/../d", nullptr, "a/b/d" },
		{ "normal up", lm_path_normal, nullptr, "../../a/../b", nullptr, "../../b" },
		{ "normal above root", lm_path_normal, nullptr, "/../../a", nullptr, "/a" },
		{ "normal root", lm_path_normal, nullptr, "//", nullptr, "/" },
		{ "normal nothing", lm_path_normal, nullptr, "a/..", nullptr, "." },
		{ "normal empty", lm_path_normal, nullptr, "", nullptr, "." },
		{ "normal up from root child", lm_path_normal, nullptr, "/a/../b", nullptr, "/b" },
		{ "normal trailing", lm_path_normal, nullptr, "a/b/", nullptr, "a/b" },
		{ "normal dots in name", lm_path_normal, nullptr, "a/..b/...", nullptr, "a/..b/..." },
		{ "absolute", lm_path_absolute, nullptr, "/a/../b", nullptr, "/b" },
		{ "relative down", nullptr, lm_path_relative, "a", "a/b/c", "b/c" },
		{ "relative across", nullptr, lm_path_relative, "a/b", "a/c/d", "../c/d" },
		{ "relative same", nullptr, lm_path_relative, "a/b", "a/b", "." },
		{ "relative up", nullptr, lm_path_relative, "a/b/c", "a", "../.." },
		{ "relative from here", nullptr, lm_path_relative, ".", "a", "a" },
		{ "relative to here", nullptr, lm_path_relative, "a/b", ".", "../.." },
		{ "relative prefix of a name", nullptr, lm_path_relative, "a/bc", "a/b", "../b" },
		{ "relative absolute", nullptr, lm_path_relative, "/a/b", "/a/c", "../c" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_free_ptr)
		char *got = rows[i].one != nullptr ? rows[i].one(rows[i].a) : rows[i].two(rows[i].a, rows[i].b);
		row_str_equal(rows[i].row, got, rows[i].want);
	}
	assert_string_equal(lm_path_name("a/b/c"), "c");
	assert_string_equal(lm_path_name("c"), "c");
}

static void
absolute_from_here(void **state)
{
	char here[4096];
	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	LM_AUTO(lm_free_ptr) char *want = lm_format("%s/x", here);
	LM_AUTO(lm_free_ptr) char *got = lm_path_absolute("./y/../x");
	assert_string_equal(got, want);
}

static void
inside(void **state)
{
	static const struct {
		const char *row, *path, *text; // text: null when it is accepted
	} rows[] = {
		{ "plain", "a/b.c/d-e", nullptr },
		{ "spaces", "a b/c", nullptr },
		{ "unicode", "na\xC3\xAFve/\xE2\x82\xAC", nullptr },
		{ "dots in names", "..a/b../...", nullptr },
		{ "colon later", "a/c:d", nullptr },
		{ "empty", "", "the path is empty" },
		{ "absolute", "/etc/passwd", "absolute path: '/etc/passwd'" },
		{ "root", "/", "absolute path: '/'" },
		{ "parent", "../x", "path with a '..' component: '../x'" },
		{ "parent inside", "a/../../x", "path with a '..' component: 'a/../../x'" },
		{ "parent at end", "a/..", "path with a '..' component: 'a/..'" },
		{ "dot", "./a", "path with a '.' component: './a'" },
		{ "only dot", ".", "path with a '.' component: '.'" },
		{ "double slash", "a//b", "path with an empty component: 'a//b'" },
		{ "trailing slash", "a/", "path with an empty component: 'a/'" },
		{ "backslash", "a\\..\\b", "path with a backslash: 'a\\..\\b'" },
		{ "drive", "C:/x", "path with a drive letter: 'C:/x'" },
		{ "drive relative", "c:x", "path with a drive letter: 'c:x'" },
		{ "newline", "a\nb", "path with a control character: 'a?b'" },
		{ "escape", "/a\x1b[2Jb", "path with a control character: '/a?[2Jb'" },
		{ "delete", "a\x7F", "path with a control character: 'a?'" },
		{ "c1",
			"a\xC2\x9B"
			"2J",
			"path with a control character: 'a??2J'" },
		{ "latin-1", "na\xEFve", "path that is not UTF-8: 'na?ve'" },
		{ "overlong dot", "\xC0\xAE\xC0\xAE/x", "path that is not UTF-8: '?\?\?\?/x'" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_path_check_inside(rows[i].path, &err), rows[i].text == nullptr ? 0 : -1);
		row_int_equal(rows[i].row, err.code, rows[i].text == nullptr ? LM_OK : LM_E_SYNTAX);
		row_str_equal(rows[i].row, err.text, rows[i].text == nullptr ? "" : rows[i].text);
	}
}

static void
inside_limits(void **state)
{
	struct lm_err err = {};
	char path[4200];
	(void)state;
	memset(path, 'a', sizeof path);
	path[255] = '\0';
	assert_int_equal(lm_path_check_inside(path, &err), 0);
	path[255] = 'a';
	path[256] = '\0';
	assert_int_equal(lm_path_check_inside(path, &err), -1);
	assert_int_equal(strncmp(err.text, "path with a component of more than 255 bytes: 'aaa", 50), 0);
	for (size_t i = 0; i < sizeof path; i++)
		path[i] = i % 200 == 199 ? '/' : 'a';
	path[4096] = '\0';
	assert_int_equal(lm_path_check_inside(path, &err), 0);
	path[4096] = 'b';
	path[4097] = '\0';
	assert_int_equal(lm_path_check_inside(path, &err), -1);
	assert_int_equal(strncmp(err.text, "path of more than 4096 bytes: 'aaaa", 35), 0);
	for (size_t i = 0; i < sizeof path; i++)
		path[i] = i % 2 == 0 ? 'a' : '/';
	path[2 * 128 - 1] = '\0';
	assert_int_equal(lm_path_check_inside(path, &err), 0);
	path[2 * 128 - 1] = '/';
	path[2 * 129 - 1] = '\0';
	assert_int_equal(lm_path_check_inside(path, &err), -1);
	assert_int_equal(strncmp(err.text, "path with more than 128 components: 'a/a/", 41), 0);
}

static void
windows(void **state)
{
	static const char character[] = "path with a character that Windows does not have in names: '";
	static const char ends[] = "path with a name that ends with a dot or blank, which Windows drops: '";
	static const char device[] = "path with a name that Windows keeps for a device: '";
	static const struct {
		const char *path, *text; // null: accepted
	} rows[] = {
		{ "Lib/site-packages/x.py", nullptr },
		{ ".hidden/a b/..c/caf\xC3\xA9", nullptr },
		{ "console/auxiliary.py/nulls/com/lpt/com10/comx", nullptr },
		{ "a.aux/x.con", nullptr },
		{ "a/b:c", character },
		{ "a<b", character },
		{ "a>/b", character },
		{ "\"a\"", character },
		{ "a|b/c", character },
		{ "a/b?", character },
		{ "*/a", character },
		{ "a./b", ends },
		{ "a/b ", ends },
		{ "a/b..", ends },
		{ "nul", device },
		{ "a/CoN/b", device },
		{ "a/aux.tar.gz", device },
		{ "prn  .txt", device },
		{ "CONIN$/x", device },
		{ "conout$.x", device },
		{ "COM0", device },
		{ "a/lpt9.py", device },
		{ "com\xC2\xB2", device },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		LM_AUTO(lm_free_ptr)
		char *want = rows[i].text == nullptr ? lm_strdup("") : lm_format("%s%s'", rows[i].text, rows[i].path);
		row_int_equal(rows[i].path, lm_path_check_windows(rows[i].path, &err), rows[i].text == nullptr ? 0 : -1);
		row_str_equal(rows[i].path, err.text, want);
	}
}

static void
names(void **state)
{
	static const struct {
		const char *row, *name, *text;
	} rows[] = {
		{ "plain", "cpython-3.12", nullptr },
		{ "all signs", "A_b-c.d@1+2", nullptr },
		{ "not a device", "console", nullptr },
		{ "com without number", "com", nullptr },
		{ "underscore first", "_a", nullptr },
		{ "empty", "", "the name is empty" },
		{ "slash", "a/b", "name with a character other than letters, digits and '-_.@+': 'a/b'" },
		{ "parent", "..", "name that starts with '.': '..'" },
		{ "dot", ".", "name that starts with '.': '.'" },
		{ "hidden", ".a", "name that starts with '.': '.a'" },
		{ "option", "-rf", "name that starts with '-': '-rf'" },
		{ "dot at end", "a.", "name that ends with '.': 'a.'" },
		{ "blank", "a b", "name with a character other than letters, digits and '-_.@+': 'a b'" },
		{ "unicode", "\xC3\xA9", "name with a character other than letters, digits and '-_.@+': '?\?'" },
		{ "control", "a\nb", "name with a character other than letters, digits and '-_.@+': 'a?b'" },
		{ "device", "con", "name that Windows keeps for a device: 'con'" },
		{ "device upper", "NUL.txt", "name that Windows keeps for a device: 'NUL.txt'" },
		{ "device port", "Lpt1.tar.gz", "name that Windows keeps for a device: 'Lpt1.tar.gz'" },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_err err = {};
		row_int_equal(rows[i].row, lm_path_check_name(rows[i].name, &err), rows[i].text == nullptr ? 0 : -1);
		row_int_equal(rows[i].row, err.code, rows[i].text == nullptr ? LM_OK : LM_E_SYNTAX);
		row_str_equal(rows[i].row, err.text, rows[i].text == nullptr ? "" : rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_operations),
		cmocka_unit_test(absolute_from_here),
		cmocka_unit_test(inside),
		cmocka_unit_test(inside_limits),
		cmocka_unit_test(windows),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
