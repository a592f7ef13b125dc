// What archive/zip.h makes of a zip file: its members, with the SHA-256 of their bytes, as JSON.
//   zip_tool FILE [NAME=VALUE ...]   limits: members, member, total, ratio
// Exit 1 with "<code>: <message>" on stderr when the file is refused.
#include "../support/code_name.h"
#include "archive/zip.h"
#include "digest/sha256.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>

static int
feed(void *context, const void *bytes, size_t len, struct lm_err *)
{
	lm_sha256_update(context, bytes, len);
	return 0;
}

static int
describe(const struct lm_zip *zip, const struct lm_zip_member *member, json_t *list, struct lm_err *err)
{
	char hex[LM_DIGEST_HEX];
	struct lm_digest digest;
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	if (lm_zip_stream(zip, member, feed, &hash, err) < 0)
		return -1;
	lm_sha256_final(&hash, &digest);
	lm_digest_hex(&digest, hex);
	(void)json_array_append_new(list,
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:b, s:b, s:i, s:s}", "name", member->name, "size",
			(json_int_t)member->size, "stored_size", (json_int_t)member->stored_size, "offset",
			(json_int_t)member->offset, "crc", (json_int_t)member->crc32, "deflated", (int)member->deflated,
			"folder", (int)member->is_folder, "mode", (int)member->unix_mode, "sha256", hex));
	return lm_zip_find(zip, member->name) == member
		? 0
		: lm_err_set(err, LM_E_CONFLICT, "lm_zip_find does not find '%s'", member->name);
}

static int
describe_all(const char *path, const struct lm_zip_limits *limits, json_t *list, struct lm_err *err)
{
	LM_AUTO(lm_zip_close) struct lm_zip zip = {};
	if (lm_zip_open_as(&zip, path, "test.zip", limits, err) < 0)
		return -1;
	for (size_t i = 0; i < zip.count; i++) {
		if (describe(&zip, &zip.members[i], list, err) < 0)
			return -1;
	}
	return 0;
}

static bool
set_limit(struct lm_zip_limits *limits, const char *argument)
{
	struct {
		const char *name;
		uint64_t *value;
	} known[] = {
		{ "members=", &limits->max_members },
		{ "member=", &limits->max_member_bytes },
		{ "total=", &limits->max_total_bytes },
		{ "ratio=", &limits->max_ratio },
	};
	for (size_t i = 0; i < LM_COUNT(known); i++) {
		size_t len = strlen(known[i].name);
		if (strncmp(argument, known[i].name, len) == 0)
			return lm_parse_u64(lm_str_of(argument + len), UINT64_MAX, known[i].value);
	}
	return false;
}

int
main(int argc, char **argv)
{
	struct lm_zip_limits limits = lm_zip_default_limits();
	for (int i = 2; i < argc; i++) {
		if (!set_limit(&limits, argv[i]))
			return 2;
	}
	if (argc < 2)
		return 2;
	struct lm_err err = {};
	LM_AUTO(lm_json_decref_ptr) json_t *list = json_array();
	if (describe_all(argv[1], &limits, list, &err) < 0) {
		(void)fprintf(stderr, "%s: %s\n", code_name(err.code), err.text);
		return 1;
	}
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	lm_json_format(list, &text);
	(void)fputs(lm_buf_cstr(&text), stdout);
	return 0;
}
