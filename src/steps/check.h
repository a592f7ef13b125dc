// Checking: build everything once more, away from what was built before, and compare it with what is expected.
#pragma once

#include "steps/diff.h"
#include "steps/publish.h"

struct lm_check_options {
	const char *expected;       // a published folder, of one platform or of several; archives may be missing
	const unsigned *operations; // layers with LM_OP_PUBLISH
	bool all_layers;            // nothing was selected: a layer that is expected and not in the spec is missing
	lm_platform_set platforms;  // 0: those that `expected` has
	bool only_known;            // as in lm_publish_options
	bool cached;                // use what the store knows about sources; else it is found out again from their bytes
	bool tagged, has_format;
	enum lm_format format;
	int level;
	// Where fresh archives and metadata are copied to, as "<folder>/<platform>/", when something differs; null: nowhere. A
	// folder that does not exist is passed over with a warning.
	const char *export_folder;
	bool export_always;
	struct lm_diff_options diff; // `only` is set here
};

// report: docs/formats/report.md, yours to json_decref; *equal: nothing differs. The project is only read; nothing is recorded
// in the catalogue. Everything is made in a folder of its own in the store, which is removed afterwards.
// As lm_step_publish and lm_publication_load.
[[nodiscard]] int lm_step_check(
	struct lm_project *project, const struct lm_check_options *options, json_t **report, bool *equal, struct lm_err *err);
