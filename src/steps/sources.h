// Sources of a layer for one platform: which wheels and runtime archive it needs, and having them in the store.
#pragma once

#include "steps/project.h"
#include "store/store.h"

// A runtime archive that is known: its digest, and where its bytes can be had.
struct lm_runtime_source {
	struct lm_digest digest;
	char *name; // file name
	char *path; // of a local file (a spec's path, a mirror folder), or null
	char *url;  // or null
};

struct lm_layer_sources {
	size_t layer;
	enum lm_platform platform;
	const struct lm_lock_package **packages; // that apply and are not inherited, sorted by name
	const struct lm_lock_wheel **wheels;     // same length: the best wheel of each
	size_t count;
	bool needs_runtime;  // the bytes of the runtime archive take part (runtime layers; Windows layers copy from it)
	struct lm_runtime_source runtime;
};

// From the locks alone. LM_E_NOT_FOUND when a package has no wheel for the platform.
[[nodiscard]] int lm_sources_resolve(
	struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_layer_sources *out, struct lm_err *err);
// Have all of them in the store: local wheels, the URLs of the lock, or (lock_urls = false) where the resolver says that
// file is now, several at once.
[[nodiscard]] int lm_sources_fetch(
	struct lm_project *project, const struct lm_layer_sources *sources, size_t count, struct lm_err *err);

// What has to be downloaded: known by digest, each once, with a URL. Zero-initialised is nothing.
struct lm_sources_missing {
	struct lm_wanted *wanted;
	size_t count, cap;
	struct lm_arena arena; // owns the texts
};
// lm_sources_fetch in two steps. First all but the downloads: what folders have is in the store afterwards. (Runtime archives are
// downloaded here, too, when the resolver has to be asked, which needs one.)
[[nodiscard]] int lm_sources_find(struct lm_project *project, const struct lm_layer_sources *sources, size_t count,
	struct lm_sources_missing *out, struct lm_err *err);
void lm_sources_missing_release(struct lm_sources_missing *missing);
// Then the downloads, as lm_store_download.
[[nodiscard]] int lm_sources_download(struct lm_project *project, const struct lm_wanted *const *wanted, size_t count,
	void (*here)(void *context, const struct lm_wanted *wanted), void *context, struct lm_err *err);
void lm_sources_release(struct lm_layer_sources *sources);

// The runtime archive of runtime layer `layer` for a platform: from [[tool.lamina.runtime_archives]], the lock, the mirror, or
// the URL the resolver reports. When nobody recorded its digest yet, it is fetched to learn it.
//   as_locked  false: as if there were no lock
// LM_E_NOT_FOUND with what to do when none is known.
[[nodiscard]] int lm_runtime_locate(struct lm_project *project, size_t layer, enum lm_platform platform, bool as_locked,
	struct lm_runtime_source *out, struct lm_err *err);
void lm_runtime_source_release(struct lm_runtime_source *source);
// Is an archive known without asking anybody (spec or lock)?
bool lm_runtime_known(const struct lm_project *project, size_t layer, enum lm_platform platform);
// The same as lm_runtime_locate, and its bytes in the store afterwards.
[[nodiscard]] int lm_runtime_fetch(
	struct lm_project *project, size_t layer, enum lm_platform platform, struct lm_runtime_source *out, struct lm_err *err);
// The same but for the download: 1 when `wanted` has to be fetched (it points into `out`), 0 when the archive is in the store.
[[nodiscard]] int lm_runtime_find(struct lm_project *project, size_t layer, enum lm_platform platform,
	struct lm_runtime_source *out, struct lm_wanted *wanted, struct lm_err *err);
// An interpreter of the runtime layer that runs on this host, unpacked in the store; null when no archive for this host is
// known. Yours to lm_free.
[[nodiscard]] int lm_runtime_interpreter(struct lm_project *project, size_t layer, char **python, struct lm_err *err);
