#include "archive/scan_parts.h"

#include "archive/libarchive.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1024 * 1024 };

// The file, or parts of it, as libarchive asks for it.
struct feed {
	int fd;
	const struct lm_range *ranges;
	size_t count, at;
	uint64_t done; // of the range
	unsigned char *block;
};

static la_ssize_t
feed_read(struct archive *archive, void *context, const void **out)
{
	struct feed *feed = context;
	while (feed->at < feed->count && feed->done == feed->ranges[feed->at].size) {
		feed->at++;
		feed->done = 0;
	}
	if (feed->at == feed->count)
		return 0;
	const struct lm_range *range = &feed->ranges[feed->at];
	uint64_t left = range->size - feed->done;
	ssize_t got = pread(
		feed->fd, feed->block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES, (off_t)(range->offset + feed->done));
	if (got < 0) {
		archive_set_error(archive, errno, "cannot be read: %s", strerror(errno));
		return -1;
	}
	feed->done = got == 0 ? range->size : feed->done + (uint64_t)got;
	*out = feed->block;
	return got;
}

struct lm_stream {
	struct archive *archive;
	struct feed feed;
	struct lm_range whole;
	const char *path; // borrowed
};

static int
bad_archive(const char *path, struct archive *archive, struct lm_err *err)
{
	const char *why = archive_error_string(archive);
	if (why != nullptr && strncmp(why, "Unrecognized archive format", 27) == 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is neither a tar nor a zip", path);
	return lm_err_set(
		err, LM_E_SYNTAX, "'%s' is not a usable archive: %s", path, why != nullptr ? why : "it cannot be read");
}

void
lm_stream_close(struct lm_stream **stream)
{
	if (*stream == nullptr)
		return;
	(void)archive_read_free((*stream)->archive);
	if ((*stream)->feed.fd >= 0)
		(void)close((*stream)->feed.fd);
	lm_free((*stream)->feed.block);
	lm_free(*stream);
	*stream = nullptr;
}

// Open the file and let libarchive look at it. raw: the uncompressed bytes are one member.
static int
open_source(struct lm_stream *stream, const struct lm_scan_source *source, bool raw, struct lm_err *err)
{
	struct archive *archive = stream->archive;
	stream->path = source->path;
	stream->feed.fd = open(source->path, O_RDONLY | O_CLOEXEC);
	if (stream->feed.fd < 0)
		return lm_err_sys(err, errno, "cannot open '%s'", source->path);
	stream->whole.size = INT64_MAX;
	stream->feed.ranges = source->ranges != nullptr ? source->ranges : &stream->whole;
	stream->feed.count = source->ranges != nullptr ? source->range_count : 1;
	stream->feed.block = lm_alloc(BLOCK_BYTES);
	(void)archive_read_support_filter_gzip(archive);
	(void)archive_read_support_filter_bzip2(archive);
	(void)archive_read_support_filter_xz(archive);
	(void)archive_read_support_filter_lzma(archive);
	(void)archive_read_support_filter_zstd(archive);
	(void)archive_read_support_filter_lz4(archive);
	(void)archive_read_support_filter_compress(archive);
	(void)(raw ? archive_read_support_format_raw(archive) : archive_read_support_format_tar(archive));
	if (archive_read_open(archive, &stream->feed, nullptr, feed_read, nullptr) != ARCHIVE_OK)
		return bad_archive(source->path, archive, err);
	return 0;
}

static int
make_stream(struct lm_stream **out, const struct lm_scan_source *source, bool raw, struct lm_err *err)
{
	if (lm_libarchive_load(err) < 0)
		return -1;
	LM_AUTO(lm_stream_close) struct lm_stream *stream = lm_alloc(sizeof *stream);
	stream->feed.fd = -1;
	stream->archive = archive_read_new();
	if (stream->archive == nullptr)
		return lm_err_set(err, LM_E_LIMIT, "out of memory while reading archive '%s'", source->path);
	if (open_source(stream, source, raw, err) < 0)
		return -1;
	*out = lm_take(&stream);
	return 0;
}

int
lm_stream_open(struct lm_stream **out, const char *path, struct lm_err *err)
{
	struct lm_scan_source source = { .path = path };
	struct archive_entry *entry = nullptr;
	LM_AUTO(lm_stream_close) struct lm_stream *stream = nullptr;
	if (make_stream(&stream, &source, true, err) < 0)
		return -1;
	if (archive_read_next_header(stream->archive, &entry) != ARCHIVE_OK)
		return bad_archive(path, stream->archive, err);
	*out = lm_take(&stream);
	return 0;
}

int
lm_stream_read(struct lm_stream *stream, void *out, size_t len, size_t *got, struct lm_err *err)
{
	*got = 0;
	while (*got < len) {
		la_ssize_t more = archive_read_data(stream->archive, (char *)out + *got, len - *got);
		if (more < 0)
			return bad_archive(stream->path, stream->archive, err);
		if (more == 0)
			break;
		*got += (size_t)more;
	}
	return 0;
}

// The zeros of a sparse file that no block holds.
static int
read_hole(struct scanning *scanning, uint64_t size, struct lm_err *err)
{
	static const unsigned char zeros[65536];
	while (size > 0) {
		size_t len = size < sizeof zeros ? (size_t)size : sizeof zeros;
		if (scan_file_bytes(scanning, zeros, len, err) < 0)
			return -1;
		size -= len;
	}
	return 0;
}

static int
read_bytes(struct scanning *scanning, struct archive *archive, bool sparse, struct lm_err *err)
{
	uint64_t done = 0, size = scanning->expected;
	for (;;) {
		const void *bytes = nullptr;
		size_t len = 0;
		int64_t offset = 0;
		int status = archive_read_data_block(archive, &bytes, &len, &offset);
		if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
			return scan_bad(scanning, err, "cannot be read: %s", archive_error_string(archive));
		uint64_t start = status == ARCHIVE_EOF ? size : (uint64_t)offset;
		if (start < done || start > size || (start > done && !sparse))
			return scan_bad(scanning, err,
				status == ARCHIVE_EOF ? "holds fewer bytes than it says" : "has parts in no order");
		if (read_hole(scanning, start - done, err) < 0)
			return -1;
		if (status == ARCHIVE_EOF)
			return scan_file_end(scanning, err);
		if (len > 0 && scan_file_bytes(scanning, bytes, len, err) < 0)
			return -1;
		done = start + len;
	}
}

static const char *
special_name(unsigned type)
{
	switch (type) {
	case AE_IFBLK:
		return "block device";
	case AE_IFCHR:
		return "character device";
	case AE_IFIFO:
		return "fifo";
	default:
		return "member of an unknown type";
	}
}

static void
add_attribute(struct lm_buf *out, const char *name, const void *value, size_t len)
{
	struct lm_digest digest;
	char hex[LM_DIGEST_HEX];
	lm_sha256_bytes(value, len, &digest);
	lm_digest_hex(&digest, hex);
	lm_buf_format(out, "%s%s=%.16s", out->len > 0 ? ", " : "", name, hex);
}

// What our archives never have, as one text that is equal when it is equal.
static void
read_attributes(struct scanning *scanning, struct archive_entry *entry)
{
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	const char *name = nullptr;
	const void *value = nullptr;
	size_t len = 0;
	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &len) == ARCHIVE_OK)
		add_attribute(&text, name != nullptr ? name : "", value, len);
	char *acl = archive_entry_acl_to_text(entry, nullptr, ARCHIVE_ENTRY_ACL_TYPE_POSIX1E | ARCHIVE_ENTRY_ACL_TYPE_NFS4);
	if (acl != nullptr && archive_entry_acl_types(entry) != 0)
		add_attribute(&text, "ACL", acl, strlen(acl));
	free(acl);
	const char *flags = archive_entry_fflags_text(entry);
	if (flags != nullptr && flags[0] != '\0')
		lm_buf_format(&text, "%sflags %s", text.len > 0 ? ", " : "", flags);
	if (archive_entry_atime_is_set(entry))
		lm_buf_format(&text, "%satime %lld", text.len > 0 ? ", " : "", (long long)archive_entry_atime(entry));
	if (archive_entry_ctime_is_set(entry))
		lm_buf_format(&text, "%sctime %lld", text.len > 0 ? ", " : "", (long long)archive_entry_ctime(entry));
	if (text.len > 0)
		scanning->member.attributes = scan_text(scanning, lm_buf_view(&text));
}

