#include "steps/view.h"

#include "archive/plan.h"
#include "archive/shown.h"

#include <stdlib.h>
#include <string.h>

enum { LISTING_MAX_LINES = 1'000'000 };

void
lm_view_release(struct lm_view *view)
{
	lm_free(view->items);
	lm_free(view->records);
	lm_strings_release(&view->findings);
	lm_arena_release(&view->arena);
	*view = (struct lm_view){};
}

static int
compare_paths(const void *a, const void *b)
{
	const struct lm_seen *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

const struct lm_seen *
lm_view_find(const struct lm_view *view, const char *path)
{
	size_t low = 0, high = view->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(view->items[middle].path, path);
		if (order == 0)
			return &view->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return nullptr;
}

static struct lm_seen *
add(struct lm_view *view)
{
	lm_grow(view->items, view->count, view->cap);
	struct lm_seen *seen = &view->items[view->count];
	*seen = (struct lm_seen){ .order = view->count };
	view->count++;
	return seen;
}

static void
add_finding(struct lm_view *view, const char *before, const char *path, const char *after)
{
	LM_AUTO(lm_free_ptr) char *text = lm_format("%s '%s' %s", before, lm_shown(lm_str_of(path)).text, after);
	lm_strings_add(&view->findings, text);
}

// Sort, and of members of one path keep the last, as unpacking does.
static void
sort_items(struct lm_view *view)
{
	size_t kept = 0;
	if (view->count > 1)
		qsort(view->items, view->count, sizeof *view->items, compare_paths);
	for (size_t i = 0; i < view->count; i++) {
		bool again = kept > 0 && strcmp(view->items[kept - 1].path, view->items[i].path) == 0;
		bool folders = again && view->items[kept - 1].type == LM_SCAN_FOLDER && view->items[i].type == LM_SCAN_FOLDER;
		if (again && !folders)
			add_finding(view, "member", view->items[i].path, "is there more than once");
		view->items[again ? kept - 1 : kept++] = view->items[i];
	}
	view->count = kept;
}

// A folder is implied by what comes behind it in order: "a/", then "a.b", then "a/x".
static void
mark_implied(struct lm_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		const char *path = view->items[i].path;
		for (const char *slash = strchr(path, '/'); slash != nullptr; slash = strchr(slash + 1, '/')) {
			LM_AUTO(lm_free_ptr) char *folder = lm_strndup(path, (size_t)(slash - path));
			const struct lm_seen *found = lm_view_find(view, folder);
			if (found != nullptr && found->type == LM_SCAN_FOLDER)
				view->items[found - view->items].implied = true;
		}
		if (strcmp(path, ".") == 0 && view->items[i].type == LM_SCAN_FOLDER && view->count > 1)
			view->items[i].implied = true;
	}
}

// The text of a field: %20 and %25 undone, then made printable.
static const char *
listed_text(struct lm_view *view, struct lm_str field)
{
	LM_AUTO(lm_buf_release) struct lm_buf plain = {}, shown = {};
	while (field.len > 0) {
		bool coded = field.len >= 3 && field.ptr[0] == '%' && field.ptr[1] == '2' &&
			(field.ptr[2] == '0' || field.ptr[2] == '5');
		lm_buf_byte(&plain, coded ? (field.ptr[2] == '0' ? ' ' : '%') : field.ptr[0]);
		size_t len = coded ? 3 : 1;
		field.ptr += len;
		field.len -= len;
	}
	lm_shown_text(lm_buf_view(&plain), &shown);
	return lm_arena_strndup(&view->arena, lm_buf_cstr(&shown), shown.len);
}

