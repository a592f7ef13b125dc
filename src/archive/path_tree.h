// The paths of an archive, to find what cannot be side by side: the same path twice, something below a file or a link.
#pragma once

#include "base/base.h"
#include "base/mem.h"

enum lm_path_kind {
	LM_PATH_NONE,
	LM_PATH_FILE,
	LM_PATH_LINK,
	LM_PATH_FOLDER, // said by an entry, or needed by one
};

struct lm_path_node {
	const char *path; // not NUL-terminated
	size_t len;
	enum lm_path_kind kind;
	size_t index;      // as given for files and links
	bool said, filled; // folders: there was an entry of this name; something is inside
};

enum { LM_PATH_TREE_MAX = 1'000'000 };

// Zero-initialised is empty. Balanced, so that no choice of names makes it slow.
struct lm_path_tree {
	void *root;
	size_t count; // of nodes, which a few long paths can make many: more than LM_PATH_TREE_MAX are too many for one archive
	struct lm_arena arena;
};

// Add a path (checked, '/' separated) and the folders it needs.
//   path  outlives the tree
// Returns null, or the node that is in the way: the same path (unless both are folders), or a file or link above it.
const struct lm_path_node *lm_path_tree_add(struct lm_path_tree *tree, const char *path, enum lm_path_kind kind, size_t index);
const struct lm_path_node *lm_path_tree_find(const struct lm_path_tree *tree, const char *path); // null when absent
void lm_path_tree_release(struct lm_path_tree *tree);
