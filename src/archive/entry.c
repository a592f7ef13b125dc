#include "archive/entry.h"

#include "base/str.h"
#include "os/path.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

struct lm_entry *
lm_entries_add(struct lm_entries *entries)
{
	lm_grow(entries->items, entries->count, entries->cap);
	struct lm_entry *entry = &entries->items[entries->count++];
	*entry = (struct lm_entry){};
	return entry;
}

void
lm_entries_add_text(
	struct lm_entries *entries, const char *path, const void *bytes, size_t len, bool executable, const char *origin)
{
	struct lm_arena *arena = &entries->arena;
	char *copy = lm_arena_alloc(arena, len);
	if (len > 0)
		memcpy(copy, bytes, len);

	struct lm_entry *entry = lm_entries_add(entries);
	entry->path = lm_arena_strdup(arena, path);
	entry->origin = lm_arena_strdup(arena, origin);
	entry->executable = executable;
	entry->size = len;
	entry->content = (struct lm_content){ .kind = LM_CONTENT_MEMORY, .memory = copy };
	lm_sha256_bytes(copy, len, &entry->digest);
}

void
lm_entries_add_link(struct lm_entries *entries, const char *path, const char *target, const char *origin)
{
	struct lm_entry *entry = lm_entries_add(entries);
	entry->path = lm_arena_strdup(&entries->arena, path);
	entry->type = LM_ENTRY_LINK;
	entry->link = lm_arena_strdup(&entries->arena, target);
	entry->origin = lm_arena_strdup(&entries->arena, origin);
}

void
lm_entries_release(struct lm_entries *entries)
{
	lm_free(entries->items);
	lm_arena_release(&entries->arena);
	*entries = (struct lm_entries){};
}

static const char *
origin_of(const struct lm_entry *entry)
{
	return entry->origin == nullptr ? "?" : entry->origin;
}

// ".." is good only before any name: behind one it would be taken from wherever a link of that name leads,
// and the count of levels here would not hold.
static const char *
link_fault(const struct lm_entry *entry)
{
	enum { TARGET_MAX_BYTES = 4096 };
	struct lm_str target = lm_str_of(entry->link);
	if (target.len == 0)
		return "an empty target";
	if (target.len > TARGET_MAX_BYTES)
		return "a target above 4096 bytes";
	if (target.ptr[0] == '/')
		return "an absolute target";
	if (!lm_utf8_valid(target))
		return "a target that is not UTF-8";
	for (size_t i = 0; i < target.len; i++) {
		unsigned char byte = (unsigned char)target.ptr[i], next = (unsigned char)target.ptr[i + 1];
		if (byte < 0x20 || byte == 0x7f || byte == '\\' || (byte == 0xc2 && next < 0xa0)) // U+0080 to U+009F
			return "a control byte or backslash in its target";
	}

	size_t levels = 1; // to the stack's folder: the layer, and each folder the link is in
	for (const char *at = entry->path; *at != '\0'; at++)
		levels += *at == '/';
	bool named = false;
	struct lm_str rest = target;
	while (rest.len > 0) {
		struct lm_str name = lm_str_cut(&rest, '/');
		if (name.len == 0 || lm_str_equal(name, LM_STR(".")))
			continue;
		if (!lm_str_equal(name, LM_STR(".."))) {
			named = true;
			continue;
		}
		if (named)
			return "'..' after a name in its target";
		if (levels-- == 0)
			return "a target outside of the stack's folder";
	}
	return nullptr;
}

static int
check_entry(const struct lm_entry *entry, struct lm_err *err)
{
	if (lm_path_check_inside(entry->path, err) < 0)
		return lm_err_wrap(err, "entry of '%s'", origin_of(entry));
	if (entry->type != LM_ENTRY_LINK)
		return 0;
	const char *fault = link_fault(entry);
	if (fault == nullptr)
		return 0;
	return lm_err_set(err, LM_E_SYNTAX, "link with %s: '%s' -> '%s' of '%s'", fault, entry->path,
		entry->link == nullptr ? "" : entry->link, origin_of(entry));
}

// By path; equal paths by origin, so that what is kept and what a message says repeat.
static int
compare_entries(const void *a, const void *b)
{
	const struct lm_entry *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	return order != 0 ? order : strcmp(origin_of(x), origin_of(y));
}