static bool
listed_line(struct lm_view *view, struct lm_str line, struct lm_seen *out)
{
	struct lm_str kind = lm_str_cut(&line, ' ');
	if (lm_str_equal(kind, LM_STR("0644")) || lm_str_equal(kind, LM_STR("0755"))) {
		struct lm_str hex = lm_str_cut(&line, ' '), size = lm_str_cut(&line, ' ');
		out->mode = kind.ptr[1] == '7' ? 0755 : 0644;
		out->has_digest = true;
		if (!lm_digest_parse(hex, &out->digest) || !lm_parse_u64(size, UINT64_MAX, &out->size))
			return false;
	} else if (lm_str_equal(kind, LM_STR("link"))) {
		out->type = LM_SCAN_LINK;
		out->link = listed_text(view, lm_str_cut(&line, ' '));
	} else if (lm_str_equal(kind, LM_STR("folder"))) {
		out->type = LM_SCAN_FOLDER;
		if (!lm_str_equal(lm_str_cut(&line, ' '), LM_STR("-")))
			return false;
	} else {
		return false;
	}
	out->path = listed_text(view, line);
	return line.len > 0 && lm_str_find(line, ' ') == line.len;
}

int
lm_view_from_listing(struct lm_view *view, struct lm_str text, const char *top, struct lm_err *err)
{
	size_t number = 0;
	view->top = top == nullptr ? nullptr : lm_arena_strdup(&view->arena, top);
	while (text.len > 0) {
		struct lm_str line = lm_str_cut(&text, '\n');
		struct lm_seen seen = { .order = view->count };
		if (++number > LISTING_MAX_LINES)
			return lm_err_set(err, LM_E_LIMIT, "it has more than %d lines", LISTING_MAX_LINES);
		if (!listed_line(view, line, &seen))
			return lm_err_set(err, LM_E_SYNTAX, "line %zu is not of a listing", number);
		*add(view) = seen;
	}
	sort_items(view);
	return 0;
}

// The folder that all members are in.
static void
find_top(struct lm_view *view)
{
	struct lm_str top = {};
	bool below = false;
	for (size_t i = 0; i < view->count; i++) {
		struct lm_str rest = lm_str_of(view->items[i].path);
		struct lm_str first = lm_str_cut(&rest, '/');
		if (i > 0 && !lm_str_equal(first, top))
			return;
		if (rest.len == 0 && view->items[i].type != LM_SCAN_FOLDER)
			return;
		top = first;
		below = below || rest.len > 0;
	}
	if (below && !lm_str_equal(top, LM_STR(".")))
		view->top = lm_arena_strndup(&view->arena, top.ptr, top.len);
}

// Paths below the top folder; the folder itself becomes ".".
static void
strip_top(struct lm_view *view)
{
	size_t len = strlen(view->top);
	for (size_t i = 0; i < view->count; i++) {
		struct lm_seen *seen = &view->items[i];
		if (strcmp(seen->path, view->top) == 0)
			seen->path = ".";
		else if (lm_cstr_starts(seen->path, view->top) && seen->path[len] == '/')
			seen->path += len + 1;
		else
			add_finding(view, "member", seen->path, "is outside of the layer's folder");
	}
	for (size_t i = 0; i < view->record_count; i++)
		if (lm_cstr_starts(view->records[i].path, view->top) && view->records[i].path[len] == '/')
			view->records[i].path += len + 1;
}

void
lm_view_drop_top(struct lm_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		struct lm_seen *seen = &view->items[i];
		seen->path = strcmp(seen->path, ".") == 0 ? view->top
							  : lm_arena_format(&view->arena, "%s/%s", view->top, seen->path);
	}
	for (size_t i = 0; i < view->record_count; i++)
		view->records[i].path = lm_arena_format(&view->arena, "%s/%s", view->top, view->records[i].path);
	view->top = nullptr;
	sort_items(view);
}

// What a hard link leads to, in steps: a chain longer than this leads nowhere.
enum { HARD_LINK_STEPS = 8 };

static void
resolve_hard_links(struct lm_view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		struct lm_seen *seen = &view->items[i];
		const struct lm_seen *target = seen;
		for (int step = 0; step < HARD_LINK_STEPS && target != nullptr && target->hard_link != nullptr; step++)
			target = lm_view_find(view, target->hard_link);
		if (seen->hard_link == nullptr)
			continue;
		if (target == nullptr || target->hard_link != nullptr || target->type != LM_SCAN_FILE) {
			add_finding(view, "member", seen->path, "is a hard link to nothing");
			continue;
		}
		seen->size = target->size;
		seen->digest = target->digest;
		seen->has_digest = true;
	}
}

