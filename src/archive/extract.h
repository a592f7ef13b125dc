// Unpacking archives of layers into folders: those that lamina wrote on all threads, segment by segment; those of others, whatever
// lm_unpack reads, correctly and on one thread each.
#pragma once

#include "archive/unpack.h"
#include "base/event.h"

struct lm_extract_source {
	const char *path; // of the archive; messages call it so
	const char *folder; // exists and is empty, nobody else writes there
	bool has_digest;
	struct lm_digest digest; // SHA-256 that the archive must have, LM_E_INTEGRITY

	// set on success
	char *top; // the one folder that all members are in; yours to lm_free
	uint64_t entry_count; // files, links and empty folders, as content hashes count them
	uint64_t total_bytes; // of all files
	size_t segment_count; // that were decompressed independently; 0: the archive had to be read from its begin to its end
};

struct lm_extract_options {
	unsigned jobs; // 0: as many as processors
	const struct lm_unpack_limits *limits; // for each archive; null: 1,000,000 entries, 64 GiB
	const struct lm_sink *sink; // progress of the step "unpack" on the archive's path
};

// Unpack each archive into its folder. Files are 0644 or 0755, as somebody may execute them or nobody; folders 0755; links as they
// are; times those of the members, owners the caller's. Bytes are not forced to disk. On failure the folders hold anything.
// Refused is what lm_unpack refuses, with its sentences, and an archive whose members are not in one folder. Links may lead to the
// folder above that one, where the other layers are, and not further.
[[nodiscard]] int lm_extract(
	struct lm_extract_source *sources, size_t count, const struct lm_extract_options *options, struct lm_err *err);
