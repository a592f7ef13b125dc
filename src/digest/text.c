// Digests as text.
#include "digest/sha256.h"

#include <string.h>

enum { LM_DIGEST_BASE64 = 43 }; // 42 * 6 bits, and 4 bits with 2 zero ones

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool
lm_digest_equal(const struct lm_digest *a, const struct lm_digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void
lm_digest_hex(const struct lm_digest *digest, char out[LM_DIGEST_HEX])
{
	for (size_t i = 0; i < sizeof digest->bytes; i++) {
		out[2 * i] = hex_digits[digest->bytes[i] >> 4];
		out[2 * i + 1] = hex_digits[digest->bytes[i] & 15];
	}
	out[LM_DIGEST_HEX - 1] = '\0';
}

// The value of a digit, or -1.
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
lm_digest_parse(struct lm_str hex, struct lm_digest *out)
{
	struct lm_digest digest;

	if (hex.len != LM_DIGEST_HEX - 1)
		return false;
	for (size_t i = 0; i < sizeof digest.bytes; i++) {
		int high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		digest.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = digest;
	return true;
}

bool
lm_digest_parse_base64(struct lm_str text, struct lm_digest *out)
{
	struct lm_digest digest;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t at = 0;

	if (text.len != LM_DIGEST_BASE64)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char *digit = text.ptr[i] == '\0' ? nullptr : strchr(base64_digits, text.ptr[i]);
		if (digit == nullptr)
			return false;
		bits = bits << 6 | (uint32_t)(digit - base64_digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		digest.bytes[at++] = (uint8_t)(bits >> have);
		bits &= (1U << have) - 1;
	}
	if (bits != 0) // one digest has one spelling
		return false;
	*out = digest;
	return true;
}

void
lm_digest_base64(const struct lm_digest *digest, char out[44])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t at = 0;

	for (size_t i = 0; i < sizeof digest->bytes; i++) {
		bits = bits << 8 | digest->bytes[i];
		for (have += 8; have >= 6; have -= 6)
			out[at++] = base64_digits[bits >> (have - 6) & 63];
		bits &= (1U << have) - 1;
	}
	out[at++] = base64_digits[bits << (6 - have) & 63];
	out[at] = '\0';
}
