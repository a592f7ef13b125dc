#include "rows.h"

#include "base/mem.h"
#include "digest/sha256.h"
#include "folder.h"

#include <stdlib.h>
#include <unistd.h>

// Digests of FIPS 180-4's examples and of Python's hashlib; base64 by its base64.urlsafe_b64encode.
static const struct {
	const char *row, *text, *hex, *base64;
} known[] = {
	{ "empty", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" },
	{ "abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" },
	{ "two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
		"JI1qYdIGOLjlwCaTDD5gOaM85Flk_yFn9uzt1BnbBsE" },
};

static void
known_digests(void **state)
{
	(void)state;
	for (size_t i = 0; i < LM_COUNT(known); i++) {
		struct lm_digest digest, parsed;
		char hex[LM_DIGEST_HEX], base64[44];
		lm_sha256_bytes(known[i].text, strlen(known[i].text), &digest);
		lm_digest_hex(&digest, hex);
		row_str_equal(known[i].row, hex, known[i].hex);
		lm_digest_base64(&digest, base64);
		row_str_equal(known[i].row, base64, known[i].base64);
		row_true(known[i].row, lm_digest_parse(lm_str_of(known[i].hex), &parsed) && lm_digest_equal(&parsed, &digest));
		row_true(known[i].row,
			lm_digest_parse_base64(lm_str_of(known[i].base64), &parsed) && lm_digest_equal(&parsed, &digest));
	}
}

static void
bad_text(void **state)
{
	static const struct {
		const char *row, *text;
		bool hex, base64;
	} rows[] = {
		{ "upper", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", true, false },
		{ "empty", "", false, false },
		{ "63 digits", "a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false, false },
		{ "65 digits", "aba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false, false },
		{ "not a digit", "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false, false },
		{ "padded", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=", false, false },
		{ "other alphabet", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0", false, false },
		{ "spare bits set", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa1", false, false },
		{ "42 characters", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa", false, false },
		{ "a blank", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa ", false, false },
	};
	(void)state;
	for (size_t i = 0; i < LM_COUNT(rows); i++) {
		struct lm_digest out;
		row_int_equal(rows[i].row, lm_digest_parse(lm_str_of(rows[i].text), &out), rows[i].hex);
		row_int_equal(rows[i].row, lm_digest_parse_base64(lm_str_of(rows[i].text), &out), rows[i].base64);
	}
	struct lm_digest out;
	char with_nul[43] = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa";
	assert_false(lm_digest_parse_base64((struct lm_str){ with_nul, sizeof with_nul }, &out));
}

static void
in_parts(void **state)
{
	struct lm_sha256 hash = {};
	struct lm_digest out, first;
	char hex[LM_DIGEST_HEX];

	(void)state;
	lm_sha256_init(&hash);
	lm_sha256_update(&hash, "a", 1);
	lm_sha256_update(&hash, nullptr, 0);
	struct lm_sha256 other = hash;
	lm_sha256_update(&hash, "bc", 2);
	lm_sha256_final(&hash, &out);
	lm_sha256_release(&hash); // once more is fine
	lm_sha256_final(&other, &first);
	lm_digest_hex(&first, hex);
	assert_string_equal(hex, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"); // of "a"
	lm_digest_hex(&out, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// hashlib.sha256(struct.pack("<Q", 2) + b"ab" + struct.pack("<Q", 1) + b"c")
static void
fields(void **state)
{
	struct lm_sha256 hash = {};
	struct lm_digest out;
	char hex[LM_DIGEST_HEX];

	(void)state;
	lm_sha256_init(&hash);
	lm_sha256_field(&hash, "ab", 2);
	lm_sha256_field(&hash, "c", 1);
	lm_sha256_final(&hash, &out);
	lm_digest_hex(&out, hex);
	assert_string_equal(hex, "43ee655579de01ca739b3f95c1c2d3f46d353b2c0df818064ea594506cdb2617");
}

// hashlib.sha256(b"\x07" * 300000)
static void
files(void **state)
{
	struct folder folder = folder_make();
	const char *path = folder_at(&folder, "file");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	unsigned char block[1000];
	struct lm_err err = {};
	struct lm_digest out;
	uint64_t size = 0;
	char hex[LM_DIGEST_HEX];

	(void)state;
	assert_true(fd >= 0);
	memset(block, 7, sizeof block);
	for (int i = 0; i < 300; i++)
		assert_int_equal(write(fd, block, sizeof block), (ssize_t)sizeof block);
	assert_int_equal(close(fd), 0);
	assert_int_equal(lm_sha256_file(path, &out, &size, &err), 0);
	assert_int_equal(size, 300000);
	lm_digest_hex(&out, hex);
	assert_string_equal(hex, "08f166476de183f7a1b2874d544d37912aaf8d19b92013e1aafe233ba231024a");
	assert_int_equal(lm_sha256_file(path, &out, nullptr, &err), 0);
	assert_int_equal(unlink(path), 0);

	LM_AUTO(lm_free_ptr) char *missing = lm_format("cannot open '%s': No such file or directory", path);
	assert_int_equal(lm_sha256_file(path, &out, &size, &err), -1);
	assert_int_equal(err.code, LM_E_NOT_FOUND);
	assert_string_equal(err.text, missing);
	assert_int_equal(lm_sha256_file("/tmp", &out, &size, &err), -1);
	assert_int_equal(err.code, LM_E_IO);
	assert_string_equal(err.text, "not a regular file: '/tmp'");
	folder_remove(&folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(in_parts),
		cmocka_unit_test(fields),
		cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
