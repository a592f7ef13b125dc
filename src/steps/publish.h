// Publishing: layers become archives, with metadata beside them (docs/formats/manifest.md). And writing layers as trees.
#pragma once

#include "steps/project.h"

enum lm_output_state {
	LM_OUTPUT_UNCHANGED, // was there already, from the same inputs or with the same content
	LM_OUTPUT_WRITTEN,
	LM_OUTPUT_PENDING,   // --dry-run: would be written
};

struct lm_output {
	size_t layer;
	enum lm_platform platform;
	enum lm_output_state state;
	char *path;          // of the archive or tree
	uint64_t size_bytes; // of the archive; of all files of a tree
	uint64_t archive_build;
};

struct lm_outputs {
	struct lm_output *items; // in order of platform, then layer
	size_t count, cap;
	json_t *manifests; // platform name -> manifest; null for trees without metadata
};
void lm_outputs_release(struct lm_outputs *outputs);

struct lm_publish_options {
	const unsigned *operations;  // layers with LM_OP_PUBLISH
	lm_platform_set platforms;
	bool only_known;             // platforms came from "all": leave out what has no known runtime
	const char *folder;          // for output; made when missing
	bool tagged, force, dry_run;
	bool has_format;
	enum lm_format format;
	int level;     // LM_LEVEL_DEFAULT or one of the format's
};

[[nodiscard]] int lm_step_publish(
	struct lm_project *project, const struct lm_publish_options *options, struct lm_outputs *outputs, struct lm_err *err);

struct lm_tree_options {
	const unsigned *operations;
	enum lm_operation operation; // LM_OP_BUILD, or LM_OP_EXPORT: with metadata beside the trees
	lm_platform_set platforms;
	bool only_known;
	const char *folder;
	bool clean;                  // remove all that is in the folder first
	bool force, dry_run;
};

// Trees side by side in `folder`, named by install target. Those of this host are made ready to run (postinstall.py).
[[nodiscard]] int lm_step_trees(
	struct lm_project *project, const struct lm_tree_options *options, struct lm_outputs *outputs, struct lm_err *err);
