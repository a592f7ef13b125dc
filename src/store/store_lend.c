#include "store/store_parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int
lm_store_lend(struct lm_store *from, struct lm_store *to, const struct lm_digest *digest, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *here = lm_store_find(from, digest);
	LM_AUTO(lm_free_ptr) char *there = store_path(to, "sources", digest, "");
	char hex[LM_DIGEST_HEX];
	if (here == nullptr) {
		lm_digest_hex(digest, hex);
		return lm_err_set(err, LM_E_NOT_FOUND, "the store '%s' has no source %s", from->root, hex);
	}
	if (store_make_parent(there, err) < 0)
		return -1;
	if (link(here, there) == 0 || errno == EEXIST)
		return 0;
	return lm_file_copy(here, there, 0644, err); // another file system, or one without links
}
