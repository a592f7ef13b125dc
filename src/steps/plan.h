// A plan: what a build or publish works on, one item per selected layer and platform, in order of layers. Items are compared
// by the hash of all their inputs with what was made before; only what differs is fetched and assembled.
#pragma once

#include "layer/assemble.h"
#include "os/pool.h"
#include "steps/project.h"
#include "steps/sources.h"

#include <pthread.h>

struct lm_work {
	size_t layer;
	enum lm_platform platform;
	bool selected;        // asked for; else it is here because a selected one stands on it
	bool dirty;           // set by the projection: has to be made
	struct lm_layer_sources sources;
	char inputs_hash[80]; // "sha256:..." of everything the layer's entries, times and names come from
	int libraries;        // 1: publishes shared libraries, 0: does not, -1: not known yet
	int64_t mtime_s;      // of all entries
};

struct lm_work_plan {
	struct lm_project *project;
	struct lm_work *works;
	size_t count, cap;
	pthread_mutex_t *assembling; // one layer at a time, with the sources of all
	unsigned repairs;            // with the mutex: how often damaged sources were fetched again
};

// operation: which bit of operations[] selects. platforms: a set; narrowed for each layer to what it declares.
//   only_known  leave out what has no known runtime archive (--platform all) instead of failing
// LM_E_CONFLICT when a lock that is needed is not valid.
[[nodiscard]] int lm_work_plan_make(struct lm_project *project, const unsigned *operations, enum lm_operation operation,
	lm_platform_set platforms, bool only_known, struct lm_work_plan *out, struct lm_err *err);
// Have the sources of all dirty items (and of those below them that must be looked at) in the store.
[[nodiscard]] int lm_work_plan_fetch(struct lm_work_plan *plan, struct lm_err *err);
// The same but for the downloads.
//   fetched, looked_at  by index of the item: its sources take part; so they do because those above must look at them
[[nodiscard]] int lm_work_plan_find(
	struct lm_work_plan *plan, bool *fetched, bool *looked_at, struct lm_sources_missing *missing, struct lm_err *err);
// Have the sources as lm_work_plan_fetch, and run task(context, i) for each order[i], up to `at_once` at the same time. An item runs as
// soon as its own sources are in the store and the tasks it needs have succeeded, while one more thread downloads those of others. Sources
// that can be had nowhere are a failure before anything runs. A failed download stops what runs, and is what is reported; a task that failed
// stops the downloads. With nothing to download it is lm_pool_run_ordered.
//   order  the items, in the order in which they are to be made; those that are not dirty wait for no sources
//   needs  of each, by index of `order`; null: of none
[[nodiscard]] int lm_work_plan_run(struct lm_work_plan *plan, struct lm_work *const *order, size_t count,
	const struct lm_pool_needs *needs, unsigned at_once, lm_pool_task *task, void *context, struct lm_err *err);
// The item of a layer for a platform, or null.
struct lm_work *lm_work_find(const struct lm_work_plan *plan, size_t layer, enum lm_platform platform);
void lm_work_plan_release(struct lm_work_plan *plan);

// The entries of one layer.
struct lm_assembled {
	struct lm_entries entries;
};

// Do something with the entries of a layer. When its sources turn out to be damaged while they are read, they are set aside
// (with a warning), fetched once more, and the task runs again. Several threads may do so at once with different layers; only the
// tasks run at the same time.
typedef int lm_work_task(void *context, const struct lm_assembled *assembled, struct lm_err *err);
[[nodiscard]] int lm_work_do(
	struct lm_work_plan *plan, struct lm_work *work, lm_work_task *task, void *context, struct lm_err *err);

// Where the outputs of one platform go: `folder` itself when the plan was asked for one platform, else "<folder>/<platform>".
[[nodiscard]] char *lm_output_folder(const char *folder, lm_platform_set asked, enum lm_platform platform);
