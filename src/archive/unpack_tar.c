#include "archive/unpack_parts.h"

#include "archive/libarchive.h"

#include <string.h>

enum { BLOCK_BYTES = 1024 * 1024, SPECIAL_BITS = 07000 };

static int
bad_archive(const struct unpacking *unpacking, struct archive *archive, struct lm_err *err)
{
	const char *why = archive_error_string(archive);
	return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: %s", unpacking->origin,
		why != nullptr ? why : "it cannot be read");
}

static int
read_bytes(struct unpacking *unpacking, struct archive *archive, const char *name, struct lm_err *err)
{
	int64_t expected_offset = 0;
	for (;;) {
		const void *bytes = nullptr;
		size_t len = 0;
		int64_t offset = 0;
		int status = archive_read_data_block(archive, &bytes, &len, &offset);
		if (status == ARCHIVE_EOF)
			return unpack_file_end(unpacking, name, err);
		if (status != ARCHIVE_OK)
			return unpack_bad(unpacking, name, err, "cannot be read: %s", archive_error_string(archive));
		if (offset != expected_offset)
			return unpack_bad(unpacking, name, err, "is a sparse file");
		expected_offset += (int64_t)len;
		if (len > 0 && unpack_file_bytes(unpacking, bytes, len, err) < 0)
			return -1;
	}
}

static int
read_file(struct unpacking *unpacking, struct archive *archive, struct archive_entry *entry, const char *name, const char *path,
	struct lm_err *err)
{
	if (archive_entry_sparse_count(entry) != 0)
		return unpack_bad(unpacking, name, err, "is a sparse file");
	if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0)
		return unpack_bad(unpacking, name, err, "has no size");
	bool executable = (archive_entry_perm(entry) & 0111) != 0;
	if (unpack_file_begin(unpacking, name, path, (uint64_t)archive_entry_size(entry), executable, err) < 0)
		return -1;
	return read_bytes(unpacking, archive, name, err);
}

static int
read_entry(struct unpacking *unpacking, struct archive *archive, struct archive_entry *entry, struct lm_err *err)
{
	const char *name = archive_entry_pathname(entry), *path = nullptr;
	unpack_time(unpacking, archive_entry_mtime(entry), archive_entry_mtime_nsec(entry));
	const char *hard_target = archive_entry_hardlink(entry), *target = archive_entry_symlink(entry);
	unsigned type = archive_entry_filetype(entry);
	if (name == nullptr)
		return unpack_bad(unpacking, "", err, "has no name");
	if (unpack_name(unpacking, name, type == AE_IFDIR, &path, err) < 0)
		return -1;
	if (type != AE_IFLNK && (archive_entry_perm(entry) & SPECIAL_BITS) != 0)
		return unpack_bad(unpacking, name, err, "has a setuid, setgid or sticky bit");
	if (hard_target != nullptr) {
		if (archive_entry_size_is_set(entry) && archive_entry_size(entry) != 0)
			return unpack_bad(unpacking, name, err, "is a hard link with content");
		return unpack_hard_link(unpacking, name, path, hard_target, err);
	}
	switch (type) {
	case AE_IFREG:
		return read_file(unpacking, archive, entry, name, path, err);
	case AE_IFDIR:
		return path == nullptr ? 0 : unpack_folder(unpacking, name, path, err);
	case AE_IFLNK:
		return unpack_link(unpacking, name, path, target != nullptr ? target : "", err);
	case AE_IFBLK:
	case AE_IFCHR:
		return unpack_bad(unpacking, name, err, "is a device");
	case AE_IFIFO:
		return unpack_bad(unpacking, name, err, "is a fifo");
	default:
		return unpack_bad(unpacking, name, err, "is of an unknown type");
	}
}

// A tar ends with a block of zeros; where there is none, the archive may have been cut off between two entries.
static int
check_end(const struct unpacking *unpacking, struct archive *archive, struct lm_err *err)
{
	if (archive_filter_bytes(archive, 0) <= archive_read_header_position(archive))
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: it has no end mark (was it cut off?)",
			unpacking->origin);
	return 0;
}

// libarchive converts names to the locale of the process; in "C", where we run, it cannot, warns, and gives the bytes of the
// archive, which are what we want. (uselocale would avoid that, but glibc's locale lock does not survive ASan's start.)
static bool
is_about_locale(struct archive *archive)
{
	const char *why = archive_error_string(archive);
	return why != nullptr && lm_cstr_ends(why, "can't be converted from UTF-8 to current locale.");
}

static int
read_entries(struct unpacking *unpacking, struct archive *archive, struct lm_err *err)
{
	for (;;) {
		struct archive_entry *entry = nullptr;
		int status = archive_read_next_header(archive, &entry);
		if (status == ARCHIVE_EOF)
			return check_end(unpacking, archive, err);
		if (status != ARCHIVE_OK && !(status == ARCHIVE_WARN && is_about_locale(archive)))
			return bad_archive(unpacking, archive, err);
		if (read_entry(unpacking, archive, entry, err) < 0)
			return -1;
	}
}

static void
free_archive(struct archive **archive)
{
	(void)archive_read_free(*archive);
}

static int
open_archive(struct unpacking *unpacking, struct archive *archive, struct lm_err *err)
{
	(void)archive_read_support_filter_gzip(archive);
	(void)archive_read_support_filter_bzip2(archive);
	(void)archive_read_support_filter_xz(archive);
	(void)archive_read_support_filter_lzma(archive);
	(void)archive_read_support_filter_zstd(archive);
	(void)archive_read_support_filter_lz4(archive);
	(void)archive_read_support_filter_compress(archive);
	(void)archive_read_support_format_tar(archive);
	if (archive_read_open_filename(archive, unpacking->path, BLOCK_BYTES) != ARCHIVE_OK)
		return bad_archive(unpacking, archive, err);
	return read_entries(unpacking, archive, err);
}

int
unpack_read_tar(struct unpacking *unpacking, struct lm_err *err)
{
	if (lm_libarchive_load(err) < 0)
		return -1;
	LM_AUTO(free_archive) struct archive *archive = archive_read_new();
	if (archive == nullptr)
		return lm_err_set(err, LM_E_LIMIT, "out of memory while reading archive '%s'", unpacking->origin);
	return open_archive(unpacking, archive, err);
}
