// File descriptors, for os and net.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "os/file.h"

#include <sys/stat.h>

// For LM_AUTO on an int: closes it unless it is negative.
void lm_fd_close(int *fd);
// Open a regular file for reading; anything else is refused. Never blocks on a FIFO.
//   fd, status  set on success
// LM_E_NOT_FOUND when there is no such file, else LM_E_IO.
[[nodiscard]] int lm_fd_open_regular(const char *path, int *fd, struct stat *status, struct lm_err *err);
// Write all of it. Returns 0 or an errno.
[[nodiscard]] int lm_fd_write_all(int fd, const void *bytes, size_t len);
// "cannot <verb> '<path>': <what the system says>". The code is LM_E_NOT_FOUND where `sys` says that there is
// nothing of that name, else LM_E_IO.
int lm_fd_fail(struct lm_err *err, int sys, const char *verb, const char *path);
void lm_fd_info(const struct stat *status, struct lm_file_info *info);
// Is the regular file or folder `fd` still what `path` names? A lock is on a file, not on its name: between open and flock another
// process may have renamed or removed it.
bool lm_fd_is_named(int fd, const char *path);
// The folder a path lies in is flushed, so that its new name survives a power cut. Returns 0 or an errno.
[[nodiscard]] int lm_fd_flush_folder(const char *path);
// Make a file beside `path`, locked for as long as it is open (see lm_outfile_sweep). Returns its descriptor and sets
// *temp_path, yours to lm_free; or -1 with errno.
[[nodiscard]] int lm_fd_make_partial(const char *path, char **temp_path);
// May this process have but few descriptors (below 256: `ulimit -n`)? Then less is done at once.
bool lm_fd_are_few(void);
// The names in an open folder, sorted by byte. Takes `fd` and closes it. Returns 0 or an errno.
struct lm_strings;
[[nodiscard]] int lm_fd_list(int fd, struct lm_strings *names);
