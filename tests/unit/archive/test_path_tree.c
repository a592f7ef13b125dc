#include "rows.h"

#include "archive/path_tree.h"

static void
what_cannot_be_side_by_side(void **)
{
	static const struct {
		const char *row, *first, *second;
		enum lm_path_kind first_kind, second_kind;
		const char *in_the_way; // null: both can be
	} rows[] = {
		{ "two files", "a/b", "a/c", LM_PATH_FILE, LM_PATH_FILE, nullptr },
		{ "same file", "a/b", "a/b", LM_PATH_FILE, LM_PATH_FILE, "a/b" },
		{ "file and link", "a/b", "a/b", LM_PATH_FILE, LM_PATH_LINK, "a/b" },
		{ "same folder", "a/b", "a/b", LM_PATH_FOLDER, LM_PATH_FOLDER, nullptr },
		{ "folder said later", "a/b/c", "a/b", LM_PATH_FILE, LM_PATH_FOLDER, nullptr },
		{ "below a file", "a", "a/b/c", LM_PATH_FILE, LM_PATH_FILE, "a" },
		{ "below a link", "a/b", "a/b/c", LM_PATH_LINK, LM_PATH_FOLDER, "a/b" },
		{ "file where a folder is", "a/b", "a", LM_PATH_FILE, LM_PATH_FILE, "a" },
		{ "link where a folder is", "a", "a", LM_PATH_FOLDER, LM_PATH_LINK, "a" },
		{ "a name that begins alike", "a/b", "a/bc", LM_PATH_FILE, LM_PATH_FILE, nullptr },
		{ "a name that sorts between", "a/b", "a-b", LM_PATH_FILE, LM_PATH_FILE, nullptr },
	};
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		LM_AUTO(lm_path_tree_release) struct lm_path_tree tree = {};
		row_true(rows[i].row, lm_path_tree_add(&tree, rows[i].first, rows[i].first_kind, 7) == nullptr);
		const struct lm_path_node *other = lm_path_tree_add(&tree, rows[i].second, rows[i].second_kind, 8);
		LM_AUTO(lm_free_ptr) char *path = other == nullptr ? nullptr : lm_strndup(other->path, other->len);
		row_true(rows[i].row, (path == nullptr) == (rows[i].in_the_way == nullptr));
		if (path != nullptr)
			row_str_equal(rows[i].row, path, rows[i].in_the_way);
	}
}

static void
nodes_are_found(void **)
{
	LM_AUTO(lm_path_tree_release) struct lm_path_tree tree = {};
	assert_null(lm_path_tree_find(&tree, "a"));
	assert_null(lm_path_tree_add(&tree, "a/b/c", LM_PATH_FILE, 3));
	assert_null(lm_path_tree_add(&tree, "a/empty", LM_PATH_FOLDER, 0));
	assert_int_equal(lm_path_tree_find(&tree, "a/b/c")->index, 3);
	assert_int_equal(lm_path_tree_find(&tree, "a/b/c")->kind, LM_PATH_FILE);
	assert_true(lm_path_tree_find(&tree, "a/b")->filled);
	assert_false(lm_path_tree_find(&tree, "a/b")->said);
	assert_false(lm_path_tree_find(&tree, "a/empty")->filled);
	assert_true(lm_path_tree_find(&tree, "a/empty")->said);
	assert_null(lm_path_tree_find(&tree, "a/b/"));
}

// Names in order would make an unbalanced tree a list, and this test take minutes.
static void
many_names_in_order(void **)
{
	enum { COUNT = 100'000 };
	LM_AUTO(lm_path_tree_release) struct lm_path_tree tree = {};
	LM_AUTO(lm_arena_release) struct lm_arena arena = {};
	for (size_t i = 0; i < COUNT; i++)
		assert_null(lm_path_tree_add(&tree, lm_arena_format(&arena, "folder/%08zu", i), LM_PATH_FILE, i));
	assert_int_equal(lm_path_tree_find(&tree, "folder/00099999")->index, 99'999);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_side_by_side),
		cmocka_unit_test(nodes_are_found),
		cmocka_unit_test(many_names_in_order),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
