// Files that appear whole: written beside their final name, flushed, renamed, the folder flushed.
#include "os/file.h"

#include "base/mem.h"
#include "base/str.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/kill_point.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LM_PARTIAL_RANDOM_DIGITS = 16,
	LM_PARTIAL_NAME_BYTES = 200, // of the final name that take part, so that the whole stays below 255
	LM_PARTIAL_ATTEMPTS = 16,    // at a free random name
	LM_PARTIAL_END_BYTES = LM_PARTIAL_RANDOM_DIGITS + sizeof ".partial" - 1,
};

static char *
partial_path(const char *path)
{
	char random[LM_PARTIAL_RANDOM_DIGITS + 1];
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);

	lm_random_hex(random, LM_PARTIAL_RANDOM_DIGITS);
	LM_AUTO(lm_free_ptr) char *name = lm_format(".%.*s.%s.partial", LM_PARTIAL_NAME_BYTES, lm_path_name(path), random);
	return lm_path_join(folder, name);
}

// The file is locked while its writer lives; lm_outfile_sweep removes those that are not. One that was swept in
// the instant between open and lock has no name left and is made anew.
static int
open_locked(const char *temp_path)
{
	int fd = open(temp_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	struct stat status;
	if (flock(fd, LOCK_EX) == 0 && fstat(fd, &status) == 0 && status.st_nlink == 0) {
		(void)close(fd);
		errno = EEXIST;
		return -1;
	}
	return fd;
}

int
lm_fd_make_partial(const char *path, char **temp_path)
{
	for (unsigned attempt = 0; attempt < LM_PARTIAL_ATTEMPTS; attempt++) {
		LM_AUTO(lm_free_ptr) char *candidate = partial_path(path);
		int fd = open_locked(candidate);
		if (fd >= 0)
			*temp_path = lm_take(&candidate);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

int
lm_outfile_open(struct lm_outfile *file, const char *path, unsigned mode, struct lm_err *err)
{
	char *temp_path = nullptr;
	int fd = lm_fd_make_partial(path, &temp_path);

	if (fd < 0)
		return lm_fd_fail(err, errno, "write", path);
	LM_KILL_POINT("outfile: made");
	*file = (struct lm_outfile){
		.fd = fd,
		.open = true,
		.path = lm_strdup(path),
		.temp_path = temp_path,
		.mode = mode,
	};
	return 0;
}

int
lm_outfile_write(struct lm_outfile *file, const void *bytes, size_t len, struct lm_err *err)
{
	int sys = lm_fd_write_all(file->fd, bytes, len);
	if (sys != 0)
		return lm_fd_fail(err, sys, "write", file->path);
	file->size_bytes += len;
	return 0;
}

void
lm_outfile_begin_flush(const struct lm_outfile *file, uint64_t from)
{
	(void)sync_file_range(file->fd, (off_t)from, (off_t)(file->size_bytes - from), SYNC_FILE_RANGE_WRITE);
}

static void
forget(struct lm_outfile *file)
{
	lm_free(file->path);
	lm_free(file->temp_path);
	*file = (struct lm_outfile){};
}

// close(2) counts: some file systems tell only then that the disk is full.
static int
flush_and_close(struct lm_outfile *file)
{
	if (!file->open)
		return 0;
	if (fchmod(file->fd, (mode_t)file->mode) < 0 || fsync(file->fd) < 0)
		return errno;
	file->open = false;
	if (close(file->fd) < 0 && errno != EINTR)
		return errno;
	LM_KILL_POINT("outfile: flushed");
	return 0;
}

// The lock stays until the file has its name: without the second descriptor others could sweep it away in between.
static int
flush_and_rename(struct lm_outfile *file)
{
	LM_AUTO(lm_fd_close) int locked = file->open ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (file->open && locked < 0)
		return errno;
	int sys = flush_and_close(file);
	if (sys != 0)
		return sys;
	if (rename(file->temp_path, file->path) < 0)
		return errno;
	LM_KILL_POINT("outfile: renamed");
	return 0;
}

int
lm_outfile_flush(struct lm_outfile *file, struct lm_err *err)
{
	int sys = flush_and_close(file);
	if (sys == 0)
		return 0;
	(void)lm_fd_fail(err, sys, "write", file->path);
	lm_outfile_abandon(file);
	return -1;
}

int
lm_outfile_commit(struct lm_outfile *file, struct lm_err *err)
{
	int sys = flush_and_rename(file);
	if (sys != 0) {
		(void)lm_fd_fail(err, sys, "write", file->path);
		lm_outfile_abandon(file);
		return -1;
	}
	sys = lm_fd_flush_folder(file->path);
	if (sys != 0)
		(void)lm_fd_fail(err, sys, "flush the folder of", file->path);
	forget(file);
	return sys == 0 ? 0 : -1;
}

int
lm_outfile_close_unflushed(struct lm_outfile *file, struct lm_err *err)
{
	int sys = fchmod(file->fd, (mode_t)file->mode) < 0 ? errno : 0;
	file->open = false;
	if (close(file->fd) < 0 && errno != EINTR && sys == 0)
		sys = errno;
	if (sys == 0)
		return 0;
	(void)lm_fd_fail(err, sys, "write", file->path);
	lm_outfile_abandon(file);
	return -1;
}

int
lm_outfile_place_unflushed(struct lm_outfile *file, struct lm_err *err)
{
	int rc = rename(file->temp_path, file->path) < 0 ? lm_fd_fail(err, errno, "write", file->path) : 0;
	if (rc < 0)
		lm_outfile_abandon(file);
	else
		forget(file);
	return rc;
}

void
lm_outfile_abandon(struct lm_outfile *file)
{
	if (file->temp_path == nullptr)
		return;
	(void)unlink(file->temp_path); // before close: while we hold its lock nobody else takes the name
	if (file->open)
		(void)close(file->fd);
	forget(file);
}

int
lm_fd_flush_folder(const char *path)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	LM_AUTO(lm_fd_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP) // file systems that cannot flush a folder
		return errno;
	return 0;
}

int
lm_file_replace(const char *path, const void *bytes, size_t len, unsigned mode, struct lm_err *err)
{
	LM_AUTO(lm_outfile_abandon) struct lm_outfile file = {};

	if (lm_outfile_open(&file, path, mode, err) < 0)
		return -1;
	if (lm_outfile_write(&file, bytes, len, err) < 0)
		return -1;
	return lm_outfile_commit(&file, err);
}

static bool
is_partial_name(const char *name)
{
	return name[0] == '.' && lm_cstr_ends(name, ".partial");
}

// Remove one leftover, unless its writer lives.
static void
sweep_one(const char *path)
{
	struct lm_err ignored = {};
	struct stat status;
	LM_AUTO(lm_fd_close) int fd = -1;

	if (lm_fd_open_regular(path, &fd, &status, &ignored) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlink(path);
}

// prefix: of those of one file; null: all
static int
sweep(const char *folder, const char *prefix, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};

	if (lm_dir_list(folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(folder, name);
		bool chosen = prefix == nullptr ||
			(lm_cstr_starts(name, prefix) && strlen(name) == strlen(prefix) + LM_PARTIAL_END_BYTES);
		if (is_partial_name(name) && chosen)
			sweep_one(path);
	}
	return 0;
}

int
lm_outfile_sweep(const char *folder, struct lm_err *err)
{
	return sweep(folder, nullptr, err);
}

void
lm_outfile_sweep_of(const char *path)
{
	LM_AUTO(lm_free_ptr) char *folder = lm_path_parent(path);
	LM_AUTO(lm_free_ptr) char *prefix = lm_format(".%.*s.", LM_PARTIAL_NAME_BYTES, lm_path_name(path));
	struct lm_err ignored = {};
	(void)!sweep(folder, prefix, &ignored);
}
