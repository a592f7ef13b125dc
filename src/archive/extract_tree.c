#include "archive/extract_parts.h"

#include "os/kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
fail(const struct extract_tree *tree, const char *verb, const char *path, struct lm_err *err)
{
	return lm_err_sys(err, errno, "cannot %s '%s/%s'", verb, tree->folder, path);
}

int
extract_tree_open(struct extract_tree *tree, const char *folder, struct lm_err *err)
{
	*tree = (struct extract_tree){ .folder = folder, .fd = -1 };
	tree->root = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return tree->root < 0 ? lm_err_sys(err, errno, "cannot open '%s'", folder) : 0;
}

void
extract_tree_release(struct extract_tree *tree)
{
	for (size_t i = 0; i < tree->file_count; i++)
		if (tree->files[i]->fd >= 0)
			(void)close(tree->files[i]->fd);
	if (tree->fd >= 0)
		(void)close(tree->fd);
	if (tree->root >= 0)
		(void)close(tree->root);
	lm_free(tree->top);
	lm_free(tree->late);
	lm_free(tree->files);
	lm_buf_release(&tree->parent);
	lm_arena_release(&tree->arena);
	*tree = (struct extract_tree){ .root = -1, .fd = -1 };
}

static int
make_folder(const struct extract_tree *tree, const char *path, struct lm_err *err)
{
	if (mkdirat(tree->root, path, 0755) < 0 && errno != EEXIST)
		return fail(tree, "make folder", path, err);
	return 0;
}

int
extract_parents(struct extract_tree *tree, const char *path, struct lm_err *err)
{
	const char *last = strrchr(path, '/');
	struct lm_str parent = { path, last == nullptr ? 0 : (size_t)(last - path) };
	if (lm_str_equal(parent, lm_buf_view(&tree->parent)))
		return 0;
	lm_buf_clear(&tree->parent);
	lm_buf_str(&tree->parent, parent);
	LM_AUTO(lm_free_ptr) char *copy = lm_strndup(parent.ptr, parent.len);
	struct stat status;
	if (parent.len == 0 || fstatat(tree->root, copy, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	for (char *at = strchr(copy, '/'); at != nullptr; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (make_folder(tree, copy, err) < 0)
			return -1;
		*at = '/';
	}
	return make_folder(tree, copy, err);
}

static void
add_late(struct extract_tree *tree, const char *path, const char *target)
{
	lm_grow(tree->late, tree->late_count, tree->late_cap);
	tree->late[tree->late_count++] = (struct extract_late){ .path = path, .target = target, .mtime = tree->mtime };
}

int
extract_folder(struct extract_tree *tree, const char *path, struct lm_err *err)
{
	add_late(tree, path, nullptr);
	return extract_parents(tree, path, err) < 0 ? -1 : make_folder(tree, path, err);
}

void
extract_link(struct extract_tree *tree, const char *path, const char *target)
{
	add_late(tree, path, target);
}

int
extract_create(const struct extract_tree *tree, const char *path, uint64_t size, struct lm_err *err)
{
	int fd = openat(tree->root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	(void)size;
	return fd < 0 ? fail(tree, "make", path, err) : fd;
}

int
extract_write(const struct extract_tree *tree, int fd, const char *path, const void *bytes, size_t len, uint64_t offset,
	struct lm_err *err)
{
	const char *at = bytes;
	while (len > 0) {
		ssize_t put = pwrite(fd, at, len, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fail(tree, "write", path, err);
		at += put, offset += (uint64_t)put, len -= (size_t)put;
	}
	return 0;
}

// The mode comes last but one, and times after all that changes them.
int
extract_close(
	const struct extract_tree *tree, int fd, const char *path, bool executable, struct timespec mtime, struct lm_err *err)
{
	const struct timespec times[2] = { mtime, mtime };
	int rc = 0;
	if (fchmod(fd, executable ? 0755 : 0644) < 0 || futimens(fd, times) < 0)
		rc = fail(tree, "set mode and time of", path, err);
	if (close(fd) < 0 && rc == 0)
		rc = fail(tree, "write", path, err);
	LM_KILL_POINT("extract: file written");
	return rc;
}

struct extract_file *
extract_large(struct extract_tree *tree, const char *path, uint64_t size, bool executable, struct lm_err *err)
{
	int fd = extract_create(tree, path, size, err);
	if (fd < 0)
		return nullptr;
	struct extract_file *file = lm_arena_alloc(&tree->arena, sizeof *file);
	file->path = path;
	file->fd = fd;
	file->executable = executable;
	file->mtime = tree->mtime;
	atomic_init(&file->left, size);
	lm_grow(tree->files, tree->file_count, tree->file_cap);
	tree->files[tree->file_count++] = file;
	return file;
}

int
extract_part(const struct extract_tree *tree, struct extract_file *file, const void *bytes, size_t len, uint64_t offset,
	struct lm_err *err)
{
	if (extract_write(tree, file->fd, file->path, bytes, len, offset, err) < 0)
		return -1;
	if (atomic_fetch_sub(&file->left, len) != len)
		return 0;
	int fd = file->fd; // the last part is written
	file->fd = -1;
	return extract_close(tree, fd, file->path, file->executable, file->mtime, err);
}

int
extract_copy(struct extract_tree *tree, const char *from, const char *path, bool executable, struct lm_err *err)
{
	enum { BLOCK_BYTES = 65536 };
	char block[BLOCK_BYTES];
	uint64_t done = 0;
	if (extract_parents(tree, path, err) < 0)
		return -1;
	int in = openat(tree->root, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return fail(tree, "open", from, err);
	int out = extract_create(tree, path, 0, err), rc = out < 0 ? -1 : 0;
	while (rc == 0) {
		ssize_t got = read(in, block, sizeof block);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = fail(tree, "read", from, err);
		if (got <= 0)
			break;
		rc = extract_write(tree, out, path, block, (size_t)got, done, err);
		done += (uint64_t)got;
	}
	(void)close(in);
	if (rc == 0)
		return extract_close(tree, out, path, executable, tree->mtime, err);
	if (out >= 0)
		(void)close(out);
	return -1;
}

int
extract_settle(struct extract_tree *tree, struct lm_err *err)
{
	for (size_t i = 0; i < tree->late_count; i++) {
		const struct extract_late *late = &tree->late[i];
		if (late->target == nullptr)
			continue;
		const struct timespec times[2] = { late->mtime, late->mtime };
		if (extract_parents(tree, late->path, err) < 0)
			return -1;
		if (symlinkat(late->target, tree->root, late->path) < 0)
			return fail(tree, "make link", late->path, err);
		if (utimensat(tree->root, late->path, times, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(tree, "set the time of link", late->path, err);
	}
	for (size_t i = tree->late_count; i-- > 0;) { // children first: what is made in a folder changes its time
		const struct extract_late *late = &tree->late[i];
		const struct timespec times[2] = { late->mtime, late->mtime };
		if (late->target != nullptr)
			continue;
		if (fchmodat(tree->root, late->path, 0755, 0) < 0 ||
			utimensat(tree->root, late->path, times, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(tree, "set mode and time of", late->path, err);
	}
	LM_KILL_POINT("extract: settled");
	return 0;
}
