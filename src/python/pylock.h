// Lock files: pylock.toml, PEP 751 (packaging.python.org/.../pylock-toml), as far as a lock of ours holds it.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/mem.h"
#include "digest/sha256.h"
#include "python/platform.h"
#include "text/toml.h"

struct lm_lock_wheel {
	char *file_name;      // "numpy-2.4.6-cp311-....whl"
	char *url;            // null when the lock has none (lock_urls = false)
	uint64_t size_bytes;  // 0: not in the lock
	struct lm_digest digest;
};

struct lm_lock_package {
	char *name, *version;
	char *marker;         // text, null: always
	char *index;          // null when absent
	bool inherited;       // provided by a lower layer: carries no files ([packages.tool.lamina] inherited-from = "layer")
	char *inherited_from;
	bool has_sdist;       // an sdist (or vcs, directory, archive source) was there when read
	struct lm_lock_wheel *wheels; // sorted by file name
	size_t wheel_count;
	uint32_t line;        // where it was read
};

struct lm_pylock {
	char *requires_python;
	struct lm_lock_package *packages; // sorted by name, then version
	size_t package_count;
	struct lm_strings environments;
	// runtime archives, of runtime layers only: [[tool.lamina.runtime-archives]] platform, sha256, and url unless lock_urls = false
	struct lm_lock_runtime {
		enum lm_platform platform;
		struct lm_digest digest;
		char *name, *url; // url may be null
	} *runtimes;
	size_t runtime_count;
	struct lm_arena arena; // owns all of it
};

// Parse the resolver's output or a lock of ours. place: see lm_toml_parse. LM_E_SPEC with what is wrong.
[[nodiscard]] int lm_pylock_parse(
	struct lm_str text, struct lm_pylock *out, struct lm_toml_place *place, struct lm_err *err);
// Write as our lock: deterministic, sorted, no host anywhere unless with_urls.
void lm_pylock_format(const struct lm_pylock *lock, bool with_urls, struct lm_buf *out);
void lm_pylock_release(struct lm_pylock *lock);

// The best wheel of a package for a target, or null when none fits.
const struct lm_lock_wheel *lm_lock_best_wheel(const struct lm_lock_package *package, const struct lm_target *target);
// Does the package's marker hold on the target? (no marker: yes)
[[nodiscard]] int lm_lock_applies(const struct lm_lock_package *package, const struct lm_target *target, bool *applies, struct lm_err *err);
