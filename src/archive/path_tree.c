#include "archive/path_tree.h"

#include "base/str.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int
compare(const void *a, const void *b)
{
	const struct lm_path_node *x = a, *y = b;
	return lm_str_compare((struct lm_str){ x->path, x->len }, (struct lm_str){ y->path, y->len });
}

// The node of this path, made when it was not there (kind LM_PATH_NONE).
static struct lm_path_node *
node_of(struct lm_path_tree *tree, const char *path, size_t len)
{
	struct lm_path_node key = { .path = path, .len = len };
	struct lm_path_node *const *found = tfind(&key, &tree->root, compare);
	if (found != nullptr)
		return *found;
	struct lm_path_node *node = lm_arena_alloc(&tree->arena, sizeof *node);
	*node = key;
	if (tsearch(node, &tree->root, compare) == nullptr)
		abort(); // out of memory
	tree->count++;
	return node;
}

// Make the folders above a path; null, or the file or link that is in the way.
static const struct lm_path_node *
add_parents(struct lm_path_tree *tree, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash != nullptr; slash = strchr(slash + 1, '/')) {
		struct lm_path_node *parent = node_of(tree, path, (size_t)(slash - path));
		if (parent->kind == LM_PATH_FILE || parent->kind == LM_PATH_LINK)
			return parent;
		parent->kind = LM_PATH_FOLDER;
		parent->filled = true;
	}
	return nullptr;
}

const struct lm_path_node *
lm_path_tree_add(struct lm_path_tree *tree, const char *path, enum lm_path_kind kind, size_t index)
{
	const struct lm_path_node *in_the_way = add_parents(tree, path);
	if (in_the_way != nullptr)
		return in_the_way;
	struct lm_path_node *node = node_of(tree, path, strlen(path));
	if (node->kind != LM_PATH_NONE && !(node->kind == LM_PATH_FOLDER && kind == LM_PATH_FOLDER))
		return node;
	node->kind = kind;
	node->index = index;
	node->said = true;
	return nullptr;
}

const struct lm_path_node *
lm_path_tree_find(const struct lm_path_tree *tree, const char *path)
{
	struct lm_path_node key = { .path = path, .len = strlen(path) };
	struct lm_path_node *const *found = tfind(&key, &tree->root, compare);
	return found == nullptr ? nullptr : *found;
}

static void
keep(void *)
{
}

void
lm_path_tree_release(struct lm_path_tree *tree)
{
	tdestroy(tree->root, keep); // the nodes are the arena's
	tree->root = nullptr;
	lm_arena_release(&tree->arena);
}
