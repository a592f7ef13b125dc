// Launch modules, support modules and executables: files of the user's that go into an application layer.
#pragma once

#include "archive/entry.h"

// One module, with its files as entries relative to the folder it is placed in ("scipy_client/__main__.py", "app_support.py").
struct lm_module {
	char *name; // import name: "scipy_client", "app_support"
	struct lm_entries entries; // finished; contents are LM_CONTENT_FILE into the user's folder
	struct lm_digest hash;     // lm_entries_content_hash of the entries: paths, bytes, modes, links
};

// Collect a module: a .py file or a package folder. In a work tree of git, files that its .gitignore files name are left
// out (git ls-files: what is tracked, and what is untracked but not ignored; a user's own excludes take no part). Without git
// all files count. Anything whose name starts with ".git" and __pycache__ folders are left out always. A file is executable
// when its owner may execute it. Links inside a package must lead to something in it.
// The files are hashed here and read again when the layer is written (LM_E_INTEGRITY when they changed in between).
// LM_E_NOT_FOUND, LM_E_SYNTAX (no name that Python can import, a link that leads out), LM_E_UNSUPPORTED (fifo, ...),
// LM_E_CHILD (git failed), LM_E_IO. On failure `out` is empty.
[[nodiscard]] int lm_module_collect(const char *path, struct lm_module *out, struct lm_err *err);
// A native program, placed as "bin/<name>" (Windows: "Scripts/<name>"), executable whatever its mode is. A link is followed.
[[nodiscard]] int lm_module_collect_executable(const char *path, struct lm_module *out, struct lm_err *err);
void lm_module_release(struct lm_module *module);
