// Typed look-ups in a lock file, with messages; for the readers of this module.
#pragma once

#include "python/pylock.h"

struct lm_lock_reader {
	struct lm_pylock *lock;
	struct lm_toml_place place; // of the fault
	struct lm_err *err;
};

// -1, LM_E_SPEC at `value` (null: the start of the file).
int lm_lock_fail(struct lm_lock_reader *reader, const struct lm_toml *value, const char *format, ...) LM_PRINTF(3, 4);
// The value of `key` when it has this type; null when absent. `what` names the table in messages: "package 'numpy'".
[[nodiscard]] int lm_lock_get(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *key,
	enum lm_toml_type type, bool required, const struct lm_toml **out);
// A text without control characters, not empty, copied into the lock's arena; null when absent.
[[nodiscard]] int lm_lock_get_text(struct lm_lock_reader *reader, const struct lm_toml *table, const char *what,
	const char *key, bool required, char **out);
// An absolute URL without user name and password.
[[nodiscard]] int lm_lock_get_url(
	struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *key, char **out);
// Refuse keys of `table` (of ours) that are not in `known`.
[[nodiscard]] int lm_lock_check_keys(
	struct lm_lock_reader *reader, const struct lm_toml *table, const char *what, const char *const *known, size_t count);

// [tool.lamina], `root` being the whole file: inherited packages are added to `packages`, runtime archives to the lock.
struct lm_lock_packages {
	struct lm_lock_package *items;
	size_t count, cap;
};
[[nodiscard]] int lm_lock_read_tool(
	struct lm_lock_reader *reader, const struct lm_toml *root, struct lm_lock_packages *packages);
void lm_lock_packages_add(struct lm_lock_packages *packages, const struct lm_lock_package *package);
// Name, version and marker of a package or inherited package.
[[nodiscard]] int lm_lock_read_identity(
	struct lm_lock_reader *reader, const struct lm_toml *table, bool version_required, struct lm_lock_package *out);
