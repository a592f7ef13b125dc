#include "archive/unpack.h"

#include "archive/extract_parts.h"
#include "archive/shown.h"
#include "archive/unpack_parts.h"
#include "os/cancel.h"
#include "os/kill_point.h"
#include "os/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct lm_unpack_limits
lm_unpack_default_limits(void)
{
	return (struct lm_unpack_limits){ .max_entries = 200'000, .max_total_bytes = 8ull << 30 };
}

int
unpack_bad(const struct unpacking *unpacking, const char *name, struct lm_err *err, const char *format, ...)
{
	char what[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof what, format, args);
	va_end(args);
	return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: entry '%s' %s", unpacking->origin,
		lm_shown(lm_str_of(name)).text, what);
}

// The name without "./" in front and '/' at the end, which mean nothing and are common.
static struct lm_str
bare_name(const char *name)
{
	struct lm_str bare = lm_str_of(name);
	while (bare.len >= 2 && bare.ptr[0] == '.' && bare.ptr[1] == '/')
		bare.ptr += 2, bare.len -= 2;
	while (bare.len > 1 && bare.ptr[bare.len - 1] == '/')
		bare.len--;
	return bare;
}

// All members of a tree are in one folder: that of the first one.
static int
check_top(struct unpacking *unpacking, const char *name, const char *inner, bool is_folder, struct lm_err *err)
{
	struct extract_tree *tree = unpacking->tree;
	size_t len = strcspn(inner, "/");
	if (inner[len] == '\0' && !is_folder)
		return unpack_bad(unpacking, name, err, "is in no folder");
	if (tree->top == nullptr)
		tree->top = lm_strndup(inner, len);
	if (strlen(tree->top) != len || strncmp(inner, tree->top, len) != 0)
		return unpack_bad(unpacking, name, err, "is outside the folder '%s'", tree->top);
	return 0;
}

// Check a name and take `strip` off. *path: see unpack_name.
static int
inner_path(struct unpacking *unpacking, const char *name, bool is_folder, const char **path, struct lm_err *err)
{
	struct lm_err reason = {};
	struct lm_str bare = bare_name(name);
	*path = nullptr;
	if (is_folder && (bare.len == 0 || lm_str_equal(bare, LM_STR("."))))
		return 0;
	char *inner = lm_arena_strndup(&unpacking->entries->arena, bare.ptr, bare.len);
	if (lm_path_check_inside(inner, &reason) < 0)
		return unpack_bad(unpacking, name, err, "has an unsafe name: %s", reason.text);
	if (unpacking->strip != nullptr) {
		size_t len = strlen(unpacking->strip);
		if (is_folder && strcmp(inner, unpacking->strip) == 0)
			return 0;
		if (!lm_cstr_starts(inner, unpacking->strip) || inner[len] != '/')
			return unpack_bad(unpacking, name, err, "is outside the folder '%s'", unpacking->strip);
		inner += len + 1;
	}
	*path = inner;
	return unpacking->tree == nullptr ? 0 : check_top(unpacking, name, inner, is_folder, err);
}

void
unpack_time(struct unpacking *unpacking, int64_t mtime_s, long mtime_ns)
{
	if (unpacking->tree != nullptr)
		unpacking->tree->mtime = (struct timespec){ .tv_sec = mtime_s, .tv_nsec = mtime_ns };
}

int
unpack_name(struct unpacking *unpacking, const char *name, bool is_folder, const char **path, struct lm_err *err)
{
	if (++unpacking->entry_count > unpacking->limits.max_entries)
		return lm_err_set(err, LM_E_LIMIT, "archive '%s' is refused: it has more than %llu entries", unpacking->origin,
			(unsigned long long)unpacking->limits.max_entries);
	return inner_path(unpacking, name, is_folder, path, err);
}

// Put an entry into the tree of paths.
static int
place(struct unpacking *unpacking, const char *name, const char *path, enum lm_path_kind kind, struct lm_err *err)
{
	const struct lm_path_node *other = lm_path_tree_add(&unpacking->paths, path, kind, unpacking->entries->count);
	if (unpacking->paths.count > LM_PATH_TREE_MAX)
		return lm_err_set(err, LM_E_LIMIT, "archive '%s' is refused: it has more than %d files and folders",
			unpacking->origin, LM_PATH_TREE_MAX);
	if (other == nullptr)
		return 0;
	if (other->len == strlen(path))
		return unpack_bad(unpacking, name, err,
			other->kind == LM_PATH_FOLDER || kind == LM_PATH_FOLDER ? "is a folder in one place and none in another"
										: "is there twice");
	return unpack_bad(unpacking, name, err, "is below the %s '%s'", other->kind == LM_PATH_LINK ? "link" : "file",
		lm_shown((struct lm_str){ other->path, other->len }).text);
}