static int
take_member(void *context, const struct lm_scan_member *member, struct lm_err *)
{
	struct lm_view *view = context;
	struct lm_seen *seen = add(view);
	struct lm_arena *arena = &view->arena;
	size_t order = seen->order;
	*seen = (struct lm_seen){ .path = lm_arena_strdup(arena, member->name[0] == '\0' ? "." : member->name),
		.type = member->type == LM_SCAN_HARD_LINK ? LM_SCAN_FILE : member->type,
		.mode = member->mode,
		.size = member->size,
		.digest = member->digest,
		.has_digest = member->type == LM_SCAN_FILE,
		.special = member->special,
		.read = true,
		.has_time = member->has_time,
		.has_owner = member->has_owner,
		.mtime_s = member->mtime_s,
		.mtime_ns = member->mtime_ns,
		.uid = member->uid,
		.gid = member->gid,
		.user = lm_arena_strdup(arena, member->user),
		.group = lm_arena_strdup(arena, member->group),
		.attributes = lm_arena_strdup(arena, member->attributes),
		.position = member->position,
		.order = order };
	if (member->type == LM_SCAN_LINK)
		seen->link = lm_arena_strdup(arena, member->link);
	if (member->type == LM_SCAN_HARD_LINK)
		seen->hard_link = lm_arena_strdup(arena, lm_cstr_starts(member->link, "./") ? member->link + 2 : member->link);
	return 0;
}

// RECORD files say which package an entry belongs to.
enum { RECORD_MAX_BYTES = 16 << 20, RECORDS_MAX_BYTES = 128 << 20 };

static bool
wants_record(void *context, const struct lm_scan_member *member)
{
	struct lm_view *view = context;
	if (!lm_cstr_ends(member->name, ".dist-info/RECORD") || member->size > RECORD_MAX_BYTES ||
		view->record_bytes + member->size > RECORDS_MAX_BYTES)
		return false;
	lm_grow(view->records, view->record_count, view->record_cap);
	view->records[view->record_count++] = (struct lm_seen_record){ .path = lm_arena_strdup(&view->arena, member->name),
		.text = lm_arena_alloc(&view->arena, (size_t)member->size + 1) };
	view->record_bytes += member->size;
	return true;
}

static int
take_record(void *context, const void *bytes, size_t len, struct lm_err *)
{
	struct lm_view *view = context;
	struct lm_seen_record *record = &view->records[view->record_count - 1];
	char *text = nullptr;
	memcpy(&text, &record->text, sizeof text); // ours, const for all others
	memcpy(text + record->len, bytes, len);    // never more than the size that was reserved
	record->len += len;
	return 0;
}

int
lm_view_from_archive(struct lm_view *view, const struct lm_scan_source *source, const char *top, struct lm_err *err)
{
	struct lm_scan_sink sink = { .member = take_member, .wants = wants_record, .bytes = take_record, .context = view };
	view->read = true;
	view->whole = source->ranges == nullptr;
	view->partial = !view->whole;
	if (lm_scan(source, &sink, nullptr, &view->scan, err) < 0)
		return -1;
	sort_items(view);
	resolve_hard_links(view);
	if (view->whole)
		find_top(view);
	if (top != nullptr && view->top != nullptr && strcmp(top, view->top) != 0)
		add_finding(view, "the top folder", view->top, "is not the one that the metadata say");
	else if (top != nullptr)
		view->top = lm_arena_strdup(&view->arena, top);
	if (view->top != nullptr) {
		strip_top(view);
		sort_items(view);
	}
	mark_implied(view);
	return 0;
}

