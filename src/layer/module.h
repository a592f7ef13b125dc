// Launch modules, support modules and executables: files of the user's that go into an application layer.
#pragma once

#include "archive/entry.h"

// One module, with its files as entries relative to the folder it is placed in ("scipy_client/__main__.py", "app_support.py").
struct lm_module {
	char *name; // import name: "scipy_client", "app_support"
	struct lm_entries entries; // finished; contents are LM_CONTENT_FILE into the user's folder
	struct lm_digest hash;     // lm_entries_content_hash of the entries
};

// Collect a module: a .py file or a package folder. What git ignores is left out (git ls-files when the folder is in a work
// tree and git is there: tracked and untracked, not ignored), also anything whose name starts with ".git" and __pycache__ folders
// always. Links inside a package must stay inside it. LM_E_NOT_FOUND, LM_E_SYNTAX (not a valid module name), LM_E_IO.
[[nodiscard]] int lm_module_collect(const char *path, struct lm_module *out, struct lm_err *err);
// A native program, placed as "bin/<name>" (executable).
[[nodiscard]] int lm_module_collect_executable(const char *path, struct lm_module *out, struct lm_err *err);
void lm_module_release(struct lm_module *module);
