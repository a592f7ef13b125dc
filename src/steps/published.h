// Published folders as somebody finds them (docs/formats/manifest.md): read with distrust, for comparing. What is wrong with
// one is no error but a finding, a sentence.
#pragma once

#include "steps/view.h"
#include "text/json.h"

struct lm_segment_row {
	uint64_t offset, size;             // in the archive
	uint64_t first_entry, entry_count; // that begin in it
	struct lm_digest digest;           // of its uncompressed bytes
};

// One layer for one platform, or one archive of anybody.
struct lm_published {
	char *name;         // build name; of an archive: its file name
	char *platform;     // or null
	char *folder;       // that has __venvstacks__; null: there are no metadata
	json_t *metadata;   // the layer's object in the manifest; null for an archive alone
	char *archive_path; // null: there is no archive here
	uint64_t archive_size; // of the file that is there

	// as recorded; has_*: whether it is
	bool has_digest, has_content_hash;
	struct lm_digest digest, content_hash;
	const char *top, *compressor, *time; // in metadata; null: not known

	bool looked_at; // the archive's digest was computed
	bool damaged;   // and is another one, or the archive has another size: nothing recorded is true of it
	struct lm_digest actual;

	struct lm_strings findings;
};

struct lm_publication {
	struct lm_published *items; // in order of platform, then of the manifest
	size_t count, cap;
	struct lm_strings platforms; // names of those that have a manifest here
	struct lm_strings findings;
};

// Read what was published into a folder (for one platform or for several, each in a folder of its own), or what one manifest
// file lists.
// LM_E_NOT_FOUND: nothing was published there. LM_E_SYNTAX, LM_E_LIMIT: the manifest cannot be read.
[[nodiscard]] int lm_publication_load(struct lm_publication *publication, const char *path, struct lm_err *err);
void lm_publication_release(struct lm_publication *publication); // fits LM_AUTO
const struct lm_published *lm_publication_find(
	const struct lm_publication *publication, const char *platform, const char *name); // null when absent

// One archive file. Metadata beside it that are about it (the same name and digest) are used.
[[nodiscard]] int lm_published_archive(struct lm_published *published, const char *path, struct lm_err *err);
// The same without looking at the archive: what the metadata beside it say of one with its name, or nothing.
// An error when they cannot be read.
[[nodiscard]] int lm_published_beside(struct lm_published *published, const char *path, struct lm_err *err);
void lm_published_release(struct lm_published *published); // fits LM_AUTO

// Hash the archive, once, and compare with what is recorded.
[[nodiscard]] int lm_published_look(struct lm_published *published, struct lm_err *err);
// The digest of the archive: computed, else recorded. False when neither is known.
bool lm_published_digest(const struct lm_published *published, struct lm_digest *out);
// Its listing as a view. *known is false where there is none, or one that is not what content_hash says (a finding).
[[nodiscard]] int lm_published_listing(struct lm_published *published, struct lm_view *view, bool *known, struct lm_err *err);
// Its table of segments, yours to lm_free; *count is 0 where there is none, or one that is not about this archive (a finding).
[[nodiscard]] int lm_published_segments(
	struct lm_published *published, struct lm_segment_row **rows, size_t *count, struct lm_err *err);
