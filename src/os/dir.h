// Folders. The one door for directory order: names come sorted by byte.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

// The names in a folder, sorted by byte, without "." and "..". Release with lm_strings_release.
[[nodiscard]] int lm_dir_list(const char *path, struct lm_strings *names, struct lm_err *err);
// Make a folder and its parents (mode 0755, exact); one that exists is no error.
[[nodiscard]] int lm_dir_make(const char *path, struct lm_err *err);
// Flush a folder to disk: what was made, renamed or removed in it stays so, even after a power cut.
[[nodiscard]] int lm_dir_flush(const char *path, struct lm_err *err);
// Flush the regular files that are right in a folder to disk: all are begun before one is waited for, and so it takes less time than
// to flush them one by one.
[[nodiscard]] int lm_dir_flush_files(const char *path, struct lm_err *err);
// Remove a file, link, or folder with all that is in it. Follows no link. A missing one is no error.
[[nodiscard]] int lm_dir_remove(const char *path, struct lm_err *err);
// Remove a folder if nothing is in it. One that is not empty, or not there, is no error.
void lm_dir_remove_empty(const char *path);
// A fresh folder inside `parent` (mode 0700) named "<prefix><random>". *out is yours to lm_free.
[[nodiscard]] int lm_dir_make_temp(const char *parent, const char *prefix, char **out, struct lm_err *err);
// Does `folder` hold this path, itself or below it, wherever links lead? False when one of them is not there.
bool lm_dir_holds(const char *folder, const char *path);

// Call `visit` for each entry below `root`, parents first, sorted by byte within each folder.
//   path  relative to root, '/' separated, borrowed
// A return of -1 ends the walk with that error; 1 from a folder: do not go into it.
struct lm_file_info;
typedef int lm_dir_visit(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err);
[[nodiscard]] int lm_dir_walk(const char *root, lm_dir_visit *visit, void *context, struct lm_err *err);
