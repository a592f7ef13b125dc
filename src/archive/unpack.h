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
// Refused with LM_E_SYNTAX, naming the entry: paths that leave the root, absolute, with backslash or "..", links (hard or
// symbolic) that leave the root, device nodes, fifos and sockets, setuid, setgid and sticky bits, sparse files, an entry below a
// link, duplicates; truncated archives; LM_E_LIMIT beyond the limits. Hard links become copies. `entries` is finished
// (sorted) by the caller.
[[nodiscard]] int lm_unpack(const char *path, const char *strip, const char *blob_path, const char *origin,
	const struct lm_unpack_limits *limits, struct lm_entries *entries, struct lm_err *err);
