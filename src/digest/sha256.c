#include "digest/sha256.h"

// OpenSSL's own functions of the hash: deprecated for new algorithms' sake since 3.0, and there in every version. Through EVP a
// process that hashes anything first reads OpenSSL's configuration and makes a table of all algorithms, a millisecond at each start.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

enum { LM_DIGEST_CHUNK_BYTES = 128 * 1024 };

static_assert(sizeof(SHA256_CTX) == sizeof(struct lm_sha256) && alignof(SHA256_CTX) <= alignof(struct lm_sha256),
	"struct lm_sha256 is OpenSSL's context under a name that needs no header of it");

static SHA256_CTX *
context_of(struct lm_sha256 *hash)
{
	return (SHA256_CTX *)(void *)hash->state;
}

// These tell nothing but success.
static void
must(bool done)
{
	if (!done)
		abort();
}

void
lm_sha256_init(struct lm_sha256 *hash)
{
	must(SHA256_Init(context_of(hash)) == 1);
}

void
lm_sha256_update(struct lm_sha256 *hash, const void *bytes, size_t len)
{
	if (len > 0)
		must(SHA256_Update(context_of(hash), bytes, len) == 1);
}

void
lm_sha256_final(struct lm_sha256 *hash, struct lm_digest *out)
{
	must(SHA256_Final(out->bytes, context_of(hash)) == 1); // clears its context
}

void
lm_sha256_release(struct lm_sha256 *hash)
{
	*hash = (struct lm_sha256){};
}

void
lm_sha256_bytes(const void *bytes, size_t len, struct lm_digest *out)
{
	struct lm_sha256 hash;
	lm_sha256_init(&hash);
	lm_sha256_update(&hash, bytes, len);
	lm_sha256_final(&hash, out);
}

void
lm_sha256_field(struct lm_sha256 *hash, const void *bytes, size_t len)
{
	uint8_t prefix[8];
	for (size_t i = 0; i < sizeof prefix; i++)
		prefix[i] = (uint8_t)((uint64_t)len >> (8 * i));
	lm_sha256_update(hash, prefix, sizeof prefix);
	lm_sha256_update(hash, bytes, len);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static int
open_file(const char *path, struct lm_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int sys = errno;
	if (fd < 0) {
		(void)lm_err_sys(err, sys, "cannot open '%s'", path);
		if (sys == ENOENT || sys == ENOTDIR)
			err->code = LM_E_NOT_FOUND;
		return -1;
	}
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return fd;
	(void)close(fd);
	return lm_err_set(err, LM_E_IO, "not a regular file: '%s'", path);
}

int
lm_sha256_file(const char *path, struct lm_digest *out, uint64_t *size_bytes, struct lm_err *err)
{
	struct lm_sha256 hash;
	LM_AUTO(close_fd) int fd = open_file(path, err);
	uint64_t size = 0;

	if (fd < 0)
		return -1;
	lm_sha256_init(&hash);
	for (;;) {
		unsigned char chunk[LM_DIGEST_CHUNK_BYTES];
		ssize_t got = read(fd, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lm_err_sys(err, errno, "cannot read '%s'", path);
		if (got == 0)
			break;
		lm_sha256_update(&hash, chunk, (size_t)got);
		size += (uint64_t)got;
	}
	lm_sha256_final(&hash, out);
	if (size_bytes != nullptr)
		*size_bytes = size;
	return 0;
}
