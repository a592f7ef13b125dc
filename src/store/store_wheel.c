// Checking a wheel (packaging.python.org/.../binary-distribution-format): once, before anything is taken from it.
#include "archive/path_tree.h"
#include "archive/shown.h"
#include "archive/zip.h"
#include "os/path.h"
#include "os/pool.h"
#include "python/requirement.h"
#include "python/version.h"
#include "python/wheel.h"
#include "store/store_parts.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX_BYTES = 64 * 1024 * 1024, WHEEL_MAX_BYTES = 64 * 1024, UNIX_X = 0111 };

struct wheel {
	const char *path, *name; // of the file; as the user knows it
	const struct lm_digest *file_digest;
	bool damaged;
	struct lm_wheel_name parsed;
	struct lm_zip zip;
	char *info; // "numpy-2.4.6.dist-info"
	struct lm_record record; // rows sorted by path
	struct lm_arena arena;
	// members that are files, the largest first
	struct job {
		const struct lm_zip_member *member;
		const struct lm_record_row *row; // null: RECORD and its signatures, which cannot have a digest
		struct lm_digest digest;
	} *jobs;
	size_t job_count;
};

#define refuse(wheel, err, format, ...) \
	lm_err_set((err), LM_E_SYNTAX, "wheel '%s' is refused: " format, (wheel)->name __VA_OPT__(, ) __VA_ARGS__)

static int
compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct lm_record_row *)a)->path, ((const struct lm_record_row *)b)->path);
}

static const struct lm_record_row *
find_row(const struct wheel *wheel, const char *path)
{
	struct lm_record_row key = { .path = path };
	if (wheel->record.count == 0)
		return nullptr;
	return bsearch(&key, wheel->record.rows, wheel->record.count, sizeof key, compare_rows);
}

// Is "numpy-2.4.6.dist-info" of the project and version that the file name says?
static bool
info_matches(const struct wheel *wheel, struct lm_str info)
{
	struct lm_version said = {}, wanted = {};
	LM_AUTO(lm_buf_release) struct lm_buf project = {};
	struct lm_str stem = { info.ptr, info.len - strlen(".dist-info") };
	size_t dash = stem.len;
	while (dash > 0 && stem.ptr[dash - 1] != '-')
		dash--;
	if (dash == 0)
		return false;
	struct lm_str version = { stem.ptr + dash, stem.len - dash };
	lm_name_normalize((struct lm_str){ stem.ptr, dash - 1 }, &project);
	if (strcmp(lm_buf_cstr(&project), wheel->parsed.name) != 0)
		return false;
	if (lm_version_parse(version, &said) && lm_version_parse(lm_str_of(wheel->parsed.version), &wanted))
		return lm_version_compare(&said, &wanted) == 0;
	return lm_str_equal(version, lm_str_of(wheel->parsed.version));
}

static int
find_info(struct wheel *wheel, struct lm_err *err)
{
	for (size_t i = 0; i < wheel->zip.count; i++) {
		struct lm_str rest = lm_str_of(wheel->zip.members[i].name), top = lm_str_cut(&rest, '/');
		if (!lm_str_ends(top, LM_STR(".dist-info")) || strchr(wheel->zip.members[i].name, '/') == nullptr)
			continue;
		if (wheel->info != nullptr && lm_str_equal(top, lm_str_of(wheel->info)))
			continue;
		char *found = lm_arena_strndup(&wheel->arena, top.ptr, top.len);
		if (wheel->info != nullptr)
			return refuse(wheel, err, "it has two .dist-info folders, '%s' and '%s'",
				lm_shown(lm_str_of(wheel->info)).text, lm_shown(top).text);
		wheel->info = found;
	}
	if (wheel->info == nullptr)
		return refuse(wheel, err, "it has no .dist-info folder");
	if (!info_matches(wheel, lm_str_of(wheel->info)))
		return refuse(wheel, err, "its folder '%s' is of another project or version than its file name",
			lm_shown(lm_str_of(wheel->info)).text);
	return 0;
}

static int
read_info(struct wheel *wheel, const char *file, uint64_t max_bytes, char **text, size_t *len, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *path = lm_format("%s/%s", wheel->info, file);
	const struct lm_zip_member *member = lm_zip_find(&wheel->zip, path);
	if (member == nullptr)
		return refuse(wheel, err, "it has no '%s'", lm_shown(lm_str_of(path)).text);
	if (text == nullptr)
		return 0;
	return lm_zip_read(&wheel->zip, member, max_bytes, text, len, err);
}

