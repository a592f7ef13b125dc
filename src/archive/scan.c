#include "archive/scan_parts.h"

#include "archive/shown.h"
#include "os/cancel.h"
#include "os/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 4096 };

int
scan_bad(const struct scanning *scanning, struct lm_err *err, const char *format, ...)
{
	char what[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof what, format, args);
	va_end(args);
	return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: member '%s' %s", scanning->source->path,
		lm_shown(lm_str_of(scanning->member.name)).text, what);
}

const char *
scan_text(struct scanning *scanning, struct lm_str text)
{
	LM_AUTO(lm_buf_release) struct lm_buf plain = {};
	lm_shown_text(text, &plain);
	return lm_arena_strndup(&scanning->strings, lm_buf_cstr(&plain), plain.len);
}

// Without "./" in front and '/' at the end, which mean nothing and are common.
static struct lm_str
bare_name(const char *name)
{
	struct lm_str bare = lm_str_of(name);
	while (bare.len >= 2 && bare.ptr[0] == '.' && bare.ptr[1] == '/')
		bare.ptr += 2, bare.len -= 2;
	while (bare.len > 1 && bare.ptr[bare.len - 1] == '/')
		bare.len--;
	if (lm_str_equal(bare, LM_STR(".")) || lm_str_equal(bare, LM_STR("./")))
		bare.len = 0;
	return bare;
}

int
scan_begin(struct scanning *scanning, const char *name, struct lm_err *err)
{
	lm_arena_release(&scanning->strings);
	scanning->member = (struct lm_scan_member){ .name = "", .user = "", .group = "", .attributes = "" };
	struct lm_str bare = bare_name(name);
	if (bare.len > NAME_MAX_BYTES)
		return lm_err_set(err, LM_E_LIMIT, "'%s' is refused: the name of a member has %zu bytes, the limit is %d",
			scanning->source->path, bare.len, NAME_MAX_BYTES);
	scanning->member.name = scan_text(scanning, bare);
	if (++scanning->result->members > scanning->limits.max_members)
		return lm_err_set(err, LM_E_LIMIT, "'%s' is refused: it has more than %llu members", scanning->source->path,
			(unsigned long long)scanning->limits.max_members);
	return lm_cancel_check(err);
}

int
scan_file_begin(struct scanning *scanning, uint64_t size, struct lm_err *err)
{
	if (size > scanning->limits.max_total_bytes - scanning->result->bytes)
		return lm_err_set(err, LM_E_LIMIT,
			"'%s' is refused: its members claim more than %llu bytes ('%s' is the first beyond)",
			scanning->source->path, (unsigned long long)scanning->limits.max_total_bytes,
			lm_shown(lm_str_of(scanning->member.name)).text);
	scanning->result->bytes += size;
	scanning->member.size = size;
	scanning->expected = size;
	lm_sha256_release(&scanning->hash);
	lm_sha256_init(&scanning->hash);
	scanning->wanted =
		scanning->sink->wants != nullptr && scanning->sink->wants(scanning->sink->context, &scanning->member);
	return 0;
}

int
scan_file_bytes(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct scanning *scanning = context;
	if (len > scanning->expected)
		return scan_bad(scanning, err, "holds more bytes than it says");
	scanning->expected -= len;
	lm_sha256_update(&scanning->hash, bytes, len);
	if (lm_cancel_check(err) < 0)
		return -1;
	return scanning->wanted ? scanning->sink->bytes(scanning->sink->context, bytes, len, err) : 0;
}

int
scan_file_end(struct scanning *scanning, struct lm_err *err)
{
	if (scanning->expected != 0)
		return scan_bad(scanning, err, "holds fewer bytes than it says");
	lm_sha256_final(&scanning->hash, &scanning->member.digest);
	return scan_tell(scanning, err);
}

int
scan_tell(struct scanning *scanning, struct lm_err *err)
{
	if (scanning->sink->member == nullptr)
		return 0;
	return scanning->sink->member(scanning->sink->context, &scanning->member, err);
}

// A zip begins with a local header, or with the end record when it is empty.
static int
looks_like_zip(const char *path, bool *zip, struct lm_err *err)
{
	LM_AUTO(lm_map_close) struct lm_map map = {};
	if (lm_map_open(&map, path, err) < 0)
		return -1;
	*zip = map.len >= 4 && (memcmp(map.ptr, "PK\3\4", 4) == 0 || memcmp(map.ptr, "PK\5\6", 4) == 0);
	return 0;
}

int
lm_scan(const struct lm_scan_source *source, const struct lm_scan_sink *sink, const struct lm_scan_limits *limits,
	struct lm_scan_result *result, struct lm_err *err)
{
	static const struct lm_scan_limits defaults = { .max_members = 1'000'000, .max_total_bytes = 64ull << 30 };
	*result = (struct lm_scan_result){};
	struct scanning scanning = {
		.source = source, .sink = sink, .limits = limits != nullptr ? *limits : defaults, .result = result
	};
	if (source->ranges == nullptr && looks_like_zip(source->path, &result->zip, err) < 0)
		return -1;
	int rc = result->zip ? scan_read_zip(&scanning, err) : scan_read_tar(&scanning, err);
	lm_arena_release(&scanning.strings);
	lm_sha256_release(&scanning.hash);
	return rc;
}