static int
count_bytes(struct unpacking *unpacking, uint64_t size, struct lm_err *err)
{
	if (size > unpacking->limits.max_total_bytes - unpacking->total_bytes)
		return lm_err_set(err, LM_E_LIMIT, "archive '%s' is refused: it has more than %llu bytes", unpacking->origin,
			(unsigned long long)unpacking->limits.max_total_bytes);
	unpacking->total_bytes += size;
	return 0;
}

int
unpack_folder(struct unpacking *unpacking, const char *name, const char *path, struct lm_err *err)
{
	const struct lm_path_node *node = lm_path_tree_find(&unpacking->paths, path);
	if (node != nullptr && node->said && node->kind == LM_PATH_FOLDER)
		return 0; // once more
	if (place(unpacking, name, path, LM_PATH_FOLDER, err) < 0)
		return -1;
	lm_grow(unpacking->folders, unpacking->folder_count, unpacking->folder_cap);
	unpacking->folders[unpacking->folder_count++] = path;
	return unpacking->tree == nullptr ? 0 : extract_folder(unpacking->tree, path, err);
}

// Where a link leads: up first, then down, and never out. After a name no "..": the name may be a link itself, and what is
// above its target cannot be told from the text.
static const char *
link_fault(const char *path, const char *target)
{
	size_t depth = 0;
	bool down = false;
	struct lm_str rest = lm_str_of(target);
	if (rest.len == 0)
		return "is a link to nothing";
	if (rest.ptr[0] == '/')
		return "is a link with an absolute target";
	if (memchr(rest.ptr, '\\', rest.len) != nullptr)
		return "is a link with a backslash in its target";
	if (!lm_utf8_valid(rest))
		return "is a link with a target that is not UTF-8";
	for (const char *slash = strchr(path, '/'); slash != nullptr; slash = strchr(slash + 1, '/'))
		depth++;
	while (rest.len > 0) {
		struct lm_str part = lm_str_cut(&rest, '/');
		if (part.len == 0 || lm_str_equal(part, LM_STR(".")))
			continue;
		bool up = lm_str_equal(part, LM_STR(".."));
		if (up && down)
			return "is a link that goes up after a name";
		if (up && depth == 0)
			return "is a link that leaves the archive";
		if (up)
			depth--;
		else
			down = true;
	}
	return nullptr;
}

int
unpack_link(struct unpacking *unpacking, const char *name, const char *path, const char *target, struct lm_err *err)
{
	const char *fault = link_fault(path, target);
	if (fault != nullptr)
		return unpack_bad(unpacking, name, err, "%s ('%s')", fault, lm_shown(lm_str_of(target)).text);
	if (place(unpacking, name, path, LM_PATH_LINK, err) < 0)
		return -1;
	lm_entries_add_link(unpacking->entries, path, target, unpacking->origin);
	if (unpacking->tree != nullptr)
		extract_link(unpacking->tree, path, unpacking->entries->items[unpacking->entries->count - 1].link);
	return 0;
}

int
unpack_hard_link(struct unpacking *unpacking, const char *name, const char *path, const char *target, struct lm_err *err)
{
	const char *inner = nullptr;
	struct lm_err reason = {};
	if (inner_path(unpacking, target, false, &inner, &reason) < 0)
		return unpack_bad(
			unpacking, name, err, "is a hard link with an unsafe target ('%s')", lm_shown(lm_str_of(target)).text);
	const struct lm_path_node *node = lm_path_tree_find(&unpacking->paths, inner);
	if (node == nullptr || node->kind != LM_PATH_FILE)
		return unpack_bad(unpacking, name, err, "is a hard link to '%s', which is no file before it",
			lm_shown(lm_str_of(target)).text);
	size_t index = node->index;
	if (count_bytes(unpacking, unpacking->entries->items[index].size, err) < 0 ||
		place(unpacking, name, path, LM_PATH_FILE, err) < 0)
		return -1;
	struct lm_entry *entry = lm_entries_add(unpacking->entries);
	*entry = unpacking->entries->items[index];
	entry->path = path;
	return unpacking->tree == nullptr
		? 0
		: extract_copy(unpacking->tree, unpacking->entries->items[index].path, path, entry->executable, err);
}

