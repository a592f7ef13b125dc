// libarchive, loaded when there is an archive of others to read.
// Its functions are called by their own names; lm_libarchive_load comes first.
#pragma once

#include "base/base.h"
#include "base/err.h"

#include <archive.h>
#include <archive_entry.h>

#define LM_LIBARCHIVE_FUNCTIONS(X) \
	X(archive_entry_acl_to_text) \
	X(archive_entry_acl_types) \
	X(archive_entry_atime) \
	X(archive_entry_atime_is_set) \
	X(archive_entry_ctime) \
	X(archive_entry_ctime_is_set) \
	X(archive_entry_fflags_text) \
	X(archive_entry_filetype) \
	X(archive_entry_gid) \
	X(archive_entry_gname) \
	X(archive_entry_hardlink) \
	X(archive_entry_mtime) \
	X(archive_entry_mtime_is_set) \
	X(archive_entry_mtime_nsec) \
	X(archive_entry_pathname) \
	X(archive_entry_perm) \
	X(archive_entry_size) \
	X(archive_entry_size_is_set) \
	X(archive_entry_sparse_count) \
	X(archive_entry_symlink) \
	X(archive_entry_uid) \
	X(archive_entry_uname) \
	X(archive_entry_xattr_next) \
	X(archive_entry_xattr_reset) \
	X(archive_error_string) \
	X(archive_filter_bytes) \
	X(archive_filter_name) \
	X(archive_format_name) \
	X(archive_read_data) \
	X(archive_read_data_block) \
	X(archive_read_free) \
	X(archive_read_header_position) \
	X(archive_read_new) \
	X(archive_read_next_header) \
	X(archive_read_open) \
	X(archive_read_open_filename) \
	X(archive_read_support_filter_bzip2) \
	X(archive_read_support_filter_compress) \
	X(archive_read_support_filter_gzip) \
	X(archive_read_support_filter_lz4) \
	X(archive_read_support_filter_lzma) \
	X(archive_read_support_filter_xz) \
	X(archive_read_support_filter_zstd) \
	X(archive_read_support_format_raw) \
	X(archive_read_support_format_tar) \
	X(archive_set_error)

extern struct lm_libarchive {
#define LM_MEMBER(name) typeof(name) *name;
	LM_LIBARCHIVE_FUNCTIONS(LM_MEMBER)
#undef LM_MEMBER
} lm_libarchive;

// Load and initialise it, once; any thread may. LM_E_UNSUPPORTED when it is not installed.
[[nodiscard]] int lm_libarchive_load(struct lm_err *err);

#ifndef LM_LIBARCHIVE_LOADER // who loads it needs the names as they are
#define archive_entry_acl_to_text lm_libarchive.archive_entry_acl_to_text
#define archive_entry_acl_types lm_libarchive.archive_entry_acl_types
#define archive_entry_atime lm_libarchive.archive_entry_atime
#define archive_entry_atime_is_set lm_libarchive.archive_entry_atime_is_set
#define archive_entry_ctime lm_libarchive.archive_entry_ctime
#define archive_entry_ctime_is_set lm_libarchive.archive_entry_ctime_is_set
#define archive_entry_fflags_text lm_libarchive.archive_entry_fflags_text
#define archive_entry_filetype lm_libarchive.archive_entry_filetype
#define archive_entry_gid lm_libarchive.archive_entry_gid
#define archive_entry_gname lm_libarchive.archive_entry_gname
#define archive_entry_hardlink lm_libarchive.archive_entry_hardlink
#define archive_entry_mtime lm_libarchive.archive_entry_mtime
#define archive_entry_mtime_is_set lm_libarchive.archive_entry_mtime_is_set
#define archive_entry_mtime_nsec lm_libarchive.archive_entry_mtime_nsec
#define archive_entry_pathname lm_libarchive.archive_entry_pathname
#define archive_entry_perm lm_libarchive.archive_entry_perm
#define archive_entry_size lm_libarchive.archive_entry_size
#define archive_entry_size_is_set lm_libarchive.archive_entry_size_is_set
#define archive_entry_sparse_count lm_libarchive.archive_entry_sparse_count
#define archive_entry_symlink lm_libarchive.archive_entry_symlink
#define archive_entry_uid lm_libarchive.archive_entry_uid
#define archive_entry_uname lm_libarchive.archive_entry_uname
#define archive_entry_xattr_next lm_libarchive.archive_entry_xattr_next
#define archive_entry_xattr_reset lm_libarchive.archive_entry_xattr_reset
#define archive_error_string lm_libarchive.archive_error_string
#define archive_filter_bytes lm_libarchive.archive_filter_bytes
#define archive_filter_name lm_libarchive.archive_filter_name
#define archive_format_name lm_libarchive.archive_format_name
#define archive_read_data lm_libarchive.archive_read_data
#define archive_read_data_block lm_libarchive.archive_read_data_block
#define archive_read_free lm_libarchive.archive_read_free
#define archive_read_header_position lm_libarchive.archive_read_header_position
#define archive_read_new lm_libarchive.archive_read_new
#define archive_read_next_header lm_libarchive.archive_read_next_header
#define archive_read_open lm_libarchive.archive_read_open
#define archive_read_open_filename lm_libarchive.archive_read_open_filename
#define archive_read_support_filter_bzip2 lm_libarchive.archive_read_support_filter_bzip2
#define archive_read_support_filter_compress lm_libarchive.archive_read_support_filter_compress
#define archive_read_support_filter_gzip lm_libarchive.archive_read_support_filter_gzip
#define archive_read_support_filter_lz4 lm_libarchive.archive_read_support_filter_lz4
#define archive_read_support_filter_lzma lm_libarchive.archive_read_support_filter_lzma
#define archive_read_support_filter_xz lm_libarchive.archive_read_support_filter_xz
#define archive_read_support_filter_zstd lm_libarchive.archive_read_support_filter_zstd
#define archive_read_support_format_raw lm_libarchive.archive_read_support_format_raw
#define archive_read_support_format_tar lm_libarchive.archive_read_support_format_tar
#define archive_set_error lm_libarchive.archive_set_error
#endif