static void
read_header(struct scanning *scanning, struct archive *archive, struct archive_entry *entry)
{
	struct lm_scan_member *out = &scanning->member;
	const char *user = archive_entry_uname(entry), *group = archive_entry_gname(entry);
	out->mode = (unsigned)archive_entry_perm(entry) & 07777;
	out->has_time = archive_entry_mtime_is_set(entry) != 0;
	out->mtime_s = archive_entry_mtime(entry);
	out->mtime_ns = (uint32_t)archive_entry_mtime_nsec(entry);
	out->has_owner = true;
	out->uid = archive_entry_uid(entry);
	out->gid = archive_entry_gid(entry);
	out->user = scan_text(scanning, lm_str_of(user));
	out->group = scan_text(scanning, lm_str_of(group));
	out->position = (uint64_t)archive_read_header_position(archive);
	read_attributes(scanning, entry);
}

static int
read_member(struct scanning *scanning, struct archive *archive, struct archive_entry *entry, struct lm_err *err)
{
	const char *name = archive_entry_pathname(entry), *target = archive_entry_hardlink(entry);
	struct lm_scan_member *out = &scanning->member;
	if (scan_begin(scanning, name != nullptr ? name : "", err) < 0)
		return -1;
	if (name == nullptr)
		return scan_bad(scanning, err, "has no name that can be read");
	read_header(scanning, archive, entry);
	if (target != nullptr) {
		out->type = LM_SCAN_HARD_LINK;
		out->link = scan_text(scanning, lm_str_of(target));
		return scan_tell(scanning, err);
	}
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
			return scan_bad(scanning, err, "has no size");
		if (scan_file_begin(scanning, (uint64_t)archive_entry_size(entry), err) < 0)
			return -1;
		return read_bytes(scanning, archive, archive_entry_sparse_count(entry) > 0, err);
	case AE_IFDIR:
		out->type = LM_SCAN_FOLDER;
		break;
	case AE_IFLNK:
		out->type = LM_SCAN_LINK;
		out->link = scan_text(scanning, lm_str_of(archive_entry_symlink(entry)));
		break;
	default:
		out->type = LM_SCAN_SPECIAL;
		out->special = special_name(archive_entry_filetype(entry));
		break;
	}
	return scan_tell(scanning, err);
}

