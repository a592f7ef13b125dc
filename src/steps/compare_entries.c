// Entry by entry.
#include "steps/compare_parts.h"

#include "os/clock.h"

#include <stdio.h>
#include <string.h>

static void
set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static json_t *
time_json(const struct lm_seen *seen)
{
	char text[LM_TIME_TEXT];
	lm_time_format(seen->mtime_s, text);
	if (seen->mtime_ns == 0)
		return json_string(text);
	text[strcspn(text, "Z")] = '\0';
	return json_sprintf("%s.%09uZ", text, seen->mtime_ns);
}

static const char *
type_name(const struct lm_seen *seen)
{
	switch (seen->type) {
	case LM_SCAN_FOLDER:
		return "folder";
	case LM_SCAN_LINK:
		return "link";
	case LM_SCAN_SPECIAL:
		return seen->special;
	default:
		return "file";
	}
}

static void
add_header(json_t *object, const struct lm_seen *seen)
{
	if (seen->has_time)
		set(object, "time", time_json(seen));
	if (seen->has_owner) {
		set(object, "uid", json_integer(seen->uid));
		set(object, "gid", json_integer(seen->gid));
		set(object, "user", json_string(seen->user));
		set(object, "group", json_string(seen->group));
	}
	if (seen->attributes[0] != '\0')
		set(object, "attributes", json_string(seen->attributes));
	if (seen->hard_link != nullptr)
		set(object, "hard_link", json_string(seen->hard_link));
}

// All that is known of an entry.
static json_t *
seen_json(const struct lm_seen *seen)
{
	char hex[LM_DIGEST_HEX];
	json_t *object = json_object();
	set(object, "type", json_string(type_name(seen)));
	if (seen->type == LM_SCAN_FILE || seen->read)
		set(object, "mode", json_sprintf("%04o", seen->mode));
	if (seen->has_digest) {
		lm_digest_hex(&seen->digest, hex);
		set(object, "sha256", json_string(hex));
		set(object, "size", json_integer((json_int_t)seen->size));
	}
	if (seen->link != nullptr)
		set(object, "link", json_string(seen->link));
	if (seen->read)
		add_header(object, seen);
	return object;
}

static bool
is_large(uint64_t before, uint64_t after)
{
	uint64_t change = before < after ? after - before : before - after;
	return change >= LM_LARGE_ENTRY_BYTES ||
		(change >= LM_LARGE_ENTRY_SMALL_BYTES && change / LM_LARGE_ENTRY_PERCENT >= before / 100);
}

static void
add_entry(struct lm_comparison *comparison, const char *change, const struct lm_seen *a, const struct lm_seen *b, json_t *what)
{
	const struct lm_seen *any = a != nullptr ? a : b;
	json_t *entry = json_object();
	set(entry, "path", json_string(any->path));
	set(entry, "change", json_string(change));
	set(entry, "what", what != nullptr ? what : json_array());
	set(entry, "a", a != nullptr ? seen_json(a) : json_null());
	set(entry, "b", b != nullptr ? seen_json(b) : json_null());
	set(entry, "large", json_boolean(is_large(a != nullptr ? a->size : 0, b != nullptr ? b->size : 0)));
	set(entry, "package", json_null());
	(void)json_array_append_new(comparison->entries, entry);
}

static void
add_word(json_t **what, const char *word)
{
	if (*what == nullptr)
		*what = json_array();
	(void)json_array_append_new(*what, json_string(word));
}

static void
compare_content(struct lm_comparison *comparison, const struct lm_seen *a, const struct lm_seen *b, json_t **what)
{
	if (a->type != b->type || !lm_cstr_equal(a->special, b->special))
		add_word(what, "type");
	else if (a->type == LM_SCAN_LINK && !lm_cstr_equal(a->link, b->link))
		add_word(what, "link");
	else if (a->type == LM_SCAN_FILE && a->mode != b->mode)
		add_word(what, "mode");
	if (a->type == LM_SCAN_FILE && b->type == LM_SCAN_FILE) {
		if (a->has_digest != b->has_digest || !lm_digest_equal(&a->digest, &b->digest))
			add_word(what, "bytes");
		if (a->size != b->size)
			add_word(what, "size");
	}
	comparison->other_content = comparison->other_content || *what != nullptr;
}

