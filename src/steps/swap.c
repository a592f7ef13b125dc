#include "steps/swap.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"

// "<folder>/.<name>.<what>": no layer has a name that begins with a dot.
static char *
beside(const char *path, const char *what)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	return lm_format("%s/.%s.%s", folder, lm_path_name(path), what);
}

static char *
old_of(const char *path)
{
	return beside(path, "old");
}

char *
lm_swap_new(const char *tree)
{
	return beside(tree, "new");
}

static bool
is_there(const char *path)
{
	struct lm_file_info info = {};
	struct lm_err ignored = {};
	return lm_file_info(path, &info, &ignored) == 0 && info.exists;
}

static int
move_if_there(const char *from, const char *to, struct lm_err *err)
{
	return is_there(from) ? lm_file_rename(from, to, err) : 0;
}

int
lm_swap_end(const char *tree, const char *state, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *old_tree = old_of(tree), *old_state = old_of(state);
	if (lm_dir_remove(old_tree, err) < 0)
		return -1;
	return lm_file_remove(old_state, err);
}

int
lm_swap_undo(const char *tree, const char *state, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *old_tree = old_of(tree), *old_state = old_of(state), *fresh = lm_swap_new(tree);
	LM_AUTO(lm_free_ptr) char *half = lm_format("%s.partial", fresh); // as lm_tree_write names it
	if (!is_there(state)) {
		if (is_there(old_tree) && (lm_dir_remove(tree, err) < 0 || lm_file_rename(old_tree, tree, err) < 0))
			return -1;
		if (move_if_there(old_state, state, err) < 0)
			return -1;
	}
	if (lm_dir_remove(fresh, err) < 0 || lm_dir_remove(half, err) < 0)
		return -1;
	return lm_swap_end(tree, state, err);
}

int
lm_swap_begin(const char *tree, const char *state, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *old_tree = old_of(tree), *old_state = old_of(state), *fresh = lm_swap_new(tree);
	if (move_if_there(state, old_state, err) < 0 || move_if_there(tree, old_tree, err) < 0)
		return -1;
	return lm_file_rename(fresh, tree, err);
}