static bool
same_content(const struct lm_seen *a, const struct lm_seen *b)
{
	if (a->type != b->type || a->has_digest != b->has_digest)
		return false;
	if (a->type == LM_SCAN_LINK)
		return lm_cstr_equal(a->link, b->link);
	return a->type != LM_SCAN_FILE || (a->mode == b->mode && a->size == b->size && lm_digest_equal(&a->digest, &b->digest));
}

void
lm_view_add_read(struct lm_view *view, const struct lm_view *read)
{
	struct lm_arena *arena = &view->arena;
	size_t listed_count = view->count, count = view->count;
	for (size_t i = 0; i < read->count; i++) {
		struct lm_seen seen = read->items[i];
		const struct lm_seen *listed = lm_view_find(view, seen.path);
		seen.path = lm_arena_strdup(arena, seen.path);
		seen.user = lm_arena_strdup(arena, seen.user);
		seen.group = lm_arena_strdup(arena, seen.group);
		seen.attributes = lm_arena_strdup(arena, seen.attributes);
		seen.link = seen.link == nullptr ? nullptr : lm_arena_strdup(arena, seen.link);
		seen.hard_link = seen.hard_link == nullptr ? nullptr : lm_arena_strdup(arena, seen.hard_link);
		if (listed != nullptr) {
			if (!same_content(listed, &seen))
				add_finding(view, "entry", seen.path, "is in the archive otherwise than in its listing");
			view->items[listed - view->items] = seen;
			continue;
		}
		if (seen.type != LM_SCAN_FOLDER)
			add_finding(view, "entry", seen.path, "is in the archive and not in its listing");
		seen.implied = seen.type == LM_SCAN_FOLDER;
		lm_grow(view->items, count, view->cap); // behind those that lm_view_find looks at
		view->items[count++] = seen;
	}
	for (size_t i = 0; i < listed_count && read->whole; i++)
		if (!view->items[i].read)
			add_finding(view, "entry", view->items[i].path, "is in the listing and not in its archive");
	for (size_t i = 0; i < read->findings.count; i++)
		lm_strings_add(&view->findings, read->findings.items[i]);
	view->count = count;
	view->read = true;
	view->whole = read->whole;
	sort_items(view);
}

bool
lm_view_content_hash(const struct lm_view *view, struct lm_digest *out)
{
	struct lm_entries entries = {};
	bool known = true;
	for (size_t i = 0; i < view->count && known; i++) {
		const struct lm_seen *seen = &view->items[i];
		known = seen->type == LM_SCAN_FOLDER || seen->type == LM_SCAN_LINK ||
			(seen->type == LM_SCAN_FILE && seen->has_digest);
		if (!known || seen->implied)
			continue;
		*lm_entries_add(&entries) = (struct lm_entry){ .path = seen->path,
			.type = seen->type == LM_SCAN_FOLDER ? LM_ENTRY_FOLDER
				: seen->type == LM_SCAN_LINK ? LM_ENTRY_LINK
							     : LM_ENTRY_FILE,
			.executable = (seen->mode & 0100) != 0,
			.size = seen->size,
			.digest = seen->digest,
			.link = seen->link };
	}
	lm_entries_content_hash(&entries, out);
	lm_entries_release(&entries);
	return known;
}

void
lm_view_members(const struct lm_view *view, struct lm_strings *out)
{
	struct lm_entries entries = {};
	struct lm_plan plan = {};
	struct lm_archive_options options = { .format = LM_FORMAT_TAR, .prefix = "top" };
	for (size_t i = 0; i < view->count; i++) {
		const struct lm_seen *seen = &view->items[i];
		if (seen->implied || seen->type == LM_SCAN_SPECIAL)
			continue;
		*lm_entries_add(&entries) = (struct lm_entry){ .path = seen->path,
			.type = seen->type == LM_SCAN_FOLDER ? LM_ENTRY_FOLDER : LM_ENTRY_FILE };
	}
	lm_plan_make(&plan, &entries, &options);
	for (size_t i = 0; i < plan.member_count; i++)
		lm_strings_add_str(out, plan.members[i].path);
	lm_plan_release(&plan);
	lm_entries_release(&entries);
}