int
unpack_file(struct unpacking *unpacking, const char *name, const char *path, uint64_t size, bool executable, struct lm_err *err)
{
	if (count_bytes(unpacking, size, err) < 0 || place(unpacking, name, path, LM_PATH_FILE, err) < 0)
		return -1;
	*lm_entries_add(unpacking->entries) = (struct lm_entry){
		.path = path,
		.type = LM_ENTRY_FILE,
		.executable = executable,
		.size = size,
		.origin = unpacking->origin,
		.content = { .kind = LM_CONTENT_FILE,
			.file = unpacking->blob_path,
			.offset = unpacking->blob.size_bytes,
			.stored_size = size },
	};
	return 0;
}

int
unpack_file_begin(
	struct unpacking *unpacking, const char *name, const char *path, uint64_t size, bool executable, struct lm_err *err)
{
	struct extract_tree *tree = unpacking->tree;
	if (unpack_file(unpacking, name, path, size, executable, err) < 0)
		return -1;
	unpacking->expected = size;
	if (tree == nullptr) {
		lm_sha256_init(&unpacking->hash);
		return 0;
	}
	if (extract_parents(tree, path, err) < 0)
		return -1;
	tree->fd = extract_create(tree, path, size, err);
	return tree->fd < 0 ? -1 : 0;
}

int
unpack_file_bytes(void *context, const void *bytes, size_t len, struct lm_err *err)
{
	struct unpacking *unpacking = context;
	const struct lm_entry *entry = &unpacking->entries->items[unpacking->entries->count - 1];
	if (len > unpacking->expected)
		return unpack_bad(unpacking, entry->path, err, "holds more bytes than it says");
	if (lm_cancel_check(err) < 0)
		return -1;
	LM_KILL_POINT("unpack: bytes");
	uint64_t offset = entry->size - unpacking->expected;
	unpacking->expected -= len;
	if (unpacking->tree != nullptr)
		return extract_write(unpacking->tree, unpacking->tree->fd, entry->path, bytes, len, offset, err);
	lm_sha256_update(&unpacking->hash, bytes, len);
	return lm_outfile_write(&unpacking->blob, bytes, len, err);
}

int
unpack_file_end(struct unpacking *unpacking, const char *name, struct lm_err *err)
{
	if (unpacking->expected != 0)
		return unpack_bad(unpacking, name, err, "holds fewer bytes than it says");
	struct lm_entry *entry = &unpacking->entries->items[unpacking->entries->count - 1];
	struct extract_tree *tree = unpacking->tree;
	if (tree == nullptr) {
		lm_sha256_final(&unpacking->hash, &entry->digest);
		return 0;
	}
	int fd = tree->fd;
	tree->fd = -1;
	return extract_close(tree, fd, entry->path, entry->executable, tree->mtime, err);
}

void
unpack_empty_folders(struct unpacking *unpacking)
{
	for (size_t i = 0; i < unpacking->folder_count; i++) {
		if (lm_path_tree_find(&unpacking->paths, unpacking->folders[i])->filled)
			continue;
		*lm_entries_add(unpacking->entries) = (struct lm_entry){
			.path = unpacking->folders[i],
			.type = LM_ENTRY_FOLDER,
			.origin = unpacking->origin,
		};
	}
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

static int
unpack_all(struct unpacking *unpacking, struct lm_err *err)
{
	bool zip = false;
	if (looks_like_zip(unpacking->path, &zip, err) < 0 ||
		lm_outfile_open(&unpacking->blob, unpacking->blob_path, 0644, err) < 0)
		return -1;
	if ((zip ? unpack_read_zip(unpacking, err) : unpack_read_tar(unpacking, err)) < 0)
		return -1;
	if (unpacking->entry_count == 0)
		return lm_err_set(err, LM_E_SYNTAX, "'%s' is not a usable archive: it is empty", unpacking->origin);
	unpack_empty_folders(unpacking);
	return lm_outfile_commit(&unpacking->blob, err);
}

int
lm_unpack(const char *path, const char *strip, const char *blob_path, const char *origin, const struct lm_unpack_limits *limits,
	struct lm_entries *entries, struct lm_err *err)
{
	size_t before = entries->count;
	struct unpacking unpacking = {
		.path = path,
		.strip = strip,
		.origin = lm_arena_strdup(&entries->arena, origin),
		.blob_path = lm_arena_strdup(&entries->arena, blob_path),
		.limits = limits != nullptr ? *limits : lm_unpack_default_limits(),
		.entries = entries,
	};
	int rc = unpack_all(&unpacking, err);
	if (rc < 0)
		entries->count = before;
	lm_outfile_abandon(&unpacking.blob);
	lm_sha256_release(&unpacking.hash);
	lm_path_tree_release(&unpacking.paths);
	lm_free(unpacking.folders);
	return rc;
}
