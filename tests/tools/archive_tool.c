// Writes an archive for the tests and says as JSON what came of it.
//
//   archive_tool --format F [--level N|fast|max] [--jobs N] [--mtime S] [--prefix P] [--fold-case] [--events] [--store DIR]
//                SOURCE OUT
//
// SOURCE is a folder, or a file that lists entries, one a line, fields separated by tabs ("x": executable, else "-"):
//   text     <path> <x> <origin> <bytes to the end of the line>
//   file     <path> <x> <origin> <file> <offset> <size> <sha256>
//   deflate  <path> <x> <origin> <file> <offset> <stored size> <size> <sha256>
//   link     <path> <target> <origin>
//   folder   <path> <origin>
// Without OUT nothing is written: the JSON has the content hash and the compressor only.
// --store takes compressed segments from there and keeps them there; its warnings go to stderr as "warning: <text>".
// --events prints each progress event to stderr as "<step> <subject> <done> <total>". Exit 1: "<code>: <message>" on stderr.
#include "archive/writer.h"
#include "base/str.h"
#include "os/cancel.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/path.h"
#include "store/store.h"
#include "text/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LISTING_MAX_BYTES = 1 << 30, FIELDS_MAX = 9 };

struct folder {
	const char *root;
	struct lm_entries *entries;
};

static int
add_from_folder(void *context, const char *path, const struct lm_file_info *info, struct lm_err *err)
{
	struct folder *folder = context;
	struct lm_arena *arena = &folder->entries->arena;
	struct lm_entry *entry = lm_entries_add(folder->entries);
	LM_AUTO(lm_free_ptr) char *full = lm_path_join(folder->root, path);
	entry->path = lm_arena_strdup(arena, path);
	entry->origin = "folder";
	if (info->is_dir) {
		entry->type = LM_ENTRY_FOLDER;
		return 0;
	}
	if (info->is_link) {
		char target[5000];
		ssize_t len = readlink(full, target, sizeof(target));
		if (len < 0)
			return lm_err_set(err, LM_E_IO, "cannot read the link '%s'", full);
		entry->type = LM_ENTRY_LINK;
		entry->link = lm_arena_strndup(arena, target, (size_t)len);
		return 0;
	}
	entry->executable = (info->mode & 0100) != 0;
	entry->content = (struct lm_content){ .kind = LM_CONTENT_FILE, .file = lm_arena_strdup(arena, full) };
	return lm_sha256_file(full, &entry->digest, &entry->size, err);
}

static uint64_t
number(struct lm_str text)
{
	uint64_t value = 0;
	if (!lm_parse_u64(text, UINT64_MAX, &value))
		fprintf(stderr, "not a number: '%.*s'\n", LM_STR_ARG(text));
	return value;
}

static int
add_listed(struct lm_entries *entries, const struct lm_str *field, size_t count, struct lm_err *err)
{
	struct lm_arena *arena = &entries->arena;
	const char *text[FIELDS_MAX] = {};
	for (size_t i = 0; i < count; i++)
		text[i] = lm_arena_strndup(arena, field[i].ptr, field[i].len);
	if (count == 5 && strcmp(text[0], "text") == 0) {
		lm_entries_add_text(entries, text[1], text[4], field[4].len, text[2][0] == 'x', text[3]);
		return 0;
	}
	if (count == 4 && strcmp(text[0], "link") == 0) {
		lm_entries_add_link(entries, text[1], text[2], text[3]);
		return 0;
	}
	struct lm_entry *entry = lm_entries_add(entries);
	entry->path = text[1];
	if (count == 3 && strcmp(text[0], "folder") == 0) {
		entry->type = LM_ENTRY_FOLDER;
		entry->origin = text[2];
		return 0;
	}
	bool deflate = count == 9 && strcmp(text[0], "deflate") == 0;
	if (!deflate && !(count == 8 && strcmp(text[0], "file") == 0))
		return lm_err_set(err, LM_E_USAGE, "unknown line in the listing: '%s'", text[0]);
	entry->executable = text[2][0] == 'x';
	entry->origin = text[3];
	entry->size = number(field[count - 2]);
	entry->content = (struct lm_content){ .kind = deflate ? LM_CONTENT_DEFLATE : LM_CONTENT_FILE,
		.file = text[4],
		.offset = number(field[5]),
		.stored_size = deflate ? number(field[6]) : 0 };
	if (!lm_digest_parse(field[count - 1], &entry->digest))
		return lm_err_set(err, LM_E_USAGE, "not a digest: '%s'", text[count - 1]);
	return 0;
}

static int
add_from_listing(struct lm_entries *entries, const char *path, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	if (lm_file_read(path, LISTING_MAX_BYTES, &text, &len, err) < 0)
		return -1;
	struct lm_str rest = { text, len };
	while (rest.len > 0) {
		struct lm_str line = lm_str_cut(&rest, '\n'), fields[FIELDS_MAX];
		size_t count = 0;
		while (count < FIELDS_MAX && (line.len > 0 || count == 4))
			fields[count++] = lm_str_cut(&line, '\t');
		if (add_listed(entries, fields, count, err) < 0)
			return -1;
	}
	return 0;
}

static void
print_event(void *context, const struct lm_event *event)
{
	(void)context;
	fprintf(stderr, "%s %s %llu %llu\n", event->step, event->subject, (unsigned long long)event->done_bytes,
		(unsigned long long)event->total_bytes);
}

