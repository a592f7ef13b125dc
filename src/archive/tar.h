// Headers of tar members as POSIX.1-2001 has them: ustar, with a pax header ('x') in front where ustar has no room.
// docs/formats/archive.md has every field. For the modules of src/archive.
#pragma once

#include "base/base.h"
#include "base/str.h"

enum { LM_TAR_BLOCK = 512, LM_TAR_END_BYTES = 2 * LM_TAR_BLOCK };

struct lm_tar_member {
	struct lm_str path; // folders end in '/'
	char type;          // '0' file, '2' symbolic link, '5' folder
	unsigned mode;
	struct lm_str link; // of a symbolic link, else empty
	uint64_t size;      // of a file, else 0
	int64_t mtime_s;    // 0 to LM_TAR_MTIME_MAX
};

constexpr int64_t LM_TAR_MTIME_MAX = 077777777777; // eleven octal digits: the year 2242

// Append the header blocks of a member; its bytes follow, padded to a whole block.
void lm_tar_header(struct lm_buf *out, const struct lm_tar_member *member);
// Zero bytes that follow `size` bytes of content.
size_t lm_tar_padding(uint64_t size);
