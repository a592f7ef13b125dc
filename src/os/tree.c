// Folders with all that is in them, without following a link: each level is opened from its parent's descriptor,
// and only one is open at a time, so that depth costs no descriptors.
#include "os/dir.h"

#include "base/mem.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/kill_point.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LM_TREE_MAX_DEPTH = 4096 }; // folders in folders; a path of 4096 bytes has at most 2048

struct cursor {
	int fd;             // of the folder we are in
	struct lm_buf path; // of the folder we are in, as the caller's root and the way from there
	size_t root_len;    // of it, the root and a '/'
	unsigned depth;
	bool removing;
	lm_dir_visit *visit;
	void *context;
};

static int walk_folder(struct cursor *at, struct lm_err *err);

static void
cursor_release(struct cursor *at)
{
	lm_fd_close(&at->fd);
	lm_buf_release(&at->path);
}

static int
fail(const struct cursor *at, int sys, const char *verb, struct lm_err *err)
{
	return lm_fd_fail(err, sys, verb, lm_buf_cstr(&at->path));
}

// A folder we are to empty may forbid it to us, its owner.
static int
open_folder(int parent, const char *name, bool removing)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(parent, name, flags);
	if (fd < 0 && errno == EACCES && removing && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, flags);
	struct stat status;
	if (fd >= 0 && removing && fstat(fd, &status) == 0 && (status.st_mode & 0700) != 0700)
		(void)fchmod(fd, 0700);
	return fd;
}

static void
path_push(struct cursor *at, const char *name)
{
	lm_buf_byte(&at->path, '/');
	lm_buf_text(&at->path, name);
}

static void
path_pop(struct cursor *at, size_t len)
{
	at->path.len = len;
	at->path.ptr[len] = '\0';
}

// Back from a folder to the one that holds it, as long as that is still the same.
static int
climb(struct cursor *at, const struct stat *parent, struct lm_err *err)
{
	int fd = openat(at->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(at, errno, "leave", err);
	lm_fd_close(&at->fd);
	at->fd = fd;
	struct stat status;
	if (fstat(fd, &status) < 0)
		return fail(at, errno, "leave", err);
	if (status.st_dev != parent->st_dev || status.st_ino != parent->st_ino)
		return lm_err_set(err, LM_E_CONFLICT, "folder was moved while it was read: '%s'", lm_buf_cstr(&at->path));
	return 0;
}

// Into the folder `name` (already the end of at->path), through it, and back.
static int
descend(struct cursor *at, const char *name, struct lm_err *err)
{
	struct stat here;

	if (at->depth == LM_TREE_MAX_DEPTH)
		return lm_err_set(
			err, LM_E_LIMIT, "folders more than %d deep: '%s'", LM_TREE_MAX_DEPTH, lm_buf_cstr(&at->path));
	if (fstat(at->fd, &here) < 0)
		return fail(at, errno, "examine", err);
	int fd = open_folder(at->fd, name, at->removing);
	if (fd < 0 && errno == ENOENT)
		return 0; // gone since it was listed
	if (fd < 0)
		return fail(at, errno, "open", err);
	lm_fd_close(&at->fd);
	at->fd = fd;
	at->depth++;
	if (walk_folder(at, err) < 0)
		return -1;
	at->depth--;
	return climb(at, &here, err);
}

static int
remove_entry(struct cursor *at, const char *name, struct lm_err *err)
{
	if (unlinkat(at->fd, name, 0) == 0 || errno == ENOENT) {
		LM_KILL_POINT("folder: entry removed");
		return 0;
	}
	int sys = errno;
	struct stat status;
	bool exists = fstatat(at->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
	if (!exists && sys == EROFS) // said before it was looked whether there is anything
		return 0;
	if ((sys != EISDIR && sys != EPERM) || !exists || !S_ISDIR(status.st_mode))
		return fail(at, sys, "remove", err);
	if (descend(at, name, err) < 0)
		return -1;
	if (unlinkat(at->fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return fail(at, errno, "remove", err);
	return 0;
}

static int
visit_entry(struct cursor *at, const char *name, struct lm_err *err)
{
	struct stat status;
	struct lm_file_info info;

	if (fstatat(at->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(at, errno, "examine", err); // gone since it was listed
	lm_fd_info(&status, &info);
	int rc = at->visit(at->context, lm_buf_cstr(&at->path) + at->root_len, &info, err);
	if (rc != 0 || !info.is_dir)
		return rc < 0 ? -1 : 0;
	return descend(at, name, err);
}

static int
walk_folder(struct cursor *at, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	size_t len = at->path.len;

	int fd = openat(at->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sys = fd < 0 ? errno : lm_fd_list(fd, &names);
	if (sys != 0)
		return fail(at, sys, "list", err);
	for (size_t i = 0; i < names.count; i++) {
		path_push(at, names.items[i]);
		int rc = at->removing ? remove_entry(at, names.items[i], err) : visit_entry(at, names.items[i], err);
		if (rc < 0)
			return -1;
		path_pop(at, len);
	}
	return 0;
}

int
lm_dir_walk(const char *root, lm_dir_visit *visit, void *context, struct lm_err *err)
{
	LM_AUTO(cursor_release) struct cursor at = { .fd = -1, .visit = visit, .context = context };

	lm_buf_text(&at.path, root);
	at.root_len = at.path.len + 1;
	at.fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC); // the root itself may be a link
	if (at.fd < 0)
		return fail(&at, errno, "open", err);
	return walk_folder(&at, err);
}

void
lm_dir_remove_empty(const char *path)
{
	(void)rmdir(path);
}

int
lm_dir_remove(const char *path, struct lm_err *err)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/') // "a/" would follow a link
		len--;
	LM_AUTO(lm_free_ptr) char *plain = lm_strndup(path, len);
	LM_AUTO(lm_free_ptr) char *parent = lm_path_parent(plain);
	LM_AUTO(cursor_release) struct cursor at = { .fd = -1, .removing = true };
	const char *name = lm_path_name(plain);

	if (name[0] == '\0' || lm_cstr_equal(name, ".") || lm_cstr_equal(name, ".."))
		return lm_err_set(err, LM_E_USAGE, "not a folder that can be removed: '%s'", path);
	lm_buf_text(&at.path, plain);
	at.fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at.fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(&at, errno, "remove", err);
	return remove_entry(&at, name, err);
}