static void
compare_headers(struct lm_comparison *comparison, const struct lm_seen *a, const struct lm_seen *b, json_t **what)
{
	json_t *found = nullptr;
	if (!a->read || !b->read)
		return;
	if (a->type == b->type && a->type != LM_SCAN_FILE && a->mode != b->mode)
		add_word(&found, "mode");
	if (a->has_time != b->has_time || a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns)
		add_word(&found, "time");
	if (a->has_owner && b->has_owner &&
		(a->uid != b->uid || a->gid != b->gid || !lm_cstr_equal(a->user, b->user) ||
			!lm_cstr_equal(a->group, b->group)))
		add_word(&found, "owner");
	if (!lm_cstr_equal(a->attributes, b->attributes))
		add_word(&found, "attributes");
	if (!lm_cstr_equal(a->hard_link, b->hard_link))
		add_word(&found, "hard link");
	if (found == nullptr)
		return;
	comparison->other_headers = true;
	if (*what == nullptr)
		*what = json_array();
	(void)json_array_extend(*what, found);
	json_decref(found);
}

static void
compare_pair(struct lm_comparison *comparison, const struct lm_seen *a, const struct lm_seen *b)
{
	json_t *what = nullptr;
	compare_content(comparison, a, b, &what);
	// zip against tar: only one of them knows seconds, owners and the rest
	if (comparison->a.view.scan.zip == comparison->b.view.scan.zip)
		compare_headers(comparison, a, b, &what);
	if (what != nullptr)
		add_entry(comparison, "changed", a, b, what);
}

// An entry that one side has. Folders with something in them are no content, and a listing or a part of an archive need not
// have them.
static void
compare_single(struct lm_comparison *comparison, const struct lm_seen *seen, bool removed)
{
	const struct lm_view *mine = removed ? &comparison->a.view : &comparison->b.view;
	const struct lm_view *other = removed ? &comparison->b.view : &comparison->a.view;
	bool implied = seen->implied || (seen->type == LM_SCAN_FOLDER && mine->partial);
	if (implied && !other->whole)
		return;
	if (implied)
		comparison->other_headers = true;
	else
		comparison->other_content = true;
	add_entry(comparison, removed ? "removed" : "added", removed ? seen : nullptr, removed ? nullptr : seen, nullptr);
}

void
compare_entries(struct lm_comparison *comparison)
{
	const struct lm_view *a = &comparison->a.view, *b = &comparison->b.view;
	size_t i = 0, j = 0;
	while (i < a->count || j < b->count) {
		int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(a->items[i].path, b->items[j].path);
		if (order < 0)
			compare_single(comparison, &a->items[i++], true);
		else if (order > 0)
			compare_single(comparison, &b->items[j++], false);
		else
			compare_pair(comparison, &a->items[i++], &b->items[j++]);
	}
}

bool
compare_lacks_packages(const struct lm_comparison *comparison)
{
	size_t i = 0;
	json_t *entry = nullptr;
	json_array_foreach(comparison->entries, i, entry) if (json_is_null(json_object_get(entry, "package"))) return true;
	return false;
}

void
compare_name_packages(struct lm_comparison *comparison)
{
	size_t i = 0;
	json_t *entry = nullptr;
	json_array_foreach(comparison->entries, i, entry)
	{
		bool removed = json_is_null(json_object_get(entry, "b"));
		const struct lm_side *first = removed ? &comparison->a : &comparison->b;
		const struct lm_side *second = removed ? &comparison->b : &comparison->a;
		const char *path = lm_json_string(entry, "path"), *package = lm_packages_find(&first->packages, path);
		if (package == nullptr)
			package = lm_packages_find(&second->packages, path);
		if (package != nullptr)
			set(entry, "package", json_string(package));
	}
}
