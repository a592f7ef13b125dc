#include "os/dir.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/kill_point.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LM_TEMP_RANDOM_DIGITS = 16,
	LM_TEMP_ATTEMPTS = 16, // at a free random name
};

static bool
is_dot(const char *name)
{
	return lm_cstr_equal(name, ".") || lm_cstr_equal(name, "..");
}

int
lm_fd_list(int fd, struct lm_strings *names)
{
	DIR *dir = fdopendir(fd);
	if (dir == nullptr) {
		int sys = errno;
		(void)close(fd);
		return sys;
	}
	errno = 0;
	for (struct dirent *entry = readdir(dir); entry != nullptr; entry = readdir(dir)) {
		if (!is_dot(entry->d_name))
			lm_strings_add(names, entry->d_name);
		errno = 0;
	}
	int sys = errno;
	(void)closedir(dir);
	lm_strings_sort(names);
	return sys;
}

int
lm_dir_list(const char *path, struct lm_strings *names, struct lm_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sys = fd < 0 ? errno : lm_fd_list(fd, names);
	return sys == 0 ? 0 : lm_fd_fail(err, sys, "list", path);
}

// One folder, whose parent exists. mkdir takes the umask away from the mode, so it is set again.
static int
make_one(const char *path)
{
	if (mkdir(path, 0755) == 0) {
		LM_KILL_POINT("folder: made");
		return chmod(path, 0755) < 0 ? errno : 0;
	}
	int sys = errno;
	struct stat status;
	if (stat(path, &status) == 0)
		return S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
	return sys;
}

int
lm_dir_make(const char *path, struct lm_err *err)
{
	struct stat status;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return 0;
	LM_AUTO(lm_free_ptr) char *part = lm_strdup(path);
	for (char *at = part + 1; part[0] != '\0'; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char end = *at;
		*at = '\0';
		int sys = make_one(part);
		if (sys != 0)
			return lm_err_sys(err, sys, "cannot make folder '%s'", part);
		if (end == '\0')
			return 0;
		*at = end;
	}
	return lm_err_sys(err, ENOENT, "cannot make folder '%s'", path);
}

int
lm_dir_flush(const char *path, struct lm_err *err)
{
	LM_AUTO(lm_fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return lm_fd_fail(err, errno, "flush", path);
	if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP) // file systems that cannot flush a folder
		return lm_fd_fail(err, errno, "flush", path);
	return 0;
}

// Begin to write a file out (wait: and be done).
static int
flush_file(const char *path, bool wait, struct lm_err *err)
{
	LM_AUTO(lm_fd_close) int fd = -1;
	struct stat status;
	if (lm_fd_open_regular(path, &fd, &status, err) < 0)
		return -1;
	if (!wait)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); // it is only to be early
	else if (fsync(fd) < 0)
		return lm_fd_fail(err, errno, "write", path);
	return 0;
}

int
lm_dir_flush_files(const char *path, struct lm_err *err)
{
	LM_AUTO(lm_strings_release) struct lm_strings names = {};
	if (lm_dir_list(path, &names, err) < 0)
		return -1;
	for (int wait = 0; wait < 2; wait++)
		for (size_t i = 0; i < names.count; i++) {
			struct lm_file_info info = {};
			LM_AUTO(lm_free_ptr) char *file = lm_path_join(path, names.items[i]);
			if (lm_file_info(file, &info, err) < 0 || (info.is_file && flush_file(file, wait != 0, err) < 0))
				return -1;
		}
	LM_KILL_POINT("folder: files flushed");
	return 0;
}

int
lm_dir_make_temp(const char *parent, const char *prefix, char **out, struct lm_err *err)
{
	for (unsigned attempt = 0; attempt < LM_TEMP_ATTEMPTS; attempt++) {
		char random[LM_TEMP_RANDOM_DIGITS + 1];
		lm_random_hex(random, LM_TEMP_RANDOM_DIGITS);
		LM_AUTO(lm_free_ptr) char *name = lm_format("%s%s", prefix, random);
		LM_AUTO(lm_free_ptr) char *path = lm_path_join(parent, name);
		bool made = mkdir(path, 0700) == 0;
		if (made && chmod(path, 0700) == 0) {
			LM_KILL_POINT("folder: temporary one made");
			*out = lm_take(&path);
			return 0;
		}
		if (errno != (made ? ENOENT : EEXIST)) // a sweep may be quicker than chmod
			break;
	}
	return lm_fd_fail(err, errno, "make a temporary folder in", parent);
}

bool
lm_dir_holds(const char *folder, const char *path)
{
	char *outer = realpath(folder, nullptr), *inner = realpath(path, nullptr);
	size_t len = outer == nullptr ? 0 : strlen(outer);
	bool holds = outer != nullptr && inner != nullptr && strncmp(outer, inner, len) == 0 &&
		(inner[len] == '\0' || inner[len] == '/' || len == 1);
	free(outer);
	free(inner);
	return holds;
}