static void
print_warning(void *context, const struct lm_event *event)
{
	(void)context;
	if (event->kind == LM_EVENT_WARNING)
		fprintf(stderr, "warning: %s\n", event->text);
}

static json_t *
digest_json(const struct lm_digest *digest)
{
	char hex[LM_DIGEST_HEX];
	lm_digest_hex(digest, hex);
	return json_string(hex);
}

static json_t *
result_json(const struct lm_archive_result *result)
{
	json_t *segments = json_array();
	for (size_t i = 0; i < result->segment_count; i++) {
		const struct lm_segment *segment = &result->segments[i];
		json_array_append_new(segments,
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "offset", (json_int_t)segment->offset, "size",
				(json_int_t)segment->size, "content_offset", (json_int_t)segment->content_offset,
				"content_size", (json_int_t)segment->content_size, "first_entry",
				(json_int_t)segment->first_entry, "entry_count", (json_int_t)segment->entry_count, "digest",
				digest_json(&segment->digest)));
	}
	return json_pack("{s:I, s:I, s:o, s:I, s:I, s:s, s:o}", "reused", (json_int_t)result->reused_count, "size",
		(json_int_t)result->size, "digest", digest_json(&result->digest), "content_size",
		(json_int_t)result->content_size, "entry_count", (json_int_t)result->entry_count, "compressor",
		result->compressor, "segments", segments);
}

static int
run(const char *source, bool fold_case, const struct lm_archive_options *options, const char *out, struct lm_err *err)
{
	LM_AUTO(lm_entries_release) struct lm_entries entries = {};
	LM_AUTO(lm_archive_result_release) struct lm_archive_result result = {};
	LM_AUTO(lm_buf_release) struct lm_buf text = {};
	struct folder folder = { source, &entries };
	struct lm_file_info info;
	if (lm_file_info(source, &info, err) < 0)
		return -1;
	int rc = info.is_dir ? lm_dir_walk(source, add_from_folder, &folder, err) : add_from_listing(&entries, source, err);
	if (rc < 0 || lm_entries_finish(&entries, fold_case, err) < 0)
		return -1;

	struct lm_digest content_hash;
	lm_entries_content_hash(&entries, &content_hash);
	if (out != nullptr && lm_archive_write(&entries, options, out, &result, err) < 0)
		return -1;
	if (out == nullptr)
		lm_archive_compressor(options, result.compressor);
	LM_AUTO(lm_json_decref_ptr) json_t *json = result_json(&result);
	json_object_set_new(json, "content_hash", digest_json(&content_hash));
	lm_json_format(json, &text);
	return fwrite(text.ptr, 1, text.len, stdout) == text.len ? 0 : lm_err_set(err, LM_E_IO, "cannot print");
}

static int
usage(void)
{
	fprintf(stderr,
		"usage: archive_tool --format F [--level N|fast|max] [--jobs N] [--mtime S] [--prefix P] [--fold-case] "
		"[--events] [--store DIR] SOURCE [OUT]\n");
	return 2;
}

static int
level_number(const char *text)
{
	if (strcmp(text, "fast") == 0)
		return LM_LEVEL_FAST;
	if (strcmp(text, "max") == 0)
		return LM_LEVEL_MAX;
	bool negative = text[0] == '-';
	int value = (int)number(lm_str_of(text + negative));
	return negative ? -value : value;
}

int
main(int argc, char **argv)
{
	struct lm_sink sink = { print_event, nullptr };
	struct lm_archive_options options = { .level = LM_LEVEL_DEFAULT, .jobs = 2, .subject = "tree" };
	bool fold_case = false;
	const char *store = nullptr;
	int at = 1;
	for (; at < argc && argv[at][0] == '-'; at++) {
		const char *value = at + 1 < argc ? argv[at + 1] : "";
		if (strcmp(argv[at], "--fold-case") == 0) {
			fold_case = true;
			continue;
		}
		if (strcmp(argv[at], "--events") == 0) {
			options.sink = &sink;
			continue;
		}
		if (strcmp(argv[at], "--format") == 0 && !lm_format_parse(value, &options.format))
			return usage();
		if (strcmp(argv[at], "--level") == 0)
			options.level = level_number(value);
		if (strcmp(argv[at], "--jobs") == 0)
			options.jobs = (unsigned)number(lm_str_of(value));
		if (strcmp(argv[at], "--mtime") == 0)
			options.mtime_s = value[0] == '-' ? -1 : (int64_t)number(lm_str_of(value));
		if (strcmp(argv[at], "--prefix") == 0)
			options.prefix = value;
		if (strcmp(argv[at], "--store") == 0)
			store = value;
		at++;
	}
	if (at >= argc || argc - at > 2)
		return usage();

	lm_cancel_install();
	struct lm_err err = {};
	LM_AUTO(lm_store_close_ptr) struct lm_store *opened = nullptr;
	struct lm_segment_cache cache = {};
	struct lm_sink warnings = { print_warning, nullptr };
	if (store != nullptr) {
		if (lm_store_open(&opened, store, &warnings, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 2;
		}
		lm_store_segment_cache(opened, &cache);
		options.cache = &cache;
	}
	if (run(argv[at], fold_case, &options, at + 1 < argc ? argv[at + 1] : nullptr, &err) == 0)
		return 0;
	fprintf(stderr, "%d: %s\n", (int)err.code, err.text);
	return 1;
}
