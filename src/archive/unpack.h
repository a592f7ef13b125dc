// Reading runtime archives from outside (tar, plain or compressed in any way libarchive knows; zip).
#pragma once

#include "archive/entry.h"

struct lm_unpack_limits {
	uint64_t max_entries;     // default 200,000
	uint64_t max_total_bytes; // default 8 GiB
};
struct lm_unpack_limits lm_unpack_default_limits(void);

// Unpack `path` into one plain file `blob_path` that holds the bytes of all regular files one after the other (made whole
// or not at all), and add the entries (content: LM_CONTENT_FILE into blob_path; digests computed) to `entries`.
//   strip   a leading folder to remove from every path ("python"); entries outside it are refused; null: none
//   origin  for the entries and messages
//   limits  null: the defaults
// Formats: zip (see archive/zip.h, here with symbolic links); tar in any dialect, plain or in gzip, bzip2, xz, lzma, zstd, lz4
// or compress; no program is ever started to decompress.
// Refused with LM_E_SYNTAX, naming the entry: paths that leave the root, absolute, with backslash or "..", links (hard or
// symbolic) that leave the root or go up after a name, device nodes, fifos and sockets, setuid, setgid and sticky bits,
// sparse files, an entry below a file or link, duplicates (a folder may be named again); truncated archives, also one that
// ends between two entries; LM_E_LIMIT beyond the limits. Hard links become copies of the entry they name, which must come
// before them, and count in full. `entries` is finished (sorted) by the caller; on failure it is as before.
[[nodiscard]] int lm_unpack(const char *path, const char *strip, const char *blob_path, const char *origin,
	const struct lm_unpack_limits *limits, struct lm_entries *entries, struct lm_err *err);
