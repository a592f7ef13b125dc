// The environment of child processes: ours, without what would change what they do.
#pragma once

#include "base/base.h"

// Our environment less the resolver's variables that would change what it resolves (those that say where packages are and how
// to get there stay) and less what would lead a Python elsewhere (PYTHON*, VIRTUAL_ENV, LD_LIBRARY_PATH); then `overrides`
// ("NAME=VALUE"), which replace variables of the same name. The list is yours to lm_free, its strings are borrowed.
const char **lm_child_env(const char *const *overrides, size_t override_count);
