// Inside scan*.c: what reading a tar and reading a zip have in common.
#pragma once

#include "archive/scan.h"

struct scanning {
	const struct lm_scan_source *source;
	const struct lm_scan_sink *sink;
	struct lm_scan_limits limits;
	struct lm_scan_result *result;
	struct lm_scan_member member;
	struct lm_arena strings; // of the member
	struct lm_sha256 hash;
	uint64_t expected;
	bool wanted;
};

// LM_E_SYNTAX: "'<path>' is not a usable archive: member '<name>' <what>".
int scan_bad(const struct scanning *scanning, struct lm_err *err, const char *format, ...) LM_PRINTF(3, 4);
// A string of the archive as text, in the arena of the member.
const char *scan_text(struct scanning *scanning, struct lm_str text);
// The next member, with its name set.
[[nodiscard]] int scan_begin(struct scanning *scanning, const char *name, struct lm_err *err);
// A file of `size` bytes: begin, its bytes, end; for others scan_tell alone.
[[nodiscard]] int scan_file_begin(struct scanning *scanning, uint64_t size, struct lm_err *err);
[[nodiscard]] int scan_file_bytes(void *scanning, const void *bytes, size_t len, struct lm_err *err); // a lm_content_sink
[[nodiscard]] int scan_file_end(struct scanning *scanning, struct lm_err *err);
[[nodiscard]] int scan_tell(struct scanning *scanning, struct lm_err *err);

[[nodiscard]] int scan_read_tar(struct scanning *scanning, struct lm_err *err);
[[nodiscard]] int scan_read_zip(struct scanning *scanning, struct lm_err *err);