// WHEEL is lines of "Key: value"; what counts here is that we know the major version.
static int
check_format(struct wheel *wheel, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	if (read_info(wheel, "METADATA", 0, nullptr, nullptr, err) < 0 ||
		read_info(wheel, "WHEEL", WHEEL_MAX_BYTES, &text, &len, err) < 0)
		return -1;
	struct lm_str rest = { text, len };
	while (rest.len > 0) {
		struct lm_str line = lm_str_cut(&rest, '\n'), key = lm_str_trim(lm_str_cut(&line, ':'));
		if (key.len != strlen("Wheel-Version") || strncasecmp(key.ptr, "Wheel-Version", key.len) != 0)
			continue;
		struct lm_str version = lm_str_trim(line), minor = version, major = lm_str_cut(&minor, '.');
		if (!lm_str_equal(major, LM_STR("1")))
			return refuse(wheel, err, "its format is '%s', known is 1.x", lm_shown(version).text);
		return 0;
	}
	return refuse(wheel, err, "its WHEEL file does not say which Wheel-Version it is");
}

// A row has to name a file that is there, in a way that cannot be read as another.
static int
check_row(const struct wheel *wheel, const struct lm_record_row *row, struct lm_err *err)
{
	struct lm_err reason = {};
	struct lm_shown shown = lm_shown(lm_str_of(row->path));
	size_t len = strlen(row->path);
	LM_AUTO(lm_free_ptr) char *bare = lm_strndup(row->path, len > 0 && row->path[len - 1] == '/' ? len - 1 : len);
	if (lm_path_check_inside(bare, &reason) < 0)
		return refuse(wheel, err, "RECORD: %s", reason.text);
	if (lm_zip_find(&wheel->zip, row->path) == nullptr)
		return refuse(wheel, err, "'%s' is in RECORD and not in the wheel", shown.text);
	return 0;
}

static bool
rows_agree(const struct lm_record_row *a, const struct lm_record_row *b)
{
	return a->has_digest == b->has_digest && lm_digest_equal(&a->digest, &b->digest) && a->has_size == b->has_size &&
		a->size == b->size;
}

static int
read_record(struct wheel *wheel, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) char *text = nullptr;
	size_t len = 0;
	struct lm_record *record = &wheel->record;
	if (read_info(wheel, "RECORD", RECORD_MAX_BYTES, &text, &len, err) < 0)
		return -1;
	if (lm_record_parse((struct lm_str){ text, len }, &wheel->arena, record, err) < 0)
		return lm_err_wrap(err, "wheel '%s' is refused", wheel->name);
	if (record->count > 0)
		qsort(record->rows, record->count, sizeof *record->rows, compare_rows);
	for (size_t i = 0; i < record->count; i++) {
		if (i > 0 && compare_rows(&record->rows[i - 1], &record->rows[i]) == 0 &&
			!rows_agree(&record->rows[i - 1], &record->rows[i]))
			return refuse(wheel, err, "RECORD has two different rows for '%s'",
				lm_shown(lm_str_of(record->rows[i].path)).text);
		if (check_row(wheel, &record->rows[i], err) < 0)
			return -1;
	}
	return 0;
}

// RECORD cannot hold its own digest, nor that of a signature of it.
static bool
needs_no_row(const struct wheel *wheel, const char *path)
{
	size_t len = strlen(wheel->info);
	if (strncmp(path, wheel->info, len) != 0 || path[len] != '/')
		return false;
	const char *file = path + len + 1;
	return lm_cstr_equal(file, "RECORD") || lm_cstr_equal(file, "RECORD.jws") || lm_cstr_equal(file, "RECORD.p7s");
}

static int
check_member(const struct wheel *wheel, const struct lm_zip_member *member, struct lm_path_tree *tree, struct job *job,
	struct lm_err *err)
{
	struct lm_err reason = {};
	struct lm_shown shown = lm_shown(lm_str_of(member->name));
	LM_AUTO(lm_free_ptr) char *bare = lm_strndup(member->name, strlen(member->name) - (member->is_folder ? 1 : 0));
	if (lm_path_check_inside(bare, &reason) < 0)
		return refuse(wheel, err, "%s", reason.text);
	const char *path = lm_arena_strdup(&tree->arena, bare);
	const struct lm_path_node *other = lm_path_tree_add(tree, path, member->is_folder ? LM_PATH_FOLDER : LM_PATH_FILE, 0);
	if (tree->count > LM_PATH_TREE_MAX)
		return lm_err_set(err, LM_E_LIMIT, "wheel '%s' is refused: it has more than %d files and folders", wheel->name,
			LM_PATH_TREE_MAX);
	if (other != nullptr && other->len == strlen(path))
		return refuse(wheel, err, "member '%s' is a file and a folder", lm_shown(lm_str_of(path)).text);
	if (other != nullptr)
		return refuse(wheel, err, "member '%s' is below the file '%s'", shown.text,
			lm_shown((struct lm_str){ other->path, other->len }).text);
	if (member->is_folder)
		return 0;
	const struct lm_record_row *row = find_row(wheel, member->name);
	bool free_of_rows = needs_no_row(wheel, member->name);
	if (row == nullptr && !free_of_rows)
		return refuse(wheel, err, "member '%s' is not in RECORD", shown.text);
	if (row != nullptr && !row->has_digest && !free_of_rows)
		return refuse(wheel, err, "RECORD has no digest of '%s'", shown.text);
	if (row != nullptr && row->has_size && row->size != member->size && !free_of_rows)
		return refuse(wheel, err, "member '%s' has %llu bytes, RECORD says %llu", shown.text,
			(unsigned long long)member->size, (unsigned long long)row->size);
	*job = (struct job){ .member = member, .row = free_of_rows ? nullptr : row };
	return 0;
}

