// Lock files: pylock.toml, PEP 751 (packaging.python.org/.../pylock-toml), as far as a lock of ours holds it.
// docs/formats/pylock.md has what we write.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "digest/sha256.h"
#include "python/platform.h"
#include "text/toml.h"

struct lm_lock_wheel {
	char *file_name;      // "numpy-2.4.6-cp311-....whl": a valid wheel name, so safe as a path component
	char *url;            // null when the lock has none (lock_urls = false); "file:" for a wheel of a local folder
	uint64_t size_bytes;  // 0: not in the lock
	struct lm_digest digest;
};

struct lm_lock_package {
	char *name, *version; // name normalised; version null only where there are no wheels and it is not inherited
	char *marker;         // text, null: always
	char *index;          // null when absent
	bool inherited;       // provided by a lower layer: carries no files
	char *inherited_from; // the lower layer; not null when inherited
	bool has_sdist;       // an sdist (or vcs, directory, archive source) was there when read
	struct lm_lock_wheel *wheels; // sorted by file name
	size_t wheel_count;
	uint32_t line;        // where it was read
};

// Of runtime layers only.
struct lm_lock_runtime {
	enum lm_platform platform;
	struct lm_digest digest;
	char *name, *url; // file name; url may be null
};

struct lm_pylock {
	char *requires_python; // null when absent
	struct lm_lock_package *packages; // sorted by name, then version, then marker
	size_t package_count;
	struct lm_strings environments;
	struct lm_lock_runtime *runtimes; // by platform
	size_t runtime_count;
	struct lm_arena arena; // owns all of it
};

// Parse the resolver's output or a lock of ours.
//   place  on failure where the fault is; may be null
// LM_E_SPEC with what is wrong (no place in the text), LM_E_LIMIT. *out is empty after a failure.
// Wheels given twice with the same digest count once; an archive source that is a wheel is a wheel. Refused, besides what
// breaks the format: lock versions other than 1, names that do not belong together, wheels without sha256, one wheel name
// with two digests, URLs with user name or password (a lock holds no secrets).
[[nodiscard]] int lm_pylock_parse(struct lm_str text, struct lm_pylock *out, struct lm_toml_place *place, struct lm_err *err);
// Write as our lock: deterministic, packages and runtimes sorted whatever their order in `lock` (wheels stay in theirs),
// no host anywhere unless with_urls, and never a "file:" URL.
void lm_pylock_format(const struct lm_pylock *lock, bool with_urls, struct lm_buf *out);
void lm_pylock_release(struct lm_pylock *lock);

// The best wheel of a package for a target, or null when none fits: the best tag, then the highest build number, then the
// first file name.
const struct lm_lock_wheel *lm_lock_best_wheel(const struct lm_lock_package *package, const struct lm_target *target);
// Does the package's marker hold on the target? (no marker: yes)
[[nodiscard]] int lm_lock_applies(
	const struct lm_lock_package *package, const struct lm_target *target, bool *applies, struct lm_err *err);
// For qsort over lm_lock_package: name, version, marker.
int lm_lock_package_compare(const void *a, const void *b);
