// Deploying published archives: each into its folder, all of them or none.
#pragma once

#include "base/event.h"
#include "steps/published.h"

struct lm_unpacked {
	const char *archive; // as it was given; borrowed
	char *name;   // of its folder
	char *layer, *platform; // as the metadata beside the archive say; null: there are none
	bool verified; // the archive has the digest that they say
	bool replaced; // another folder of that name
	char *python; // that finishes the layer by running postinstall.py in it, as seen from the folder; null: nothing does
	uint64_t entry_count, total_bytes;
	size_t segment_count; // see lm_extract_source
};

struct lm_unpack_options {
	const char *folder; // in which the layers are to be; made when it is not there
	unsigned jobs; // 0: as many as processors
	bool force; // replace folders that are there
	const struct lm_sink *sink;
};

// Unpack archives (archive/extract.h) beside their places, and when all of them are whole, move them there.
//   out  count of them, zeroed; release each with lm_unpacked_release, also after a failure
// LM_E_CONFLICT: a folder is there already, or two archives have the same one. LM_E_INTEGRITY: an archive is not the one that the
// metadata beside it are about. On failure there is nothing new. A kill leaves folders that are whole, and one with a name that
// begins with ".lamina-unpack-", which the next call removes.
[[nodiscard]] int lm_step_unpack(const char *const *archives, size_t count, const struct lm_unpack_options *options,
	struct lm_unpacked *out, struct lm_err *err);
void lm_unpacked_release(struct lm_unpacked *unpacked);
