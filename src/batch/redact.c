#include "batch/redact.h"

#include "base/mem.h"
#include "os/fd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LM_REDACT_BYTES = 1 << 20 }; // looked at at a time

// What follows these words is secret, if enough of it does. misc/check_cassette_redaction knows the same ones.
static const struct {
	struct lm_str begin;
	size_t least; // characters behind it
	bool keep_begin;
	bool letters; // only letters and digits behind it: ids of accounts, and no words joined by hyphens
} kinds[] = {
	{ { "Bearer ", 7 }, 16, true, false },
	{ { "bearer ", 7 }, 16, true, false },
	{ { "sk-", 3 }, 12, false, false },
	{ { "sess-", 5 }, 20, false, false },
	{ { "AIza", 4 }, 20, false, false },
	{ { "ya29.", 5 }, 20, false, false },
	{ { "org-", 4 }, 16, false, true },
	{ { "proj_", 5 }, 16, false, true },
	{ { "user-", 5 }, 20, false, true },
	{ { "upload_id=", 10 }, 8, true, false },
	{ { "key=", 4 }, 16, true, false },
};

static bool
is_token(char c, bool letters)
{
	return isalnum((unsigned char)c) || (!letters && (c == '-' || c == '_' || c == '*' || c == '.'));
}

// The length of what follows, if it may be a secret: one has digits, or stars where somebody hid them.
static size_t
token_length(struct lm_str text, bool letters, size_t least)
{
	size_t len = 0;
	bool marked = false;

	for (; len < text.len && is_token(text.ptr[len], letters); len++)
		marked = marked || isdigit((unsigned char)text.ptr[len]) || text.ptr[len] == '*';
	while (len > 0 && text.ptr[len - 1] == '.') // the end of a sentence
		len--;
	return marked && len >= least ? len : 0;
}

// How many bytes of the text, at its beginning, are to be replaced after how many that stay; false: none.
static bool
secret_here(struct lm_str text, bool in_word, struct lm_str known, size_t *stay, size_t *hide)
{
	*stay = 0;
	*hide = known.len;
	if (known.len > 0 && lm_str_starts(text, known))
		return true;
	for (size_t i = 0; i < LM_COUNT(kinds) && !in_word; i++) {
		struct lm_str begin = kinds[i].begin;
		if (text.ptr[0] != begin.ptr[0] || !lm_str_starts(text, begin))
			continue;
		struct lm_str behind = { text.ptr + begin.len, text.len - begin.len };
		size_t len = token_length(behind, kinds[i].letters, kinds[i].least);
		if (len == 0)
			continue;
		*stay = kinds[i].keep_begin ? begin.len : 0;
		*hide = kinds[i].keep_begin ? len : begin.len + len;
		return true;
	}
	return false;
}

void
lm_redact(struct lm_str text, const char *secret, struct lm_buf *out)
{
	struct lm_str known = lm_str_of(secret);
	size_t at = 0, plain = 0;

	while (at < text.len) {
		size_t stay = 0, hide = 0;
		bool in_word = at > 0 && (isalnum((unsigned char)text.ptr[at - 1]) || text.ptr[at - 1] == '_');
		if (!secret_here((struct lm_str){ text.ptr + at, text.len - at }, in_word, known, &stay, &hide)) {
			at++;
			continue;
		}
		lm_buf_append(out, text.ptr + plain, at + stay - plain);
		lm_buf_text(out, "REDACTED");
		at += stay + hide;
		plain = at;
	}
	lm_buf_append(out, text.ptr + plain, text.len - plain);
}

// ---- files

// What of a file is looked at, and where it begins in there.
struct part {
	char *bytes;
	size_t len;
	off_t offset;
};

// Returns 0 or an errno.
static int
hide(int fd, const struct part *part, struct lm_str secret, const char *stars, bool *changed)
{
	const char *end = part->bytes + part->len, *at = part->bytes;

	while ((at = memmem(at, (size_t)(end - at), secret.ptr, secret.len)) != nullptr) {
		ssize_t put = pwrite(fd, stars, secret.len, part->offset + (at - part->bytes));
		if (put != (ssize_t)secret.len)
			return put < 0 ? errno : EIO;
		*changed = true;
		at += secret.len;
	}
	return 0;
}

// Reads on, keeping the end of what was looked at: a secret may lie across. 1 there is more, 0 the end, -1 with errno.
static int
read_on(int fd, struct part *part, size_t keep)
{
	ssize_t got;

	if (keep > part->len)
		keep = part->len;
	memmove(part->bytes, part->bytes + part->len - keep, keep);
	part->offset += (off_t)(part->len - keep);
	do
		got = pread(fd, part->bytes + keep, LM_REDACT_BYTES - keep, part->offset + (off_t)keep);
	while (got < 0 && errno == EINTR);
	part->len = keep + (got > 0 ? (size_t)got : 0);
	return got > 0 ? 1 : (int)got;
}

int
lm_redact_file(const char *path, const char *text, struct lm_err *err)
{
	struct lm_str secret = lm_str_of(text);
	if (secret.len < LM_REDACT_LEAST || secret.len > LM_REDACT_BYTES / 2)
		return 0;
	LM_AUTO(lm_fd_close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return lm_fd_fail(err, errno, "open", path);
	LM_AUTO(lm_free_ptr) char *bytes = lm_alloc(LM_REDACT_BYTES);
	LM_AUTO(lm_free_ptr) char *stars = lm_alloc(secret.len);
	struct part part = { .bytes = bytes };
	bool changed = false;
	int rc, sys = 0;

	memset(stars, '*', secret.len);
	while ((rc = read_on(fd, &part, secret.len - 1)) == 1)
		if ((sys = hide(fd, &part, secret, stars, &changed)) != 0)
			return lm_fd_fail(err, sys, "write", path);
	if (rc < 0)
		return lm_fd_fail(err, errno, "read", path);
	return changed && fdatasync(fd) < 0 ? lm_fd_fail(err, errno, "flush", path) : 0;
}
