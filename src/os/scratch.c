#include "os/scratch.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/path.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { LM_SCRATCH_ATTEMPTS = 16 }; // at a folder that nobody sweeps in the instant before we lock it

// Lock a folder, as long as nobody else has. Returns the descriptor or -1.
static int
lock_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		lm_fd_close(&fd);
	return fd;
}

// Nothing depends on it: what cannot be removed stays, and costs space only.
static void
sweep(const char *parent, const char *prefix)
{
	struct lm_err ignored = {};
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (lm_dir_list(parent, &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (!lm_cstr_starts(names.items[i], prefix))
			continue;
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(parent, names.items[i]);
		LM_AUTO(lm_fd_close) int fd = lock_folder(path);
		if (fd >= 0)
			(void)lm_dir_remove(path, &ignored);
	}
}

int
lm_scratch_make(const char *parent, const char *prefix, struct lm_scratch *scratch, struct lm_err *err)
{
	sweep(parent, prefix);
	for (unsigned attempt = 0; attempt < LM_SCRATCH_ATTEMPTS; attempt++) {
		LM_AUTO(lm_free_ptr) char *path = nullptr;
		if (lm_dir_make_temp(parent, prefix, &path, err) < 0)
			return -1;
		int fd = lock_folder(path);
		if (fd >= 0 && lm_fd_is_named(fd, path)) {
			*scratch = (struct lm_scratch){ .path = lm_take(&path), .fd = fd };
			return 0;
		}
		lm_fd_close(&fd);
	}
	return lm_err_set(err, LM_E_CONFLICT, "cannot keep a temporary folder in '%s'", parent);
}

void
lm_scratch_remove(struct lm_scratch *scratch)
{
	struct lm_err ignored = {};
	if (scratch->path == nullptr)
		return;
	(void)lm_dir_remove(scratch->path, &ignored); // with the lock held: the name is ours until it is gone
	lm_fd_close(&scratch->fd);
	lm_free(scratch->path);
	*scratch = (struct lm_scratch){};
}