static const char *
difference(const struct lm_entry *a, const struct lm_entry *b)
{
	if (a->type != b->type)
		return "type";
	if (a->type == LM_ENTRY_LINK)
		return strcmp(a->link, b->link) == 0 ? nullptr : "target";
	if (a->type == LM_ENTRY_FOLDER)
		return nullptr;
	if (a->size != b->size || !lm_digest_equal(&a->digest, &b->digest))
		return "bytes";
	return a->executable == b->executable ? nullptr : "mode";
}

static int
merge_equal(struct lm_entries *entries, struct lm_err *err)
{
	size_t kept = 0;
	for (size_t i = 0; i < entries->count; i++) {
		const struct lm_entry *entry = &entries->items[i];
		if (kept > 0 && strcmp(entries->items[kept - 1].path, entry->path) == 0) {
			const struct lm_entry *other = &entries->items[kept - 1];
			const char *what = difference(other, entry);
			if (what != nullptr)
				return lm_err_set(err, LM_E_CONFLICT, "two entries for '%s': '%s' and '%s' differ in %s",
					entry->path, origin_of(other), origin_of(entry), what);
			continue;
		}
		entries->items[kept++] = *entry;
	}
	entries->count = kept;
	return 0;
}

// The index of the first entry whose path is not below these bytes.
static size_t
lower_bound(const struct lm_entries *entries, struct lm_str path)
{
	size_t low = 0, high = entries->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (lm_str_compare(lm_str_of(entries->items[middle].path), path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct lm_entry *
find_str(const struct lm_entries *entries, struct lm_str path)
{
	size_t at = lower_bound(entries, path);
	if (at == entries->count || !lm_str_equal(lm_str_of(entries->items[at].path), path))
		return nullptr;
	return &entries->items[at];
}

const struct lm_entry *
lm_entries_find(const struct lm_entries *entries, const char *path)
{
	return find_str(entries, lm_str_of(path));
}

// Call `visit` for each folder above `items[i]` that is not also above `items[i - 1]`: in a sorted list, each folder once.
typedef int folder_visit(void *context, struct lm_str folder, size_t index, struct lm_err *err);

static int
visit_folders(const struct lm_entries *entries, folder_visit *visit, void *context, struct lm_err *err)
{
	const char *before = "";
	for (size_t i = 0; i < entries->count; i++) {
		const char *path = entries->items[i].path;
		size_t same = 0;
		while (path[same] != '\0' && path[same] == before[same])
			same++;
		for (size_t at = same; path[at] != '\0'; at++) {
			if (path[at] != '/')
				continue;
			if (visit(context, (struct lm_str){ path, at }, i, err) < 0)
				return -1;
		}
		before = path;
	}
	return 0;
}

struct parents {
	const struct lm_entries *entries;
	bool *drop; // folder entries with something in them
};

static int
check_parent(void *context, struct lm_str folder, size_t index, struct lm_err *err)
{
	struct parents *parents = context;
	const struct lm_entry *parent = find_str(parents->entries, folder);
	if (parent == nullptr)
		return 0;
	if (parent->type == LM_ENTRY_FOLDER) {
		parents->drop[parent - parents->entries->items] = true;
		return 0;
	}
	const struct lm_entry *child = &parents->entries->items[index];
	return lm_err_set(err, LM_E_CONFLICT, "a %s where a folder is needed: '%s' of '%s', and '%s' of '%s'",
		parent->type == LM_ENTRY_LINK ? "link" : "file", parent->path, origin_of(parent), child->path,
		origin_of(child));
}

static int
settle_parents(struct lm_entries *entries, struct lm_err *err)
{
	LM_AUTO(lm_free_ptr) bool *drop = lm_alloc_array(entries->count, sizeof(*drop));
	struct parents parents = { entries, drop };
	if (visit_folders(entries, check_parent, &parents, err) < 0)
		return -1;

	size_t kept = 0;
	for (size_t i = 0; i < entries->count; i++) {
		if (!drop[i])
			entries->items[kept++] = entries->items[i];
	}
	entries->count = kept;
	return 0;
}

// A path, or a folder of one, with its folded form (an offset: the buffer moves while it grows).
struct folded {
	size_t at, len;
	const char *text;
	struct lm_str path;
	const struct lm_entry *entry;
};

struct folded_list {
	const struct lm_entries *entries;
	struct folded *items;
	size_t count, cap;
	struct lm_buf text;
};

static int
add_folded(void *context, struct lm_str path, size_t index, struct lm_err *err)
{
	struct folded_list *list = context;
	(void)err;
	size_t at = list->text.len;
	lm_casefold(&list->text, path);
	lm_grow(list->items, list->count, list->cap);
	list->items[list->count++] =
		(struct folded){ .at = at, .len = list->text.len - at, .path = path, .entry = &list->entries->items[index] };
	return 0;
}

static int
compare_folded(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;
	int order = lm_str_compare((struct lm_str){ x->text, x->len }, (struct lm_str){ y->text, y->len });
	return order != 0 ? order : lm_str_compare(x->path, y->path);
}

static int
check_folded(struct folded_list *list, struct lm_err *err)
{
	for (size_t i = 0; i < list->count; i++)
		list->items[i].text = lm_buf_cstr(&list->text) + list->items[i].at;
	if (list->count > 0)
		qsort(list->items, list->count, sizeof(*list->items), compare_folded);
	for (size_t i = 1; i < list->count; i++) {
		const struct folded *x = &list->items[i - 1], *y = &list->items[i];
		if (x->len != y->len || memcmp(x->text, y->text, x->len) != 0)
			continue;
		return lm_err_set(err, LM_E_CONFLICT, "names that differ only in case: '%.*s' of '%s' and '%.*s' of '%s'",
			LM_STR_ARG(x->path), origin_of(x->entry), LM_STR_ARG(y->path), origin_of(y->entry));
	}
	return 0;
}

static int
check_case(const struct lm_entries *entries, struct lm_err *err)
{
	struct folded_list list = { .entries = entries };
	for (size_t i = 0; i < entries->count; i++)
		(void)add_folded(&list, lm_str_of(entries->items[i].path), i, err);
	(void)visit_folders(entries, add_folded, &list, err);
	int rc = check_folded(&list, err);
	lm_free(list.items);
	lm_buf_release(&list.text);
	return rc;
}

int
lm_entries_finish(struct lm_entries *entries, bool fold_case, struct lm_err *err)
{
	for (size_t i = 0; i < entries->count; i++) {
		if (check_entry(&entries->items[i], err) < 0)
			return -1;
	}
	if (entries->count > 0)
		qsort(entries->items, entries->count, sizeof(*entries->items), compare_entries);
	if (merge_equal(entries, err) < 0)
		return -1;
	if (settle_parents(entries, err) < 0)
		return -1;
	return fold_case ? check_case(entries, err) : 0;
}

int
lm_entries_check_windows(const struct lm_entries *entries, struct lm_err *err)
{
	for (size_t i = 0; i < entries->count; i++)
		if (lm_path_check_windows(entries->items[i].path, err) < 0)
			return lm_err_wrap(err, "entry of '%s'", origin_of(&entries->items[i]));
	return 0;
}

static void
append_quoted(struct lm_buf *line, const char *text)
{
	for (;; text++) {
		size_t plain = strcspn(text, " %");
		lm_buf_append(line, text, plain);
		text += plain;
		if (*text == '\0')
			return;
		lm_buf_text(line, *text == ' ' ? "%20" : "%25");
	}
}

static void
append_line(const struct lm_entry *entry, struct lm_buf *out)
{
	char hex[LM_DIGEST_HEX];
	switch (entry->type) {
	case LM_ENTRY_FILE:
		lm_digest_hex(&entry->digest, hex);
		lm_buf_text(out, entry->executable ? "0755 " : "0644 ");
		lm_buf_text(out, hex);
		lm_buf_format(out, " %llu", (unsigned long long)entry->size);
		break;
	case LM_ENTRY_LINK:
		lm_buf_text(out, "link ");
		append_quoted(out, entry->link);
		break;
	case LM_ENTRY_FOLDER:
		lm_buf_text(out, "folder -");
		break;
	}
	lm_buf_byte(out, ' ');
	append_quoted(out, entry->path);
	lm_buf_byte(out, '\n');
}

void
lm_entries_listing(const struct lm_entries *entries, struct lm_buf *out)
{
	for (size_t i = 0; i < entries->count; i++)
		append_line(&entries->items[i], out);
}

void
lm_entries_content_hash(const struct lm_entries *entries, struct lm_digest *out)
{
	struct lm_sha256 hash = {};
	LM_AUTO(lm_buf_release) struct lm_buf line = {};
	lm_sha256_init(&hash);
	for (size_t i = 0; i < entries->count; i++) {
		lm_buf_clear(&line);
		append_line(&entries->items[i], &line);
		lm_sha256_update(&hash, line.ptr, line.len);
	}
	lm_sha256_final(&hash, out);
}