// A tar ends with a block of zeros; where there is none, the archive may have been cut off between two entries.
static int
check_end(const struct scanning *scanning, struct archive *archive, struct lm_err *err)
{
	if (scanning->source->ranges == nullptr && archive_filter_bytes(archive, 0) <= archive_read_header_position(archive))
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: it has no end mark (was it cut off?)",
			scanning->source->path);
	return 0;
}

static int
read_members(struct scanning *scanning, struct archive *archive, struct lm_err *err)
{
	for (;;) {
		struct archive_entry *entry = nullptr;
		int status = archive_read_next_header(archive, &entry);
		if (status == ARCHIVE_EOF)
			return check_end(scanning, archive, err);
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return bad_archive(scanning->source->path, archive, err);
		const char *format = archive_format_name(archive), *filter = archive_filter_name(archive, 0);
		(void)snprintf(
			scanning->result->format, sizeof scanning->result->format, "%s", format != nullptr ? format : "tar");
		(void)snprintf(
			scanning->result->filter, sizeof scanning->result->filter, "%s", filter != nullptr ? filter : "none");
		if (read_member(scanning, archive, entry, err) < 0)
			return -1;
	}
}

// libarchive converts names between UTF-8 and the locale of the thread, which is this one wherever we run. Null: the system has none.
static locale_t utf8;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_locale(void)
{
	utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) nullptr);
}

int
scan_read_tar(struct scanning *scanning, struct lm_err *err)
{
	LM_AUTO(lm_stream_close) struct lm_stream *stream = nullptr;
	if (scanning->source->range_count == 0 && scanning->source->ranges != nullptr)
		return 0;
	if (make_stream(&stream, scanning->source, false, err) < 0)
		return -1;
	(void)pthread_once(&once, make_locale);
	locale_t before = utf8 == (locale_t) nullptr ? utf8 : uselocale(utf8);
	int rc = read_members(scanning, stream->archive, err);
	if (utf8 != (locale_t) nullptr)
		(void)uselocale(before);
	return rc;
}
