// SHA-256 (FIPS 180-4). The only user of OpenSSL.
#pragma once

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

enum { LM_DIGEST_BYTES = 32, LM_DIGEST_HEX = 65 };

struct lm_digest {
	uint8_t bytes[LM_DIGEST_BYTES];
};

// A running hash; opaque inside, no heap. A copy goes on from the same point.
struct lm_sha256 {
	uint32_t state[28]; // OpenSSL's context
};

void lm_sha256_init(struct lm_sha256 *hash);
void lm_sha256_update(struct lm_sha256 *hash, const void *bytes, size_t len);
void lm_sha256_final(struct lm_sha256 *hash, struct lm_digest *out); // also releases
void lm_sha256_release(struct lm_sha256 *hash);                      // forget what was hashed; safe at any time; fits LM_AUTO

void lm_sha256_bytes(const void *bytes, size_t len, struct lm_digest *out);
// Hash a file; *size_bytes (may be null) gets its length.
[[nodiscard]] int lm_sha256_file(const char *path, struct lm_digest *out, uint64_t *size_bytes, struct lm_err *err);

bool lm_digest_equal(const struct lm_digest *a, const struct lm_digest *b);
void lm_digest_hex(const struct lm_digest *digest, char out[LM_DIGEST_HEX]); // lower case
// 64 hexadecimal digits, either case.
[[nodiscard]] bool lm_digest_parse(struct lm_str hex, struct lm_digest *out);
// Unpadded URL-safe base64, as in RECORD ("sha256=..."): 43 characters.
[[nodiscard]] bool lm_digest_parse_base64(struct lm_str text, struct lm_digest *out);
void lm_digest_base64(const struct lm_digest *digest, char out[44]);

// Feed a length-prefixed field (8 bytes little endian, then the bytes): concatenations that read alike hash apart.
void lm_sha256_field(struct lm_sha256 *hash, const void *bytes, size_t len);