// The largest first, so that no thread is left alone with it at the end.
static int
compare_jobs(const void *a, const void *b)
{
	const struct job *x = a, *y = b;
	if (x->member->size != y->member->size)
		return x->member->size > y->member->size ? -1 : 1;
	return (x->member > y->member) - (x->member < y->member);
}

static int
check_members(struct wheel *wheel, struct lm_err *err)
{
	LM_AUTO(lm_path_tree_release) struct lm_path_tree tree = {};
	wheel->jobs = lm_arena_alloc(&wheel->arena, wheel->zip.count * sizeof *wheel->jobs);
	for (size_t i = 0; i < wheel->zip.count; i++) {
		if (check_member(wheel, &wheel->zip.members[i], &tree, &wheel->jobs[wheel->job_count], err) < 0)
			return -1;
		wheel->job_count += wheel->zip.members[i].is_folder ? 0 : 1;
	}
	qsort(wheel->jobs, wheel->job_count, sizeof *wheel->jobs, compare_jobs);
	return 0;
}

static int
feed(void *context, const void *bytes, size_t len, struct lm_err *)
{
	lm_sha256_update(context, bytes, len);
	return 0;
}

// Task 0 hashes the file as a whole, the others one member each.
static int
hash_one(void *context, size_t index, struct lm_err *err)
{
	struct wheel *wheel = context;
	if (index == 0) {
		bool matches = false;
		if (store_check_source(wheel->path, wheel->file_digest, &matches, err) < 0)
			return -1;
		wheel->damaged = !matches;
		return matches ? 0 : lm_err_set(err, LM_E_INTEGRITY, "wheel '%s' in the store is damaged", wheel->name);
	}
	struct job *job = &wheel->jobs[index - 1];
	LM_AUTO(lm_sha256_release) struct lm_sha256 hash = {};
	lm_sha256_init(&hash);
	if (lm_zip_stream(&wheel->zip, job->member, feed, &hash, err) < 0)
		return -1;
	lm_sha256_final(&hash, &job->digest);
	if (job->row != nullptr && !lm_digest_equal(&job->digest, &job->row->digest))
		return lm_err_set(err, LM_E_INTEGRITY, "wheel '%s' is refused: member '%s' has another digest than RECORD says",
			wheel->name, lm_shown(lm_str_of(job->member->name)).text);
	return 0;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct lm_entry *)a)->path, ((const struct lm_entry *)b)->path);
}

static void
add_entries(const struct wheel *wheel, const char *origin, struct lm_entries *entries)
{
	const char *file = lm_arena_strdup(&entries->arena, wheel->path);
	size_t before = entries->count;
	for (size_t i = 0; i < wheel->job_count; i++) {
		const struct lm_zip_member *member = wheel->jobs[i].member;
		*lm_entries_add(entries) = (struct lm_entry){
			.path = lm_arena_strdup(&entries->arena, member->name),
			.type = LM_ENTRY_FILE,
			.executable = (member->unix_mode & UNIX_X) != 0,
			.size = member->size,
			.digest = wheel->jobs[i].digest,
			.origin = origin,
			.content = { .kind = member->deflated ? LM_CONTENT_DEFLATE : LM_CONTENT_FILE,
				.file = file,
				.offset = member->offset,
				.stored_size = member->stored_size },
		};
	}
	qsort(entries->items + before, entries->count - before, sizeof *entries->items, compare_paths);
}

static int
read_wheel(struct wheel *wheel, struct lm_err *err)
{
	if (lm_wheel_name_parse(lm_str_of(wheel->name), &wheel->parsed, err) < 0 ||
		lm_zip_open_as(&wheel->zip, wheel->path, wheel->name, nullptr, err) < 0 || find_info(wheel, err) < 0 ||
		check_format(wheel, err) < 0 || read_record(wheel, err) < 0 || check_members(wheel, err) < 0)
		return -1;
	return lm_pool_run(lm_cpu_count(), wheel->job_count + 1, hash_one, wheel, err);
}

int
store_wheel_read(const char *path, const struct lm_digest *digest, const char *name, const char *origin,
	struct lm_entries *entries, bool *damaged, struct lm_err *err)
{
	struct wheel wheel = { .path = path, .name = name, .file_digest = digest };
	int rc = read_wheel(&wheel, err);
	if (rc == 0)
		add_entries(&wheel, origin, entries);
	*damaged = wheel.damaged;
	lm_zip_close(&wheel.zip);
	lm_arena_release(&wheel.arena);
	return rc;
}

int
store_wheel_origin(const char *name, char **origin, struct lm_err *err)
{
	struct lm_wheel_name parsed = {};
	if (lm_wheel_name_parse(lm_str_of(name), &parsed, err) < 0)
		return -1;
	*origin = lm_format("%s %s", parsed.name, parsed.version);
	return 0;
}
