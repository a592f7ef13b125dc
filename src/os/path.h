// Paths as text. Nothing here touches the file system.
#pragma once

#include "base/base.h"
#include "base/err.h"

// "a" + "b" -> "a/b"; an absolute `b`, or an empty or null `a`, gives b. Yours to lm_free.
[[nodiscard]] char *lm_path_join(const char *a, const char *b);
// "a/b/c" -> "a/b"; "c" -> "."; "/c" -> "/". Yours to lm_free.
[[nodiscard]] char *lm_path_parent(const char *path);
// "a/b/c" -> "c". Borrowed from `path`, which must not end in '/'.
const char *lm_path_name(const char *path);
// Resolve "." and ".." and "//" by text alone. Yours to lm_free.
[[nodiscard]] char *lm_path_normal(const char *path);
// Absolute and normal, from the working folder. Yours to lm_free.
[[nodiscard]] char *lm_path_absolute(const char *path);
// The way from folder `from` to `to`, both normal and relative to the same root: ("a/b", "a/c/d") -> "../c/d".
[[nodiscard]] char *lm_path_relative(const char *from, const char *to);

// Is this a path that stays inside the folder it is used in? Refused with LM_E_SYNTAX and a reason: empty,
// absolute, a drive letter, a backslash, NUL is impossible, control bytes, "", "." or ".." as a component,
// more than 4096 bytes or 128 components, a component above 255 bytes, not UTF-8.
[[nodiscard]] int lm_path_check_inside(const char *path, struct lm_err *err);
// Can Windows have this path, one that lm_path_check_inside let through? Refused with LM_E_SYNTAX: one of <>:"|?* in it (a
// colon leads to a hidden stream of a file), a name that ends with a dot or blank, or that is a device ("aux.py", "CON").
[[nodiscard]] int lm_path_check_windows(const char *path, struct lm_err *err);

// Is this safe as one path component on every platform we target? (letters, digits, "-_.@+"; not "." or "..",
// not starting with "-" or ".", not ending with "."; no Windows device name such as "con"; at most 128 bytes)
[[nodiscard]] int lm_path_check_name(const char *name, struct lm_err *err);
